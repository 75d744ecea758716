"""The last steps of a nonlinear fit, in 60 digits, and the covariance there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import DecimalException
from itertools import pairwise
from typing import Any

import numpy as np

from steelyard.calibration.engine.curves.estimate import Array, Estimate
from steelyard.calibration.engine.curves.least_squares import (
    LARGEST_MATRIX,
    Numbers,
    Solution,
    solve,
    sum_of_squares,
    whitened,
    whitener,
)
from steelyard.calibration.engine.curves.models import Model, jacobian
from steelyard.calibration.engine.curves.observations import Observations
from steelyard.calibration.engine.curves.precise import precise, rounded

_LARGEST_PRECISE = 4_000
"""n p up to which steps in 60 digits cost less than some seconds."""
_ORTHOGONAL = 1e-12
"""Cosine between residuals and tangent plane that ends the steps; its square is the error of the sum of squares."""
_CONVERGED = 1e-6
_EXACT = 1e-25
"""Residuals that are smaller than this beside the observations are those of exact data."""
_MOST_STEPS = 40
_REMEMBERED = 4
"""Steps before the last one that the next takes account of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A place, and the Gauss-Newton step from there."""

    parameters: Numbers
    residuals: Numbers
    cost: Any
    """The weighted sum of squares, `Precise`: near the minimum those of two places are one double."""
    solution: Solution
    cosine: float

    def worse_than(self, other: _State) -> bool:
        """Whether neither the sum of squares nor the angle speaks for this place."""
        return bool(self.cost > other.cost) and self.cosine > other.cosine


def polished(model: Model, data: Observations, values: Array, *, converged: bool) -> Estimate | None:
    """Gauss-Newton steps in 60 digits from a minimum that was found in double precision.

    Residuals of 1e-13 of the values, as exact data have them, have no digits in double precision, and where the sum of
    squares is flat it hides the minimum.

    Returns:
        The minimum; None if the data are too many for it or the model has a function without that precision.

    Raises:
        SingularDesignError: if the data do not determine every parameter there.
    """
    matrix = data.variance_y is not None and data.variance_y.ndim == 2
    if data.count * len(values) > _LARGEST_PRECISE or (matrix and data.count > LARGEST_MATRIX):
        return None
    try:
        return _polished(model, data, values, converged=converged)
    except (TypeError, AttributeError, DecimalException):
        # A function that decimal numbers do not have (atan2, complex ones), or one outside its domain.
        return None


def _polished(model: Model, data: Observations, values: Array, *, converged: bool) -> Estimate:
    regressors = {name: precise(each) for name, each in data.regressors.items()}
    y, whitening = precise(data.y), whitener(data.variance_y, data.count)

    def at(parameters: Numbers) -> _State:
        value, slopes = jacobian(model, list(parameters), regressors, dtype=object)
        residuals = y - precise(value)
        weighted, design = whitened(whitening, residuals), whitened(whitening, precise(slopes))
        solution = solve(design, weighted, model.parameters)
        cost = weighted @ weighted
        length = float(cost)
        # The step's share in the residuals: |J d| / |r|. Of exact data there is nothing left to share.
        exact = length <= _EXACT**2 * sum_of_squares(whitened(whitening, y))
        cosine = 0.0 if exact else float(np.sqrt(sum_of_squares(design @ solution.coefficients) / length))
        return _State(parameters=parameters, residuals=residuals, cost=cost, solution=solution, cosine=cosine)

    way = [at(precise(values))]
    for _ in range(_MOST_STEPS):
        state = way[-1]
        if state.cosine <= _ORTHOGONAL:
            break
        trial = at(state.parameters + _step(way))
        if trial.worse_than(state) and len(way) > 1:
            way = [state]
            trial = at(state.parameters + _step(way))
        if trial.worse_than(state):
            break
        # Far from the minimum steps are not yet alike.
        way = [*way[-_REMEMBERED:], trial] if state.cosine <= _CONVERGED else [trial]
    state = way[-1]
    return Estimate(
        values=state.parameters,
        inverse=state.solution.inverse,
        residuals=rounded(state.residuals),
        residual_sum_of_squares=sum_of_squares(state.residuals),
        weighted_sum_of_squares=float(state.cost),
        converged=state.cosine <= _CONVERGED or (converged and state.cosine <= 1e-4),
        message=f"nonlinear least squares; residuals at right angles to the model within {state.cosine:.1g}",
    )


def _step(way: Sequence[_State]) -> Numbers:
    """The next step from the last place of `way`: that of Gauss and Newton, less what the steps before say of it.

    Near a minimum with large residuals each step leaves the same share of the error, up to nine tenths of it. The
    combination of steps that leaves least (in standard uncertainties) goes on where all of them would end: D. G.
    Anderson, J. ACM 12 (1965) 547-560; H. F. Walker, P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715-1735, eq. 2.2.
    """
    last = way[-1].solution
    step = last.coefficients
    if len(way) == 1:
        return step
    deviations = np.sqrt(np.diagonal(last.inverse))
    steps = np.array([rounded(each.solution.coefficients / deviations) for each in way])
    shares = np.linalg.lstsq(np.diff(steps, axis=0).T, steps[-1], rcond=None)[0]
    for share, (before, after) in zip(shares.tolist(), pairwise(way), strict=True):
        moved = after.parameters - before.parameters
        step = step - (moved + after.solution.coefficients - before.solution.coefficients) * share
    return step


def unpolished(residuals: Array, weighted: Array, design: Array, values: Array, *, converged: bool) -> Estimate:
    """The covariance in double precision, where there is no other."""
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0.0] = 1.0
    triangular = np.linalg.qr(design / scale, mode="r")
    inverse: Any = np.full((len(values), len(values)), np.nan)
    singular = np.min(np.abs(np.diagonal(triangular))) < 1e-13 or len(residuals) < len(values)
    if not singular:
        root = np.linalg.inv(triangular) / scale[:, np.newaxis]
        inverse = root @ root.T
    return Estimate(
        values=precise(values),
        inverse=precise(inverse),
        residuals=residuals,
        residual_sum_of_squares=float(residuals @ residuals),
        weighted_sum_of_squares=float(weighted @ weighted),
        converged=converged and not singular,
        message="nonlinear least squares in double precision",
    )
