"""Method S2: a reliability model fitted to passes and failures at different times (NCSLI RP-1 (2010), appendix D)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betainc, ndtri, xlogy

from steelyard.calibration.engine.intervals.binomial import Counts
from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction
from steelyard.calibration.engine.intervals.reliability_models import (
    MODELS,
    Floats,
    ReliabilityModel,
    interval_at,
    model_named,
)

_HORIZON = 100.0
"""Intervals are sought up to so many times the longest time observed."""
_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Passes and failures by the time since the calibration before: float64[k] each, times rising and distinct."""

    times: Floats
    in_tolerance: Floats
    calibrations: Floats

    @classmethod
    def of(cls, times: ArrayLike, in_tolerance: ArrayLike, calibrations: ArrayLike | None = None) -> History:
        """Gather observations by time; without `calibrations` each entry is one (in_tolerance 0 or 1).

        Raises IntervalError for lists of unequal length, times that are not positive, counts that are none.
        """
        t = np.asarray(times, dtype=np.float64).ravel()
        g = np.asarray(in_tolerance, dtype=np.float64).ravel()
        n = np.ones_like(g) if calibrations is None else np.asarray(calibrations, dtype=np.float64).ravel()
        if t.size == 0:
            raise IntervalError("times", [], "there are no data; give the time since calibration of each result")
        for field, values in (("in_tolerance", g), ("calibrations", n)):
            if values.size != t.size:
                raise IntervalError(field, values.size, f"must be as many as times, {t.size}")
        if not np.all(np.isfinite(t) & (t > 0.0)):
            raise IntervalError("times", float(t[~(np.isfinite(t) & (t > 0.0))][0]), "must be positive finite numbers")
        counts = Counts.of(g, n)
        distinct, where = np.unique(t, return_inverse=True)
        return cls(
            times=distinct,
            in_tolerance=_gathered(where, counts.in_tolerance),
            calibrations=_gathered(where, counts.calibrations),
        )


