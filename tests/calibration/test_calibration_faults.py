"""Records that cannot be used or say a thing twice, and stores that go away: nobody else's assessment changes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from calibration.cases import DAY_NS, event, legal, point
from calibration.fleet import NOW, TODAY, YEARS_BEFORE_NOW, Fleet
from calibration.memory_ports import PowerCut
from calibration.test_calibration_service import story

from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.identifiers import InstrumentKind


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


@pytest.mark.parametrize("days", [0, 10])
def test_an_instrument_that_passed_after_its_repair_is_not_judged_by_what_was_before(days):
    """Failed and repaired on the same day, on site, or a little later; the certificate says what was found then."""
    fleet = Fleet()
    failed = TODAY - timedelta(days=30)
    again = event(
        failed + timedelta(days=days), point(0.8, 0.0005), instrument="pg-1", kind=EventKind.AFTER_REPAIR, name="again"
    )
    fleet.add(
        "pg-1", InstrumentKind("pressure_gauge"), "pressure", "MPa", 0.0001, legal(instrument="pg-1"),
        event(TODAY - timedelta(days=700), point(0.8, 0.001), instrument="pg-1"),
        event(failed, point(0.8, 0.024), instrument="pg-1", decision=Decision.FAILED),
        again,
    )  # fmt: skip
    fleet.service().run_once(NOW)
    held = fleet.stores.verification.latest_assessments()["pg-1"]
    assert fleet.orders() == {}
    assert held.probability_out_of_tolerance < 0.01
    assert held.estimate.error < 0.004


def test_a_certificate_entered_twice_counts_once():
    fleet = Fleet()
    fleet.scale("ws-1", TODAY - timedelta(days=30))
    (first,) = fleet.stores.verification.event_list
    fleet.service().run_once(NOW)
    once = fleet.stores.verification.latest_assessments()["ws-1"].estimate
    fleet.stores.add_events([replace(first, id="again")])
    fleet.service().run_once(NOW + 1)
    assert fleet.stores.verification.latest_assessments()["ws-1"].estimate.observation_count == once.observation_count


@pytest.mark.parametrize("horizon_days", [1, 365])
def test_a_good_record_never_brings_an_agreed_date_forward(horizon_days):
    fleet = Fleet()
    fleet.transmitter("pt-1", 0.05 + fleet.wandering(0.01))
    agreed = fleet.stores.registry.legal["pt-1"]
    fleet.stores.registry.legal["pt-1"] = replace(agreed, period_months=36, longest_period_months=48)
    fleet.service(horizon_days=horizon_days).run_once(NOW)
    held = fleet.stores.verification.latest_assessments()["pt-1"]
    assert held.due_date == held.statutory_due
