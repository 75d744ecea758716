"""The service over whole fleets: the right orders for the right reasons, restarts, repetition, faults."""

import copy
import functools
import logging
import threading
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from calibration.cases import DAY_NS, event, legal, point
from calibration.fleet import (
    DAYS,
    NOW,
    START,
    TODAY,
    YEARS_BEFORE_NOW,
    Fleet,
    T,
)
from calibration.memory_ports import PowerCut

from steelyard.calibration import knowledge
from steelyard.calibration.daemon import run_calibration
from steelyard.calibration.errors import OrderChanged, OrderExists
from steelyard.calibration.estimating import estimate_fleet
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.due_date import add_months, legal_date
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.observations import ObservationSource
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.work_orders import OrderState, transition
from steelyard.contracts.clock import SystemClock
from steelyard.contracts.identifiers import InstrumentKind


def story(seed=1):
    """The demonstration's story: one drifts, one jumped, one is due, the others are quiet."""
    fleet = Fleet(seed)
    fleet.transmitter("pt-h-01", 0.18 + 0.01 * YEARS_BEFORE_NOW + fleet.wandering(0.02))
    drift = np.maximum(0.0, 0.85 + 0.9131 * YEARS_BEFORE_NOW)
    fleet.transmitter("pt-h-02", drift + fleet.wandering(0.004))
    fleet.transmitter("pt-l-01", -0.15 + fleet.wandering(0.02))
    fleet.meter("em-h-01", 0.1 + fleet.wandering(0.02))
    fleet.meter("em-h-02", -0.12 + fleet.wandering(0.02))
    jump = np.where(YEARS_BEFORE_NOW > -40 / 365.25, 1.5, 0.0)
    fleet.meter("em-h-03", 0.06 + jump + fleet.wandering(0.02))
    fleet.scale("ws-l-01", TODAY - timedelta(days=120))
    fleet.scale("ws-l-02", date(2025, 12, 11))
    fleet.scale("ws-l-03", TODAY - timedelta(days=180))
    return fleet


@functools.cache
def _assessed():
    fleet = story()
    service = fleet.service()
    service.run_once(NOW)
    return fleet, service


def assessed_story():
    """The story after its first run, and the service that ran it: a copy of one that ran for all tests."""
    first = _assessed()
    frozen = first[0].stores.verification.observation_list
    # Thousands of observations, which nothing changes: the copies share them.
    return copy.deepcopy(first, {id(one): one for one in frozen})


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_story_gives_its_three_orders_and_no_other(seed):
    fleet = story(seed)
    summary = fleet.service().run_once(NOW)
    assert summary.problems == ()
    assert set(fleet.orders()) == {("pt-h-02", "drift"), ("em-h-03", "jump"), ("ws-l-02", "due")}
    latest = fleet.stores.verification.latest_assessments()
    words = {name: one.status for name, one in latest.items() if one.status is not InstrumentStatus.VALID}
    assert words == {
        "pt-h-02": InstrumentStatus.DRIFTING,
        "em-h-03": InstrumentStatus.JUMPED,
        "ws-l-02": InstrumentStatus.DUE_SOON,
    }


def test_the_orders_explain_themselves_with_numbers():
    fleet, _ = assessed_story()
    drift, jump, due = (fleet.orders()[key] for key in (("pt-h-02", "drift"), ("em-h-03", "jump"), ("ws-l-02", "due")))
    assert drift.evidence[0].error == pytest.approx(0.85 * 0.008, abs=0.0008)
    assert drift.evidence[0].rate_per_year == pytest.approx(0.91 * 0.008, rel=0.4)
    assert TODAY < drift.due_date < TODAY + timedelta(days=60)  # the true crossing
    assert "MPE in use is ±0.00800 MPa" in drift.reason
    assert jump.cause in {"jump:2026-10-12", "jump:2026-10-13"}  # it came at noon of the 12th
    assert jump.evidence[0].error == pytest.approx(1.56, abs=0.12)
    assert jump.evidence[0].probability_out_of_tolerance > 0.999
    assert due.due_date == date(2026, 12, 11)
    assert "in 20 days" in due.reason
    assert {entry.action for entry in fleet.stores.orders.audit} == {"raise"}


