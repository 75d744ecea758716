"""What breakers found: values that hide others, days with many events, limited use, notes on seals, batches."""

from datetime import date, timedelta

import pytest
from calibration.registers import (
    CATALOGUE,
    SETTINGS,
    TODAY,
    check,
    event,
    judge,
    point,
    repair,
    scale,
    seal,
    thermometer,
    triggers,
    water_meter,
)

from steelyard.calibration.judging import judge_ledger
from steelyard.calibration.mpe import parse_mpe_text
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.status import InstrumentStatus as Status
from steelyard.calibration.verification.triggers import Trigger

FAILED = {"decision": Decision.FAILED}
AFTER = {"kind": EventKind.AFTER_REPAIR}


# --- one field that cannot be meant does not hide another


@pytest.mark.parametrize(
    "values",
    [point(1500.0, 3.5, expanded=1e-6), point(1500.0, 99_999.0, 3.5), point(1500.0, 3.5, expanded=1e6)],
)
def test_an_error_outside_counts_beside_a_value_that_cannot_be_meant(values):
    found = judge(scale(), [event("2026-06-01", values)])
    assert (found.status, triggers(found)) == (Status.OUT_OF_TOLERANCE_SUSPECTED, [Trigger.FAILED_CHECK])
    assert any("not plausible" in problem for problem in found.problems)


def test_a_certificate_typed_in_another_unit_does_not_disqualify_the_good_ones():
    wrong = event("2025-06-01", point(2e6, 0.0), point(3e6, 0.0))
    good = event("2026-06-01", point(500.0, 0.1), point(2000.0, 1.75))
    found = judge(scale(), [wrong, good])
    assert (found.status, found.doubtful) == (Status.OUT_OF_TOLERANCE_SUSPECTED, True)
    assert not any("2026-06-01, test point" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("device", "small"),
    [
        (scale(), (point(40.0, 0.0, expanded=0.02), point(50.0, 0.0, expanded=0.02))),
        (
            thermometer(),
            (point(0.01, 0.1, unit="Cel", expanded=0.05), point(0.5, 0.1, unit="Cel", expanded=0.05)),
        ),
    ],
)
def test_a_small_check_beside_large_certificates_is_as_it_should_be(device, small):
    unit = device.unit
    large = (point(100.0, 0.1, unit=unit, expanded=0.1), point(200.0, 0.1, unit=unit, expanded=0.1))
    kind = EventKind.CALIBRATION if device.id == "rt-1" else EventKind.SUBSEQUENT_VERIFICATION
    events = [event(f"{year}-06-01", *large, of=device.id, kind=kind) for year in (2024, 2025, 2026)]
    found = judge(device, [*events, check("2026-10-01", *small, of=device.id)])
    assert found.problems == ()


# --- several events of one day


