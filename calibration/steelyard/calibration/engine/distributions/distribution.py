"""What every distribution can do, and the checks of parameters that they share."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.distributions.errors import DistributionError

Floats = NDArray[np.float64]


class Distribution(Protocol):
    """A state of knowledge about one quantity."""

    @property
    def mean(self) -> float:
        """Expectation; nan where there is none."""
        ...

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance; inf where it does not exist."""
        ...

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Independent draws, float64[size]."""
        ...

    def pdf(self, x: ArrayLike) -> Floats:
        """Probability density, shape of `x`."""
        ...

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of `x` or less, shape of `x`."""
        ...

    def quantile(self, p: ArrayLike) -> Floats:
        """The value with the probability `p` (between 0 and 1) below it, shape of `p`."""
        ...


def require_finite(**values: float) -> None:
    """Raise DistributionError unless every value is a finite number."""
    for field, value in values.items():
        if not math.isfinite(value):
            raise DistributionError(field, value, "must be a finite number")


def require_positive(**values: float) -> None:
    """Raise DistributionError unless every value is finite and greater than 0."""
    require_finite(**values)
    for field, value in values.items():
        if not value > 0.0:
            raise DistributionError(field, value, "must be greater than 0")


def require_order(lower: float, upper: float) -> None:
    """Raise DistributionError unless `lower` is below `upper`."""
    require_finite(lower=lower, upper=upper)
    if not lower < upper:
        raise DistributionError("upper", upper, f"must be greater than lower, which is {lower!r}")
