"""Scenarios of real life, judged on a day: verdicts, dates, states. Each with two more of its kind."""

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
    triggers,
    water_meter,
)

from steelyard.calibration.catalogue import load_catalogue
from steelyard.calibration.judging import judge_ledger
from steelyard.calibration.mpe import parse_mpe_text
from steelyard.calibration.verification.devices import Device, DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.status import InstrumentStatus as Status
from steelyard.calibration.verification.triggers import Trigger

# --- L01, limited use


@pytest.mark.parametrize(
    ("parameters", "put_into_use", "end"),
    [
        ({"dn": 20.0, "q3": 2.5, "r": 100.0}, date(2020, 6, 1), date(2026, 6, 1)),  # JJG 162-2019: DN <= 25: 6 years
        ({"dn": 40.0, "q3": 16.0, "r": 100.0}, date(2022, 6, 1), date(2026, 6, 1)),  # DN 25 to 50: 4 years
        ({"dn": 25.0, "q3": 6.3, "r": 100.0}, date(2020, 11, 29), date(2026, 11, 29)),
    ],
)
def test_a_meter_of_limited_use_is_replaced_at_its_end_counted_from_use_not_from_the_shelf(
    parameters, put_into_use, end
):
    meter = water_meter(parameters=parameters, put_into_use=put_into_use)
    made = event("2018-05-01", of="wm-1", kind=EventKind.FIRST_VERIFICATION)
    found = judge(meter, [made])
    assert (found.status, found.statutory_due, triggers(found)) == (Status.REPLACE, end, [Trigger.REPLACE])
    assert "Replacement of wm-1 fell due" in found.orders[0].reason or end == TODAY
    assert "not verified again" in found.orders[0].reason
    before = judge(meter, [made], on=end - timedelta(days=60))
    assert (before.status, before.orders) == (Status.VALID, ())


def test_a_later_verification_does_not_renew_a_limited_period():
    meter = water_meter(put_into_use=date(2020, 6, 1))
    events = [
        event("2020-05-01", of="wm-1", kind=EventKind.FIRST_VERIFICATION),
        event("2025-05-01", of="wm-1", kind=EventKind.AFTER_REPAIR),
    ]
    assert judge(meter, events).statutory_due == date(2026, 6, 1)


def test_a_replaced_meter_ends_scrapped_and_asks_for_nothing():
    meter = water_meter(put_into_use=date(2020, 6, 1), state=DeviceState.SCRAPPED)
    found = judge(meter, [event("2020-05-01", of="wm-1", kind=EventKind.FIRST_VERIFICATION)])
    assert (found.status, found.orders, found.statutory_due, found.due_date) == (Status.SCRAPPED, (), None, None)


# --- L02 and L34, dates


@pytest.mark.parametrize(
    ("completed", "months", "due"),
    [
        ("2026-03-15", 12, date(2027, 3, 15)),
        ("2026-08-31", 6, date(2027, 2, 28)),
        ("2024-02-29", 12, date(2025, 2, 28)),
        ("2025-12-31", 12, date(2026, 12, 31)),
    ],
)
def test_a_certificate_is_valid_until_the_day_before_its_anniversary(completed, months, due):
    device, events = scale(period_months=months), [event(completed)]
    eve = judge(device, events, on=due - timedelta(days=1))
    assert (eve.statutory_due, eve.valid_until) == (due, due - timedelta(days=1))
    assert eve.status is Status.DUE_SOON
    assert judge(device, events, on=due).status is Status.OVERDUE
    assert (due - timedelta(days=1)).isoformat() in eve.orders[0].reason


def test_what_is_entered_late_counts_by_its_own_date():
    events = [event("2026-10-01"), event("2025-10-03")]  # the older certificate was typed last
    assert judge(scale(), events).statutory_due == date(2027, 10, 1)


# --- L03, repaired


@pytest.mark.parametrize(
    "device", [scale(), scale(use=Use.NONE), scale(state=DeviceState.UNDER_REPAIR, state_since=date(2026, 11, 3))]
)
def test_a_repaired_instrument_is_not_valid_before_it_is_verified_again(device):
    found = judge(device, [event("2026-06-01"), repair("2026-11-03")])
    assert found.status in {Status.UNVERIFIED, Status.UNDER_REPAIR}
    assert (triggers(found), found.statutory_due, found.valid_until) == ([Trigger.REPAIR], None, None)