def test_the_estimates_cover_the_truth():
    fleet, _ = assessed_story()
    latest = fleet.stores.verification.latest_assessments()
    for name, truth in {"pt-h-02": 0.0068, "em-h-03": 1.56, "pt-h-01": 0.00144, "em-h-01": 0.1}.items():
        found = latest[name].estimate
        assert found is not None
        assert abs(found.error - truth) < 3.0 * found.standard_uncertainty + 0.05 * found.mpe_upper


def test_two_years_of_backlog_are_filtered_once_and_idling_reads_and_filters_nothing(monkeypatch):
    """What a run costs is told by what it does; how long that takes is the machine's affair."""
    fleet = story()
    service = fleet.service()
    filtered = []

    def counted(tracks, *others):
        filtered.append(sum(len(track.t) for _, track in tracks))
        return estimate_fleet(tracks, *others)

    monkeypatch.setattr(knowledge, "estimate_fleet", counted)
    backlog = service.run_once(NOW)
    (taken,) = filtered
    stored = fleet.stores.verification.observation_list
    of_pairs = sum(one.source is ObservationSource.REFERENCE_PAIR for one in stored)
    assert 6 * 700 < of_pairs < taken <= len(stored) == backlog.observations
    calls = fleet.stores.readings.calls
    # Both sides of six pairs in up to ten portions each, not day by day.
    assert calls <= 2 * 6 * 10
    summary = service.run_once(NOW + 5 * 10**9)
    assert (summary.observations, summary.assessed, summary.raised) == (0, 0, 0)
    assert fleet.stores.readings.calls == calls
    assert len(filtered) == 1


def test_run_again_or_restarted_it_changes_nothing():
    fleet, _ = assessed_story()
    orders, observations = dict(fleet.stores.orders.orders), list(fleet.stores.verification.observation_list)
    audit = list(fleet.stores.orders.audit)
    latest = dict(fleet.stores.verification.latest_assessments())
    again = fleet.service()
    again.run_once(NOW)
    again.run_once(NOW)
    assert fleet.stores.orders.orders == orders
    assert fleet.stores.orders.audit == audit
    assert fleet.stores.verification.observation_list == observations
    assert fleet.stores.verification.latest_assessments() == latest


def test_history_that_arrives_bit_by_bit_ends_in_the_same_estimates():
    (at_once, _), bit_by_bit = assessed_story(), story()
    service = bit_by_bit.service()
    for day in [*range(0, DAYS, 40), DAYS]:
        bit_by_bit.stores.readings.until_ns = START + day * DAY_NS + 7 * 3600 * 10**9
        service.run_once(NOW)
    expected = at_once.stores.verification.latest_assessments()
    found = bit_by_bit.stores.verification.latest_assessments()
    assert {name: one.status for name, one in found.items()} == {name: one.status for name, one in expected.items()}
    for name, one in expected.items():
        assert (found[name].estimate is None) == (one.estimate is None)
        if one.estimate is not None:
            assert found[name].estimate.error == pytest.approx(one.estimate.error, rel=1e-9)
    assert set(bit_by_bit.orders()) == set(at_once.orders())
    assert bit_by_bit.orders()["pt-h-02", "drift"].due_date - at_once.orders()["pt-h-02", "drift"].due_date < timedelta(
        14
    )


@pytest.mark.parametrize("appends", range(0, 40, 3))
def test_killed_between_any_two_transactions_it_goes_on(appends):
    fleet = story()
    fleet.stores.verification.appends_until_power_cut = appends
    try:
        fleet.service().run_once(NOW)
    except PowerCut:
        fleet.stores.verification.appends_until_power_cut = None
        fleet.service().run_once(NOW)
    whole, _ = assessed_story()
    assert fleet.stores.verification.cursor_map == whole.stores.verification.cursor_map
    assert set(fleet.stores.verification.observation_list) == set(whole.stores.verification.observation_list)
    assert len(fleet.stores.verification.observation_list) == len(whole.stores.verification.observation_list)
    assert set(fleet.orders()) == set(whole.orders())


