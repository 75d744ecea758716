"""Due dates: calendar months from the last completed event, and evidence that can only shorten them by law."""

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import LegalDataError
from steelyard.calibration.mpe import Absolute, MaximumPermissibleError
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.case import Case, dates_with
from steelyard.calibration.verification.due_date import add_months, instant_of, legal_date, valid_until
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.regime import CatalogueReference, Confidence, LegalStatus, Regime
from steelyard.calibration.verification.standing import standing_of

MPE = MaximumPermissibleError(unit="kg", rule=Absolute(limit=1.0), source="test")
TODAY = date(2026, 11, 21)


def legal(regime=Regime.PERIODIC, months=12, longest=None, **more):
    return LegalStatus(
        instrument="ws-1",
        regime=regime,
        channel="gross",
        mpe=MPE,
        period_months=months,
        catalogue=CatalogueReference(document="JJG 539-2016", confidence=Confidence.HIGH),
        longest_period_months=longest,
        **more,
    )


def event(completed, decision=Decision.PASSED, kind=EventKind.SUBSEQUENT_VERIFICATION, name="e"):
    return VerificationEvent(
        id=f"{name}-{completed}",
        instrument="ws-1",
        kind=kind,
        completed=completed,
        decision=decision,
        performed_by="PIM",
    )


def due_dates(status, events, *, recommended, today):
    law = law_of(status)
    case = Case(
        law=law,
        standing=standing_of(law, events, today),
        at_ns=instant_of(today, 480),
        today=today,
        settings=CalibrationSettings(),
        longest_period_months=status.longest_period_months,
    )
    return dates_with(case, recommended)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 15), 12, date(2027, 1, 15)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 10, 31), 1, date(2026, 11, 30)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 5, 31), 96, date(2034, 5, 31)),
    ],
)
def test_periods_are_calendar_months_clamped_to_the_month_end(day, months, expected):
    assert add_months(day, months) == expected


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-120, 120))
def test_adding_months_lands_in_the_right_month_on_the_same_day_or_its_last(day, months):
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    last = calendar.monthrange(moved.year, moved.month)[1]
    assert moved.day == min(day.day, last)


def test_a_certificate_prints_the_day_before_the_anniversary():
    dates = due_dates(legal(), [event(date(2026, 3, 1))], recommended=None, today=TODAY)
    assert dates.due == date(2027, 3, 1)
    assert dates.valid_until == date(2027, 2, 28)
    assert valid_until(date(2028, 3, 1)) == date(2028, 2, 29)


def test_finishing_early_moves_the_next_date():
    late = due_dates(legal(), [event(date(2025, 12, 20))], recommended=None, today=TODAY)
    early = due_dates(legal(), [event(date(2025, 12, 20)), event(date(2026, 11, 1))], recommended=None, today=TODAY)
    assert late.due == date(2026, 12, 20)
    assert early.due == date(2027, 11, 1)


def test_an_event_of_the_future_counts_for_nothing_yet():
    assert due_dates(legal(), [event(date(2026, 11, 22))], recommended=None, today=TODAY).due is None


def test_a_failed_verification_leaves_the_date_blank_until_a_pass():
    failed = [event(date(2026, 1, 10)), event(date(2026, 6, 10), Decision.FAILED)]
    dates = due_dates(legal(), failed, recommended=date(2026, 12, 1), today=TODAY)
    assert (dates.due, dates.statutory, dates.recommended, dates.valid_until) == (None, None, None, None)
    repaired = [*failed, event(date(2026, 7, 1), kind=EventKind.AFTER_REPAIR)]
    assert due_dates(legal(), repaired, recommended=None, today=TODAY).due == date(2027, 7, 1)


@pytest.mark.parametrize("kind", [EventKind.ARBITRATION, EventKind.INTERIM, EventKind.INTERMEDIATE_CHECK])
def test_only_first_subsequent_and_after_repair_verifications_move_the_schedule(kind):
    events = [event(date(2026, 1, 10)), event(date(2026, 6, 10), kind=kind)]
    assert due_dates(legal(), events, recommended=None, today=TODAY).due == date(2027, 1, 10)


def test_a_failed_interim_verification_takes_out_of_service():
    events = [event(date(2026, 1, 10)), event(date(2026, 6, 10), Decision.FAILED, EventKind.INTERIM)]
    assert due_dates(legal(), events, recommended=None, today=TODAY).due is None


