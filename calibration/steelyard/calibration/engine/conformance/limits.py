"""An interval of permissible or acceptable values, one- or two-sided."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steelyard.calibration.engine.conformance.errors import ConformanceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A tolerance interval [T_L, T_U] or an acceptance interval [A_L, A_U] (JCGM 106:2012, 3.3).

    `lower`, `upper` in the unit of the property; -inf or inf where that side has no limit (one-sided, clause 5).
    """

    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        """Refuse limits that limit nothing or stand in the wrong order."""
        for field, value, missing in (("lower", self.lower, -math.inf), ("upper", self.upper, math.inf)):
            if math.isnan(value) or (math.isinf(value) and value != missing):
                raise ConformanceError(field, value, "must be a finite number, or left out where there is no limit")
        if math.isinf(self.lower) and math.isinf(self.upper):
            raise ConformanceError("lower", None, "is missing, and so is upper; give at least one limit")
        if not self.lower < self.upper:
            raise ConformanceError("upper", self.upper, f"must be greater than lower, which is {self.lower!r}")

    @property
    def two_sided(self) -> bool:
        """Whether there are both limits."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    @property
    def half_width(self) -> float:
        """Half the distance of the limits, inf for one limit."""
        return 0.5 * (self.upper - self.lower)

    @property
    def centre(self) -> float:
        """The middle of a two-sided interval; the limit itself of a one-sided one."""
        if self.two_sided:
            return self.lower + self.half_width
        return self.upper if math.isfinite(self.upper) else self.lower

    def __contains__(self, value: float) -> bool:
        """Whether a value lies between the limits, which belong to the interval."""
        return self.lower <= value <= self.upper

    def guarded(self, guard_band: float) -> Limits:
        """The acceptance interval with both limits moved inwards by `guard_band` (JCGM 106:2012, 8.3.2).

        A negative one moves them outwards: guarded rejection, 8.3.3. Raises ConformanceError if nothing is left.
        """
        if not math.isfinite(guard_band):
            raise ConformanceError("guard_band", guard_band, "must be a finite number")
        if guard_band >= self.half_width:
            raise ConformanceError(
                "guard_band", guard_band, f"leaves nothing to accept; must be less than {self.half_width:g}"
            )
        return Limits(lower=self.lower + guard_band, upper=self.upper - guard_band)
