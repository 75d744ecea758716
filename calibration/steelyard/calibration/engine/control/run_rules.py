"""Rules that speak of several values in a row, for Shewhart charts.

Western Electric, Statistical Quality Control Handbook (1956); L. S. Nelson, Journal of Quality Technology 16 (1984)
237-239; ISO 7870-2:2023, annex. A side's rule never counts a value on the other side of the centre line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.control.errors import ControlError

Region = tuple[tuple[float, float], ...]
"""Open intervals of (x - centre) / sigma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """`count` of the last `of` values in one of the `regions`; which of them point upwards is `upward`."""

    count: int
    of: int
    regions: tuple[Region, ...]
    upward: tuple[Region, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRule:
    """`length` values in a row, each above (or each below) the one before; `alternating`: up and down by turns."""

    length: int
    alternating: bool


Rule = ZoneRule | TrendRule


def one_side(count: int, of: int, beyond: float) -> ZoneRule:
    """`count` of `of` values beyond so many sigma on the same side."""
    up, down = ((beyond, math.inf),), ((-math.inf, -beyond),)
    return ZoneRule(count=count, of=of, regions=(up, down), upward=(up,))


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "2of3": one_side(2, 3, 2.0),
        "4of5": one_side(4, 5, 1.0),
        "8same": one_side(8, 8, 0.0),
        "9same": one_side(9, 9, 0.0),
        "6trend": TrendRule(length=6, alternating=False),
        "14alternating": TrendRule(length=14, alternating=True),
        "15within": ZoneRule(count=15, of=15, regions=(((-1.0, 1.0),),), upward=()),
        "8beyond": ZoneRule(count=8, of=8, regions=(((-math.inf, -1.0), (1.0, math.inf)),), upward=()),
    }
)
"""2 of 3 beyond 2 sigma, 4 of 5 beyond 1 sigma, 8 or 9 on one side of the centre, 6 rising or falling, 14 up and down,
15 within 1 sigma, 8 beyond 1 sigma on either side."""

RULE_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "western-electric": ("2of3", "4of5", "8same"),
        "nelson": ("9same", "6trend", "14alternating", "2of3", "4of5", "15within", "8beyond"),
    }
)

LIMIT_RULE = "limit"
"""The name of the first rule: one value beyond the control limits."""


def rule_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Names of rules, and of sets of them, as single rules, each once. Raises ControlError for an unknown one."""
    names: dict[str, None] = {}
    for text in texts:
        if text not in RULES and text not in RULE_SETS and text != LIMIT_RULE:
            raise ControlError("rules", text, f"there are {', '.join((LIMIT_RULE, *RULES, *RULE_SETS))}")
        for name in RULE_SETS.get(text, (text,)):
            names[name] = None
    names.pop(LIMIT_RULE, None)
    return tuple(names)


def inside(z: NDArray[np.float64], region: Region) -> NDArray[np.bool_]:
    """Which values lie in a region."""
    found = np.zeros(z.shape, dtype=np.bool_)
    for low, high in region:
        found |= (z > low) & (z < high)
    return found


def violations(z: NDArray[np.float64], rule: Rule) -> NDArray[np.bool_]:
    """At which values, standardized, by time along the last axis, a rule is broken; the value itself takes part."""
    if isinstance(rule, TrendRule):
        return _trend(z, rule)
    broken = np.zeros(z.shape, dtype=np.bool_)
    for region in rule.regions:
        member = inside(z, region)
        broken |= member & (_trailing_count(member, rule.of) >= rule.count)
    return broken


def _trailing_count(member: NDArray[np.bool_], window: int) -> NDArray[np.int64]:
    """How many of the last `window` values up to each are members."""
    sums = np.cumsum(member, axis=-1, dtype=np.int64)
    before = np.zeros_like(sums)
    before[..., window:] = sums[..., :-window]
    return sums - before


def _trend(z: NDArray[np.float64], rule: TrendRule) -> NDArray[np.bool_]:
    broken = np.zeros(z.shape, dtype=np.bool_)
    steps = np.sign(np.diff(z, axis=-1))
    if rule.alternating:
        steps = steps * np.where(np.arange(steps.shape[-1]) % 2 == 0, 1.0, -1.0)
    needed = rule.length - 1
    for sign in (1.0, -1.0):
        broken[..., 1:] |= _trailing_count(steps == sign, needed) >= needed
    return broken
