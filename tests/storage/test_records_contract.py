"""Verification and work orders as the records keep them: the same tests on SQLite and on a real PostgreSQL."""

import json
import threading
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite
from storage.record_samples import EM, HENGYUAN, PRESSURE, PROVINCIAL, PT, T0, added, entry, order

from steelyard.calibration.errors import OrderChanged, OrderExists
from steelyard.calibration.ports import Cursor, RecordSize
from steelyard.calibration.verification.assessment import (
    Assessment,
    Assumed,
    ErrorEstimate,
    Forecast,
    Jump,
)
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation, ObservationSource, ObservationStage
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import (
    TERMINAL,
    OrderChange,
    OrderState,
    WorkOrder,
    acknowledge,
    transition,
)
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.storage.errors import RecordNotFound, RecordRefused
from steelyard.storage.records import Records
from steelyard.storage.records.columns import Json


def event(number: str, completed: date, instrument: InstrumentId = PT) -> VerificationEvent:
    point = EventPoint(test_point=100.0, unit="kPa", as_found=0.2, as_left=-0.01, expanded_uncertainty=None)
    return VerificationEvent(
        id=number,
        instrument=instrument,
        kind=EventKind.SUBSEQUENT_VERIFICATION,
        completed=completed,
        decision=Decision.PASSED,
        performed_by="provincial",
        certificate=None,
        points=(point, replace(point, test_point=200.0, expanded_uncertainty=1 / 3)),
    )


def observation(at: int, error: float = 0.1, stage: ObservationStage = ObservationStage.IN_SERVICE) -> ErrorObservation:
    return ErrorObservation(
        instrument=PT,
        channel=PRESSURE,
        t_ns=T0 + at,
        error=error,
        standard_uncertainty=None,
        test_point=100.0,
        unit="kPa",
        source=ObservationSource.REFERENCE_PAIR,
        stage=stage,
    )


def test_events_come_by_completion_date_then_by_entry(records: Records) -> None:
    for number, completed in (("b", date(2026, 3, 1)), ("a", date(2026, 3, 1)), ("c", date(2024, 2, 29))):
        records.verification.add_event(event(number, completed), entry())

    found = records.verification.events(PT)

    assert [each.id for each in found] == ["c", "b", "a"]
    assert found[1] == event("b", date(2026, 3, 1))
    assert records.verification.event("c") == event("c", date(2024, 2, 29))
    assert records.verification.event("nothing") is None
    assert records.verification.events(EM) == []


def test_an_event_its_observations_and_its_audit_entry_are_stored_together_or_not_at_all(records: Records) -> None:
    taken = replace(observation(0), event="e-1", source=ObservationSource.CERTIFICATE, stage=ObservationStage.AS_FOUND)
    records.verification.add_event(event("e-1", date(2026, 3, 1)), entry("add_event"), [taken])
    before = records.audit.count()

    with pytest.raises(RecordRefused, match="e-1"):
        records.verification.add_event(event("e-1", date(2026, 3, 1)), entry(), [observation(5)])
    with pytest.raises(RecordRefused):
        records.verification.add_event(event("e-2", date(2026, 3, 1), InstrumentId("unknown")), entry())

    assert records.verification.observations(PT) == [taken]
    assert records.audit.count() == before
    assert records.verification.record_sizes() == {PT: RecordSize(events=1, observations=1)}


def certified(number: str, instrument: InstrumentId = PT, **changes: Any) -> VerificationEvent:
    """An event with a certificate's number; `changes` are those that a test is about."""
    return replace(event(number, date(2026, 3, 1), instrument), **{"certificate": "C-1", **changes})


def test_a_number_that_another_event_of_the_body_has_is_refused_and_names_both(records: Records) -> None:
    """L16: the same certificate for another instrument, or again with another date."""
    records.verification.add_event(certified("e-1"), entry())
    before = records.audit.count()
    for other in (certified("e-2", EM), certified("e-2", completed=date(2026, 4, 1)), certified("e-2")):
        with pytest.raises(RecordRefused) as refused:
            records.verification.add_event(other, entry())
        assert (refused.value.field, refused.value.value) == ("certificate", "C-1")
        assert "e-2" in str(refused.value)
        assert "event e-1 (pt-1, 2026-03-01)" in str(refused.value)
    assert records.audit.count() == before
    records.verification.add_event(certified("e-3", EM, performed_by="another body"), entry())
    records.verification.add_event(certified("e-4", EM, certificate="C-2"), entry())
    for number in ("e-5", "e-6"):  # without a number there is nothing to compare
        records.verification.add_event(certified(number, certificate=None), entry())


