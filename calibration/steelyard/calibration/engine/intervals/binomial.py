"""What counts of passes say about a reliability: limits and tests, for whole fleets at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """`in_tolerance` of `calibrations` found in tolerance; float64 arrays of one shape holding whole numbers."""

    in_tolerance: Floats
    calibrations: Floats

    @classmethod
    def of(cls, in_tolerance: ArrayLike, calibrations: ArrayLike) -> Counts:
        """Check and broadcast. Raises IntervalError for what is no count, for more passes than calibrations."""
        g, n = np.broadcast_arrays(
            np.asarray(in_tolerance, dtype=np.float64), np.asarray(calibrations, dtype=np.float64)
        )
        for field, values in (("calibrations", n), ("in_tolerance", g)):
            wrong = ~(np.isfinite(values) & (values >= 0.0) & (values == np.round(values)))
            if np.any(wrong):
                raise IntervalError(field, float(values[wrong].flat[0]), "must be a whole number, 0 or more")
        if np.any(n == 0.0):
            raise IntervalError("calibrations", 0, "there are no data; give one calibration at least")
        if np.any(g > n):
            at = np.flatnonzero((g > n).ravel())[0]
            raise IntervalError("in_tolerance", float(g.flat[at]), f"is more than the {n.flat[at]:g} calibrations")
        return cls(in_tolerance=g, calibrations=n)


def reliability_limits(counts: Counts, confidence: float) -> tuple[Floats, Floats]:
    """Two-sided Clopper-Pearson limits of the reliability at this confidence.

    C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404; NCSLI RP-1 (2010), method A3. The lower one solves
    Pr(X >= g | R) = (1 - C) / 2, the upper one Pr(X <= g | R) = (1 - C) / 2; nothing passed: lower 0; all: upper 1.
    Raises IntervalError for a confidence outside (0, 1).
    """
    require_fraction("confidence", confidence)
    g, n = counts.in_tolerance, counts.calibrations
    tail = 0.5 * (1.0 - confidence)
    low = np.where(g > 0.0, betaincinv(np.maximum(g, 1.0), n - g + 1.0, tail), 0.0)
    high = np.where(g < n, betaincinv(g + 1.0, np.maximum(n - g, 1.0), 1.0 - tail), 1.0)
    return low, high


def rejection_confidence(counts: Counts, target: ArrayLike) -> Floats:
    """The highest confidence at which the Clopper-Pearson limits exclude the target; 0 where none does.

    Q = 1 - 2 Pr(X <= g | R_t) for an observed reliability below the target (NCSLI RP-1, method A3), and by the same
    limits, from the other side, 1 - 2 Pr(X >= g | R_t) for one above it. (suncal 1.7.1 computes the latter as
    Pr(X <= g) - 1, which is never positive, and so never finds an interval too short.) Where all passed, or none,
    there is one limit, and method A3 gives it all of the risk: 1 - R_t^n, 1 - (1 - R_t)^n.
    """
    g, n = counts.in_tolerance, counts.calibrations
    t = np.asarray(target, dtype=np.float64)
    # Binomial tails by the incomplete beta function: Abramowitz and Stegun, 26.5.24.
    at_most = np.where(g < n, betainc(np.maximum(n - g, 1.0), g + 1.0, 1.0 - t), 1.0)
    at_least = np.where(g > 0.0, betainc(np.maximum(g, 1.0), n - g + 1.0, t), 1.0)
    sides = np.where((g == 0.0) | (g == n), 1.0, 2.0)
    return np.asarray(np.maximum(1.0 - sides * np.where(g < n * t, at_most, at_least), 0.0))
