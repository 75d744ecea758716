"""When the next verification is due: always computed from the last completed event, never typed in.

A due date is the anniversary: calendar months after completion, clamped to the month's end. A certificate prints the
day before it as its last day of validity. Nothing done early is lost or won: the next period starts at the event.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.errors import LegalDataError
from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent
from steelyard.calibration.verification.regime import LegalStatus, Regime

_MOVES_THE_SCHEDULE = frozenset(
    {EventKind.FIRST_VERIFICATION, EventKind.SUBSEQUENT_VERIFICATION, EventKind.AFTER_REPAIR}
)
"""Occasions whose pass starts a new statutory period. Arbitration, interim verification and checks do not."""

_CONFORMS = frozenset({Decision.PASSED, Decision.LIMITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDates:
    """The dates of one instrument.

    `statutory` is set by the law or the agreed interval, `recommended` by evidence, `due` is the one that holds; None
    where there is none. `valid_until` is the last day on which the newest certificate holds. `last_event` is the event
    that all this was counted from.
    """

    statutory: date | None
    recommended: date | None
    due: date | None
    valid_until: date | None
    last_event: VerificationEvent | None


def legal_date(t_ns: int, utc_offset_minutes: int) -> date:
    """The calendar date of an instant where `utc_offset_minutes` is the legal time's distance from UTC."""
    instant = datetime.fromtimestamp(t_ns // 1_000_000_000, UTC)
    return (instant + timedelta(minutes=utc_offset_minutes)).date()


def instant_of(day: date, utc_offset_minutes: int) -> int:
    """Noon of a legal date, UTC ns: the time given to what is known by its date only."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=utc_offset_minutes)
    return int(noon.timestamp()) * 1_000_000_000


def add_months(day: date, months: int) -> date:
    """`day` plus calendar months; a day that the month does not have becomes its last (29 Feb + 12 = 28 Feb)."""
    years, month_index = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(years, month_index + 1)[1]
    return date(years, month_index + 1, min(day.day, last))


def valid_until(due: date) -> date:
    """The date that the certificate prints: the day before the anniversary."""
    return due - timedelta(days=1)


def schedule_event(legal: LegalStatus, events: Sequence[VerificationEvent], today: date) -> VerificationEvent | None:
    """The newest event completed by `today` that says whether the instrument may be used.

    That is a decided verification; for a voluntary instrument also a calibration. An arbitration or interim
    verification counts only when it failed: it takes an instrument out of service but does not start a new period.
    """
    newest: VerificationEvent | None = None
    for event in events:
        if event.instrument != legal.instrument:
            raise LegalDataError("instrument", event.instrument, f"give events of {legal.instrument}")
        if (
            event.completed <= today
            and _speaks(legal, event)
            and (newest is None or event.completed >= newest.completed)
        ):
            newest = event
    return newest


def statutory_due(legal: LegalStatus, event: VerificationEvent | None) -> date | None:
    """The date that the law or the agreed interval sets after `event`, None where it sets none.

    FIRST_SCRAP has no date; FIRST_LIMITED counts from the first verification (before that, from nothing); a failed
    instrument has none until it has passed again.
    """
    if legal.period_months is None or event is None or event.decision is Decision.FAILED:
        return None
    return add_months(event.completed, legal.period_months)


def due_dates(
    legal: LegalStatus, events: Sequence[VerificationEvent], *, recommended: date | None, today: date
) -> DueDates:
    """All dates of an instrument on `today`.

    `recommended` is what evidence suggests. In a mandatory regime it can only bring the date forward (design: "evidence
    can only shorten it or trigger an earlier order, never extend"); in a voluntary one it may also put it back, up to
    the policy's `longest_period_months`.
    """
    event = _first_limited_start(legal, events, today) or schedule_event(legal, events, today)
    newest = schedule_event(legal, events, today)
    if newest is not None and newest.decision is Decision.FAILED:
        return DueDates(statutory=None, recommended=None, due=None, valid_until=None, last_event=newest)
    statutory = statutory_due(legal, event)
    due = statutory
    if recommended is not None and (due is None or recommended < due):
        due = recommended
    elif recommended is not None and legal.longest_period_months is not None and event is not None:
        due = min(recommended, add_months(event.completed, legal.longest_period_months))
    until = None if statutory is None else valid_until(statutory)
    return DueDates(statutory=statutory, recommended=recommended, due=due, valid_until=until, last_event=newest)


def _first_limited_start(
    legal: LegalStatus, events: Sequence[VerificationEvent], today: date
) -> VerificationEvent | None:
    """A FIRST_LIMITED period runs from the first pass: later events cannot renew it."""
    if legal.regime is not Regime.FIRST_LIMITED:
        return None
    passed = [e for e in events if e.completed <= today and e.decision in _CONFORMS and _speaks(legal, e)]
    return min(passed, key=lambda event: event.completed, default=None)


def _speaks(legal: LegalStatus, event: VerificationEvent) -> bool:
    if event.kind in _MOVES_THE_SCHEDULE:
        return event.decision in _CONFORMS or event.decision is Decision.FAILED
    if event.kind is EventKind.CALIBRATION:
        return legal.regime is Regime.VOLUNTARY and event.decision is not Decision.NOT_TESTABLE
    return event.kind in {EventKind.ARBITRATION, EventKind.INTERIM} and event.decision is Decision.FAILED
