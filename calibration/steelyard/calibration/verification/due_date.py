"""Dates: always computed from the last completed event, never typed in.

A due date is the anniversary: calendar months after completion, clamped to the month's end. A certificate prints the
day before it as its last day of validity. Nothing done early is lost or won: the next period starts at the event.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.verification.events import VerificationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDates:
    """The dates of one instrument.

    `statutory` is set by the law or the agreed interval, `recommended` by evidence, `due` is the one that holds; None
    where there is none. `valid_until` is the last day on which the newest certificate holds. `last_event` is the event
    whose decision stands.
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
