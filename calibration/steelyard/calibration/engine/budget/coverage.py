"""Effective degrees of freedom and coverage factors (JCGM 100:2008, annex G)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from steelyard.calibration.engine.budget.errors import BudgetError
from steelyard.calibration.engine.distributions.distribution import Floats

_NORMAL_FROM = 1e8
"""From these degrees of freedom on, t and normal quantiles agree to the last digit that can matter."""


def effective_degrees_of_freedom(variance: ArrayLike, weights: ArrayLike, degrees_of_freedom: ArrayLike) -> Floats:
    """The Welch-Satterthwaite formula, nu_eff = u_c^4 / sum_i w_i^2 / nu_i: G.4.1, equation (G.2b).

    Args:
        variance: u_c^2, shape S.
        weights: w_i = d u_c^2 / d ln(u_i^2), float64[n, *S]: how u_c^2 follows the i-th estimated variance.
            For independent inputs and first-order terms that is u_i(y)^2, and the formula is the GUM's.
        degrees_of_freedom: nu_i, float64[n, *S]; inf where u_i is known.

    The GUM's formula holds for independent inputs. With a known correlation matrix R the same argument (var(u_c^2) =
    sum w_i^2 2 / nu_i to first order, matched to a chi-square) holds for w_i = a_i (R a)_i, a_i = c_i u_i: what Willink
    (Metrologia 44 (2007) 340-349) derives. Variances that were estimated together, from simultaneous observations, move
    together: sum their weights before, with their common n - 1 degrees of freedom, which is exact for means.
    Infinite where all that matters is known.
    """
    u4 = np.square(np.asarray(variance, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.square(np.asarray(weights, dtype=np.float64)) / np.asarray(degrees_of_freedom, dtype=np.float64)
        total = np.sum(terms, axis=0)
        return np.where(total > 0.0, u4 / np.where(total > 0.0, total, 1.0), np.inf)


def coverage_factor(
    coverage_probability: float, degrees_of_freedom: ArrayLike = np.inf, *, truncate: bool = True
) -> Floats:
    """k_p = t_p(nu_eff): G.3.2 and G.6.4; normal for infinite degrees of freedom. Shape of `degrees_of_freedom`.

    `truncate` takes the next lower integer degrees of freedom, as G.4.1 allows and published budgets do; otherwise t is
    evaluated for the real number. Degrees of freedom below 1 are taken as they are. Raises BudgetError for a
    probability outside (0, 1).
    """
    if not 0.0 < coverage_probability < 1.0:
        raise BudgetError("coverage_probability", coverage_probability, "must be between 0 and 1, as 0.95")
    nu = np.asarray(degrees_of_freedom, dtype=np.float64)
    p = 0.5 * (1.0 + coverage_probability)
    if truncate:
        # 3.999 is 4 that suffered from rounding or from a small second-order term.
        nu = np.where((nu >= 1.0) & np.isfinite(nu), np.floor(nu + 0.005), nu)
    normal = ~(nu < _NORMAL_FROM)
    return np.asarray(np.where(normal, ndtri(p), stdtrit(np.where(normal, 1.0, nu), p)))