def _gathered(where: NDArray[np.intp], counts: Floats) -> Floats:
    return np.asarray(np.bincount(where, weights=counts), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReliabilityFit:
    """One model's fit. `interval` in the unit of the times, or None with a `reason`.

    `theta` float64[m] maximum-likelihood parameters in the model's order; `negative_log_likelihood` without binomial
    constants; `interval_low`, `interval_high` at the confidence asked for, None where it cannot be told;
    `lack_of_fit` F with the `rejection_confidence` of the model, None without degrees of freedom for it;
    `information_criterion` AIC; `extrapolated`: the interval is longer than any time observed.
    """

    model: str
    interval: float | None
    reason: str | None
    theta: Floats
    negative_log_likelihood: float
    interval_low: float | None
    interval_high: float | None
    lack_of_fit: float | None
    rejection_confidence: float | None
    information_criterion: float
    extrapolated: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinomialFit:
    """All models asked for, best first; `interval` is the best one's, or None with a `reason`."""

    interval: float | None
    reason: str | None
    fits: tuple[ReliabilityFit, ...]


def binomial_fit(
    history: History, target: float, *, models: Sequence[str] = tuple(MODELS), confidence: float = 0.9
) -> BinomialFit:
    """Fit reliability models by maximum likelihood and read off when the reliability has fallen to the target.

    Likelihood: product over times of R(t)^g (1 - R(t))^(n - g): NCSLI RP-1, D; NASA-HDBK-8739.19-5, chapter 5. Models
    are ranked by Akaike's criterion among those that give an interval; RP-1's own figure of merit also weighs the
    interval's length and how many models agree, which the printed fits allow anyone to do. Counts are used as given
    (suncal 1.7.1 truncates n x R and so loses passes where R was rounded). Raises IntervalError for a target or
    confidence outside (0, 1) or an unknown model.
    """
    require_fraction("target", target)
    require_fraction("confidence", confidence)
    if not models:
        raise IntervalError("models", [], f"give one at least of {', '.join(MODELS)}")
    chosen = [model_named(name) for name in models]
    lacking = _insufficient(history)
    if lacking is not None:
        return BinomialFit(interval=None, reason=lacking, fits=())
    tried = [_fit(model, history, target, confidence) for model in chosen if model.parameters < history.times.size]
    if not tried:
        least = min(model.parameters for model in chosen) + 1
        reason = f"results at {history.times.size} different times; the model needs {least} at least"
        return BinomialFit(interval=None, reason=reason, fits=())
    fits = sorted(tried, key=lambda fit: (fit.interval is None, fit.information_criterion))
    return BinomialFit(interval=fits[0].interval, reason=fits[0].reason, fits=tuple(fits))


def _insufficient(history: History) -> str | None:
    total, passed = int(np.sum(history.calibrations)), int(np.sum(history.in_tolerance))
    if total == 1:
        return "one calibration says nothing about how reliability falls with time"
    if passed == total:
        return f"all {total} calibrations were in tolerance: reliability is not seen to fall, so no model can be fitted"
    if passed == 0:
        return f"none of {total} calibrations was in tolerance: no time is known after which instruments still conform"
    if history.times.size == 1:
        return "all calibrations came after the same time: use method A3"
    return None


def _fit(model: ReliabilityModel, history: History, target: float, confidence: float) -> ReliabilityFit:
    theta, value = _maximize(model, history)
    longest = float(history.times[-1])
    interval = interval_at(model, theta, target, _HORIZON * longest)
    reason = None
    if interval is None:
        begins = float(model.reliability(theta, np.array([0.0]))[0])
        reason = (
            f"the {model.name} model begins at reliability {begins:.3g}, not above the target {target:g}"
            if begins <= target
            else f"the {model.name} model does not fall to the target {target:g} within any time to be believed"
        )
    low, high = (None, None) if interval is None else _limits(model, theta, history, target, confidence, interval)
    f, rejection = _lack_of_fit(model, theta, history)
    return ReliabilityFit(
        model=model.name,
        interval=interval,
        reason=reason,
        theta=theta,
        negative_log_likelihood=value,
        interval_low=low,
        interval_high=high,
        lack_of_fit=f,
        rejection_confidence=rejection,
        information_criterion=2.0 * (value + model.parameters),
        extrapolated=interval is not None and interval > longest,
    )


def _negative_log_likelihood(model: ReliabilityModel, theta: Floats, history: History) -> float:
    with np.errstate(over="ignore", under="ignore"):
        r = np.clip(model.reliability(theta, history.times), _FLOOR, 1.0 - _FLOOR)
    failed = history.calibrations - history.in_tolerance
    return -float(np.sum(xlogy(history.in_tolerance, r) + xlogy(failed, 1.0 - r)))


def _maximize(model: ReliabilityModel, history: History) -> tuple[Floats, float]:
    """Nelder-Mead from several starts, on the logarithms of parameters that cannot be negative."""
    signed = np.isin(np.arange(model.parameters), model.signed)
    scale = float(np.average(history.times, weights=history.calibrations))

    def natural(free: Floats) -> Floats:
        return np.where(signed, free, np.exp(np.clip(free, -700.0, 700.0)))

    def cost(free: Floats) -> float:
        return _negative_log_likelihood(model, natural(free), history)

    best: tuple[float, Floats] | None = None
    for start in model.starts(scale):
        begin = np.asarray(start, dtype=np.float64)
        free = np.where(signed, begin, np.log(np.where(signed, 1.0, begin)))
        # Twice: a simplex that has shrunk onto a ridge begins again with a large one.
        for _ in range(2):
            free = minimize(cost, free, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxfev": 4000}).x
        found = cost(free)
        if best is None or found < best[0]:
            best = (found, free)
    if best is None:
        raise IntervalError("model", model.name, "has no starting point")
    return natural(best[1]), best[0]


def _lack_of_fit(model: ReliabilityModel, theta: Floats, history: History) -> tuple[float | None, float | None]:
    """F = s_L^2 / s_E^2 and the confidence with which the model is rejected (RP-1, appendix D).

    s_L^2 = sum n (R_obs - R)^2 / (k - m); s_E^2 = sum n R_obs (1 - R_obs) / (N - k).
    """
    n, k, m = history.calibrations, history.times.size, model.parameters
    within, between = float(np.sum(n)) - k, k - m
    observed = history.in_tolerance / n
    error = float(np.sum(n * observed * (1.0 - observed)))
    if within <= 0.0 or between <= 0 or error <= 0.0:
        return None, None
    lack = float(np.sum(n * (observed - model.reliability(theta, history.times)) ** 2))
    f = (lack / between) / (error / within)
    # Distribution function of F by the incomplete beta function: Abramowitz and Stegun, 26.6.2.
    return f, float(betainc(0.5 * between, 0.5 * within, between * f / (between * f + within)))


def _limits(
    model: ReliabilityModel, theta: Floats, history: History, target: float, confidence: float, interval: float
) -> tuple[float | None, float | None]:
    """Where R(t) -+ z s_R(t) meets the target, by the information matrix at the maximum; None where singular."""
    step = np.maximum(np.abs(theta), 1e-4 / float(history.times[-1])) * 1e-5
    inner = theta > 1e3 * np.finfo(np.float64).eps / float(history.times[-1])
    free = np.flatnonzero(inner | np.isin(np.arange(theta.size), model.signed))

    def gradient(t: Floats) -> Floats:
        moves = [np.eye(theta.size)[i] * step[i] for i in free]
        return np.array(
            [
                (model.reliability(theta + move, t) - model.reliability(np.maximum(theta - move, -np.inf), t))
                / (2.0 * float(np.max(move)))
                for move in moves
            ]
        )

    r = np.clip(model.reliability(theta, history.times), 1e-9, 1.0 - 1e-9)
    g = gradient(history.times)
    information = (g * (history.calibrations / (r * (1.0 - r)))) @ g.T
    scaled = np.sqrt(np.diag(information))
    if not np.all(np.isfinite(information)) or np.any(scaled <= 0.0):
        return None, None
    correlation = information / np.outer(scaled, scaled)
    if np.linalg.cond(correlation) > 1e10:
        return None, None
    covariance = np.linalg.inv(correlation) / np.outer(scaled, scaled)
    z = float(ndtri(0.5 * (1.0 + confidence)))
    t = np.concatenate([np.linspace(0.0, interval, 2001)[1:], interval * np.geomspace(1.0, _HORIZON, 2001)[1:]])
    spread = z * np.sqrt(np.maximum(np.einsum("it,ij,jt->t", gradient(t), covariance, gradient(t)), 0.0))
    middle = model.reliability(theta, t)
    return _first(t, middle - spread <= target), _first(t, middle + spread <= target)


def _first(t: Floats, reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    at = np.flatnonzero(reached)
    return float(t[at[0]]) if at.size and math.isfinite(float(t[at[0]])) else None
