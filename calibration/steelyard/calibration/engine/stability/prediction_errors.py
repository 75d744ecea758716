"""Are the errors of a model's predictions what the model says: independent, normal, of one variance?

J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods (2nd ed., 2012), 2.12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtr

from steelyard.calibration.engine.stability.errors import StabilityError


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionErrorTests:
    """Tests of n standardized prediction errors.

    `skewness` S and `excess_kurtosis` K - 3 of the third and fourth moment; `normality` N = n (S^2 / 6 + (K - 3)^2 /
    24), chi-squared with 2 degrees of freedom (C. M. Jarque and A. K. Bera). `variance_ratio` H(h): the sum of squares
    of the last h errors over that of the first h, F with h and h. `autocorrelation` Q(k) = n (n + 2) sum_{j=1}^{k}
    c_j^2 / (n - j) over `lags` k, chi-squared with k (G. M. Ljung and G. E. P. Box). Each with the chance of a value
    at least as far out where the model holds, for H to either side.
    """

    skewness: float
    excess_kurtosis: float
    normality: float
    normality_p_value: float
    variance_ratio: float
    variance_ratio_p_value: float
    autocorrelation: float
    autocorrelation_p_value: float
    lags: int


def check_prediction_errors(errors: ArrayLike, *, lags: int | None = None) -> PredictionErrorTests:
    """Test standardized prediction errors.

    Args:
        errors: three or more finite numbers in the order of time, not all equal.
        lags: of Q; by default the root of their number, cut.

    Raises:
        StabilityError: too few errors, one that is not finite, all equal; lags that are not from 1 to n - 1.
    """
    e = np.asarray(errors, dtype=np.float64)
    n = e.size
    if e.ndim != 1 or n < 3 or not np.isfinite(e).all():
        raise StabilityError("errors", n, "give three finite numbers or more, in one series")
    k = math.isqrt(n) if lags is None else lags
    if not 1 <= k < n:
        raise StabilityError("lags", k, f"must be from 1 to {n - 1}")
    d = e - e.mean()
    squares = float(d @ d)
    if squares == 0.0:
        raise StabilityError("errors", float(e[0]), "are all equal")
    m2 = squares / n
    skewness, excess = float(np.mean(d**3)) / m2**1.5, float(np.mean(d**4)) / m2**2 - 3.0
    normality = n * (skewness**2 / 6.0 + excess**2 / 24.0)
    third = n // 3
    first, last = float(e[:third] @ e[:third]), float(e[-third:] @ e[-third:])
    ratio = last / first if first > 0.0 else math.inf
    below = float(fdtr(third, third, ratio)) if math.isfinite(ratio) else 1.0
    q = n * (n + 2) * sum((float(d[j:] @ d[:-j]) / squares) ** 2 / (n - j) for j in range(1, k + 1))
    return PredictionErrorTests(
        skewness=skewness,
        excess_kurtosis=excess,
        normality=normality,
        normality_p_value=float(chdtrc(2, normality)),
        variance_ratio=ratio,
        variance_ratio_p_value=2.0 * min(below, 1.0 - below),
        autocorrelation=q,
        autocorrelation_p_value=float(chdtrc(k, q)),
        lags=k,
    )
