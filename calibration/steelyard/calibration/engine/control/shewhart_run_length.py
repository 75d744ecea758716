"""Average run length of Shewhart charts, also with run rules.

C. W. Champ and W. H. Woodall, Technometrics 29 (1987) 393-399: the last values that can still complete a rule are the
state of a Markov chain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import spsolve
from scipy.special import ndtr

from steelyard.calibration.engine.control.cusum_run_length import design_for
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.observations import check_positive
from steelyard.calibration.engine.control.run_rules import RULES, Region, ZoneRule, rule_names

_MOST_STATES = 60_000

Windows = tuple[int, ...]
"""For each region of each rule, which of the values before lay in it: bit 0 is the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One region of a rule: `count` of `of` values."""

    count: int
    of: int
    region: Region


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chain:
    """Zones between `edges`, and steps: in zone `zone[i]` the state goes from `source[i]` to `target[i]`."""

    edges: NDArray[np.float64]
    states: int
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    zone: NDArray[np.int64]


def shewhart_run_lengths(
    shifts: Sequence[float], *, limit: float = 3.0, rules: Sequence[str] = (), one_sided: bool = False
) -> NDArray[np.float64]:
    """The average number of values until a Shewhart chart signals, at constant shifts of the mean.

    Args:
        shifts: float64[n] in sigma.
        limit: in sigma.
        rules: names of run rules; those about trends have no such run length.
        one_sided: the upper limit alone, and of each rule its upper side.

    Raises:
        ControlError: a shift that is not finite, an unknown rule, one about trends or (one-sided) about both sides.
    """
    check_positive("limit", limit)
    for shift in shifts:
        if not math.isfinite(shift):
            raise ControlError("shift", shift, "must be a finite number, in sigma")
    watches = _watches(rules, one_sided)
    shift_array = np.asarray(shifts, dtype=np.float64)
    if not watches:
        beyond = ndtr(shift_array - limit) + (0.0 if one_sided else ndtr(-shift_array - limit))
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 / beyond, dtype=np.float64)
    chain = _build(watches, limit, one_sided)
    return np.array([_solve(chain, float(shift)) for shift in shifts])


def shewhart_limit(in_control_run_length: float, *, rules: Sequence[str] = (), one_sided: bool = False) -> float:
    """The limit, in sigma, with which a chart signals once in so many values in control. Raises ControlError."""

    def length(limit: float) -> float:
        return float(shewhart_run_lengths([0.0], limit=limit, rules=rules, one_sided=one_sided)[0])

    return design_for(length, in_control_run_length, 8.0)


def _watches(rules: Sequence[str], one_sided: bool) -> tuple[_Watch, ...]:
    watches: list[_Watch] = []
    for name in rule_names(rules):
        rule = RULES[name]
        if not isinstance(rule, ZoneRule):
            raise ControlError("rules", name, "a run length can be calculated for rules of zones, not of trends")
        regions = rule.upward if one_sided else rule.regions
        if not regions:
            raise ControlError("rules", name, "speaks of both sides; leave it out, or ask for both sides")
        watches.extend(_Watch(count=rule.count, of=rule.of, region=region) for region in regions)
    return tuple(watches)


def _build(watches: tuple[_Watch, ...], limit: float, one_sided: bool) -> _Chain:
    """All states that can be reached from the empty one."""
    within = ((-math.inf if one_sided else -limit, limit),)
    finite = {edge for each in (within, *(watch.region for watch in watches)) for pair in each for edge in pair}
    edges = np.array(sorted(finite | {-math.inf, math.inf}))
    middles = [_middle(low, high) for low, high in pairwise(edges.tolist())]
    members = [tuple(_inside(middle, watch.region) for watch in watches) for middle in middles]
    zones = [number for number, middle in enumerate(middles) if _inside(middle, within)]
    start: Windows = (0,) * len(watches)
    numbers: dict[Windows, int] = {start: 0}
    waiting = [start]
    source, target, zone = [], [], []
    while waiting:
        state = waiting.pop()
        for number in zones:
            following = _advance(state, members[number], watches)
            if following is None:
                continue
            if following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
                if len(numbers) > _MOST_STATES:
                    raise ControlError("rules", None, f"need more than {_MOST_STATES} states; ask for fewer rules")
            source.append(numbers[state])
            target.append(numbers[following])
            zone.append(number)
    return _Chain(
        edges=edges,
        states=len(numbers),
        source=np.array(source, dtype=np.int64),
        target=np.array(target, dtype=np.int64),
        zone=np.array(zone, dtype=np.int64),
    )


def _middle(low: float, high: float) -> float:
    if math.isinf(low):
        return high - 1.0
    return low + 1.0 if math.isinf(high) else 0.5 * (low + high)


def _inside(z: float, region: Region) -> bool:
    return any(low < z < high for low, high in region)


def _advance(state: Windows, member: tuple[bool, ...], watches: tuple[_Watch, ...]) -> Windows | None:
    """The state after one more value, None for a signal."""
    following = []
    for window, inside, watch in zip(state, member, watches, strict=True):
        bits = (window << 1 | inside) & ((1 << watch.of) - 1)
        if inside and bits.bit_count() >= watch.count:
            return None
        following.append(_needed(bits & ((1 << (watch.of - 1)) - 1), watch))
    return tuple(following)


def _needed(bits: int, watch: _Watch) -> int:
    """The window without old values that can no longer complete the rule: states with one future become one state."""
    while bits:
        oldest = bits.bit_length() - 1
        # After j + 1 more values, all inside, the window still holds the values of age <= of - 2 - j.
        if any(
            (bits & ((1 << (watch.of - 1 - j)) - 1)).bit_count() + j + 1 >= watch.count
            for j in range(watch.of - 1 - oldest)
        ):
            return bits
        bits &= ~(1 << oldest)
    return bits


def _solve(chain: _Chain, shift: float) -> float:
    probability = np.diff(ndtr(chain.edges - shift))
    # In the upper tail differences of small complements keep the digits that those of numbers near one lose.
    upper = -np.diff(ndtr(shift - chain.edges))
    probability = np.where(chain.edges[:-1] > shift, upper, probability)
    size = (chain.states, chain.states)
    transition = csc_array((probability[chain.zone], (chain.source, chain.target)), shape=size)
    lengths = spsolve(csc_array(identity(chain.states, format="csc") - transition), np.ones(chain.states))
    length = float(np.atleast_1d(lengths)[0])
    return length if 1.0 - 1e-9 <= length < 1e13 else math.inf
