"""Durations as people write them: ``730d``, ``6h``, ``1min30s``, ``250ms``; in the program integer nanoseconds."""

from __future__ import annotations

import re

from steelyard.firmware_sim.errors import ScenarioError

NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND

SECONDS_PER_DAY = 86_400.0
SECONDS_PER_YEAR = 365.25 * SECONDS_PER_DAY
"""The Julian year, in which all rates "per year" are meant."""

_UNITS = (
    ("d", NS_PER_DAY),
    ("h", 3_600 * NS_PER_SECOND),
    ("min", 60 * NS_PER_SECOND),
    ("s", NS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
)
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>\d+){unit})?" for unit, _ in _UNITS))


def parse_duration(text: str, field: str) -> int:
    """Return the nanoseconds of `text`.

    Raises:
        ScenarioError: naming `field`, if `text` is not a duration (units large to small, each at most once).
    """
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ScenarioError(field, text, 'write a duration as "730d", "6h", "1min30s" or "250ms", units large to small')
    return sum(int(match[unit] or 0) * size for unit, size in _UNITS)


def format_duration(ns: int) -> str:
    """Write `ns` (0 or more) so that `parse_duration` gives it back exactly."""
    if ns < 0:
        raise ScenarioError("duration", ns, "must not be negative")
    parts = []
    for unit, size in _UNITS:
        count, ns = divmod(ns, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
