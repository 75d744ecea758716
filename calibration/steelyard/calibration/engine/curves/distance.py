"""Errors in x and in y: generalized distance regression (ISO/TS 28037:2010, clauses 7, 8 and 10), for any model.

The unknowns are the parameters b and the true regressors xi. The model is linearized at both; then the errors of x can
be eliminated: what is left of y has the covariance V_y + D V_x D' - D C - (D C)', D = diag(df/dx), C = cov(x, y), and
the parameters follow by generalized least squares (clause 10.2, Gauss-Newton). The covariance of the parameters is the
inverse of the Gauss-Newton Hessian at the solution, as the standard takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from steelyard.calibration.engine.curves.errors import DataError, SingularDesignError
from steelyard.calibration.engine.curves.estimate import Array, Estimate
from steelyard.calibration.engine.curves.models import Model, jacobian, slope_of
from steelyard.calibration.engine.curves.observations import Observations, as_matrix, diagonal
from steelyard.calibration.engine.curves.precise import precise, rounded

_MOST_STEPS = 500
_TOLERANCE = 1e-12
"""Of a step, relative to the standard uncertainties of what is stepped."""
_CONVERGED = 1e-7
_NEVER_LARGER = 1.5
"""A step after which chi-squared is larger by this factor is halved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A place, and what the model linearized there says."""

    parameters: Array
    true: Mapping[str, Array]
    step: Array
    """The Gauss-Newton step of the parameters, shape (p,)."""
    closer: Mapping[str, Array]
    """The regressors' true values after that step."""
    inverse: Array
    chi_square: float


def fit_distance(model: Model, data: Observations, start: Estimate) -> Estimate:
    """Generalized distance regression from parameters found without the uncertainty of x.

    Raises:
        SingularDesignError: if the data do not determine every parameter.
        DataError: if an observation has no uncertainty at all.
    """
    true = {name: data.regressors[name] for name in data.variance_x if name in model.regressors}
    state = _linearized(model, data, rounded(start.values), true)
    if state is None:
        raise DataError("model", model.text, "has no finite value or derivative at the observations")
    size = np.inf
    for _ in range(_MOST_STEPS):
        deviations = np.sqrt(np.diagonal(state.inverse))
        size = float(np.max(np.abs(state.step) / deviations))
        for name, old in state.true.items():
            size = max(size, float(np.max(np.abs(state.closer[name] - old) / _spread(data, name))))
        if size <= _TOLERANCE:
            break
        following = _following(model, data, state)
        if following is None:
            break
        state = following
    residuals = data.y - _values(model, state.parameters, data.regressors)
    return Estimate(
        values=precise(state.parameters + state.step),
        inverse=precise(state.inverse),
        residuals=residuals,
        residual_sum_of_squares=float(residuals @ residuals),
        weighted_sum_of_squares=state.chi_square,
        converged=size <= _CONVERGED,
        message=f"generalized distance regression; last step {size:.1g} standard uncertainties",
    )


def _following(model: Model, data: Observations, state: _State) -> _State | None:
    """The state after the step, or after a part of it if the whole misleads; None if no part helps."""
    share = 1.0
    while share > 1e-6:
        parameters = state.parameters + share * state.step
        true = {name: old + share * (state.closer[name] - old) for name, old in state.true.items()}
        found = _linearized(model, data, parameters, true)
        if found is not None and found.chi_square <= _NEVER_LARGER * state.chi_square + 1e-12:
            return found
        share /= 2.0
    return None


def _linearized(model: Model, data: Observations, parameters: Array, true: Mapping[str, Array]) -> _State | None:
    places = {**data.regressors, **true}
    with np.errstate(all="ignore"):
        value, design = jacobian(model, list(parameters), places, dtype=float)
        slopes = {name: slope_of(model, list(parameters), places, name) for name in true}
    if not all(np.all(np.isfinite(each)) for each in (value, design, *slopes.values())):
        return None
    left = data.y - value - sum(slope * (data.regressors[name] - true[name]) for name, slope in slopes.items())
    root = _root(_effective(data, slopes))
    weighted, scaled = _divided(root, left), _divided(root, design)
    norms = np.linalg.norm(scaled, axis=0)
    norms[norms == 0.0] = 1.0
    orthogonal, triangular = np.linalg.qr(scaled / norms)
    pivots = np.abs(np.diagonal(triangular))
    if data.count < len(parameters) or np.min(pivots) < 1e-14:
        remedy = "cannot be told from the other parameters with these observations (singular design)"
        raise SingularDesignError("model", model.parameters[int(np.argmin(pivots))], remedy)
    inverse_root = np.linalg.inv(triangular) / norms[:, np.newaxis]
    step = inverse_root @ (orthogonal.T @ weighted)
    rest = weighted - scaled @ step
    forces = _divided(root, rest, transposed=True)
    closer = {
        # The most probable errors of x given what is left of y: Cov(e_x, left) V^-1 left.
        name: data.regressors[name]
        + _times(data.variance_x[name], slope * forces)
        - data.covariance_xy.get(name, np.zeros(data.count)) * forces
        for name, slope in slopes.items()
    }
    return _State(
        parameters=parameters,
        true=dict(true),
        step=step,
        closer=closer,
        inverse=inverse_root @ inverse_root.T,
        chi_square=float(rest @ rest),
    )


def _effective(data: Observations, slopes: Mapping[str, Array]) -> Array:
    """The covariance of what is left of y: variances, or a matrix if any part is one."""
    parts = [] if data.variance_y is None else [data.variance_y]
    for name, slope in slopes.items():
        variance = data.variance_x[name]
        parts.append(slope**2 * variance if variance.ndim == 1 else np.outer(slope, slope) * variance)
        if name in data.covariance_xy:
            parts.append(-2.0 * slope * data.covariance_xy[name])
    if all(part.ndim == 1 for part in parts):
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)
    return np.asarray(np.sum([as_matrix(part) for part in parts], axis=0), dtype=np.float64)


def _root(covariance: Array) -> Array:
    """Standard deviations, or the Cholesky factor."""
    if covariance.ndim == 1:
        if np.min(covariance) <= 0.0:
            item = int(np.argmin(covariance)) + 1
            raise DataError("u_y", 0.0, f"item {item}: has no uncertainty in y nor one in x that acts on y")
        return np.asarray(np.sqrt(covariance), dtype=np.float64)
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        remedy = "x and y together leave an observation, or a combination of them, without uncertainty"
        raise DataError("covariance", "singular matrix", remedy) from error


def _divided(root: Array, values: Array, *, transposed: bool = False) -> Array:
    """L^-1 v or L^-T v."""
    if root.ndim == 1:
        return values / root if values.ndim == 1 else values / root[:, np.newaxis]
    divided: Array = solve_triangular(root, values, lower=True, trans="T" if transposed else "N")
    return divided


def _times(variance: Array, values: Array) -> Array:
    product: Array = variance * values if variance.ndim == 1 else variance @ values
    return product


def _spread(data: Observations, name: str) -> Array:
    """Standard uncertainties of a regressor; of certain values something that does not matter."""
    deviations = np.sqrt(diagonal(data.variance_x[name]))
    return np.asarray(np.where(deviations > 0.0, deviations, np.max(deviations)), dtype=np.float64)


def _values(model: Model, parameters: Array, regressors: Mapping[str, Array]) -> Array:
    return np.asarray(model.evaluate([np.array([value]) for value in parameters], regressors), dtype=np.float64)