@pytest.mark.parametrize("again", ["2026-11-03", "2026-11-10"])
def test_a_verification_after_the_repair_makes_it_valid_again(again):
    found = judge(scale(), [event("2026-06-01"), repair("2026-11-03"), event(again, kind=EventKind.AFTER_REPAIR)])
    assert (found.status, found.orders) == (Status.VALID, ())
    assert found.statutory_due == date.fromisoformat(again).replace(year=2027)


def test_the_owners_check_after_a_repair_does_not_make_it_valid():
    found = judge(scale(), [event("2026-06-01"), repair("2026-11-03"), check("2026-11-04", point(500.0, 0.0))])
    assert (found.status, triggers(found)) == (Status.UNVERIFIED, [Trigger.REPAIR])


# --- L04, arbitration


def test_an_arbitration_decides_in_place_of_the_verification_in_dispute():
    failed = event("2026-09-01", decision=Decision.FAILED)
    assert judge(scale(), [event("2025-09-01"), failed]).status is Status.OUT_OF_SERVICE
    passed = event("2026-10-10", kind=EventKind.ARBITRATION)
    found = judge(scale(), [event("2025-09-01"), failed, passed])
    assert (found.status, found.statutory_due) == (Status.VALID, date(2027, 9, 1))


def test_an_arbitration_can_fail_what_had_passed():
    found = judge(
        scale(), [event("2026-09-01"), event("2026-10-10", kind=EventKind.ARBITRATION, decision=Decision.FAILED)]
    )
    assert (found.status, found.statutory_due) == (Status.OUT_OF_SERVICE, None)


def test_after_an_arbitration_the_next_verification_counts_from_its_own_day():
    events = [
        event("2025-09-01", decision=Decision.FAILED),
        event("2025-10-10", kind=EventKind.ARBITRATION),
        event("2026-08-20"),
    ]
    assert judge(scale(), events).statutory_due == date(2027, 8, 20)


# --- L05, downgraded


def test_a_downgraded_instrument_is_judged_by_the_class_that_was_left():
    meter = water_meter(accuracy_class="1", parameters={"dn": 80.0, "q3": 63.0, "r": 100.0})
    values = point(63.0, 1.6, unit="%", expanded=0.3, at=63.0)  # class 1: 1 % from Q2 to Q4; class 2: 2 %
    limited = event("2026-05-01", values, of="wm-1", decision=Decision.LIMITED, limited_to="2")
    found = judge(meter, [limited])
    assert (found.status, found.doubtful, found.orders) == (Status.VALID, False, ())
    not_limited = judge(meter, [event("2026-05-01", values, of="wm-1")])
    assert (not_limited.status, not_limited.doubtful) == (Status.OUT_OF_TOLERANCE_SUSPECTED, True)


@pytest.mark.parametrize("words", ["class IIII", "IIII"])
def test_a_downgraded_scale_keeps_the_lower_class_in_later_checks(words):
    limited = event("2026-05-01", decision=Decision.LIMITED, limited_to=words)
    # 1,000 kg with e = 1 kg: class III 1.0 kg, class IIII 1.5 kg; in use twice that (R 76, 3.5.1 and 3.5.2).
    found = judge(scale(range_high=1000.0), [limited, check("2026-10-01", point(1000.0, 2.5))])
    assert (found.status, found.orders) == (Status.VALID, ())
    assert judge(scale(range_high=1000.0), [event("2026-05-01"), check("2026-10-01", point(1000.0, 2.5))]).orders


# --- L06, not testable


@pytest.mark.parametrize("kind", [EventKind.SUBSEQUENT_VERIFICATION, EventKind.AFTER_REPAIR])
def test_what_could_not_be_tested_is_not_confirmed(kind):
    found = judge(scale(), [event("2026-06-01"), event("2026-11-01", kind=kind, decision=Decision.NOT_TESTABLE)])
    assert (found.status, triggers(found)) == (Status.NOT_CONFIRMED, [Trigger.DUE])
    assert "could not be tested" in found.orders[0].reason


