"""Repeatability and reproducibility of a measurement method by the basic method of ISO 5725-2:2019."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.comparisons.analysis_of_variance import AnalysisOfVariance, analyse_variance
from steelyard.calibration.engine.comparisons.outlier_tests import (
    OUTLIER,
    STRAGGLER,
    OutlierTest,
    cochran,
    grubbs,
    grubbs_two,
    mandel_h,
    mandel_h_limit,
    mandel_k,
    mandel_k_limit,
)
from steelyard.calibration.engine.stability.exact import Real, exact_values, root


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One laboratory: `count` values, their mean, standard deviation and k (both None for one value), and h."""

    laboratory: str
    count: int
    mean: float
    standard_deviation: float | None
    h: float
    k: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Critical values at 5 % (stragglers) and 1 % (outliers)."""

    straggler: float
    outlier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTest:
    """An outlier test by `name`, with the names of the suspected laboratories."""

    name: str
    laboratories: tuple[str, ...]
    result: OutlierTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Precision of a method at one level.

    s_R^2 = s_L^2 + s_r^2. The limits r and R are 2.8 times the standard deviations (ISO 5725-6:1994, 4.1).
    """

    mean: float
    repeatability_standard_deviation: float
    between_laboratory_standard_deviation: float
    reproducibility_standard_deviation: float
    repeatability_limit: float
    reproducibility_limit: float
    table: AnalysisOfVariance
    cells: tuple[Cell, ...]
    h_limits: Limits | None
    k_limits: Limits | None
    tests: tuple[NamedTest, ...]


def precision(groups: Mapping[str, Sequence[Real]]) -> Precision:
    """Precision by the basic method (ISO 5725-2:2019, clause 7).

    s_r^2 is the mean square within, s_L^2 = (mean square between - s_r^2) / n with n the mean number of replicates,
    zero where that is negative (7.4.5.2-7.4.5.5); the mean is that of all values. Nothing is thrown out: the tests
    say what should be looked at. Critical values for cells of different size are those of the most frequent size
    (7.3.3.2).

    Args:
        groups: values by laboratory; two laboratories or more, two values in one of them.

    Raises:
        ComparisonError: fewer laboratories or values, one that is not finite.
    """
    table = analyse_variance(groups)
    within = table.within_mean_square
    names = list(groups)
    exact = [exact_values(values) for values in groups.values()]
    means = np.array([float(each.mean()) for each in exact])
    sizes = [len(each.units) for each in exact]
    deviations = [
        root(each.sum_of_squares() / (size - 1)) if size > 1 else None for each, size in zip(exact, sizes, strict=True)
    ]
    repeated = [position for position, each in enumerate(deviations) if each is not None]
    spread = np.array([deviations[position] for position in repeated], dtype=np.float64)
    replicates = Counter(sizes[position] for position in repeated).most_common(1)[0][0]
    k: dict[int, float] = {}
    if len(repeated) > 1:
        k = dict(zip(repeated, (float(each) for each in mandel_k(spread)), strict=True))
    repeatability, between = math.sqrt(within), math.sqrt(table.between_variance)
    reproducibility = math.hypot(repeatability, between)
    return Precision(
        mean=table.mean,
        repeatability_standard_deviation=repeatability,
        between_laboratory_standard_deviation=between,
        reproducibility_standard_deviation=reproducibility,
        repeatability_limit=2.8 * repeatability,
        reproducibility_limit=2.8 * reproducibility,
        table=table,
        cells=tuple(
            Cell(
                laboratory=name,
                count=size,
                mean=float(mean),
                standard_deviation=deviation,
                h=float(h),
                k=k.get(position),
            )
            for position, (name, size, mean, deviation, h) in enumerate(
                zip(names, sizes, means, deviations, mandel_h(means), strict=True)
            )
        ),
        h_limits=None
        if len(names) < 3
        else Limits(straggler=mandel_h_limit(len(names), STRAGGLER), outlier=mandel_h_limit(len(names), OUTLIER)),
        k_limits=None
        if len(repeated) < 2
        else Limits(
            straggler=mandel_k_limit(len(repeated), replicates, STRAGGLER),
            outlier=mandel_k_limit(len(repeated), replicates, OUTLIER),
        ),
        tests=_tests(names, means, [names[position] for position in repeated], spread, replicates),
    )


def _tests(
    names: Sequence[str],
    means: np.ndarray[tuple[int], np.dtype[np.float64]],
    repeated: Sequence[str],
    spread: np.ndarray[tuple[int], np.dtype[np.float64]],
    replicates: int,
) -> tuple[NamedTest, ...]:
    found = []
    if len(repeated) > 1:
        result = cochran(spread, replicates)
        found.append(NamedTest(name="cochran", laboratories=(repeated[result.suspects[0]],), result=result))
    if len(names) > 2:
        found += [_named("grubbs-largest", names, grubbs(means, largest=True))]
        found += [_named("grubbs-smallest", names, grubbs(means, largest=False))]
    if len(names) > 3:
        found += [_named("grubbs-two-largest", names, grubbs_two(means, largest=True))]
        found += [_named("grubbs-two-smallest", names, grubbs_two(means, largest=False))]
    return tuple(found)


def _named(name: str, names: Sequence[str], result: OutlierTest) -> NamedTest:
    return NamedTest(name=name, laboratories=tuple(names[each] for each in result.suspects), result=result)
