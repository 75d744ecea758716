"""Control chart of as-found errors over time: drift, scatter and the interval they allow (ILAC-G24, method 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from steelyard.calibration.engine.intervals.errors import IntervalError, require_fraction

Floats = NDArray[np.float64]

LEAST_CALIBRATIONS = 3
_HORIZON = 20.0
_SIGNAL = 0.0027
"""Two-sided probability of a signal without a cause: that of Shewhart's three-sigma limits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorChart:
    """`interval` from the last calibration, in the unit of the times, or None with a `reason`.

    `drift` per time with `drift_standard_uncertainty`; `scatter` s about the line; `last_error` by the line at the last
    calibration; `out_of_control` 0-based numbers of points that lie too far from a line through the others;
    `drift_probability` p-value of no drift. None where too few data. `extrapolated`: longer than the whole history.
    """

    interval: float | None
    reason: str | None
    drift: float | None = None
    drift_standard_uncertainty: float | None = None
    scatter: float | None = None
    last_error: float | None = None
    drift_probability: float | None = None
    out_of_control: tuple[int, ...] = ()
    extrapolated: bool = False


def error_chart(
    times: ArrayLike,
    errors: ArrayLike,
    target: float,
    *,
    lower: float = -math.inf,
    upper: float = math.inf,
    standard_uncertainty: float = 0.0,
) -> ErrorChart:
    """The longest time until the next error, drifting along a straight line, still conforms with probability `target`.

    `times` float64[n] and as-found `errors` float64[n] of calibrations without adjustment between them. Prediction
    limits of least squares: e(t) -+ k sqrt(s^2 (1 + 1/n + (t - t_m)^2 / S_tt) + u^2), k by t with n - 2 degrees of
    freedom, two-sided or for one limit one-sided; `standard_uncertainty` u is what all calibrations have in common and
    the scatter does not show. Raises IntervalError for arguments out of range.
    """
    t, e = _validated(times, errors, target, lower, upper, standard_uncertainty)
    if t.size < LEAST_CALIBRATIONS:
        few = f"{t.size} calibrations show no drift beside their scatter; {LEAST_CALIBRATIONS} are needed at least"
        return ErrorChart(interval=None, reason=few)
    middle, n, nu = float(np.mean(t)), t.size, t.size - 2
    spread = float(np.sum((t - middle) ** 2))
    if spread <= 0.0:
        return ErrorChart(interval=None, reason="all calibrations have the same time")
    slope = float(np.sum((t - middle) * e) / spread)
    level = float(np.mean(e))
    s = math.sqrt(float(np.sum((e - level - slope * (t - middle)) ** 2)) / nu)
    two_sided = math.isfinite(lower) and math.isfinite(upper)
    k = float(stdtrit(nu, 0.5 * (1.0 + target) if two_sided else target))

    def room(at: Floats) -> Floats:
        line = level + slope * (at - middle)
        reach = k * np.sqrt(s**2 * (1.0 + 1.0 / n + (at - middle) ** 2 / spread) + standard_uncertainty**2)
        return np.asarray(np.minimum(upper - line - reach, line - reach - lower))

    last, history = float(t[-1]), float(t[-1] - t[0])
    interval: float | None = None
    reason: str | None = None
    grid = last + np.concatenate([[0.0], np.geomspace(1e-5, 1.0, 4001)]) * _HORIZON * history
    beyond = np.flatnonzero(room(grid) <= 0.0)
    if beyond.size == 0:
        reason = "the error does not drift out of its limits within any time to be believed"
    elif beyond[0] == 0:
        reason = f"the error cannot be said to conform with probability {target:g} even at the last calibration"
    else:
        ends = grid[beyond[0] - 1], grid[beyond[0]]
        interval = float(brentq(lambda at: float(room(np.array([at]))[0]), *ends, rtol=1e-13)) - last
    su = s / math.sqrt(spread)
    return ErrorChart(
        interval=interval,
        reason=reason,
        drift=slope,
        drift_standard_uncertainty=su,
        scatter=s,
        last_error=level + slope * (last - middle),
        drift_probability=2.0 * float(stdtr(nu, -abs(slope) / su)) if su > 0.0 else (1.0 if slope == 0.0 else 0.0),
        out_of_control=_signals(t, e),
        extrapolated=interval is not None and interval > history,
    )


def _signals(t: Floats, e: Floats) -> tuple[int, ...]:
    """Points whose distance from the line through all others is too large, by t (deleted residuals)."""
    n = t.size
    if n < 5:
        return ()
    design = np.stack([np.ones(n), (t - np.mean(t)) / np.ptp(t)], axis=1)
    orthonormal, _ = np.linalg.qr(design)
    leverage = np.sum(orthonormal**2, axis=1)
    residual = e - orthonormal @ (orthonormal.T @ e)
    total = float(np.sum(residual**2))
    free = 1.0 - leverage
    others = np.maximum(total - residual**2 / np.maximum(free, 1e-12), 0.0) / (n - 3)
    tiny = (1e-12 * max(float(np.max(np.abs(e))), 1e-300)) ** 2
    far = residual**2 > (float(stdtrit(n - 3, 1.0 - 0.5 * _SIGNAL)) ** 2) * np.maximum(others, tiny) * free
    return tuple(int(each) for each in np.flatnonzero(far & (free > 1e-9)))


def _validated(
    times: ArrayLike, errors: ArrayLike, target: float, lower: float, upper: float, standard_uncertainty: float
) -> tuple[Floats, Floats]:
    """Times and errors in the order of time."""
    require_fraction("target", target)
    t, e = np.asarray(times, dtype=np.float64).ravel(), np.asarray(errors, dtype=np.float64).ravel()
    if t.size == 0:
        raise IntervalError("times", [], "there are no data; give the time of each calibration")
    if t.size != e.size:
        raise IntervalError("errors", e.size, f"must be as many as times, {t.size}")
    for field, values in (("times", t), ("errors", e)):
        if not np.all(np.isfinite(values)):
            raise IntervalError(field, float(values[~np.isfinite(values)][0]), "must be finite numbers")
    if math.isinf(lower) and math.isinf(upper):
        raise IntervalError("lower", None, "is missing, and so is upper; give at least one limit")
    if not lower < upper:
        raise IntervalError("upper", upper, f"must be greater than lower, which is {lower!r}")
    if not (math.isfinite(standard_uncertainty) and standard_uncertainty >= 0.0):
        raise IntervalError("standard_uncertainty", standard_uncertainty, "must be a finite number, not negative")
    order = np.argsort(t, kind="stable")
    return t[order], e[order]
