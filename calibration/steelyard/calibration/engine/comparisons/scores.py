"""Performance scores of laboratories against an assigned value (ISO 13528:2022, clause 9; ISO/IEC 17043:2023).

All arguments broadcast: float64[...] or numbers. Uncertainties may be zero where another in the same root is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.comparisons.errors import ComparisonError

Scores = NDArray[np.float64]


def z_score(values: ArrayLike, assigned: ArrayLike, standard_deviation: ArrayLike) -> Scores:
    """Score z = (x - x_pt) / sigma_pt (ISO 13528 eq. 9.4). Raises ComparisonError."""
    return _score(values, assigned, _positive("standard_deviation", standard_deviation))


def z_prime_score(
    values: ArrayLike, assigned: ArrayLike, standard_deviation: ArrayLike, assigned_standard_uncertainty: ArrayLike
) -> Scores:
    """Score z' = (x - x_pt) / sqrt(sigma_pt^2 + u(x_pt)^2) (ISO 13528 eq. 9.5). Raises ComparisonError."""
    sigma = _positive("standard_deviation", standard_deviation)
    return _score(
        values, assigned, np.hypot(sigma, _checked("assigned_standard_uncertainty", assigned_standard_uncertainty))
    )


def zeta_score(
    values: ArrayLike, standard_uncertainties: ArrayLike, assigned: ArrayLike, assigned_standard_uncertainty: ArrayLike
) -> Scores:
    """Score zeta = (x - x_pt) / sqrt(u(x)^2 + u(x_pt)^2) (ISO 13528 eq. 9.6). Raises ComparisonError."""
    u = _checked("standard_uncertainties", standard_uncertainties)
    u_assigned = _checked("assigned_standard_uncertainty", assigned_standard_uncertainty)
    return _score(values, assigned, _positive("standard_uncertainties", np.hypot(u, u_assigned)))


def normalized_error(
    values: ArrayLike, expanded_uncertainties: ArrayLike, assigned: ArrayLike, assigned_expanded_uncertainty: ArrayLike
) -> Scores:
    """Score E_n = (x - x_pt) / sqrt(U(x)^2 + U(x_pt)^2), U expanded (ISO 13528 eq. 9.7). Raises ComparisonError."""
    wide = _checked("expanded_uncertainties", expanded_uncertainties)
    wide_assigned = _checked("assigned_expanded_uncertainty", assigned_expanded_uncertainty)
    return _score(values, assigned, _positive("expanded_uncertainties", np.hypot(wide, wide_assigned)))


def _score(values: ArrayLike, assigned: ArrayLike, scale: Scores) -> Scores:
    x, reference = _finite("values", values), _finite("assigned", assigned)
    return np.asarray((x - reference) / scale, dtype=np.float64)


def _finite(field: str, values: ArrayLike) -> Scores:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ComparisonError(field, None, "has no data")
    if not np.isfinite(array).all():
        raise ComparisonError(field, float(array[~np.isfinite(array)][0]), "must be finite numbers")
    return array


def _checked(field: str, values: ArrayLike) -> Scores:
    array = _finite(field, values)
    if (array < 0.0).any():
        raise ComparisonError(field, float(array[array < 0.0][0]), "must not be negative")
    return array


def _positive(field: str, values: ArrayLike) -> Scores:
    array = _finite(field, values)
    if not (array > 0.0).all():
        raise ComparisonError(field, float(array[~(array > 0.0)][0]), "must be positive")
    return array