@pytest.mark.parametrize("shuffled", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("hours", [(None, None, None), (9, 12, 15), (9, None, 15)])
def test_failed_repaired_and_verified_on_one_day_is_valid(shuffled, hours):
    day = "2026-10-01"
    happened = [
        event(day, at=hours[0], **FAILED),
        repair(day, at=hours[1]),
        event(day, at=hours[2], **AFTER),
    ]
    found = judge(scale(), [event("2025-10-01"), *(happened[place] for place in shuffled)])
    assert (found.status, found.statutory_due, found.doubtful) == (Status.VALID, date(2027, 10, 1), False)


def test_an_arbitration_of_the_day_comes_after_what_it_decides():
    happened = [event("2026-10-01", kind=EventKind.ARBITRATION), event("2026-10-01", **FAILED)]
    assert judge(scale(), happened).status is Status.VALID


def test_a_repair_on_the_day_of_a_verification_is_asked_about():
    found = judge(scale(), [event("2026-10-01"), repair("2026-10-01")])
    assert (found.status, found.doubtful) == (Status.VALID, True)
    assert any("repaired on 2026-10-01" in problem for problem in found.problems)
    assert not judge(scale(), [event("2026-10-01", at=15), repair("2026-10-01", at=9)]).doubtful
    assert judge(scale(), [event("2026-10-01", at=9), repair("2026-10-01", at=15)]).status is Status.UNVERIFIED
    assert not judge(scale(), [event("2026-10-01"), repair("2026-10-01"), event("2026-11-01")]).doubtful


# --- repair, limited use, phases


def test_failed_then_repaired_waits_for_its_verification():
    found = judge(scale(), [event("2025-10-01"), event("2026-10-01", **FAILED), repair("2026-10-20")])
    assert (found.status, triggers(found)) == (Status.OUT_OF_SERVICE, [Trigger.REPAIR])


def test_of_a_meter_whose_time_is_over_only_replacing_is_demanded():
    meter = water_meter(put_into_use=date(2018, 6, 1))
    first = event("2018-05-01", of="wm-1", kind=EventKind.FIRST_VERIFICATION)
    untestable = event("2026-10-01", of="wm-1", decision=Decision.NOT_TESTABLE)
    assert triggers(judge(meter, [first, untestable])) == [Trigger.REPLACE]
    assert triggers(judge(meter, [])) == [Trigger.REPLACE]


def test_an_inspection_in_use_is_judged_by_the_limits_in_use():
    """R 76, 3.5.2: in service twice the limits of verification."""
    values = point(1500.0, 1.6)
    assert judge(scale(), [event("2026-06-01"), event("2026-10-01", values, kind=EventKind.INTERIM)]).orders == ()
    own = event("2026-10-01", values, kind=EventKind.CALIBRATION, decision=Decision.NONE)
    assert judge(scale(), [event("2026-06-01"), own]).orders == ()
    beyond = event("2026-10-01", point(1500.0, 2.1), kind=EventKind.CALIBRATION, decision=Decision.NONE)
    assert triggers(judge(scale(), [event("2026-06-01"), beyond])) == [Trigger.FAILED_CHECK]


def test_a_range_that_a_limited_decision_leaves_accuses_nobody():
    limited = event("2026-06-01", point(3000.0, 4.0), decision=Decision.LIMITED, limited_to="0~2000 kg")
    assert judge(scale(), [limited]).orders == ()


def test_an_arbitration_takes_back_a_downgrade():
    values = check("2026-11-01", point(1000.0, 2.5))  # class III in use: 2 kg at 1,000 kg; class IIII: 3 kg
    downgraded = event("2026-05-01", decision=Decision.LIMITED, limited_to="IIII")
    device = scale(range_high=1000.0)
    assert judge(device, [downgraded, values]).orders == ()
    disputed = event("2026-06-01", kind=EventKind.ARBITRATION)
    assert triggers(judge(device, [downgraded, disputed, values])) == [Trigger.FAILED_CHECK]


def test_an_arbitration_without_anything_before_it_leaves_the_class():
    found = judge(scale(), [event("2026-06-01", kind=EventKind.ARBITRATION), check("2026-10-01", point(1500.0, 2.5))])
    assert triggers(found) == [Trigger.FAILED_CHECK]


# --- notes on seals


@pytest.mark.parametrize(
    "note",
    ["undamaged", "not damaged", "没有破损", "无缺损", "未损坏", "OpenSeal 123", "Copenhagen 12", "铅封完好",
     "not opened",
     "never broken"],
)  # fmt: skip
def test_a_note_that_the_seal_is_whole_or_only_its_number_breaks_nothing(note):
    assert judge(scale(seal=note), [event("2026-06-01")]).status is Status.VALID


@pytest.mark.parametrize("note", ["broken", "Seal opened", "2处完好，1处破损", "铅封缺失", "已拆封", "damaged 2026-05"])
def test_a_note_that_the_seal_is_not_whole_counts(note):
    assert judge(scale(seal=note), [event("2026-06-01")]).status is Status.SEAL_BROKEN


@pytest.mark.parametrize(
    "since",
    [{"decision": Decision.NOT_TESTABLE}, {"decision": Decision.NONE, "supersedes": "first", "certificate": None}],
)
def test_only_a_calibration_that_was_made_covers_a_seal(since):
    kind = EventKind.CALIBRATION
    first = event("2026-01-10", of="rt-1", kind=kind, name="first")
    later = event("2026-06-01", of="rt-1", kind=kind)
    opened = seal("2026-09-01", of="rt-1")
    found = judge(thermometer(), [first, later, opened, event("2026-10-01", of="rt-1", kind=kind, **since)])
    assert Trigger.SEAL_BROKEN in triggers(found)
    assert judge(thermometer(), [first, opened, event("2026-10-01", of="rt-1", kind=kind)]).orders == ()


# --- batches


def batch(events_of):
    meters = [water_meter(f"wm-{i:02}", batch="B7", put_into_use=date(2023, 1, 1)) for i in range(40)]
    events = [one for i in range(40) for one in events_of(f"wm-{i:02}", i)]
    judged, _ = judge_ledger(meters, events, catalogue=CATALOGUE, on=TODAY, settings=SETTINGS)
    return [order for one in judged for order in one.orders if order.trigger is Trigger.LOT]


def test_what_was_refused_on_delivery_is_no_sample_of_what_serves():
    first = {"kind": EventKind.FIRST_VERIFICATION}
    assert not batch(lambda name, i: [event("2022-12-01", of=name, **first, **(FAILED if i < 3 else {}))])


def test_checks_without_a_word_of_decision_count_as_the_sample_that_they_are():
    values = (point(0.1, 9.0, unit="%", at=1.0), point(0.1, 0.1, unit="%", at=1.0))
    assert not batch(lambda name, i: [check("2026-05-01", values[0] if i < 3 else values[1], of=name)])
    assert batch(lambda name, i: [check("2026-05-01", values[0] if i < 12 else values[1], of=name)])


def test_a_batch_that_failed_and_was_repaired_has_failed():
    def events(name, i):
        again = [event("2026-06-01", of=name, **AFTER)] if i < 12 else []
        return [event("2026-05-01", of=name, **(FAILED if i < 12 else {})), *again]

    (lot,) = batch(events)
    assert "12 of 40" in lot.reason


# --- references, states, days


def test_of_two_certificates_that_replace_each_other_one_stands_and_it_is_asked():
    events = [
        event("2026-03-01", name="a", supersedes="b", certificate="C-a"),
        event("2026-04-01", name="b", supersedes="a", certificate="C-b"),
    ]
    found = judge(scale(), events)
    assert (found.status, found.statutory_due) == (Status.VALID, date(2027, 3, 1))
    assert found.problems


def test_a_certificates_number_is_found_however_it_is_spelled():
    events = [event("2026-03-01", certificate="C-1a", **FAILED), event("2026-03-02", supersedes="c-1A")]
    found = judge(scale(), events)
    assert (found.status, found.problems) == (Status.VALID, ())


@pytest.mark.parametrize("state", [DeviceState.STORED, DeviceState.SCRAPPED])
def test_a_state_of_the_future_is_not_a_return(state):
    found = judge(scale(state=state, state_since=TODAY + timedelta(days=30)), [event("2025-06-01")])
    assert "back in use" not in found.orders[0].reason


@pytest.mark.parametrize("later", [TODAY, TODAY + timedelta(days=40)])
def test_the_day_by_which_a_finding_is_dealt_with_does_not_move_with_the_question(later):
    events = [event("2026-06-01"), seal("2026-07-06"), check("2026-07-06", point(1500.0, 3.5))]
    found = judge(scale(), events, on=later)
    assert {order.due_date for order in found.orders} == {date(2026, 7, 13)}


def test_a_pass_without_values_ends_the_doubt_of_before():
    history = [event(f"{year}-06-01", point(1500.0, 0.1)) for year in (2022, 2023, 2024, 2025)]
    outlying = check("2026-05-01", point(1500.0, 1.56))
    assert judge(scale(), [*history, outlying], on=date(2026, 5, 5)).doubtful
    assert not judge(scale(), [*history, outlying, event("2026-05-10")]).doubtful


def test_a_voluntary_instruments_fault_ends_by_a_check_where_it_was():
    device = thermometer(mpe=parse_mpe_text("±0.5 Cel", unit="Cel", span=200.0))
    calibrated = event("2026-06-01", of="rt-1", kind=EventKind.CALIBRATION)
    failed = check("2026-09-01", point(150.0, 2.0, unit="Cel", expanded=0.05), of="rt-1")
    zero = check("2026-09-02", point(0.0, 0.0, unit="Cel", expanded=0.05), of="rt-1")
    there = check("2026-09-03", point(150.0, 0.1, unit="Cel", expanded=0.05), of="rt-1")
    assert triggers(judge(device, [calibrated, failed, zero])) == [Trigger.FAILED_CHECK]
    assert judge(device, [calibrated, failed, zero, there]).orders == ()


def test_a_withdrawn_certificate_is_named_where_nothing_else_is_on_record():
    events = [
        event("2026-06-01", name="x", certificate="V-7"),
        event("2026-09-15", decision=Decision.NONE, supersedes="V-7", certificate="TZ-3"),
    ]
    found = judge(scale(), events)
    assert found.status is Status.UNVERIFIED
    assert "certificate V-7 of 2026-06-01 was withdrawn" in found.orders[0].reason
