"""What was observed: a response y, one or several regressors, and how uncertain they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.curves.errors import DataError

Array = NDArray[np.float64]

_ROUNDING = 1e-9
"""Eigenvalues of a rounded covariance matrix may be this much below 0, relative to the largest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """n observations, made by `observe`, which checks them. Covariances are in the units of what they belong to."""

    regressors: Mapping[str, Array]
    """Name -> values, shape (n,)."""
    y: Array
    """The responses, shape (n,)."""
    variance_y: Array | None
    """Variances, shape (n,), or the covariance matrix, shape (n, n); None where they are unknown."""
    variance_x: Mapping[str, Array]
    """Regressor -> variances or covariance matrix, for the uncertain regressors only."""
    covariance_xy: Mapping[str, Array]
    """Regressor -> covariances between x_i and y_i, shape (n,) (ISO/TS 28037:2010, clause 8)."""

    @property
    def count(self) -> int:
        """The number of observations."""
        return len(self.y)

    @property
    def has_uncertainties(self) -> bool:
        """Whether uncertainties are given with the data, so that they need not come from the residuals."""
        return self.variance_y is not None or bool(self.variance_x)


def observe(
    regressors: Mapping[str, ArrayLike],
    y: ArrayLike,
    *,
    u_y: ArrayLike | None = None,
    u_x: Mapping[str, ArrayLike] | None = None,
    covariance_y: ArrayLike | None = None,
    covariance_x: Mapping[str, ArrayLike] | None = None,
    covariance_xy: Mapping[str, ArrayLike] | None = None,
) -> Observations:
    """Check observations and put them together.

    Args:
        regressors: name -> values, shape (n,) each.
        y: responses, shape (n,), n >= 2.
        u_y: standard uncertainties of y, shape (n,).
        u_x: regressor -> standard uncertainties, shape (n,).
        covariance_y: the covariance matrix of y, shape (n, n); it stands for `u_y`.
        covariance_x: regressor -> covariance matrix, shape (n, n); it stands for `u_x` of that regressor.
        covariance_xy: regressor -> covariances of x_i with y_i, shape (n,).

    Raises:
        DataError: naming what is missing, not finite, negative, of the wrong size or not positive semidefinite.
    """
    responses = _column("y", y, None)
    count = len(responses)
    if count < 2:
        raise DataError("y", f"{count} observation(s)", "a curve needs two observations at least")
    values = {name: _column(name, each, count) for name, each in regressors.items()}
    matrices = covariance_x or {}
    uncertainties = u_x or {}
    for name in [*matrices, *uncertainties, *(covariance_xy or {})]:
        if name not in values:
            raise DataError(f"u_{name}", name, f"is no regressor; there are {', '.join(values) or 'none'}")
    variance_x = {name: _variances(f"u_{name}", each, count) for name, each in uncertainties.items()}
    variance_x |= {name: _matrix(f"covariance_{name}", each, count) for name, each in matrices.items()}
    variance_x = {name: each for name, each in variance_x.items() if np.any(each != 0.0)}
    variance_y = None if u_y is None else _variances("u_y", u_y, count)
    if covariance_y is not None:
        variance_y = _matrix("covariance_y", covariance_y, count)
    cross = {name: _column(f"cov_{name}y", each, count) for name, each in (covariance_xy or {}).items()}
    for name, each in cross.items():
        if variance_y is None or name not in variance_x:
            raise DataError(f"cov_{name}y", each[0], f"needs u_y and u_{name} too")
        bound = np.sqrt(diagonal(variance_x[name]) * diagonal(variance_y))
        worst = int(np.argmax(np.abs(each) - bound))
        if abs(each[worst]) > bound[worst] * (1.0 + _ROUNDING):
            raise DataError(f"cov_{name}y", each[worst], f"item {worst + 1}: must be within ± u_{name} u_y")
    if variance_y is not None and variance_y.ndim == 1 and not variance_x and np.any(variance_y == 0.0):
        item = int(np.argmin(variance_y)) + 1
        raise DataError("u_y", 0.0, f"item {item}: must be greater than 0, since x has no uncertainty")
    return Observations(
        regressors=values, y=responses, variance_y=variance_y, variance_x=variance_x, covariance_xy=cross
    )


def diagonal(variance: Array) -> Array:
    """The variances, from variances or from a covariance matrix."""
    return variance if variance.ndim == 1 else np.diagonal(variance)


def as_matrix(variance: Array) -> Array:
    """The covariance matrix, from variances or from a covariance matrix."""
    return np.diag(variance) if variance.ndim == 1 else variance


def _column(name: str, values: ArrayLike, count: int | None) -> Array:
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(name, values, "must be numbers") from error
    if column.ndim != 1:
        raise DataError(name, f"shape {column.shape}", "must be one list of numbers")
    if count is not None and len(column) != count:
        raise DataError(name, f"{len(column)} values", f"must be as many as y has: {count}")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise DataError(name, column[bad[0]], f"item {bad[0] + 1}: must be a finite number")
    column.flags.writeable = False
    return column


def _variances(name: str, values: ArrayLike, count: int) -> Array:
    column = _column(name, values, count)
    bad = np.flatnonzero(column < 0.0)
    if bad.size:
        raise DataError(name, column[bad[0]], f"item {bad[0] + 1}: a standard uncertainty must not be negative")
    return column**2


def _matrix(name: str, values: ArrayLike, count: int) -> Array:
    matrix = np.array(values, dtype=np.float64)
    if matrix.shape != (count, count):
        raise DataError(name, f"shape {matrix.shape}", f"must be {count} x {count}, as many as there are observations")
    if not np.all(np.isfinite(matrix)):
        raise DataError(name, "a value that is not finite", "must be finite numbers")
    scale = float(np.max(np.abs(matrix)))
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * scale):
        raise DataError(name, "matrix", "must be symmetric")
    negative = np.flatnonzero(np.diagonal(matrix) < 0.0)
    if negative.size:
        raise DataError(name, matrix[negative[0], negative[0]], f"the variance of item {negative[0] + 1} is negative")
    smallest, largest = np.linalg.eigvalsh(matrix)[[0, -1]]
    if smallest < -_ROUNDING * largest:
        raise DataError(name, f"smallest eigenvalue {smallest:.3g}", "must be positive semidefinite")
    return (matrix + matrix.T) / 2.0