def test_a_calibration_does_not_renew_a_mandatory_verification():
    events = [event(date(2026, 1, 10)), event(date(2026, 6, 10), Decision.NONE, EventKind.CALIBRATION)]
    assert due_dates(legal(), events, recommended=None, today=TODAY).due == date(2027, 1, 10)
    voluntary = due_dates(legal(Regime.VOLUNTARY), events, recommended=None, today=TODAY)
    assert voluntary.due == date(2027, 6, 10)


def test_a_limited_use_ends_after_the_first_verification_whatever_follows():
    rotated = legal(Regime.FIRST_LIMITED, months=72)
    events = [event(date(2021, 5, 4), kind=EventKind.FIRST_VERIFICATION), event(date(2025, 5, 4))]
    assert due_dates(rotated, events, recommended=None, today=TODAY).due == date(2027, 5, 4)


def test_what_is_scrapped_when_inaccurate_has_no_date():
    scrap = legal(Regime.FIRST_SCRAP, months=None)
    dates = due_dates(
        scrap, [event(date(2020, 1, 1), kind=EventKind.FIRST_VERIFICATION)], recommended=None, today=TODAY
    )
    assert dates.due is None
    assert dates.last_event is not None


def test_of_two_events_of_one_day_the_later_entry_holds():
    events = [event(date(2026, 6, 1), Decision.FAILED, name="a"), event(date(2026, 6, 1), name="b")]
    found = due_dates(legal(), events, recommended=None, today=TODAY).last_event
    assert found is not None
    assert found.decision is Decision.PASSED


dates_near = st.dates(date(2024, 1, 1), date(2030, 1, 1))


@given(st.sampled_from([Regime.PERIODIC, Regime.FIRST_LIMITED]), st.integers(1, 96), dates_near, dates_near)
def test_in_a_mandatory_regime_evidence_never_extends(regime, months, completed, recommended):
    status = legal(regime, months)
    today = completed + timedelta(days=1)
    without = due_dates(status, [event(completed)], recommended=None, today=today)
    given_evidence = due_dates(status, [event(completed)], recommended=recommended, today=today)
    assert without.due is not None
    assert given_evidence.due == min(without.due, recommended)
    assert given_evidence.statutory == without.statutory


def test_a_voluntary_interval_lengthens_within_its_policy_only():
    status = legal(Regime.VOLUNTARY, months=12, longest=18)
    events = [event(date(2026, 1, 10), kind=EventKind.CALIBRATION, decision=Decision.NONE)]
    assert due_dates(status, events, recommended=date(2027, 4, 1), today=TODAY).due == date(2027, 4, 1)
    assert due_dates(status, events, recommended=date(2029, 4, 1), today=TODAY).due == date(2027, 7, 10)
    fixed = legal(Regime.VOLUNTARY, months=12)
    assert due_dates(fixed, events, recommended=date(2029, 4, 1), today=TODAY).due == date(2027, 1, 10)


def test_dates_are_legal_dates_where_the_instrument_stands():
    # 2026-11-20 17:00 UTC is already the 21st in China.
    t_ns = 1_795_194_000 * 10**9
    assert legal_date(t_ns, 0) == date(2026, 11, 20)
    assert legal_date(t_ns, 480) == date(2026, 11, 21)


@given(st.dates(date(1971, 1, 1), date(2200, 1, 1)), st.integers(-840, 840))
def test_noon_of_a_legal_date_lies_on_that_date(day, offset):
    assert legal_date(instant_of(day, offset), offset) == day


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"regime": Regime.FIRST_SCRAP, "months": 12}, "period_months"),
        ({"months": None}, "period_months"),
        ({"months": 0}, "period_months"),
        ({"longest": 24}, "longest_period_months"),
        ({"regime": Regime.VOLUNTARY, "longest": 6}, "longest_period_months"),
        ({"range_low": 0.0}, "range_low"),
        ({"range_low": 5.0, "range_high": 5.0}, "range_high"),
    ],
)
def test_legal_data_that_contradict_themselves_are_refused(more, field):
    with pytest.raises(LegalDataError) as refused:
        legal(**more)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("point", "field"),
    [
        ({"as_found": float("nan")}, "as_found"),
        ({"as_found": None}, "as_left"),
        ({"expanded_uncertainty": 0.0}, "expanded_uncertainty"),
        ({"coverage_factor": -2.0}, "coverage_factor"),
    ],
)
def test_a_certificate_point_holds_numbers_and_never_a_zero_uncertainty(point, field):
    values = {"test_point": 1.0, "unit": "kg", "as_found": 0.1, "as_left": None, "expanded_uncertainty": 0.1}
    with pytest.raises(LegalDataError) as refused:
        EventPoint(**(values | point))
    assert refused.value.field == field
