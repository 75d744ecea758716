"""Probability that an error lies outside its limits (JCGM 106:2012)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr


def probability_outside(
    mean: ArrayLike, standard_uncertainty: ArrayLike, lower: ArrayLike, upper: ArrayLike
) -> NDArray[np.float64]:
    """1 - p_c for a normal state of knowledge about the error.

    p_c = Phi((T_U - y) / u) - Phi((T_L - y) / u): JCGM 106:2012, 7.4, equation (7). The tails are summed instead of
    subtracting p_c from 1, which keeps small probabilities exact. All arguments broadcast, in one unit;
    `standard_uncertainty` > 0, `lower` < `upper`; a limit may be infinite.

    Raises ValueError for a standard uncertainty that is not positive or limits out of order.
    """
    y, u = np.asarray(mean, dtype=np.float64), np.asarray(standard_uncertainty, dtype=np.float64)
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if not np.all(u > 0.0):
        raise ValueError("standard_uncertainty: every value must be positive; leave out what is unknown")
    if not np.all(low < high):
        raise ValueError("lower, upper: the lower limit must be below the upper one")
    return np.asarray(ndtr((low - y) / u) + ndtr((y - high) / u), dtype=np.float64)