def test_a_passed_verification_withdraws_the_order_it_answers():
    fleet, service = assessed_story()
    fleet.stores.add_events([event(TODAY, point(500.0, 0.1, unit="kg", expanded=0.16), instrument="ws-l-02")])
    summary = service.run_once(NOW + 10**9)
    assert (summary.withdrawn, summary.raised) == (1, 0)
    assert fleet.orders()["ws-l-02", "due"].state is OrderState.WITHDRAWN
    assert fleet.stores.orders.audit[-1].action == "transition"
    assert "PIM-ws-l-02-2026-11-21" in fleet.stores.orders.audit[-1].why
    assert fleet.stores.verification.latest_assessments()["ws-l-02"].status is InstrumentStatus.VALID


def test_an_adjustment_withdraws_drift_and_jump():
    fleet, service = assessed_story()
    adjusted = event(
        TODAY, point(0.8, 0.0068, 0.0), instrument="pt-h-02", kind=EventKind.CALIBRATION, decision=Decision.NONE
    )
    repaired = event(
        TODAY, point(60_000.0, 1.55, 0.02, unit="%", expanded=0.1), instrument="em-h-03", kind=EventKind.AFTER_REPAIR
    )
    fleet.stores.add_events([adjusted, repaired])
    assert service.run_once(NOW + 10**9).withdrawn == 2
    latest = fleet.stores.verification.latest_assessments()
    assert latest["pt-h-02"].estimate.error == pytest.approx(0.0, abs=0.001)
    assert latest["em-h-03"].estimate.jump is None
    assert {latest[name].status for name in ("pt-h-02", "em-h-03")} == {InstrumentStatus.VALID}


def test_an_order_that_people_have_taken_up_is_theirs():
    fleet, service = assessed_story()
    order = fleet.orders()["ws-l-02", "due"]
    change = transition(order, to=OrderState.APPROVED, who="olga", role=Role.OWNER, why="", at_ns=NOW)
    fleet.stores.orders.update_order(change.order, change.audit)
    assert service.run_once(NOW + 10**9).withdrawn == 0
    assert fleet.orders()["ws-l-02", "due"].state is OrderState.APPROVED


def test_a_certificate_from_elsewhere_ends_an_approved_order():
    fleet, service = assessed_story()
    order = fleet.orders()["ws-l-02", "due"]
    change = transition(order, to=OrderState.APPROVED, who="olga", role=Role.OWNER, why="", at_ns=NOW)
    fleet.stores.orders.update_order(change.order, change.audit)
    fleet.stores.add_events([event(TODAY, instrument="ws-l-02")])
    assert service.run_once(NOW + 10**9).withdrawn == 1
    assert fleet.orders()["ws-l-02", "due"].state is OrderState.WITHDRAWN


def test_a_cancelled_cause_is_not_raised_again():
    fleet, _ = assessed_story()
    order = fleet.orders()["pt-h-02", "drift"]
    change = transition(order, to=OrderState.CANCELLED, who="olga", role=Role.OWNER, why="rewired", at_ns=NOW)
    fleet.stores.orders.update_order(change.order, change.audit)
    assert fleet.service().run_once(NOW + DAY_NS).raised == 0


def test_a_date_comes_by_itself():
    fleet = Fleet()
    fleet.scale("ws-1", date(2025, 12, 31))
    service = fleet.service()
    assert service.run_once(NOW).raised == 0
    assert service.run_once(NOW + 10 * DAY_NS).raised == 1
    assert service.run_once(NOW + 60 * DAY_NS).raised == 0
    assert fleet.stores.verification.latest_assessments()["ws-1"].status is InstrumentStatus.OVERDUE


def sealed(count, fleet=None):
    if fleet is None:
        fleet = Fleet()
        fleet.scale("ws-1", TODAY - timedelta(days=90))
    t = np.array([NOW - DAY_NS * (10 - len(count)) + i for i in range(len(count))], np.int64)
    fleet.stores.readings.put("ws-1", "seal_openings", t, np.asarray(count, float))
    return fleet


def test_an_opened_seal_raises_an_order_until_it_is_verified_again():
    fleet = sealed([2.0])
    service = fleet.service()
    assert service.run_once(NOW).raised == 0
    sealed([2.0, 3.0], fleet)
    assert service.run_once(NOW + 1).raised == 1
    assert fleet.orders()["ws-1", "seal_broken"].cause == "seal:3"
    assert service.run_once(NOW + DAY_NS).raised == 0
    assert fleet.service().run_once(NOW + DAY_NS).withdrawn == 0
    assert fleet.stores.verification.latest_assessments()["ws-1"].status is InstrumentStatus.SEAL_BROKEN
    sealed([2.0, 3.0, 4.0], fleet)
    assert service.run_once(NOW + DAY_NS + 1).joined == 1
    fleet.stores.add_events([event(TODAY, instrument="ws-1")])
    assert service.run_once(NOW + DAY_NS + 2).withdrawn == 1


