"""What every way of fitting gives, before it is made into a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.curves.least_squares import Numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Parameters that minimize a weighted sum of squares."""

    values: Numbers
    """The parameters, shape (p,), in 60 digits: predictions are differences of large terms."""
    inverse: Numbers
    """(J'WJ)^-1, shape (p, p): the covariance if the weights are inverse (co)variances; NaN if it is unknown."""
    residuals: Array
    """y minus the model, shape (n,)."""
    residual_sum_of_squares: float
    """Of the residuals, without weights, in the square of y's unit."""
    weighted_sum_of_squares: float
    """Of the residuals with the weights, and of those of x too where it is uncertain."""
    converged: bool
    """Whether the parameters are at a minimum."""
    message: str
    """How it was found, or what went wrong."""
