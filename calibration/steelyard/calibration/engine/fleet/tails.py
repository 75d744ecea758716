"""From t distributions to standard normal values and back, with the tails that a fleet showed.

A state says how its prediction errors are distributed (Student's t, with its degrees of freedom); taken to the normal
distribution by that, a fleet's errors are not quite standard normal, because instruments jump and a model of Gaussian
wander does not. Their scale and degrees of freedom are learned, and forecasts are calibrated by them (Gneiting,
Balabdaoui and Raftery, J. R. Statist. Soc. B 69 (2007) 243-268).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, ndtr, ndtri, stdtrit

from steelyard.calibration.engine.fleet.history import Floats

_HEAVIEST, _LIGHTEST = np.log(3.0), np.log(1e4)
"""Bounds of the logarithm of the tails' degrees of freedom."""
_SPREAD = 0.5
"""How far a model's tails lie from the fleet's, and the fleet's from the usual: standard deviation of logarithms."""

USUAL = np.array([0.0, np.log(30.0)])
"""What is expected of the tails before anything is seen: logarithms of scale and degrees of freedom."""


def normal_scores(
    t: Floats | float, freedom: Floats, tail_scale: Floats | float = 1.0, tail_freedom: Floats | float = np.inf
) -> Floats:
    """Standardized prediction errors `t` with `freedom` as standard normal values, the fleet's tails allowed for.

    The arguments broadcast. Good to 0.008 in probability from two degrees of freedom on, to 0.003 from five (Wallace's
    approximation).
    """
    return _wallace(_wallace(t, freedom) / tail_scale, tail_freedom)


def t_value(p: float, freedom: Floats, tail_scale: Floats, tail_freedom: Floats) -> Floats:
    """The standardized prediction error that is not exceeded with probability `p`: inverse of `normal_scores`."""
    low = min(p, 1.0 - p)
    # Lower tails throughout: 1 - p would round.
    score = np.where(np.isinf(tail_freedom), ndtri(low), stdtrit(tail_freedom, low)) * tail_scale
    score = np.maximum(score, -20.0)  # a probability of 1e-89: farther out no t distribution can be inverted
    value = np.asarray(stdtrit(freedom, ndtr(score)), dtype=np.float64)
    return value if p < 0.5 else -value


def fit_tails(z: Floats, prior: Floats) -> Floats:
    """Logarithms of scale and degrees of freedom of the t distribution of `z` float64[n]: the greatest posterior."""

    def distance(theta: Floats) -> float:
        scale, n = np.exp(theta[0]), np.exp(np.clip(theta[1], _HEAVIEST, _LIGHTEST))
        density = gammaln(0.5 * (n + 1.0)) - gammaln(0.5 * n) - 0.5 * np.log(n) - np.log(scale)
        value = 0.5 * (n + 1.0) * np.sum(np.log1p(np.square(z / scale) / n)) - z.size * density
        return float(value + 0.5 * np.sum(np.square((theta - prior) / _SPREAD)))

    found = minimize(distance, prior, method="Nelder-Mead", options={"xatol": 5e-3, "fatol": 1e-2})
    return np.array([found.x[0], np.clip(found.x[1], _HEAVIEST, _LIGHTEST)])


def _wallace(t: Floats | float, n: Floats | float) -> Floats:
    """Student's t of n degrees of freedom as a normal value (D. L. Wallace, Ann. Math. Statist. 30 (1959) 1121-1130).

    z = (8 n + 1) / (8 n + 3) sqrt(n ln(1 + t^2 / n))
    """
    n = np.minimum(n, 1e12)  # infinite degrees of freedom are the normal distribution itself
    z = np.copysign(np.sqrt(n * np.log1p(t * t / n)) * ((8.0 * n + 1.0) / (8.0 * n + 3.0)), t)
    return np.asarray(z, dtype=np.float64)
