"""Linear least squares in 60 digits, by normal equations.

Normal equations square the condition number. With 60 digits that leaves more than 20 right ones where a QR
factorization in double precision has none left (condition number 1e16), and the covariance comes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.curves.errors import DataError, SingularDesignError
from steelyard.calibration.engine.curves.precise import Precise, precise, rounded

Numbers = NDArray[Any]
"""Arrays of `Precise`."""

_SINGULAR = Precise("1e-40")
"""1 - R^2 of a column upon those before it, below which it is taken as their combination."""
LARGEST_MATRIX = 120
"""A covariance matrix up to this size is factorized in 60 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """min |A b - y|, all in `Precise`."""

    coefficients: Numbers
    """b, shape (p,)."""
    inverse: Numbers
    """(A'A)^-1, shape (p, p)."""
    residuals: Numbers
    """y - A b, shape (n,)."""


def solve(design: Numbers, y: Numbers, names: Sequence[str]) -> Solution:
    """Solve A b = y in the least-squares sense.

    Args:
        design: A, shape (n, p), `Precise`.
        y: shape (n,), `Precise`.
        names: the p parameters' names, for the message.

    Raises:
        SingularDesignError: naming a parameter that the others make superfluous.
    """
    count, size = design.shape
    if count < size:
        raise SingularDesignError("model", f"{size} parameters", f"need {size} observations at least, not {count}")
    scale = np.array([_norm(design[:, column]) for column in range(size)], dtype=object)
    for name, norm in zip(names, scale, strict=True):
        if norm == 0:
            raise SingularDesignError("model", name, "has no influence on any observation (singular design)")
    scaled = design / scale
    factor = _cholesky(scaled.T @ scaled, names)
    inverse_factor = _inverse_lower(factor)
    inverse = inverse_factor.T @ inverse_factor
    coefficients = inverse @ (scaled.T @ y)
    return Solution(
        coefficients=coefficients / scale,
        inverse=inverse / np.outer(scale, scale),
        residuals=y - scaled @ coefficients,
    )


def whitener(variance: NDArray[np.float64] | None, count: int) -> Numbers:
    """W with W V W' = 1, shape (n,) for variances or (n, n): what makes errors independent and of unit variance.

    Raises:
        DataError: if the covariance matrix is singular.
    """
    if variance is None:
        return precise(np.ones(count))
    if variance.ndim == 1:
        whitening: Numbers = 1 / np.sqrt(precise(variance))
        return whitening
    if count <= LARGEST_MATRIX:
        try:
            return _inverse_lower(_cholesky(precise(variance), ["covariance_y"] * count))
        except SingularDesignError as error:
            raise singular_covariance() from error
    return precise(double_whitener(variance))


def double_whitener(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """W with W V W' = 1 in double precision, shape (n, n). Raises DataError if V is singular."""
    try:
        factor = np.linalg.cholesky(variance)
    except np.linalg.LinAlgError as error:
        raise singular_covariance() from error
    return np.linalg.solve(factor, np.eye(len(variance)))


def singular_covariance() -> DataError:
    """The error to raise where a covariance matrix has no inverse."""
    remedy = "must have an inverse; an observation is certain, or a combination of others"
    return DataError("covariance_y", "singular matrix", remedy)


def whitened(whitening: Numbers, values: Numbers) -> Numbers:
    """W v for a vector or a matrix v."""
    if whitening.ndim == 2:
        return whitening @ values
    return whitening * values if values.ndim == 1 else whitening[:, np.newaxis] * values


def sum_of_squares(values: Numbers) -> float:
    """v'v, rounded to a double."""
    return float(values @ values)


def correlation_of(inverse: Numbers) -> NDArray[np.float64]:
    """The correlation matrix that belongs to a covariance matrix."""
    deviations = np.sqrt(np.diagonal(inverse))
    return rounded(inverse / np.outer(deviations, deviations))


def _norm(column: Numbers) -> Precise:
    square: Any = column @ column
    root: Precise = square.sqrt()
    return root


def _cholesky(matrix: Numbers, names: Sequence[str]) -> Numbers:
    """L with L L' = matrix; a pivot that vanishes beside its diagonal element is a singular design."""
    size = len(matrix)
    lower = precise(np.zeros((size, size)))
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row, column]
            if column:
                rest -= lower[row, :column] @ lower[column, :column]
            if column < row:
                lower[row, column] = rest / lower[column, column]
            elif rest > abs(matrix[row, row]) * _SINGULAR:
                lower[row, row] = rest.sqrt()
            else:
                remedy = "cannot be told from the other parameters with these observations (singular design)"
                raise SingularDesignError("model", names[row], remedy)
    return lower


def _inverse_lower(lower: Numbers) -> Numbers:
    """The inverse of a lower triangular matrix, by forward substitution."""
    size = len(lower)
    inverse = precise(np.zeros((size, size)))
    for column in range(size):
        inverse[column, column] = 1 / lower[column, column]
        for row in range(column + 1, size):
            inverse[row, column] = -(lower[row, column:row] @ inverse[column:row, column]) / lower[row, row]
    return inverse
