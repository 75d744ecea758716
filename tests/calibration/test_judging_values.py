"""Scenarios of real life, judged on a day: values, seals, checks, lots. Each with two more of its kind."""

from datetime import date

import pytest
from calibration.registers import (
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

from steelyard.calibration.mpe import parse_mpe_text
from steelyard.calibration.verification.devices import Device, Use
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.status import InstrumentStatus as Status
from steelyard.calibration.verification.triggers import Trigger

# --- L07, seals, by the hour


def test_a_seal_opened_after_the_verifier_left_is_an_alarm_of_that_day():
    found = judge(scale(), [event("2026-11-02", at=10), seal("2026-11-02", at=15)])
    assert (found.status, triggers(found)) == (Status.SEAL_BROKEN, [Trigger.SEAL_BROKEN])


def test_a_seal_opened_for_the_verification_is_covered_by_it():
    found = judge(scale(), [event("2026-11-02", at=10), seal("2026-11-02", at=9)])
    assert (found.status, found.orders, found.doubtful) == (Status.VALID, (), False)


@pytest.mark.parametrize("hours", [(None, None), (10, None), (None, 15)])
def test_of_a_seal_opened_on_the_verifications_day_at_an_unknown_hour_is_asked(hours):
    found = judge(scale(), [event("2026-11-02", at=hours[0]), seal("2026-11-02", at=hours[1])])
    assert (found.status, found.orders, found.doubtful) == (Status.VALID, (), True)
    assert any("before or after" in problem for problem in found.problems)


@pytest.mark.parametrize(("day", "status"), [("2026-11-01", Status.VALID), ("2026-11-03", Status.SEAL_BROKEN)])
def test_on_other_days_the_day_decides(day, status):
    assert judge(scale(), [event("2026-11-02"), seal(day)]).status is status


@pytest.mark.parametrize(
    ("note", "status"),
    [("broken", Status.SEAL_BROKEN), ("铅封破损", Status.SEAL_BROKEN), ("intact", Status.VALID),
     ("A-104711", Status.VALID), ("完好无损", Status.VALID), (None, Status.VALID)],
)  # fmt: skip
def test_the_registers_note_on_the_seal_counts(note, status):
    assert judge(scale(seal=note), [event("2026-06-01")]).status is status


# --- L12, passed, and not


def test_a_pass_that_its_values_contradict_is_doubtful_and_asks_for_an_order():
    values = (point(0.0, 0.0), point(2000.0, 1.5))  # 1.5 MPE
    found = judge(scale(), [event("2026-06-01", *values)])
    assert (found.status, found.doubtful) == (Status.OUT_OF_TOLERANCE_SUSPECTED, True)
    assert triggers(found) == [Trigger.FAILED_CHECK]
    assert found.statutory_due == date(2027, 6, 1)
    assert any("contradicts" in problem for problem in found.problems)


def test_found_outside_and_left_inside_is_a_pass():
    found = judge(scale(), [event("2026-06-01", point(2000.0, 1.5, 0.2))])
    assert (found.status, found.doubtful, found.orders) == (Status.VALID, False, ())


@pytest.mark.parametrize("error", [1.0, -1.0])
def test_on_the_limit_is_inside(error):
    assert judge(scale(), [event("2026-06-01", point(2000.0, error))]).status is Status.VALID


# --- L13, one-sided


@pytest.mark.parametrize(("error", "status"), [(0.3, Status.VALID), (0.0, Status.VALID), (0.6, None), (-0.1, None)])
def test_limits_of_one_side_are_limits(error, status):
    gauge = scale(mpe=parse_mpe_text("0..+0.5 kg", unit="kg", span=3000.0))
    found = judge(gauge, [event("2026-06-01", point(1000.0, error))])
    assert found.status is (status or Status.OUT_OF_TOLERANCE_SUSPECTED)


# --- L14, zones by flow


@pytest.mark.parametrize(
    ("flow", "error", "status"),
    [(0.030, 4.0, Status.VALID), (1.0, 4.0, Status.OUT_OF_TOLERANCE_SUSPECTED), (1.0, 1.9, Status.VALID),
     (0.030, 5.5, Status.OUT_OF_TOLERANCE_SUSPECTED)],
)  # fmt: skip
def test_the_limits_of_a_volume_follow_the_flow(flow, error, status):
    """R 49: Q1 = Q3/R = 0.025, Q2 = 1.6 Q1 = 0.04 m3/h: 5 % below Q2, 2 % from there."""
    values = point(0.01, error, unit="%", expanded=0.4, at=flow)
    meter = water_meter(put_into_use=date(2025, 1, 1))
    found = judge(meter, [event("2024-12-01", values, of="wm-1", kind=EventKind.FIRST_VERIFICATION)])
    assert found.status is status


# --- L15, implausible values

GOOD = (point(500.0, 0.1), point(1500.0, 0.2), point(3000.0, 0.4))


def thousandfold(points, factor):
    return tuple(
        point(p.test_point * factor, p.as_found * factor, expanded=p.expanded_uncertainty * factor) for p in points
    )


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_certificate_in_another_unit_is_flagged_and_kept_out(factor):
    found = judge(
        scale(),
        [event("2024-06-01", *GOOD), event("2025-06-01", *GOOD), event("2026-06-01", *thousandfold(GOOD, factor))],
    )
    assert (found.status, found.orders) == (Status.VALID, ())
    assert found.statutory_due == date(2027, 6, 1)
    assert any("not plausible" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (point(100_000.0, 0.5), "test_point"),
        (point(1500.0, 0.2, expanded=1e-4), "expanded_uncertainty"),
        (point(1500.0, 400.0), "as_found"),
        (point(1500.0, 0.2, expanded=150.0), "expanded_uncertainty"),
    ],
)
def test_a_single_value_that_cannot_be_meant_is_named(values, field):
    found = judge(scale(), [event("2026-06-01", point(500.0, 0.1), values)])
    assert (found.status, found.orders) == (Status.VALID, ())
    assert any(field in problem and "C-" in problem for problem in found.problems)


