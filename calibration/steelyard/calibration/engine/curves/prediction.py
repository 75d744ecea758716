"""Use a calibration curve: y from x and x from y, with uncertainty, within the range of the calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import DecimalException
from typing import Any

import numpy as np
from scipy.optimize import brentq

from steelyard.calibration.engine.curves.errors import DataError, ExtrapolationError, InversionError
from steelyard.calibration.engine.curves.fit import CurveFit
from steelyard.calibration.engine.curves.models import jacobian, slope_of
from steelyard.calibration.engine.curves.precise import precise

_GRID = 2000
"""Intervals in which a root is looked for."""
_WIDEST = 1e4
"""How many times the range of the calibration is searched when extrapolation is allowed."""
_SAME = 1e-9
"""Roots that are nearer to each other than this, relative to the range, are one."""
_EDGE = 1e-12
"""Rounding of a range's ends, relative to its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A point on the curve."""

    x: Mapping[str, float]
    """Regressor -> value."""
    y: float
    """The response."""
    standard_uncertainty: float
    """Of y, or of x if the curve was used backwards; NaN where that of the parameters is unknown."""
    extrapolated: bool
    """Whether a regressor lies outside the range of the calibration."""


def predict(
    fit: CurveFit,
    x: Mapping[str, float],
    *,
    u_x: Mapping[str, float] | None = None,
    extrapolate: bool = False,
) -> Prediction:
    """The response at x: u^2(y) = g' C g + (df/dx)^2 u^2(x) (ISO/TS 28037:2010, 11.2).

    Args:
        fit: the curve.
        x: regressor -> value.
        u_x: regressor -> standard uncertainty, independent of the calibration.
        extrapolate: whether x may lie outside the range of the calibration.

    Raises:
        ExtrapolationError: if it does and may not.
        DataError: for a regressor without a value, or a model without a finite value there.
    """
    for name in fit.model.regressors:
        if name not in x:
            raise DataError("at", name, "needs a value; write " + ", ".join(f"{each}=…" for each in fit.validity))
    outside = [name for name, (low, high) in fit.validity.items() if not _within(x[name], low, high)]
    if outside and not extrapolate:
        name = outside[0]
        low, high = fit.validity[name]
        remedy = f"is outside the range of the calibration, {low:g} to {high:g}; extrapolation must be allowed"
        raise ExtrapolationError("at", x[name], f"{name} {remedy}")
    value, variance = _value_and_variance(fit, x)
    for name, uncertainty in (u_x or {}).items():
        if uncertainty < 0.0 or not np.isfinite(uncertainty):
            raise DataError(f"u_{name}", uncertainty, "must be a finite number, 0 or more")
        variance += (_slope(fit, x, name) * uncertainty) ** 2
    return Prediction(
        x={name: float(x[name]) for name in fit.model.regressors},
        y=value,
        standard_uncertainty=float(np.sqrt(variance)),
        extrapolated=bool(outside),
    )


def invert(fit: CurveFit, y: float, *, u_y: float = 0.0, extrapolate: bool = False) -> Prediction:
    """The x that belongs to y: u^2(x) = (g' C g + u^2(y)) / (df/dx)^2 (ISO/TS 28037:2010, 11.1).

    Args:
        fit: a curve with one regressor.
        y: the response.
        u_y: its standard uncertainty, independent of the calibration.
        extrapolate: whether x may lie outside the range of the calibration.

    Raises:
        ExtrapolationError: if it does and may not.
        InversionError: if several x belong to this y, or none, or the model has not one regressor.
    """
    if u_y < 0.0 or not np.isfinite(u_y):
        raise DataError("u_y", u_y, "must be a finite number, 0 or more")
    if len(fit.model.regressors) != 1:
        raise InversionError("inverse-at", fit.model.text, "a curve of one regressor can be used backwards, no other")
    name = fit.model.regressors[0]
    low, high = fit.validity[name]
    roots = _roots(fit, name, y, low, high)
    if not roots and not extrapolate:
        reached = [_curve(fit, name, place) for place in np.linspace(low, high, _GRID + 1)]
        remedy = f"the calibration, {name} = {low:g} to {high:g}, reaches {min(reached):g} to {max(reached):g}"
        raise ExtrapolationError("inverse-at", y, f"{remedy}; extrapolation must be allowed")
    width = 1.0
    while not roots and width < _WIDEST:
        span = (high - low or 1.0) * width
        below, above = _roots(fit, name, y, low - span, low), _roots(fit, name, y, high, high + span)
        roots = [*below[-1:], *above[:1]]
        width *= 2.0
    if not roots:
        raise InversionError("inverse-at", y, "no x gives this y")
    if len(roots) > 1:
        shown = ", ".join(f"{root:.6g}" for root in roots[:3])
        raise InversionError("inverse-at", y, f"several x give this y: {shown}; the curve is not monotonic")
    x = roots[0]
    _, variance = _value_and_variance(fit, {name: x})
    slope = _slope(fit, {name: x}, name)
    if slope == 0.0:
        raise InversionError("inverse-at", y, f"the curve is level at {name} = {x:g}: x has no finite uncertainty")
    return Prediction(
        x={name: x},
        y=float(y),
        standard_uncertainty=float(np.sqrt(variance + u_y**2) / abs(slope)),
        extrapolated=not _within(x, low, high),
    )