def test_a_test_that_succeeds_later_confirms():
    events = [event("2026-06-01"), event("2026-11-01", decision=Decision.NOT_TESTABLE), event("2026-11-20")]
    assert judge(scale(), events).status is Status.VALID


# --- L17, withdrawn and superseded


def test_a_withdrawn_certificate_is_as_if_it_had_never_been():
    events = [
        event("2025-10-01"),
        event("2026-09-01", name="wrong"),
        event("2026-09-10", decision=Decision.NONE, supersedes="wrong", certificate=None),
    ]
    found = judge(scale(), events)
    assert (found.status, found.statutory_due) == (Status.OVERDUE, date(2026, 10, 1))


def test_a_corrected_certificate_stands_in_place_of_the_first():
    events = [
        event("2026-03-01", name="first", certificate="V-1", decision=Decision.FAILED),
        event("2026-03-02", supersedes="V-1"),
    ]
    assert judge(scale(), events).status is Status.VALID


def test_a_reference_to_nothing_is_asked_about():
    found = judge(scale(), [event("2026-03-01", supersedes="V-9")])
    assert found.status is Status.VALID
    assert any("V-9" in problem for problem in found.problems)


# --- L21, a new edition


def test_a_new_edition_holds_from_the_next_verification():
    shorter = """
id = "digital_indicating_scale"
[[edition]]
document = "JJG 539-2026"
in_force = 2026-03-01
source = "test"
confidence = "L"
[[edition.regime]]
source = "test"
confidence = "L"
use = ["trade", "safety", "medical", "environment"]
regime = "periodic"
period_months = 6
"""
    catalogue = load_catalogue([(shorter, "scale.toml")])
    device = scale()
    assert judge(device, [event("2026-02-01")], catalogue=catalogue).statutory_due == date(2027, 2, 1)
    assert judge(device, [event("2026-02-01"), event("2026-04-01")], catalogue=catalogue).statutory_due == date(
        2026, 10, 1
    )
    assert judge(device, [event("2026-02-28")], catalogue=catalogue).statutory_due == date(2027, 2, 28)


# --- L22 and L23, states


@pytest.mark.parametrize("since", [None, date(2026, 1, 1)])
def test_a_stored_instrument_is_asked_for_nothing(since):
    found = judge(scale(state=DeviceState.STORED, state_since=since), [event("2024-06-01")])
    assert (found.status, found.orders, found.due_date) == (Status.STORED, (), None)


def test_back_from_the_store_after_its_period_it_is_verified_before_use():
    found = judge(scale(state_since=date(2026, 11, 20)), [event("2024-06-01")])
    assert (found.status, triggers(found)) == (Status.OVERDUE, [Trigger.DUE])
    assert "before it is used" in found.orders[0].reason


def test_back_from_the_store_within_its_period_it_is_valid():
    assert judge(scale(state_since=date(2026, 11, 20)), [event("2026-06-01")]).status is Status.VALID


def test_a_state_that_begins_later_does_not_hold_yet():
    device = scale(state=DeviceState.STORED, state_since=date(2027, 1, 1))
    assert judge(device, [event("2025-06-01")]).status is Status.OVERDUE


@pytest.mark.parametrize("more", [seal("2026-10-01"), repair("2026-10-01"), check("2026-10-01", point(500.0, 9.0))])
def test_scrapping_ends_everything(more):
    found = judge(scale(state=DeviceState.SCRAPPED), [event("2024-06-01"), more])
    assert (found.status, found.orders, found.doubtful) == (Status.SCRAPPED, (), False)


@pytest.mark.parametrize("state", [DeviceState.UNDER_REPAIR, DeviceState.SCRAPPED])
def test_a_state_that_a_later_pass_contradicts_counts_and_is_asked_about(state):
    found = judge(scale(state=state, state_since=date(2026, 9, 1)), [event("2026-10-01")])
    assert found.status.value == state.value
    assert any("mend the state" in problem for problem in found.problems)