def test_a_corrected_certificate_may_keep_the_number_of_those_in_whose_place_it_stands(records: Records) -> None:
    records.verification.add_event(certified("e-1"), entry())
    records.verification.add_event(certified("e-2", supersedes="e-1"), entry())
    records.verification.add_event(certified("e-3", supersedes="e-2"), entry())
    with pytest.raises(RecordRefused, match="event e-1"):
        records.verification.add_event(certified("e-4"), entry())
    with pytest.raises(RecordRefused, match="event e-2"):
        records.verification.add_event(certified("e-4", supersedes="e-1"), entry())


@pytest.mark.parametrize(("superseded", "words"), [("nothing", "not on record"), ("e-em", "an event of em-1")])
def test_what_is_superseded_is_an_event_of_the_same_instrument(records: Records, superseded: str, words: str) -> None:
    records.verification.add_event(event("e-em", date(2026, 3, 1), EM), entry())
    with pytest.raises(RecordRefused, match=words) as refused:
        records.verification.add_event(certified("e-1", supersedes=superseded), entry())
    assert (refused.value.field, refused.value.value) == ("supersedes", superseded)
    assert records.verification.events(PT) == []


def test_one_certificate_for_many_instruments_names_them_all(records: Records) -> None:
    both = (PT, EM)
    records.verification.add_event(certified("e-1"), entry(), items=both)
    with pytest.raises(RecordRefused, match="event e-1"):
        records.verification.add_event(certified("e-2", EM), entry())
    with pytest.raises(RecordRefused, match="event e-1"):  # another day
        records.verification.add_event(certified("e-2", EM, completed=date(2026, 3, 2)), entry(), items=both)
    with pytest.raises(RecordRefused, match="event e-1"):  # the same instrument twice
        records.verification.add_event(certified("e-2"), entry(), items=both)
    for wrong in ((PT,), (EM, EM, PT)):
        with pytest.raises(RecordRefused, match="name every instrument"):
            records.verification.add_event(certified("e-2", EM), entry(), items=wrong)
    records.verification.add_event(certified("e-2", EM), entry(), items=both)
    assert [len(records.verification.events(name)) for name in both] == [1, 1]


def test_of_many_who_enter_one_number_at_once_one_wins(records: Records) -> None:
    start, outcomes = threading.Barrier(6), []

    def enter(number: int) -> None:
        start.wait()
        try:
            records.verification.add_event(certified(f"e-{number}"), entry())
            outcomes.append("stored")
        except RecordRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused"] * 5 + ["stored"]


def closing(held: WorkOrder) -> OrderChange:
    return OrderChange(
        order=replace(held, state=OrderState.CLOSED, revision=held.revision + 1), audit=entry("transition", held.id)
    )


def test_an_event_and_the_end_of_its_order_are_one(records: Records) -> None:
    held = added(records, order())
    taken = replace(observation(0), event="e-1", source=ObservationSource.CERTIFICATE, stage=ObservationStage.AS_FOUND)
    before = records.audit.count()

    records.verification.add_closing_event(certified("e-1", work_order="wo-1"), entry(), closing(held), [taken])

    assert records.verification.events(PT) == [certified("e-1", work_order="wo-1")]
    assert records.verification.observations(PT) == [taken]
    assert records.orders.order("wo-1") == closing(held).order
    assert records.audit.count() == before + 2


def test_an_event_of_an_order_that_somebody_changed_meanwhile_leaves_no_trace(records: Records) -> None:
    held = added(records, order())
    seen = acknowledge(held, who="a-2", role=Role.OWNER, at_ns=T0 + 4)
    records.orders.update_order(seen.order, seen.audit)
    before = records.audit.count()

    with pytest.raises(OrderChanged, match="revision 2"):
        records.verification.add_closing_event(certified("e-1", work_order="wo-1"), entry(), closing(held))

    assert records.verification.events(PT) == []
    assert records.orders.order("wo-1") == seen.order
    assert records.audit.count() == before


def test_a_refused_event_leaves_its_order_open(records: Records) -> None:
    records.verification.add_event(certified("e-1", EM), entry())
    held = added(records, order())
    before = records.audit.count()
    for wrong in (
        certified("e-2", work_order="wo-1"),  # the number is taken
        certified("e-2", work_order="wo-2", certificate="C-2"),
        certified("e-2", EM, work_order="wo-1", certificate="C-2"),
    ):
        with pytest.raises(RecordRefused):
            records.verification.add_closing_event(wrong, entry(), closing(held))
    with pytest.raises(RecordRefused):
        records.verification.add_event(certified("e-2", certificate="C-2", work_order="nothing"), entry())
    assert records.orders.order("wo-1") == held
    assert records.audit.count() == before


def test_where_an_event_was_taken_over_from_comes_back(records: Records) -> None:
    records.verification.add_event(certified("e-1", imported_from="ledger.xlsx"), entry())
    assert records.verification.events(PT) == [certified("e-1", imported_from="ledger.xlsx")]


