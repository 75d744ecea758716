"""Tabular CUSUM: sums of deviations from a target beyond what is allowed.

E. S. Page, Biometrika 41 (1954) 100-115; ISO 7870-4:2021; D. C. Montgomery, Introduction to Statistical Quality
Control, clause 9.1, eq. 9.2 and 9.3. Head start: J. M. Lucas and R. B. Crosier, Technometrics 24 (1982) 199-205.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.observations import check_centre, check_positive, check_values


@dataclass(frozen=True, slots=True, kw_only=True)
class CusumDesign:
    """Reference value `k`, decision interval `h`, `head_start` of both sums, all in sigma."""

    k: float = 0.5
    h: float = 5.0
    head_start: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a chart that cannot work."""
        if not (np.isfinite(self.k) and self.k >= 0.0):
            raise ControlError("k", self.k, "must be 0 or more, in sigma; half of the shift to be found is usual")
        check_positive("h", self.h)
        if not 0.0 <= self.head_start <= self.h:
            raise ControlError("head_start", self.head_start, "must be from 0 to h, in sigma; h / 2 is usual")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CusumChart:
    """The sums, float64[..., n], in the unit of the values, both positive, signalling above `limit`.

    `first_signal[...]` is the 1-based position of the first value at which a sum is above the limit, 0 if none is;
    `onset[...]` the position of the first value since that sum was last zero, and `level[...]` the mean of the values
    from there to the signal as the chart estimates it (Montgomery eq. 9.5), NaN if none.
    """

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    limit: float
    first_signal: NDArray[np.int64]
    onset: NDArray[np.int64]
    level: NDArray[np.float64]


def cusum(
    values: ArrayLike, target: float, sigma: float, design: CusumDesign, *, one_sided: bool = False
) -> CusumChart:
    """Draw a CUSUM: C+_i = max(0, C+_{i-1} + x_i - target - k sigma), C-_i likewise downwards, limit h sigma.

    Args:
        values: float64[..., n] by time along the last axis.
        target: the mean in control, in the values' unit.
        sigma: the standard deviation of one value, in the values' unit.
        design: k, h and head start in sigma.
        one_sided: watch for an increase only; the lower sum is drawn but gives no signal.

    Raises:
        ControlError: values that are not finite, none at all, a sigma that is not positive.
    """
    x = check_values(values)
    check_centre(target, sigma)
    deviation = x - target
    upper = _reflected(deviation - design.k * sigma, design.head_start * sigma)
    lower = _reflected(-deviation - design.k * sigma, design.head_start * sigma)
    limit = design.h * sigma
    above, below = upper > limit, lower > limit
    signals = above if one_sided else above | below
    first = np.where(signals.any(axis=-1), signals.argmax(axis=-1) + 1, 0)
    at = np.maximum(first - 1, 0)[..., None]
    rising = np.take_along_axis(above, at, axis=-1)[..., 0]
    onset = np.where(rising, _last_zero(upper, at), _last_zero(lower, at)) + 1
    height = np.where(
        rising, np.take_along_axis(upper, at, axis=-1)[..., 0], -np.take_along_axis(lower, at, axis=-1)[..., 0]
    )
    # Without a signal there is no run; one keeps the division quiet.
    run = np.maximum(at[..., 0] + 2 - onset, 1)
    level = target + np.sign(height) * design.k * sigma + height / run
    return CusumChart(
        upper=upper,
        lower=lower,
        limit=limit,
        first_signal=np.asarray(first, dtype=np.int64),
        onset=np.asarray(np.where(first > 0, onset, 0), dtype=np.int64),
        level=np.asarray(np.where(first > 0, level, np.nan), dtype=np.float64),
    )


def _reflected(steps: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """C_i = max(0, C_{i-1} + step_i) from C_0 = start: the path less its lowest point so far below zero."""
    path = start + np.cumsum(steps, axis=-1)
    return np.asarray(path + np.maximum.accumulate(np.maximum(-path, 0.0), axis=-1), dtype=np.float64)


def _last_zero(sums: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The 1-based position of the last zero at or before `at`, 0 if there is none: the sums begin at a start."""
    position = np.where(sums == 0.0, np.arange(1, sums.shape[-1] + 1), 0)
    return np.asarray(np.take_along_axis(np.maximum.accumulate(position, axis=-1), at, axis=-1)[..., 0], dtype=np.int64)
