"""The normal copula that gives quantities of any distributions their stated correlation coefficients.

If (Z1, Z2) are standard normal with correlation rho, X_i = F_i^-1(Phi(Z_i)) have the distributions F_i and a
correlation r(rho) that increases with rho (Cario and Nelson, "Modeling and generating random vectors with arbitrary
marginal distributions and correlation matrix", 1997). Here r(rho) is found by Gauss-Hermite quadrature and solved for
rho.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from steelyard.calibration.engine.distributions.distribution import Distribution, Floats
from steelyard.calibration.engine.distributions.unbounded import Normal
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError

_NODES = 80
_REACH = 1e-3
"""A coefficient so little beyond the largest possible one is taken as that one: the quadrature is no better."""


def normal_correlation(names: Sequence[str], distributions: Sequence[Distribution], matrix: Floats) -> Floats:
    """Correlation matrix of the underlying normals, float64[n, n], for the quantities' correlation `matrix`.

    Raises MonteCarloError for a coefficient that the two distributions cannot have, for a distribution without a
    variance, and for a matrix that no normal copula can give.
    """
    for name, each in zip(names, distributions, strict=True):
        if not np.isfinite(each.standard_deviation):
            remedy = "has no variance (degrees of freedom of 2 or less), so that its correlation has no meaning"
            raise MonteCarloError("correlations", name, remedy)
    result = np.eye(len(names))
    for i in range(len(names)):
        for j in range(i):
            if matrix[i, j] != 0.0:
                pair = f"{names[j]}, {names[i]}"
                result[i, j] = result[j, i] = _solve(distributions[i], distributions[j], float(matrix[i, j]), pair)
    if np.linalg.eigvalsh(result)[0] < -1e-6:
        remedy = (
            "these coefficients need a joint distribution other than a normal copula; the quantities are not normal"
        )
        raise MonteCarloError("correlations", list(names), remedy)
    return result


def _solve(first: Distribution, second: Distribution, wanted: float, pair: str) -> float:
    if isinstance(first, Normal) and isinstance(second, Normal):
        return wanted
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / np.sqrt(2.0 * np.pi)
    z1, z2 = nodes[:, None], nodes[None, :]
    x = _standardized(first, nodes, weights)

    # The same quadrature for mean and variance as for the covariance, so that its error cancels at rho = 1.
    def reached(rho: float) -> float:
        mixed = rho * z1 + np.sqrt(max(1.0 - rho * rho, 0.0)) * z2
        y = second.quantile(_probability(mixed))
        moments = weights[:, None] * weights[None, :]
        mean = float(np.sum(moments * y))
        deviation = float(np.sqrt(np.sum(moments * (y - mean) ** 2)))
        return float(np.sum(moments * x[:, None] * (y - mean))) / deviation

    low, high = reached(-1.0), reached(1.0)
    if not low - _REACH <= wanted <= high + _REACH:
        remedy = f"their distributions can have correlations from {low:.3f} to {high:.3f} only"
        raise MonteCarloError("correlations", f"r({pair}) = {wanted:g}", remedy)
    if wanted >= high or wanted <= low:
        return float(np.sign(wanted))
    return float(brentq(lambda rho: reached(rho) - wanted, -1.0, 1.0, xtol=1e-10))


def _standardized(distribution: Distribution, nodes: Floats, weights: Floats) -> Floats:
    x = distribution.quantile(_probability(nodes))
    mean = float(weights @ x)
    return np.asarray((x - mean) / np.sqrt(float(weights @ (x - mean) ** 2)))


def _probability(z: Floats) -> Floats:
    return np.asarray(np.clip(ndtr(z), np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg))