def test_observations_come_by_time_then_by_entry_and_each_once(records: Records) -> None:
    first = [observation(5), observation(3, stage=ObservationStage.AS_LEFT), observation(3)]
    assert records.verification.append_observations(first, []) == 3
    assert records.verification.append_observations([observation(3, error=9.9), observation(7)], []) == 1

    found = records.verification.observations(PT)

    assert found == [first[1], first[2], first[0], observation(7)]
    assert records.verification.record_sizes() == {PT: RecordSize(events=0, observations=4)}


def test_observations_and_cursors_are_one_transaction(records: Records) -> None:
    done = Cursor(name="pair/pt-1/pressure", position_ns=T0 + 9, value=None)
    records.verification.append_observations(
        [observation(1)], [done, Cursor(name="seal/pt-1", position_ns=T0, value=3.0)]
    )
    records.verification.append_observations([], [replace(done, position_ns=T0 + 10, value=0.5)])

    with pytest.raises(RecordRefused):
        records.verification.append_observations(
            [observation(2), replace(observation(3), channel=ChannelId("nothing"))],
            [replace(done, position_ns=T0 + 11)],
        )

    assert records.verification.cursors() == {
        done.name: replace(done, position_ns=T0 + 10, value=0.5),
        "seal/pt-1": Cursor(name="seal/pt-1", position_ns=T0, value=3.0),
    }
    assert records.verification.observations(PT) == [observation(1)]


def assessment(at: int, instrument: InstrumentId = PT, *, error: float | None = 0.1) -> Assessment:
    forecast = Forecast(
        days=(0.0, 30.0), mean=(0.1, 0.2), lower=(0.0, 0.1), upper=(0.2, 1 / 3), probability=(0.0, 1e-9)
    )
    estimate = ErrorEstimate(
        channel=PRESSURE,
        test_point=100.0,
        test_point_unit="kPa",
        unit="kPa",
        error=error or 0.0,
        standard_uncertainty=0.05,
        mpe_lower=-1.0,
        mpe_upper=1.0,
        rate_per_year=0.3,
        rate_standard_uncertainty=0.01,
        drift_significant=True,
        probability_out_of_tolerance=1e-300,
        observation_count=700,
        last_observation_ns=T0,
        forecast=forecast,
        jump=Jump(t_ns=T0, detected_ns=T0 + 1, size=-1.5, standard_uncertainty=0.1),
        assumed=Assumed(error=0.4, rate_per_year=0.3, wander=0.1, instruments=214, certificates=860),
    )
    return Assessment(
        instrument=instrument,
        at_ns=T0 + at,
        status=InstrumentStatus.DRIFTING,
        reason="误差漂移",
        statutory_due=date(2027, 1, 31),
        recommended_due=None,
        due_date=date(2026, 12, 1),
        estimate=None if error is None else estimate,
    )


def test_an_assessment_from_before_what_was_assumed_was_kept_is_still_read() -> None:
    kept = Json(ErrorEstimate)
    now = assessment(0).estimate
    text = kept.process_bind_param(now, sqlite.dialect())
    before = json.loads(text)
    del before["assumed"]
    assert kept.process_result_value(json.dumps(before), sqlite.dialect()) == replace(now, assumed=None)


def test_the_newest_assessment_of_each_instrument_is_found(records: Records) -> None:
    records.verification.save_assessments(
        [assessment(5), assessment(3), assessment(5, error=0.2), assessment(1, EM, error=None)]
    )
    records.verification.save_assessments([])

    assert records.verification.latest_assessments() == {
        PT: assessment(5, error=0.2),
        EM: assessment(1, EM, error=None),
    }
    assert records.verification.latest_assessment(PT) == assessment(5, error=0.2)
    assert records.verification.latest_assessment(InstrumentId("nothing")) is None
    assert records.verification.assessments(PT) == [assessment(3), assessment(5), assessment(5, error=0.2)]
    assert records.verification.assessments(PT, T0 + 4) == [assessment(5), assessment(5, error=0.2)]


def test_the_newest_assessment_is_the_one_stored_last_whatever_its_time(records: Records) -> None:
    """L19: a clock that was years ahead for one run heals with the next."""
    records.verification.save_assessments([assessment(10**18), assessment(1, EM, error=None)])
    records.verification.save_assessments([assessment(7, error=0.3)])
    assert records.verification.latest_assessments()[PT] == assessment(7, error=0.3)
    assert records.verification.latest_assessment(PT) == assessment(7, error=0.3)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_not_stored_as_null(records: Records, number: float) -> None:
    whole = assessment(1)
    assert whole.estimate is not None
    broken = replace(whole, estimate=replace(whole.estimate, error=number))
    with pytest.raises(RecordRefused, match="finite"):
        records.verification.save_assessments([assessment(0), broken])
    assert records.verification.latest_assessments() == {}