def test_a_seal_opened_on_the_day_of_its_verification_is_the_verifiers():
    fleet = sealed([2.0])
    service = fleet.service()
    service.run_once(NOW)
    fleet.stores.add_events([event(TODAY, instrument="ws-1")])
    sealed([2.0, 3.0], fleet)
    assert service.run_once(NOW + 1).raised == 0


def test_killed_before_a_seal_order_is_stored_it_is_stored_after():
    fleet = sealed([2.0])
    fleet.service().run_once(NOW)
    sealed([2.0, 3.0], fleet)
    fleet.stores.orders.power_cut = True
    with pytest.raises(PowerCut):
        fleet.service().run_once(NOW + 1)
    fleet.stores.orders.power_cut = False
    assert fleet.service().run_once(NOW + 2).raised == 1


def test_what_a_failed_run_has_learnt_is_acted_on_by_the_next():
    fleet, service = assessed_story()
    fleet.stores.add_events([event(TODAY, instrument="ws-l-02")])
    fleet.stores.readings.until_ns = None
    original = fleet.stores.orders.open_orders
    fleet.stores.orders.open_orders = lambda: (_ for _ in ()).throw(PowerCut())
    with pytest.raises(PowerCut):
        service.run_once(NOW + 1)
    fleet.stores.orders.open_orders = original
    assert service.run_once(NOW + 2).withdrawn == 1


def test_a_fault_in_one_instruments_data_does_not_stop_the_others(caplog):
    fleet = story()
    bad = event(date(2026, 1, 1), point(0.8, 0.001, unit="bar"), instrument="pt-h-01")
    fleet.stores.add_events([bad])
    fleet.stores.registry.legal["em-h-01"] = replace(
        fleet.stores.registry.legal["em-h-01"], range_low=None, range_high=None
    )
    service = fleet.service()
    with caplog.at_level(logging.INFO):
        summary = service.run_once(NOW)
        service.run_once(NOW + 1)
    assert len(summary.problems) == 2
    assert any("pt-h-01" in text and "unit" in text for text in summary.problems)
    assert any("em-h-01" in text and "range_high" in text for text in summary.problems)
    assert set(fleet.orders()) == {("pt-h-02", "drift"), ("em-h-03", "jump"), ("ws-l-02", "due")}
    assert len([record for record in caplog.records if "cannot use all of the record" in record.message]) == 2
    # What can be used counts: the daily comparisons do, the certificate in bar does not.
    assert fleet.stores.verification.latest_assessments()["pt-h-01"].estimate.in_service


def test_a_mended_fault_is_reported_as_gone(caplog):
    fleet = story()
    whole = fleet.stores.registry.channel_list
    fleet.stores.registry.channel_list = [one for one in whole if one.instrument != "pt-h-01"]
    service = fleet.service()
    assert "not registered" in service.run_once(NOW).problems[0]
    fleet.stores.registry.channel_list = whole
    with caplog.at_level(logging.INFO):
        assert service.run_once(NOW + 1).problems == ()
    assert "can be used again" in caplog.text


def test_an_instrument_without_any_observation_says_so():
    fleet = Fleet()
    fleet.add(
        "ws-1",
        InstrumentKind("digital_indicating_scale"),
        "gross",
        "kg",
        1.0,
        legal(instrument="ws-1", channel="gross"),
    )
    fleet.stores.registry.legal["gone"] = legal(instrument="gone")
    service = fleet.service()
    service.run_once(NOW)
    latest = fleet.stores.verification.latest_assessments()
    assert set(latest) == {"ws-1"}
    assert (latest["ws-1"].estimate, latest["ws-1"].status) == (None, InstrumentStatus.UNVERIFIED)
    assert "no completed verification is on record" in latest["ws-1"].reason
    del fleet.stores.registry.legal["ws-1"]
    assert service.run_once(NOW + 1).assessed == 0


