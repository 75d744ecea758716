"""Variables data: an interval from measured changes since calibration (NASA-HDBK-8739.19-5 (2010), chapter 7)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction, require_positive

Floats = NDArray[np.float64]

_HORIZON = 100.0
_GRID = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, 4001)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftFit:
    """delta(t) = b_1 t + … + b_m t^m, a polynomial through the origin, fitted to `points` changes.

    `coefficients` float64[m] in the value's unit per time^j; `covariance` float64[m, m]; `residual_sd` s with
    `degrees_of_freedom` n - m; `longest` time observed.
    """

    coefficients: Floats
    covariance: Floats
    residual_sd: float
    degrees_of_freedom: int
    longest: float
    points: int

    def change(self, t: ArrayLike) -> Floats:
        """Expected change after the time t, shape of `t`."""
        return np.asarray(self._powers(t) @ self.coefficients)

    def standard_uncertainty(self, t: ArrayLike, initial: float) -> Floats:
        """u(t)^2 = u_0^2 + s^2 + [t …] C [t …]^T (chapter 7, forecast uncertainty); shape of `t`."""
        powers = self._powers(t)
        fitted = np.einsum("...i,ij,...j->...", powers, self.covariance, powers)
        return np.asarray(np.sqrt(initial**2 + self.residual_sd**2 + fitted))

    def _powers(self, t: ArrayLike) -> Floats:
        times = np.asarray(t, dtype=np.float64)
        return times[..., None] ** np.arange(1, self.coefficients.size + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftInterval:
    """`interval` in the unit of the times, or None with a `reason`.

    `coverage_factor` k where a reliability decided; `extrapolated`: it is longer than any time observed; `fit` None
    where the data do not suffice for one.
    """

    interval: float | None
    reason: str | None
    fit: DriftFit | None
    coverage_factor: float | None
    extrapolated: bool


def fit_drift(times: ArrayLike, changes: ArrayLike, *, order: int = 1) -> DriftFit | str:
    """Least squares through the origin, or the reason why the data do not suffice.

    `times` float64[n] > 0 since the calibration before; `changes` float64[n] from as-left to as-found. Raises
    IntervalError for lists of unequal length, numbers that are not finite, times that are not positive, order below 1.
    """
    t, y = np.asarray(times, dtype=np.float64).ravel(), np.asarray(changes, dtype=np.float64).ravel()
    if order < 1:
        raise IntervalError("order", order, "must be 1 or more")
    if t.size == 0:
        raise IntervalError("times", [], "there are no data; give the time since calibration of each change")
    if t.size != y.size:
        raise IntervalError("changes", y.size, f"must be as many as times, {t.size}")
    for field, values, good in (
        ("times", t, np.isfinite(t) & (t > 0.0)),
        ("changes", y, np.isfinite(y)),
    ):
        if not np.all(good):
            remedy = "must be positive finite numbers" if field == "times" else "must be finite numbers"
            raise IntervalError(field, float(values[~good][0]), remedy)
    if t.size <= order:
        return f"{t.size} changes for {order} coefficients leave no degree of freedom; {order + 1} are needed"
    longest = float(np.max(t))
    powers = np.arange(1, order + 1)
    design = (t / longest)[:, None] ** powers
    _, rank_of = np.linalg.qr(design)
    if np.min(np.abs(np.diag(rank_of))) < 1e-10 * np.max(np.abs(np.diag(rank_of))):
        return f"the times are too few different ones for a polynomial of order {order}"
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    nu = int(t.size - order)
    s = math.sqrt(float(np.sum((y - design @ coefficients) ** 2)) / nu)
    unscale = longest ** -powers.astype(np.float64)
    inverse = np.linalg.inv(rank_of.T @ rank_of)
    return DriftFit(
        coefficients=coefficients * unscale,
        covariance=s**2 * inverse * np.outer(unscale, unscale),
        residual_sd=s,
        degrees_of_freedom=nu,
        longest=longest,
        points=int(t.size),
    )


def interval_by_uncertainty(fit: DriftFit, initial_standard_uncertainty: float, limit: float) -> DriftInterval:
    """The time at which the standard uncertainty of the drifted value has grown to `limit` (chapter 7, u_targ).

    Raises IntervalError for a negative initial uncertainty or a limit that is not positive.
    """
    _not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
    require_positive("uncertainty_target", limit)
    begins = float(fit.standard_uncertainty(0.0, initial_standard_uncertainty))
    if begins >= limit:
        reason = f"the uncertainty is {begins:.4g} already at calibration, not below the target {limit:g}"
        return DriftInterval(interval=None, reason=reason, fit=fit, coverage_factor=None, extrapolated=False)
    found = _first_zero(fit, lambda t: np.asarray(limit - fit.standard_uncertainty(t, initial_standard_uncertainty)))
    return _answer(fit, found, None, f"the uncertainty does not grow to {limit:g} within any time to be believed")


def interval_by_reliability(
    fit: DriftFit,
    initial_value: float,
    initial_standard_uncertainty: float,
    target: float,
    *,
    lower: float = -math.inf,
    upper: float = math.inf,
) -> DriftInterval:
    """The time at which y_0 + delta(t) -+ k u(t) leaves the tolerance; k by t, two-sided or for one limit one-sided.

    NASA-HDBK-8739.19-5, chapter 7, tables 7-3 to 7-7. Raises IntervalError for a target outside (0, 1), limits out of
    order or none, a negative uncertainty.
    """
    require_fraction("target", target)
    _not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
    if not math.isfinite(initial_value):
        raise IntervalError("initial_value", initial_value, "must be a finite number")
    if math.isinf(lower) and math.isinf(upper):
        raise IntervalError("lower", None, "is missing, and so is upper; give at least one limit")
    if not lower < upper:
        raise IntervalError("upper", upper, f"must be greater than lower, which is {lower!r}")
    two_sided = math.isfinite(lower) and math.isfinite(upper)
    k = float(stdtrit(fit.degrees_of_freedom, 0.5 * (1.0 + target) if two_sided else target))

    def room(t: Floats) -> Floats:
        y = initial_value + fit.change(t)
        reach = k * fit.standard_uncertainty(t, initial_standard_uncertainty)
        return np.minimum(upper - y - reach, y - reach - lower)

    if float(room(np.array([0.0]))[0]) <= 0.0:
        reason = f"at calibration already {initial_value:g} with k u (k = {k:.4g}) reaches beyond the tolerance"
        return DriftInterval(interval=None, reason=reason, fit=fit, coverage_factor=k, extrapolated=False)
    never = "the value does not drift out of its tolerance within any time to be believed"
    return _answer(fit, _first_zero(fit, room), k, never)


def _answer(fit: DriftFit, found: float | None, k: float | None, never: str) -> DriftInterval:
    return DriftInterval(
        interval=found,
        reason=never if found is None else None,
        fit=fit,
        coverage_factor=k,
        extrapolated=found is not None and found > fit.longest,
    )


def _first_zero(fit: DriftFit, room: Callable[[Floats], Floats]) -> float | None:
    """The first time at which a margin that begins positive is used up."""
    horizon = _HORIZON * fit.longest
    t = _GRID * horizon
    used = np.flatnonzero(room(t) <= 0.0)
    if used.size == 0:
        return None
    last, first = t[used[0] - 1], t[used[0]]
    return float(brentq(lambda at: float(room(np.array([at]))[0]), last, first, xtol=1e-13 * horizon, rtol=1e-13))


def _not_negative(field: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0.0):
        raise IntervalError(field, value, "must be a finite number, not negative")
