"""Exponentially weighted moving average chart, with the limits that belong to each value.

S. W. Roberts, Technometrics 1 (1959) 239-250; ISO 7870-6:2016; Montgomery clause 9.2, eq. 9.22 and 9.25-9.27;
NIST/SEMATECH e-Handbook 6.3.2.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.observations import (
    check_centre,
    check_positive,
    check_values,
    check_weight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaDesign:
    """The `weight` of the newest value, and the `limit` in standard deviations of the average.

    `steady`: the limits that the exact ones approach, from the first value on. `head_start` of the average above the
    target, in sigma.
    """

    weight: float = 0.2
    limit: float = 3.0
    steady: bool = False
    head_start: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a chart that cannot work."""
        check_weight(self.weight)
        check_positive("limit", self.limit)
        if not math.isfinite(self.head_start):
            raise ControlError("head_start", self.head_start, "must be a finite number, in sigma")

    @property
    def steady_half_width(self) -> float:
        """L sqrt(weight / (2 - weight)), in sigma."""
        return self.limit * math.sqrt(self.weight / (2.0 - self.weight))

    def half_widths(self, count: int) -> NDArray[np.float64]:
        """The half widths of the limits at the values 1..count, in sigma (Montgomery eq. 9.25)."""
        if self.steady or self.weight == 1.0:
            return np.full(count, self.steady_half_width)
        shrink = -np.expm1(2.0 * np.arange(1, count + 1) * math.log1p(-self.weight))
        return np.asarray(self.steady_half_width * np.sqrt(shrink), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EwmaChart:
    """The averages, float64[..., n], with the limits float64[n] at each value, in the values' unit.

    `first_signal[...]` is the 1-based position of the first average outside them, 0 if none is.
    """

    statistic: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    lower_limit: NDArray[np.float64]
    steady_upper_limit: float
    steady_lower_limit: float
    first_signal: NDArray[np.int64]


def ewma(values: ArrayLike, target: float, sigma: float, design: EwmaDesign, *, one_sided: bool = False) -> EwmaChart:
    """Draw an EWMA: z_i = weight x_i + (1 - weight) z_{i-1}, z_0 = target.

    Limits: target -+ L sigma sqrt(weight / (2 - weight) (1 - (1 - weight)^(2 i))).

    Args:
        values: float64[..., n] by time along the last axis.
        target: the mean in control, in the values' unit.
        sigma: the standard deviation of one value, in the values' unit.
        design: weight and limit.
        one_sided: watch for an increase only.

    Raises:
        ControlError: values that are not finite, none at all, a sigma that is not positive.
    """
    x = check_values(values)
    check_centre(target, sigma)
    remembered = 1.0 - design.weight
    start = np.full((*x.shape[:-1], 1), remembered * design.head_start * sigma)
    # Deviations from the target, so that a large target takes no digits from them.
    deviation, _ = lfilter([design.weight], [1.0, -remembered], x - target, axis=-1, zi=start)
    half = design.half_widths(x.shape[-1]) * sigma
    outside = deviation > half if one_sided else np.abs(deviation) > half
    steady = design.steady_half_width * sigma
    return EwmaChart(
        statistic=target + deviation,
        upper_limit=target + half,
        lower_limit=target - half,
        steady_upper_limit=target + steady,
        steady_lower_limit=target - steady,
        first_signal=np.where(outside.any(axis=-1), outside.argmax(axis=-1) + 1, 0),
    )