def test_an_instrument_that_really_is_far_too_wrong_is_believed():
    found = judge(scale(), [event("2026-06-01"), check("2026-10-01", point(1500.0, 40.0), decision=Decision.FAILED)])
    assert triggers(found) == [Trigger.FAILED_CHECK]


# --- L24, lots


def lot(size, sampled, failed):
    meters = [water_meter(f"wm-{i:04}", batch="B7", maker="Lian", put_into_use=date(2023, 1, 1)) for i in range(size)]
    events = [event("2022-12-01", of=meter.id, kind=EventKind.FIRST_VERIFICATION) for meter in meters]
    for i in range(sampled):
        decision = Decision.FAILED if i < failed else Decision.PASSED
        events.append(event("2026-10-01", of=f"wm-{i:04}", kind=EventKind.INTERIM, decision=decision))
    return judge(meters, events)


@pytest.mark.parametrize(("size", "sampled", "failed"), [(1000, 125, 80), (50, 20, 6), (10, 3, 3)])
def test_many_failures_of_one_batch_are_one_finding_with_its_numbers(size, sampled, failed):
    judged = lot(size, sampled, failed)
    lots = [order for one in judged for order in one.orders if order.trigger is Trigger.LOT]
    assert len(lots) == 1
    for number in (f"{failed} of {sampled}", str(size), "B7"):
        assert number in lots[0].reason
    assert sum(one.status is Status.OUT_OF_SERVICE for one in judged) == failed


@pytest.mark.parametrize(("size", "sampled", "failed"), [(1000, 125, 5), (50, 20, 2), (10, 2, 2)])
def test_few_failures_are_the_instruments_own(size, sampled, failed):
    assert not [order for one in lot(size, sampled, failed) for order in one.orders if order.trigger is Trigger.LOT]


# --- L25 and L26, the owner's own checks


@pytest.mark.parametrize("error", [3.5, -3.5, 7.0])
def test_a_check_far_outside_is_a_failed_check_whatever_else_is_known(error):
    history = [event(f"{year}-06-01", *GOOD) for year in (2023, 2024, 2025, 2026)]
    found = judge(scale(), [*history, check("2026-10-01", point(1500.0, error))])
    assert (found.status, triggers(found)) == (Status.OUT_OF_TOLERANCE_SUSPECTED, [Trigger.FAILED_CHECK])


def test_a_check_within_the_limits_in_use_asks_for_nothing():
    found = judge(scale(), [event("2026-06-01", *GOOD), check("2026-10-01", point(1500.0, 1.9))])
    assert Trigger.FAILED_CHECK not in triggers(found)


