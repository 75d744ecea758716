"""Models that are linear in all parameters: one solution, no start values (ISO/TS 28037:2010, clauses 6 and 9)."""

from __future__ import annotations

from decimal import DecimalException

import numpy as np

from steelyard.calibration.engine.curves.errors import DataError, SingularDesignError
from steelyard.calibration.engine.curves.estimate import Array, Estimate
from steelyard.calibration.engine.curves.least_squares import (
    LARGEST_MATRIX,
    double_whitener,
    solve,
    sum_of_squares,
    whitened,
    whitener,
)
from steelyard.calibration.engine.curves.models import Model, Polynomial, jacobian
from steelyard.calibration.engine.curves.observations import Observations
from steelyard.calibration.engine.curves.precise import precise, rounded

_LARGEST_PRECISE = 40_000
"""n p^2 up to which 60 digits cost less than about a second."""


def is_linear(model: Model) -> bool:
    """Whether the model is linear in all of its parameters together."""
    return len(model.linear_parameters()) == len(model.parameters)


def fit_linear(model: Model, data: Observations) -> Estimate:
    """Weighted or generalized linear least squares; the uncertainty of x plays no part.

    In 60 digits, so that the result is that of the data and not of the arithmetic, unless the data are too many or the
    model has a function without that precision; then by a QR factorization in double precision.

    Raises:
        SingularDesignError: if the data do not determine every parameter.
        DataError: if the covariance matrix of y has no inverse, or the model no finite value at an observation.
    """
    matrix = data.variance_y is not None and data.variance_y.ndim == 2
    if data.count * len(model.parameters) ** 2 <= _LARGEST_PRECISE and not (matrix and data.count > LARGEST_MATRIX):
        try:
            return _precise(model, data)
        except (TypeError, AttributeError, DecimalException):
            # A function that decimal numbers do not have (atan2, complex ones), or one at a pole.
            pass
    return _double(model, data)


def _precise(model: Model, data: Observations) -> Estimate:
    regressors = {name: precise(values) for name, values in data.regressors.items() if name in model.regressors}
    zeros = list(precise(np.zeros(len(model.parameters))))
    offset, design = jacobian(model, zeros, regressors, dtype=object)
    design = np.broadcast_to(precise(design), (data.count, len(zeros)))
    y = precise(data.y) - precise(offset)
    whitening = whitener(data.variance_y, data.count)
    solution = solve(whitened(whitening, design), whitened(whitening, y), model.parameters)
    residuals = y - design @ solution.coefficients
    return Estimate(
        values=solution.coefficients,
        inverse=solution.inverse,
        residuals=rounded(residuals),
        residual_sum_of_squares=sum_of_squares(residuals),
        weighted_sum_of_squares=sum_of_squares(solution.residuals),
        converged=True,
        message="linear least squares in 60 digits",
    )


def _double(model: Model, data: Observations) -> Estimate:
    offset, design, transform = _design(model, data)
    y = data.y - offset
    left, right = design, y
    if data.variance_y is not None and data.variance_y.ndim == 1:
        weights = 1.0 / np.sqrt(data.variance_y)
        left, right = weights[:, np.newaxis] * design, weights * y
    elif data.variance_y is not None:
        whitening = double_whitener(data.variance_y)
        left, right = whitening @ design, whitening @ y
    scale = np.linalg.norm(left, axis=0)
    scale[scale == 0.0] = 1.0
    orthogonal, triangular = np.linalg.qr(left / scale)
    if data.count < len(scale) or np.min(np.abs(np.diagonal(triangular))) < 1e-13:
        smallest = int(np.argmin(np.abs(np.diagonal(triangular)))) if data.count >= len(scale) else len(scale) - 1
        remedy = "cannot be told from the other parameters with these observations (singular design)"
        raise SingularDesignError("model", model.parameters[smallest], remedy)
    inverse_triangular = np.linalg.inv(triangular) / scale[:, np.newaxis]
    coefficients = inverse_triangular @ (orthogonal.T @ right)
    residuals = y - design @ coefficients
    root = transform @ precise(inverse_triangular)
    weighted = right - left @ coefficients
    return Estimate(
        values=transform @ precise(coefficients),
        inverse=root @ root.T,
        residuals=residuals,
        residual_sum_of_squares=float(residuals @ residuals),
        weighted_sum_of_squares=float(weighted @ weighted),
        converged=True,
        message="linear least squares by QR factorization",
    )


def _design(model: Model, data: Observations) -> tuple[Array, Array, Array]:
    """Offset, design matrix, and the matrix that takes its coefficients to the model's parameters.

    A polynomial is taken in t = (x - middle) / half width, whose powers are far less alike than those of x.
    """
    size = len(model.parameters)
    if not isinstance(model, Polynomial):
        with np.errstate(all="ignore"):
            offset, design = jacobian(model, [0.0] * size, data.regressors, dtype=float)
        bad = np.flatnonzero(~(np.isfinite(offset) & np.all(np.isfinite(design), axis=1)))
        if bad.size:
            raise DataError("model", model.text, f"has no finite value at observation {bad[0] + 1}")
        return offset, design, precise(np.eye(size))
    x = data.regressors[model.regressor]
    middle = 0.0 if model.through_zero else (x.min() + x.max()) / 2.0
    half = float(np.max(np.abs(x - middle))) or 1.0
    first = int(model.through_zero)
    powers = ((x - middle) / half)[:, np.newaxis] ** np.arange(first, model.degree + 1)
    # Column k holds the coefficients of ((x - middle) / half)^k in powers of x.
    transform = precise(np.zeros((model.degree + 1, model.degree + 1)))
    transform[0, 0] = precise(1.0)[()]
    m, h = precise(middle)[()], precise(half)[()]
    for power in range(1, model.degree + 1):
        column = transform[:, power - 1]
        transform[1:, power] = column[:-1] / h
        transform[:, power] = transform[:, power] - column * (m / h)
    return np.zeros(data.count), powers, transform[first:, first:]
