"""Records that cannot be used, and stores that go away: nobody else's assessment changes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from calibration.cases import DAY_NS, event, point
from calibration.memory_ports import PowerCut
from calibration.test_calibration_service import NOW, TODAY, YEARS_BEFORE_NOW, Fleet, story

from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.work_orders import OrderState


@pytest.mark.parametrize(
    "useless", [point(1e-20, 1e300, expanded=0.001), point(60_000.0, 1e300, unit="%"), point(0.0, 0.0, unit="%")]
)
def test_a_certificate_that_says_nothing_withdraws_nobodys_order(useless):
    fleet = story()
    service = fleet.service()
    service.run_once(NOW - DAY_NS)
    before = fleet.stores.verification.latest_assessments()
    for name in ("em-h-01", "pt-h-02"):
        given = replace(useless, unit="W") if (name, useless.unit) == ("em-h-01", "MPa") else useless
        check = event(TODAY, given, instrument=name, kind=EventKind.INTERMEDIATE_CHECK, decision=Decision.NONE)
        fleet.stores.add_events([check])
    service.run_once(NOW)
    service.run_once(NOW + 1)
    after = fleet.stores.verification.latest_assessments()
    assert fleet.orders()["pt-h-02", "drift"].state is OrderState.PROPOSED
    for name, held in before.items():
        assert (after[name].status, after[name].estimate is None) == (held.status, held.estimate is None)


def test_a_date_that_no_clock_can_hold_is_a_problem_of_its_own():
    fleet = Fleet()
    fleet.scale("ws-l-01", TODAY - timedelta(days=30))
    fleet.stores.add_events([event(date(1, 1, 1), point(500.0, 0.1, unit="kg"), instrument="ws-l-01")])
    (problem,) = fleet.service().run_once(NOW).problems
    assert "1900" in problem
    assert fleet.stores.verification.latest_assessments()["ws-l-01"].estimate is not None


def test_a_store_that_goes_away_while_records_are_read_leaves_nothing_half_known():
    fleet = story()
    service = fleet.service()
    verification = fleet.stores.verification
    appended, appends = verification.append_observations, []

    def away(observations, cursors):
        appends.append(len(observations))
        if observations and observations[0].instrument == "ws-l-02":
            verification.append_observations = appended
            raise PowerCut
        return appended(observations, cursors)

    verification.append_observations = away
    with pytest.raises(PowerCut):
        service.run_once(NOW)
    service.run_once(NOW + 1)
    assert set(fleet.orders()) == {("pt-h-02", "drift"), ("em-h-03", "jump"), ("ws-l-02", "due")}


def test_a_record_that_cannot_be_used_is_said_to_be_so():
    fleet = Fleet()
    fleet.meter("em-h-01", 0.0 * YEARS_BEFORE_NOW)
    fleet.stores.readings.channels.clear()
    fleet.stores.verification.event_list[:] = [event(TODAY, point(0.0, 0.0, unit="W"), instrument="em-h-01")]
    fleet.service().run_once(NOW)
    assert "cannot be used" in fleet.stores.verification.latest_assessments()["em-h-01"].reason