def test_a_failed_check_without_values_counts():
    found = judge(scale(), [event("2026-06-01"), check("2026-10-01", decision=Decision.FAILED)])
    assert (found.status, triggers(found)) == (Status.OUT_OF_TOLERANCE_SUSPECTED, [Trigger.FAILED_CHECK])


@pytest.mark.parametrize("expanded", [1e-9, 0.15])
def test_the_owners_own_check_never_clears_a_mandatory_finding(expanded):
    failed = check("2026-10-01", point(1500.0, 3.5))
    found = judge(scale(), [event("2026-06-01"), failed, check("2026-11-01", point(1500.0, 0.0, expanded=expanded))])
    assert (found.status, triggers(found)) == (Status.OUT_OF_TOLERANCE_SUSPECTED, [Trigger.FAILED_CHECK])
    assert any("expanded_uncertainty" in problem for problem in found.problems) == (expanded == 1e-9)


def test_a_verification_clears_it():
    found = judge(scale(), [event("2026-06-01"), check("2026-10-01", point(1500.0, 3.5)), event("2026-10-20", *GOOD)])
    assert (found.status, found.orders) == (Status.VALID, ())


def test_a_voluntary_instruments_owner_may_clear_his_own_finding():
    calibrated = event(
        "2026-06-01", point(100.0, 0.1, unit="Cel", expanded=0.05), of="rt-1", kind=EventKind.CALIBRATION
    )
    failed = check("2026-09-01", point(100.0, 0.9, unit="Cel", expanded=0.05), of="rt-1")
    again = check("2026-09-02", point(100.0, 0.1, unit="Cel", expanded=0.05), of="rt-1")
    assert triggers(judge(thermometer(), [calibrated, failed])) == [Trigger.FAILED_CHECK]
    assert judge(thermometer(), [calibrated, failed, again]).orders == ()


# --- L29, uncertainty


@pytest.mark.parametrize("years", [1, 3, 7])
def test_growing_uncertainty_alone_is_due_for_nothing(years):
    meter = Device(
        id="em-1", name="em-1", kind="electricity_meter", accuracy_class="1", unit="kW.h", use=Use.TRADE,
        put_into_use=date(2019, 1, 10), period_months=96, regime=Regime.PERIODIC,
    )  # fmt: skip
    values = EventPoint(test_point=10.0, unit="%", as_found=0.2, as_left=None, expanded_uncertainty=0.1)
    made = event("2019-01-05", values, of="em-1", kind=EventKind.FIRST_VERIFICATION)
    found = judge(meter, [made], on=date(2019 + years, 6, 1))
    assert (found.status, found.orders) == (Status.VALID, ())
    assert found.due_date == found.statutory_due == date(2027, 1, 5)


# --- L32, an outlier


def test_an_outlier_as_newest_evidence_is_doubtful_with_its_age():
    history = [
        event(f"{year}-06-01", point(1500.0, 0.1), decision=Decision.PASSED) for year in (2023, 2024, 2025, 2026)
    ]
    found = judge(scale(), [*history, check("2026-10-19", point(1500.0, 1.56))])
    assert found.doubtful
    assert any("41 days" in problem for problem in found.problems)


def test_what_was_always_restless_is_no_outlier():
    values = (0.1, 0.8, -0.3, 0.6)
    history = [event(f"{2023 + i}-06-01", point(1500.0, value)) for i, value in enumerate(values)]
    assert not judge(scale(), history).doubtful


def test_a_repair_explains_what_is_found_after_it():
    history = [event(f"{year}-06-01", point(1500.0, 0.1)) for year in (2023, 2024, 2025)]
    again = event("2026-06-05", point(1500.0, -0.9), kind=EventKind.AFTER_REPAIR)
    found = event("2026-06-05", point(1500.0, -0.9))
    assert judge(scale(), [*history, found]).doubtful
    assert not judge(scale(), [*history, repair("2026-06-01"), again]).doubtful


def test_the_first_two_values_make_no_outlier():
    assert not judge(
        scale(), [event("2025-06-01", point(1500.0, 0.0)), event("2026-06-01", point(1500.0, 0.9))]
    ).doubtful
