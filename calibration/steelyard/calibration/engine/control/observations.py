"""The values of a chart, its centre and its spread, checked."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.control.errors import ControlError

SpreadRule = Literal["moving-range", "standard-deviation"]
SPREAD_RULES: tuple[SpreadRule, ...] = ("moving-range", "standard-deviation")

_MOVING_RANGE_FACTOR = 2.0 / math.sqrt(math.pi)
"""d_2 for two values: the mean of |x_1 - x_2| in sigma, 1.128."""


def check_values(values: ArrayLike) -> NDArray[np.float64]:
    """Values by time along the last axis, finite, one at least; leading axes are instruments. Raises ControlError."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ControlError("values", None, "has no data; a chart needs one value at least")
    if not np.isfinite(x).all():
        position = tuple(int(each) for each in np.argwhere(~np.isfinite(x))[0])
        place = ", ".join(str(each + 1) for each in position)
        raise ControlError(f"values[{place}]", float(x[position]), "must be a finite number")
    return x


def check_centre(target: float, sigma: float) -> None:
    """Refuse a target that is not finite and a sigma that is not positive. Raises ControlError."""
    if not math.isfinite(target):
        raise ControlError("target", target, "must be a finite number")
    if not (math.isfinite(sigma) and sigma > 0.0):
        raise ControlError("sigma", sigma, "must be positive: the standard deviation of one plotted value")


def check_positive(field: str, value: float) -> None:
    """Refuse what is not finite and above zero. Raises ControlError."""
    if not (math.isfinite(value) and value > 0.0):
        raise ControlError(field, value, "must be a positive number")


def check_weight(weight: float) -> None:
    """Refuse a weight of an EWMA outside 0 < weight <= 1. Raises ControlError."""
    if not 0.0 < weight <= 1.0:
        raise ControlError("weight", weight, "must be above 0, and 1 at most")


def estimate_sigma(values: ArrayLike, rule: SpreadRule = "moving-range") -> float:
    """The standard deviation of one value, estimated from a series.

    `moving-range`: the mean of |x_i - x_{i-1}| / 1.128 (ISO 7870-2:2023, charts for individuals), which a step inflates
    but once; `standard-deviation`: s over all values. Raises ControlError for fewer than two values or no spread.
    """
    x = check_values(values)
    if x.ndim != 1 or len(x) < 2:
        raise ControlError("sigma", rule, "an estimate of sigma needs two values of one series or more")
    if rule == "moving-range":
        sigma = float(np.abs(np.diff(x)).mean()) / _MOVING_RANGE_FACTOR
    elif rule == "standard-deviation":
        sigma = float(np.std(x, ddof=1))
    else:
        raise ControlError("sigma", rule, f"must be a number or one of {', '.join(SPREAD_RULES)}")
    if not sigma > 0.0:
        raise ControlError("sigma", rule, "the values do not differ; give sigma as a number")
    return sigma