def test_observations_of_both_sources_are_on_record():
    fleet, _ = assessed_story()
    sources = {one.source for one in fleet.stores.verification.observation_list}
    assert sources == {ObservationSource.CERTIFICATE, ObservationSource.REFERENCE_PAIR}


def test_somebody_faster_is_no_error(caplog):
    fleet = story()

    def taken(order, audit):
        raise OrderExists("id", order.id, "somebody was faster")

    def changed(order, audit):
        raise OrderChanged("revision", order.revision, "read it again")

    add_order = fleet.stores.orders.add_order
    fleet.stores.orders.add_order = taken
    service = fleet.service()
    assert service.run_once(NOW).raised == 0
    fleet.stores.orders.add_order = add_order
    assert service.run_once(NOW + DAY_NS).raised == 3
    fleet.stores.orders.update_order = changed
    fleet.stores.add_events([event(TODAY, instrument="ws-l-02")])
    assert service.run_once(NOW + DAY_NS + 1).withdrawn == 0


class Failing:
    """A service whose stores are away for a while."""

    def __init__(self, fleet, failures, stop):
        self.inner, self.failures, self.stop, self.runs = fleet.service(), failures, stop, 0

    def run_once(self, now_ns):
        self.runs += 1
        if self.runs <= self.failures:
            raise ConnectionError("the records are away")
        if self.runs == self.failures + 2:
            self.stop.set()
        return self.inner.run_once(NOW)


def test_the_daemon_outlives_its_stores_and_says_so_once(caplog):
    stop = threading.Event()
    failing = Failing(story(), 3, stop)
    with caplog.at_level(logging.INFO):
        run_calibration(failing, CalibrationSettings(period_s=0.1), SystemClock(), stop)
    assert failing.runs == 5
    assert caplog.text.count("run failed") == 1
    assert "running again" in caplog.text
    assert "work orders: 3 raised" in caplog.text


def test_the_evidence_of_a_pair_ends_with_its_references_validity():
    fleet = story()
    registry = fleet.stores.registry
    checked = TODAY - timedelta(days=740)
    registry.legal["em-h-03c"] = replace(registry.legal["em-h-03c"], period_months=23)  # ended before the jump
    fleet.service().run_once(NOW)
    assert ("em-h-03", "jump") not in fleet.orders()
    ended = add_months(checked, 23)
    newest = max(one.t_ns for one in fleet.stores.verification.observations("em-h-03"))
    assert legal_date(newest, 480) < ended
    again = event(TODAY, point(60_000.0, 0.01, unit="%", expanded=0.04), instrument="em-h-03c")
    fleet.stores.add_events([again])
    fleet.service().run_once(NOW + DAY_NS)
    assert ("em-h-03", "jump") in fleet.orders(), "verified again, the reference vouches for the days between"


def test_a_reference_that_failed_has_its_conclusions_looked_at_again():
    fleet, service = assessed_story()
    failed = event(TODAY, instrument="em-h-03c", decision=Decision.FAILED)
    fleet.stores.add_events([failed])
    service.run_once(NOW + DAY_NS)
    order = fleet.orders()["em-h-03", "review"]
    assert "em-h-03c" in order.reason
    assert "PIM-em-h-03c-2026-11-21" in order.reason
    assert ("em-h-01", "review") not in fleet.orders()
    fleet.stores.add_events([event(TODAY + timedelta(days=1), instrument="em-h-03")])
    service.run_once(NOW + 2 * DAY_NS)
    assert fleet.orders()["em-h-03", "review"].state is OrderState.WITHDRAWN


def test_a_lengthened_interval_goes_back_when_its_evidence_ends():
    fleet = Fleet()
    fleet.transmitter("pt-1", np.zeros(T.size))
    registry = fleet.stores.registry
    registry.legal["pt-1"] = replace(registry.legal["pt-1"], period_months=14, longest_period_months=36)
    service = fleet.service()
    service.run_once(NOW)
    latest = fleet.stores.verification.latest_assessments
    agreed = latest()["pt-1"].statutory_due
    assert latest()["pt-1"].due_date > agreed
    service.run_once(NOW + 20 * DAY_NS)
    assert latest()["pt-1"].due_date > agreed
    service.run_once(NOW + 40 * DAY_NS)
    assert latest()["pt-1"].due_date == agreed