@pytest.mark.parametrize("state", [DeviceState.OUT_OF_SERVICE])
def test_what_is_out_of_service_asks_for_nothing(state):
    found = judge(scale(state=state), [event("2024-06-01")])
    assert (found.status, found.orders) == (Status.OUT_OF_SERVICE, ())


# --- What everybody expects


def test_an_instrument_without_a_verification_is_unverified_and_due():
    found = judge(scale(), [])
    assert (found.status, triggers(found)) == (Status.UNVERIFIED, [Trigger.DUE])


def test_a_failed_verification_takes_out_of_service_and_has_no_date():
    found = judge(scale(), [event("2025-09-01"), event("2026-09-01", decision=Decision.FAILED)])
    assert (found.status, found.statutory_due, found.due_date, found.orders) == (Status.OUT_OF_SERVICE, None, None, ())


def test_an_instrument_that_drifts_is_found():
    """Measured every quarter, its error grows by 0.9 of its MPE a year."""
    days = ("2025-01-10", "2025-04-10", "2025-07-10", "2025-10-10", "2026-01-10")
    history = [event(day, point(1500.0, 0.225 * i, expanded=0.05)) for i, day in enumerate(days)]
    device = scale(mpe=parse_mpe_text("±1 kg", unit="kg", span=3000.0))
    found = judge(device, history, on=date(2026, 1, 20))
    assert (found.status, triggers(found)) == (Status.DRIFTING, [Trigger.DRIFT])
    assert found.due_date < found.statutory_due == date(2027, 1, 10)
    quiet = [event(day, point(1500.0, 0.3, expanded=0.05)) for day in days]
    assert judge(device, quiet, on=date(2026, 1, 20)).orders == ()


def test_a_slow_trend_that_is_not_proven_moves_no_date():
    history = [event(f"{2018 + i}-01-10", point(1500.0, 0.14 * i, expanded=0.05)) for i in range(8)]
    found = judge(scale(mpe=parse_mpe_text("±1 kg", unit="kg", span=3000.0)), history, on=date(2025, 9, 1))
    assert (found.status, found.orders) == (Status.VALID, ())
    assert found.due_date == found.statutory_due == date(2026, 1, 10)


def test_a_class_that_the_kind_does_not_have_costs_no_dates():
    found = judge(scale(accuracy_class="V"), [event("2026-06-01")])
    assert (found.status, found.statutory_due) == (Status.VALID, date(2027, 6, 1))
    assert any("judged without a class" in problem for problem in found.problems)
    own = {"mpe": parse_mpe_text("±1 kg", unit="kg", span=3000.0), "regime": Regime.PERIODIC, "period_months": 12}
    laid_down = judge(scale(accuracy_class="V", **own), [event("2026-06-01", point(500.0, 1.5))])
    assert (laid_down.status, len(laid_down.problems)) == (Status.OUT_OF_TOLERANCE_SUSPECTED, 1)


def test_a_kind_that_nobody_knows_is_named_and_left_out():
    judged, problems = judge_ledger(
        [scale(kind="scale_of_justice"), scale("ws-2")], [], catalogue=CATALOGUE, on=TODAY, settings=SETTINGS
    )
    assert [one.instrument for one in judged] == ["ws-2"]
    (problem,) = problems
    assert "ws-1" in problem
    assert "scale_of_justice" in problem


def test_a_first_scrap_instrument_that_is_inaccurate_is_replaced():
    glass = Device(
        id="gt-1", name="gt-1", kind="clinical_glass_thermometer", unit="Cel", range_low=35.0, range_high=42.0,
        use=Use.MEDICAL,
    )  # fmt: skip
    first = event("2024-01-10", of="gt-1", kind=EventKind.FIRST_VERIFICATION)
    assert judge(glass, [first]).status is Status.VALID
    assert judge(glass, [first]).statutory_due is None
    wrong = check("2026-10-01", point(37.0, 0.4, unit="Cel", expanded=0.03), of="gt-1")
    found = judge(glass, [first, wrong])
    assert (found.status, triggers(found)) == (Status.REPLACE, [Trigger.REPLACE])
