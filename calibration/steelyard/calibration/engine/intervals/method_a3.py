"""Method A3, the interval test: is the present interval consistent with the reliability target? (NCSLI RP-1, 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.intervals.binomial import Counts, Floats, rejection_confidence, reliability_limits
from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction

LEAST_CALIBRATIONS = 2
"""One calibration is an anecdote: no confidence rejects anything by it, and an interval from it would be a guess."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalTest:
    """Results, arrays of one shape.

    `interval` in the unit of the present one, nan where there are too few data (`sufficient` False);
    `rejection_confidence` with which the present interval fails the test; `rejected` whether that exceeds the
    confidence asked for; `observed_reliability` between its limits `reliability_low` and `reliability_high`.
    """

    interval: Floats
    sufficient: NDArray[np.bool_]
    rejection_confidence: Floats
    rejected: NDArray[np.bool_]
    observed_reliability: Floats
    reliability_low: Floats
    reliability_high: Floats


def interval_test(
    counts: Counts,
    current_interval: ArrayLike,
    target: float,
    *,
    confidence: float = 0.5,
    max_change_factor: float = 2.0,
) -> IntervalTest:
    """Test and adjust intervals at which calibrations were made, whatever their number of instruments.

    An interval that passes the test, Q <= `confidence`, stays as it is. One that fails it becomes I_0 10^((R - R_t) Q)
    for a reliability below the target and I_0 10^((R - R_t) / (1 - Q)) above it, with the observed reliability R and
    the rejection confidence Q of `binomial`; never changed by more than `max_change_factor` either way.
    `current_interval` > 0 broadcasts with the counts, in any unit of time; `confidence` is also that of the
    reliability's limits. Raises IntervalError for arguments out of range.

    suncal 1.7.1 lengthens an interval only where every calibration passed: its Q is negative for other good records.
    """
    require_fraction("target", target)
    if not (np.isfinite(max_change_factor) and max_change_factor >= 1.0):
        raise IntervalError("max_change_factor", max_change_factor, "must be 1 or more")
    present = np.asarray(current_interval, dtype=np.float64)
    wrong = ~(np.isfinite(present) & (present > 0.0))
    if np.any(wrong):
        raise IntervalError("current_interval", float(present[wrong].flat[0]), "must be a positive finite number")
    low, high = reliability_limits(counts, confidence)
    observed = counts.in_tolerance / counts.calibrations
    q = rejection_confidence(counts, target)
    rejected = q > confidence
    with np.errstate(divide="ignore", over="ignore"):
        power = (observed - target) * np.where(observed > target, 1.0 / (1.0 - q), q)
        factor = np.where(rejected, np.clip(10.0**power, 1.0 / max_change_factor, max_change_factor), 1.0)
    sufficient = counts.calibrations >= LEAST_CALIBRATIONS
    return IntervalTest(
        interval=np.where(sufficient, present * factor, np.nan),
        sufficient=np.asarray(sufficient),
        rejection_confidence=q,
        rejected=np.asarray(rejected),
        observed_reliability=np.asarray(observed),
        reliability_low=low,
        reliability_high=high,
    )
