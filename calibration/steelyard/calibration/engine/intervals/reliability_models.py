"""Models of how the in-tolerance probability falls with the time since calibration.

NCSLI RP-1 (2010), appendix D, and NASA-HDBK-8739.19-5, chapter 5. Time t >= 0 in any unit, parameters theta in its
inverse where they multiply it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction, require_positive

Floats = NDArray[np.float64]
_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityModel:
    """`reliability(theta, t)` with theta float64[m] and t float64[n]; `formula` as the handbook prints it.

    `starts(scale)` are points to begin a search at, for times of that order; all parameters are >= 0, save those
    named in `signed`.
    """

    name: str
    formula: str
    parameters: int
    reliability: Callable[[Floats, Floats], Floats]
    starts: Callable[[float], tuple[tuple[float, ...], ...]]
    signed: tuple[int, ...] = ()


def _exponential(theta: Floats, t: Floats) -> Floats:
    return np.asarray(np.exp(-theta[0] * t))


def _weibull(theta: Floats, t: Floats) -> Floats:
    return np.asarray(np.exp(-((theta[0] * t) ** theta[1])))


def _mixed_exponential(theta: Floats, t: Floats) -> Floats:
    return np.asarray((1.0 + theta[0] * t) ** -theta[1])


def _random_walk(theta: Floats, t: Floats) -> Floats:
    return np.asarray(2.0 * ndtr(1.0 / np.sqrt(theta[0] + theta[1] * t + _TINY)) - 1.0)


def _restricted_random_walk(theta: Floats, t: Floats) -> Floats:
    return np.asarray(2.0 * ndtr(1.0 / np.sqrt(theta[0] + theta[1] * -np.expm1(-theta[2] * t) + _TINY)) - 1.0)


def _modified_gamma(theta: Floats, t: Floats) -> Floats:
    x = theta[0] * t
    return np.asarray(np.exp(-x) * (1.0 + x + x**2 / 2.0 + x**3 / 6.0))


def _mortality_drift(theta: Floats, t: Floats) -> Floats:
    return np.asarray(np.exp(-(theta[0] * t + theta[1] * t**2)))


def _warranty(theta: Floats, t: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(theta[0] * (t - theta[1]), -700.0, 700.0))))


def _drift(theta: Floats, t: Floats) -> Floats:
    return np.asarray(ndtr(theta[0] + theta[2] * t) + ndtr(theta[1] - theta[2] * t) - 1.0)


def _lognormal(theta: Floats, t: Floats) -> Floats:
    return np.asarray(ndtr(-np.log(np.maximum(theta[0] * t, _TINY)) / max(theta[1], 1e-12)))


_MODELS: Final = (
    ReliabilityModel(
        name="exponential",
        formula="R = exp(-a t)",
        parameters=1,
        reliability=_exponential,
        starts=lambda s: ((0.3 / s,), (1.0 / s,)),
    ),
    ReliabilityModel(
        name="weibull",
        formula="R = exp(-(a t)^b)",
        parameters=2,
        reliability=_weibull,
        starts=lambda s: ((1.0 / s, 1.0), (0.3 / s, 2.0), (1.0 / s, 0.5)),
    ),
    ReliabilityModel(
        name="mixed_exponential",
        formula="R = (1 + a t)^-b",
        parameters=2,
        reliability=_mixed_exponential,
        starts=lambda s: ((1.0 / s, 1.0), (5.0 / s, 0.3), (0.1 / s, 5.0)),
    ),
    ReliabilityModel(
        name="random_walk",
        formula="R = 2 Phi(1 / sqrt(a + b t)) - 1",
        parameters=2,
        reliability=_random_walk,
        starts=lambda s: ((0.2, 1.0 / s), (0.01, 3.0 / s), (1.0, 0.1 / s)),
    ),
    ReliabilityModel(
        name="restricted_random_walk",
        formula="R = 2 Phi(1 / sqrt(a + b (1 - exp(-c t)))) - 1",
        parameters=3,
        reliability=_restricted_random_walk,
        starts=lambda s: ((0.2, 1.0, 1.0 / s), (0.01, 3.0, 3.0 / s), (0.3, 0.5, 0.3 / s)),
    ),
    ReliabilityModel(
        name="modified_gamma",
        formula="R = exp(-a t) (1 + a t + (a t)^2 / 2 + (a t)^3 / 6)",
        parameters=1,
        reliability=_modified_gamma,
        starts=lambda s: ((1.0 / s,), (3.0 / s,)),
    ),
    ReliabilityModel(
        name="mortality_drift",
        formula="R = exp(-(a t + b t^2))",
        parameters=2,
        reliability=_mortality_drift,
        starts=lambda s: ((0.5 / s, 0.1 / s**2), (0.05 / s, 0.5 / s**2)),
    ),
    ReliabilityModel(
        name="warranty",
        formula="R = 1 / (1 + exp(a (t - b)))",
        parameters=2,
        reliability=_warranty,
        starts=lambda s: ((1.0 / s, s), (5.0 / s, 0.7 * s), (1.0 / s, 0.3 * s)),
    ),
    ReliabilityModel(
        name="drift",
        formula="R = Phi(a + c t) + Phi(b - c t) - 1",
        parameters=3,
        reliability=_drift,
        starts=lambda s: ((2.0, 2.0, 1.0 / s), (1.5, 1.5, -1.0 / s), (3.0, 1.5, 2.0 / s)),
        signed=(0, 1, 2),
    ),
    ReliabilityModel(
        name="lognormal",
        formula="R = 1 - Phi(ln(a t) / b)",
        parameters=2,
        reliability=_lognormal,
        starts=lambda s: ((0.5 / s, 1.0), (1.0 / s, 2.0), (0.3 / s, 0.5)),
    ),
)

MODELS: Final = {model.name: model for model in _MODELS}
"""Reliability models by name."""


def model_named(name: str) -> ReliabilityModel:
    """A model by its name. Raises IntervalError for another."""
    if name not in MODELS:
        raise IntervalError("model", name, f"give one of {', '.join(MODELS)}")
    return MODELS[name]


def interval_at(model: ReliabilityModel, theta: Floats, target: float, longest: float) -> float | None:
    """The first time at which the reliability has fallen to the target; None if it never does, or begins below it.

    Sought up to `longest`, beyond which nobody has data. Raises IntervalError for a target outside (0, 1).
    """
    require_fraction("target", target)

    def above(t: float) -> float:
        return float(model.reliability(theta, np.array([t]))[0]) - target

    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 2001)]) * longest
    beyond = np.flatnonzero(model.reliability(theta, grid) <= target)
    if beyond.size == 0 or beyond[0] == 0:
        return None
    return float(brentq(above, grid[beyond[0] - 1], grid[beyond[0]], xtol=1e-12 * longest, rtol=1e-13))


def weibull_interval(scale: float, shape: float, target: float) -> float:
    """Where exp(-(t / scale)^shape) has fallen to the target R: t = scale (-ln R)^(1 / shape), in the scale's unit.

    Raises IntervalError for a scale or shape that is not positive, or a target outside (0, 1).
    """
    require_positive("scale", scale)
    require_positive("shape", shape)
    require_fraction("target", target)
    return float(scale * (-math.log(target)) ** (1.0 / shape))