def test_an_order_comes_back_as_it_was_stored(records: Records) -> None:
    first, second = added(records, order()), added(records, order("wo-0", Trigger.DUE, raised=T0 + 1))

    assert records.orders.open_orders() == [first, second]
    assert records.orders.orders_of(PT) == [first, second]
    assert records.orders.orders_of(EM) == []
    assert records.orders.order("wo-1") == first
    assert records.orders.order("nothing") is None
    assert records.orders.orders([HENGYUAN]) == records.orders.orders() == [first, second]
    assert records.orders.orders([PROVINCIAL]) == records.orders.orders([]) == []


def test_a_transition_and_its_audit_entry_are_one(records: Records) -> None:
    stored = added(records, order())
    change = transition(stored, to=OrderState.APPROVED, who="a-1", role=Role.PLANNER, why="", at_ns=T0 + 5)

    records.orders.update_order(change.order, change.audit)

    assert records.orders.order("wo-1") == change.order
    assert [each.action for each in records.audit.entries_of("work_order", "wo-1")] == ["raise", "transition"]
    assert records.audit.entries_of("work_order", "wo-1")[1] == change.audit


def test_a_change_from_a_stale_state_is_refused_and_leaves_no_trace(records: Records) -> None:
    stored = added(records, order())
    mine = transition(stored, to=OrderState.APPROVED, who="a-1", role=Role.PLANNER, why="", at_ns=T0 + 5)
    theirs = acknowledge(stored, who="a-2", role=Role.OWNER, at_ns=T0 + 4)
    records.orders.update_order(theirs.order, theirs.audit)

    with pytest.raises(OrderChanged, match="revision 2"):
        records.orders.update_order(mine.order, mine.audit)

    assert records.orders.order("wo-1") == theirs.order
    assert [each.action for each in records.audit.entries_of("work_order", "wo-1")] == ["raise", "acknowledge"]


def test_of_many_who_change_one_order_at_once_one_wins(records: Records) -> None:
    stored = added(records, order())
    start, won, lost = threading.Barrier(8), [], []

    def change(number: int) -> None:
        made = transition(stored, to=OrderState.APPROVED, who=f"a-{number}", role=Role.PLANNER, why="", at_ns=T0 + 5)
        start.wait()
        try:
            records.orders.update_order(made.order, made.audit)
            won.append(number)
        except OrderChanged:
            lost.append(number)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(lost)) == (1, 7)
    assert len(records.audit.entries_of("work_order", "wo-1")) == 2


def test_a_change_of_nothing_is_refused(records: Records) -> None:
    with pytest.raises(RecordNotFound, match="wo-9"):
        records.orders.update_order(replace(order("wo-9"), revision=2), entry())
    assert records.audit.count() == 0 or records.audit.entries_of("thing", "x") == []


def test_an_instrument_has_one_open_order_for_each_trigger(records: Records) -> None:
    added(records, order())
    before = records.audit.count()
    with pytest.raises(OrderExists, match="wo-1"):
        added(records, order("wo-2"))
    with pytest.raises(OrderExists, match="id is taken"):
        added(records, order("wo-1", Trigger.DUE))
    assert records.audit.count() == before
    added(records, order("wo-3", Trigger.DUE))
    added(records, order("wo-4", instrument=EM))


def test_only_an_ended_order_makes_room_for_the_next(records: Records) -> None:
    for state in OrderState:
        one, next_one = order(f"{state.value}-1"), order(f"{state.value}-2")
        added(records, one)
        records.orders.update_order(replace(one, state=state, revision=2), entry())

        if state in TERMINAL:
            added(records, next_one)
            assert [each.id for each in records.orders.open_orders()] == [next_one.id]
            records.orders.update_order(replace(next_one, state=OrderState.CLOSED, revision=2), entry())
        else:
            with pytest.raises(OrderExists, match=one.id):
                added(records, next_one)
            records.orders.update_order(replace(one, state=OrderState.CLOSED, revision=3), entry())


def test_of_many_who_raise_the_same_order_at_once_one_wins(records: Records) -> None:
    """The database holds the rule, so two calibration processes cannot break it."""
    start, outcomes = threading.Barrier(6), []

    def try_to_raise(number: int) -> None:
        start.wait()
        try:
            outcomes.append(added(records, order(f"wo-{number}")))
        except OrderExists:
            outcomes.append(None)

    threads = [threading.Thread(target=try_to_raise, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([each for each in outcomes if each]) == 1
    assert len(outcomes) == 6
    assert len(records.orders.open_orders()) == 1


def test_an_order_for_an_unknown_instrument_is_refused(records: Records) -> None:
    with pytest.raises(RecordRefused):
        added(records, order(instrument=InstrumentId("unknown")))
    assert records.orders.open_orders() == []