def _within(value: float, low: float, high: float) -> bool:
    margin = _EDGE * (high - low)
    return low - margin <= value <= high + margin


def _value_and_variance(fit: CurveFit, x: Mapping[str, float]) -> tuple[float, float]:
    """The curve's value and its variance from the parameters, in 60 digits if the model's functions allow it."""
    known = not np.any(np.isnan(fit.covariance))
    try:
        places: dict[str, Any] = {name: precise([x[name]]) for name in fit.model.regressors}
        value, slopes = jacobian(fit.model, list(fit.exact_values), places, dtype=object)
        gradient, here = precise(slopes)[0], float(value[0])
        variance = float(gradient @ fit.exact_covariance @ gradient) if known else np.nan
    except (TypeError, AttributeError, DecimalException):
        with np.errstate(all="ignore"):
            values, slopes = jacobian(
                fit.model, list(fit.values), {name: np.array([x[name]]) for name in fit.model.regressors}, dtype=float
            )
        here, variance = float(values[0]), float(slopes[0] @ fit.covariance @ slopes[0])
    if not np.isfinite(here):
        raise DataError("at", ", ".join(f"{name}={each:g}" for name, each in x.items()), "the model has no value there")
    return here, max(variance, 0.0) if known else np.nan


def _slope(fit: CurveFit, x: Mapping[str, float], name: str) -> float:
    places = {each: np.array([x[each]]) for each in fit.model.regressors}
    return float(slope_of(fit.model, list(fit.values), places, name)[0])


def _curve(fit: CurveFit, name: str, x: float) -> float:
    with np.errstate(all="ignore"):
        value = fit.model.evaluate([np.array([each]) for each in fit.values], {name: np.array([float(x)])})
    return float(np.broadcast_to(value, (1,))[0])


def _roots(fit: CurveFit, name: str, y: float, low: float, high: float) -> list[float]:
    """Every x between `low` and `high` where the curve passes through y."""
    places = np.linspace(low, high, _GRID + 1)
    with np.errstate(all="ignore"):
        values = fit.model.evaluate([np.array([each]) for each in fit.values], {name: places})
    above = np.broadcast_to(values, places.shape) - y
    scale = max(abs(y), float(np.nanmax(np.abs(above))))
    roots = [float(places[index]) for index in (0, _GRID) if abs(above[index]) <= 1e-14 * scale]
    for index in np.flatnonzero(above[:-1] * above[1:] < 0.0):
        root = brentq(lambda x: _curve(fit, name, x) - y, places[index], places[index + 1], xtol=1e-300, rtol=1e-15)
        # A pole changes the sign too.
        if abs(_curve(fit, name, root) - y) <= 1e-6 * (abs(above[index]) + abs(above[index + 1])):
            roots.append(float(root))
    inner = np.flatnonzero(above[1:-1] == 0.0) + 1
    roots.extend(float(places[index]) for index in inner)
    distinct: list[float] = []
    for root in sorted(roots):
        # A root at the end of an interval is found in the next one too.
        if not distinct or root - distinct[-1] > _SAME * (high - low):
            distinct.append(root)
    return distinct
