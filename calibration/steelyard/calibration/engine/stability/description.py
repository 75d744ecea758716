"""Mean, standard deviation and lag-1 autocorrelation with all the digits that the data hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.exact import Real, exact_values, root


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """`count` values: their mean, sample standard deviation, autocorrelation at lag 1 (None if they are all equal)."""

    count: int
    mean: float
    standard_deviation: float
    lag_1_autocorrelation: float | None


def describe(values: Sequence[Real]) -> Description:
    """Describe a series.

    The standard deviation is sqrt(sum (y_i - m)^2 / (n - 1)); the autocorrelation
    r_1 = sum_{i=2}^{n} (y_i - m)(y_{i-1} - m) / sum_{i=1}^{n} (y_i - m)^2, both as NIST StRD defines them (Univariate
    Summary Statistics, certified values). Sums are exact; so are the answers to the last digit or two of a double.

    Args:
        values: two or more finite numbers; Decimal to mean the number as it was written.

    Raises:
        StabilityError: fewer than two values, or one that is not finite.
    """
    check_finite(values)
    if len(values) < 2:
        raise StabilityError("values", len(values), "a standard deviation needs two observations or more")
    try:
        exact = exact_values(values)
    except ValueError as error:
        raise StabilityError("values", None, str(error)) from error
    n = len(values)
    deviations = exact.scaled_deviations()
    squares = sum(each * each for each in deviations)
    products = sum(first * second for first, second in pairwise(deviations))
    return Description(
        count=n,
        mean=float(exact.mean()),
        standard_deviation=root(squares * exact.step**2 / (n * n * (n - 1))),
        lag_1_autocorrelation=products / squares if squares else None,
    )


def check_finite(values: Sequence[Real]) -> None:
    """Refuse NaN and infinities. Raises StabilityError that says where."""
    for position, value in enumerate(values, start=1):
        if not math.isfinite(value):
            raise StabilityError(f"values[{position}]", float(value), "must be a finite number")
