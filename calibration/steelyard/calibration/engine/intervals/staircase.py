"""Automatic adjustment, "staircase": each result moves the interval (ILAC-G24:2022 / OIML D 10, method 1; RP-1, A1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction, require_positive


class Finding(StrEnum):
    """What a calibration found, and so what becomes of the interval."""

    WELL_INSIDE = "well_inside"
    """Within the comfortable part of the tolerance: extend."""
    INSIDE = "inside"
    """In tolerance, near a limit: keep."""
    OUTSIDE = "outside"
    """Out of tolerance: reduce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaircaseRule:
    """`increase` a: I (1 + a) after a good result; `decrease` b: I (1 - b) after a bad one; both in (0, 1), a > 0.

    `shortest`, `longest` bound the interval, in its unit.
    """

    increase: float
    decrease: float
    shortest: float = 0.0
    longest: float = math.inf

    def __post_init__(self) -> None:
        """Refuse steps that lead nowhere."""
        require_positive("increase", self.increase)
        require_fraction("decrease", self.decrease)
        if not 0.0 <= self.shortest < self.longest:
            raise IntervalError("longest", self.longest, f"must be greater than shortest, which is {self.shortest:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """`interval` after the last result, in the unit of the first; `steps` after each. None with a `reason`."""

    interval: float | None
    reason: str | None
    steps: tuple[float, ...]


def decrease_for_target(increase: float, target: float) -> float:
    """The step down that balances a step up where the part `target` of calibrations is in tolerance.

    (1 + a)^R (1 - b)^(1 - R) = 1, so that the interval neither grows nor shrinks in the long run at the target:
    NCSLI RP-1, method A1. Raises IntervalError for arguments out of range.
    """
    require_positive("increase", increase)
    require_fraction("target", target)
    return 1.0 - math.exp(-target / (1.0 - target) * math.log1p(increase))


def finding_of(error: float, lower: float, upper: float, *, comfortable: float = 0.8) -> Finding:
    """Judge an as-found error by its limits: `comfortable` is the part of them that permits a longer interval.

    ILAC-G24 speaks of 80 % of the maximum permissible error. Raises IntervalError for an error that is not finite,
    limits not around 0, a part outside (0, 1].
    """
    if not math.isfinite(error):
        raise IntervalError("errors", error, "must be a finite number")
    if not lower < 0.0 < upper:
        raise IntervalError("lower", lower, "must be below 0, and upper above: they limit an error")
    if not 0.0 < comfortable <= 1.0:
        raise IntervalError("comfortable", comfortable, "must be greater than 0 and at most 1")
    if not lower <= error <= upper:
        return Finding.OUTSIDE
    return Finding.WELL_INSIDE if comfortable * lower <= error <= comfortable * upper else Finding.INSIDE


def staircase(interval: float, findings: Sequence[Finding], rule: StaircaseRule) -> Staircase:
    """Follow the results in their order, from the interval that was in force before the first of them.

    Raises IntervalError unless the interval is positive.
    """
    require_positive("current_interval", interval)
    if not findings:
        return Staircase(interval=None, reason="no calibration results to respond to", steps=())
    factors = {Finding.WELL_INSIDE: 1.0 + rule.increase, Finding.INSIDE: 1.0, Finding.OUTSIDE: 1.0 - rule.decrease}
    steps: list[float] = []
    for finding in findings:
        interval = min(max(interval * factors[finding], rule.shortest), rule.longest)
        steps.append(interval)
    return Staircase(interval=interval, reason=None, steps=tuple(steps))
