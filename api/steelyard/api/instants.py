"""Times as text: RFC 3339 for programs, a plain date and time for people.

Everything inside is integer UTC nanoseconds; only text leaves here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

NS = 1_000_000_000
DAY_NS = 86_400 * NS

EARLIEST_YEAR, LATEST_YEAR = 1980, 2199
"""What a caller may ask for, by the year as written: 64-bit nanoseconds hold it, and a period more."""


def to_datetime(t_ns: int) -> datetime:
    """Return UTC nanoseconds as an aware datetime (microseconds; the rest is cut off)."""
    seconds, rest_ns = divmod(t_ns, NS)
    return datetime.fromtimestamp(seconds, tz=UTC) + timedelta(microseconds=rest_ns // 1000)


def to_ns(instant: datetime) -> int:
    """Return an aware datetime as UTC nanoseconds, exactly."""
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000


def rfc3339(t_ns: int) -> str:
    """Return an instant as RFC 3339 text in UTC with microseconds."""
    return to_datetime(t_ns).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(t_ns: int, zone: tzinfo = UTC) -> str:
    """Return an instant as people write it, in the console's time zone, with that zone named."""
    local = to_datetime(t_ns).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def ago(t_ns: int, now_ns: int) -> str:
    """Return how long ago something was, in the largest unit that still says enough."""
    seconds = max(0, (now_ns - t_ns) // NS)
    if seconds < 2:
        return "just now"
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}s ago"
    return f"{seconds} seconds ago"


def in_days(day: date, today: date) -> str:
    """Return a date's distance from today in words: days up to three months, then months, then years."""
    days = (day - today).days
    if abs(days) > 90:
        far = f"{abs(days) / 30.4375:.0f} months" if abs(days) < 730 else f"{abs(days) / 365.25:.0f} years"
        return f"in {far}" if days > 0 else f"{far} ago"
    if days == 0:
        return "today"
    if abs(days) == 1:
        return "tomorrow" if days > 0 else "yesterday"
    return f"in {days} days" if days > 0 else f"{-days} days ago"
