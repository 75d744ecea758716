"""Results of laboratories, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.comparisons.errors import ComparisonError


def check_results(values: ArrayLike, *, least: int = 2) -> NDArray[np.float64]:
    """Results as float64[n], finite, `least` or more. Raises ComparisonError that says which is not."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ComparisonError("values", x.shape, "must be one result of each laboratory")
    _check_finite("values", x)
    if len(x) < least:
        raise ComparisonError("values", len(x), f"needs {least} laboratories or more")
    return x


def check_uncertainties(standard_uncertainties: ArrayLike, count: int) -> NDArray[np.float64]:
    """Standard uncertainties as float64[count], finite and positive. Raises ComparisonError that says which is not."""
    u = np.asarray(standard_uncertainties, dtype=np.float64)
    if u.shape != (count,):
        raise ComparisonError("standard_uncertainties", u.shape, f"must be one of each of the {count} results")
    _check_finite("standard_uncertainties", u)
    for position, each in enumerate(u, start=1):
        if not each > 0.0:
            raise ComparisonError(f"standard_uncertainties[{position}]", float(each), "must be positive")
    return u


def check_significance(significance: float) -> None:
    """Refuse a significance level outside (0, 1). Raises ComparisonError."""
    if not 0.0 < significance < 1.0:
        raise ComparisonError("significance", significance, "must be between 0 and 1, as 0.05")


def _check_finite(field: str, values: NDArray[np.float64]) -> None:
    for position in np.flatnonzero(~np.isfinite(values)):
        raise ComparisonError(f"{field}[{position + 1}]", float(values[position]), "must be a finite number")
