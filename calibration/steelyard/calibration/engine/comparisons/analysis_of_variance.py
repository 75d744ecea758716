"""One-way analysis of variance, exact: the sums are of whole numbers, and only the answers are rounded.

ISO 5725-2:2019, annex; NIST StRD, Analysis of Variance (certified values). Values may be Decimal, so that
1000000000000.4 means just that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from scipy.special import fdtrc, fdtri

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.stability.exact import Real, exact_values, root


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOfVariance:
    """The table of a one-way analysis of variance over `groups` groups with `count` values in all.

    `f` is the ratio of the mean squares, inf where the values within the groups do not differ (nan if nothing differs);
    `p_value` the chance of more if all groups have one mean, `f_95` and `f_975` what it exceeds then with a chance of
    5 % and 2.5 % (JCGM 100:2008, H.5.2.2). `residual_standard_deviation` is the root of the mean
    square within. `mean_replicates` is (count - sum n_i^2 / count) / (groups - 1) (ISO 5725-2:2019, 7.4.5.4).
    """

    groups: int
    count: int
    mean: float
    between_degrees_of_freedom: int
    within_degrees_of_freedom: int
    between_sum_of_squares: float
    within_sum_of_squares: float
    between_mean_square: float
    within_mean_square: float
    f: float
    p_value: float
    f_95: float
    f_975: float
    r_squared: float
    residual_standard_deviation: float
    mean_replicates: float
    between_variance: float


def analyse_variance(groups: Mapping[str, Sequence[Real]]) -> AnalysisOfVariance:
    """One-way analysis of variance.

    `between_variance` is (between - within mean square) / mean_replicates, not below zero.

    Args:
        groups: values by group; two groups or more, one value at least in each, two in one of them.

    Raises:
        ComparisonError: fewer groups or values, one that is not finite.
    """
    if len(groups) < 2:
        raise ComparisonError("groups", len(groups), "an analysis of variance needs two laboratories or more")
    for name, values in groups.items():
        if not values:
            raise ComparisonError(name, None, "has no data")
        for value in values:
            if not math.isfinite(value):
                raise ComparisonError(name, float(value), "must be a finite number")
    p, n = len(groups), sum(len(values) for values in groups.values())
    if n == p:
        raise ComparisonError("values", n, "one value of each; what varies within needs two values of one laboratory")
    try:
        exact = exact_values([value for values in groups.values() for value in values])
    except ValueError as error:
        raise ComparisonError("values", None, str(error)) from error
    units = iter(exact.units)
    totals, squares = [], 0
    for values in groups.values():
        members = [next(units) for _ in values]
        totals.append((sum(members), len(members)))
        squares += sum(member * member for member in members)
    corrected = sum((Fraction(total * total, size) for total, size in totals), Fraction())
    grand = sum(total for total, _ in totals)
    area = exact.step**2
    between = (corrected - Fraction(grand * grand, n)) * area
    within = (squares - corrected) * area
    between_square, within_square = between / (p - 1), within / (n - p)
    f = float(between_square / within_square) if within_square else (math.inf if between else math.nan)
    replicates = (n - Fraction(sum(size * size for _, size in totals), n)) / (p - 1)
    return AnalysisOfVariance(
        groups=p,
        count=n,
        mean=float(exact.mean()),
        between_degrees_of_freedom=p - 1,
        within_degrees_of_freedom=n - p,
        between_sum_of_squares=float(between),
        within_sum_of_squares=float(within),
        between_mean_square=float(between_square),
        within_mean_square=float(within_square),
        f=f,
        p_value=float(fdtrc(p - 1, n - p, f)) if math.isfinite(f) else (0.0 if f > 0.0 else math.nan),
        f_95=float(fdtri(p - 1, n - p, 0.95)),
        f_975=float(fdtri(p - 1, n - p, 0.975)),
        r_squared=float(between / (between + within)) if between + within else math.nan,
        residual_standard_deviation=root(within_square),
        mean_replicates=float(replicates),
        between_variance=float(max(Fraction(), (between_square - within_square) / replicates)),
    )
