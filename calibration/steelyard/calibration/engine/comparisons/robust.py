"""Robust means and standard deviations: Algorithms A and S, Huber's proposal 2.

ISO 13528:2022, annex C; ISO 5725-5:1998, clause 6. Values far off are drawn to a limit instead of being thrown out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtr, chdtri, ndtr

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.results import check_results

TUNING = 1.5
_ISO_FACTOR = 1.134
"""As ISO 13528 and ISO 5725-5 print the adjustment for a tuning of 1.5; the formula gives 1.1334."""
_ISO_SCALE = 1.483
_MOST_STEPS = 100_000
_SETTLED = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustEstimate:
    """Robust `mean` and `standard_deviation` of `count` results, and how many of them lie beyond the last limits.

    `standard_uncertainty` of the mean is 1.25 s / sqrt(count) (ISO 13528:2022, eq. 7.1).
    """

    count: int
    mean: float
    standard_deviation: float
    standard_uncertainty: float
    drawn_in: int


def algorithm_a(values: ArrayLike, *, tuning: float = TUNING) -> RobustEstimate:
    """Algorithm A with iterated scale (ISO 13528:2022, C.3.1; ISO 5725-5:1998, 6.2), carried to convergence.

    From the median and 1.483 times the median absolute deviation: delta = tuning s, values beyond mean -+ delta are
    drawn to it, the mean is that of the values so drawn, s = 1.134 times their standard deviation. For a tuning other
    than 1.5 the factor is the one that makes s unbiased for normal results, 1 / sqrt(b), as for `huber`.

    Args:
        values: float64[n], two results or more.
        tuning: limits in s, positive.

    Raises:
        ComparisonError: too few results, one that is not finite, a tuning that is not positive.
    """
    _check_tuning(tuning)
    factor = _ISO_FACTOR if tuning == TUNING else 1.0 / math.sqrt(_consistency(tuning))
    return _iterate(check_results(values), tuning, factor)


def huber(values: ArrayLike, *, tuning: float = TUNING) -> RobustEstimate:
    """Huber's proposal 2, mean and scale together.

    P. J. Huber, Robust Statistics (1981), clause 6.4; Analytical Methods Committee, Analyst 114 (1989) 1693 ("H15").
    As Algorithm A, with the factor 1 / sqrt(b), b = E(min(Z^2, tuning^2)) = P + tuning^2 (1 - P) - 2 tuning phi(tuning)
    with P = 2 Phi(tuning) - 1.

    Raises:
        ComparisonError: too few results, one that is not finite, a tuning that is not positive.
    """
    _check_tuning(tuning)
    return _iterate(check_results(values), tuning, 1.0 / math.sqrt(_consistency(tuning)))


def _check_tuning(tuning: float) -> None:
    if not (math.isfinite(tuning) and tuning > 0.0):
        raise ComparisonError("tuning", tuning, "must be positive: the limits in standard deviations, 1.5 as a rule")


def _consistency(tuning: float) -> float:
    inside = 2.0 * float(ndtr(tuning)) - 1.0
    density = math.exp(-0.5 * tuning * tuning) / math.sqrt(2.0 * math.pi)
    return inside + tuning * tuning * (1.0 - inside) - 2.0 * tuning * density


def _iterate(x: NDArray[np.float64], tuning: float, factor: float) -> RobustEstimate:
    # About the median and in units of the range: neither a large offset nor the unit takes digits.
    centre = float(np.median(x))
    unit = float(np.abs(x - centre).max()) or 1.0
    z = (x - centre) / unit
    mean, spread = 0.0, _ISO_SCALE * float(np.median(np.abs(z)))
    if spread == 0.0:
        # More than half of the results are equal (ISO 13528:2022, C.3.1, note): begin with the plain deviation.
        spread = float(np.std(z, ddof=1))
    for _ in range(_MOST_STEPS):
        drawn = np.clip(z, mean - tuning * spread, mean + tuning * spread)
        last, last_spread = mean, spread
        mean, spread = float(drawn.mean()), factor * float(np.std(drawn, ddof=1))
        if abs(mean - last) <= _SETTLED and abs(spread - last_spread) <= _SETTLED:
            break
    else:
        raise ComparisonError("tuning", tuning, "the iteration does not settle; take a larger one")
    deviation = spread * unit
    return RobustEstimate(
        count=len(x),
        mean=centre + mean * unit,
        standard_deviation=deviation,
        standard_uncertainty=1.25 * deviation / math.sqrt(len(x)),
        drawn_in=int(np.count_nonzero(np.abs(z - mean) > tuning * spread)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmSFactors:
    """Limit factor eta and adjustment factor xi of Algorithm S (ISO 13528:2022, table C.1; ISO 5725-5:1998, 6.3)."""

    limit: float
    adjustment: float


def algorithm_s_factors(degrees_of_freedom: float) -> AlgorithmSFactors:
    """The factors for standard deviations with so many degrees of freedom (ranges of two: 1).

    eta = sqrt(chi2_0.9(nu) / nu), xi = (P(chi2(nu + 2) <= nu eta^2) + 0.1 eta^2)^(-1/2), so that a pooled deviation of
    normal results stays unbiased in the square. Raises ComparisonError unless positive and finite.
    """
    nu = degrees_of_freedom
    if not (math.isfinite(nu) and nu > 0.0):
        raise ComparisonError("degrees_of_freedom", nu, "must be positive: results of a laboratory less one")
    quantile = float(chdtri(nu, 0.1))
    squared = quantile / nu
    return AlgorithmSFactors(
        limit=math.sqrt(squared), adjustment=1.0 / math.sqrt(float(chdtr(nu + 2.0, quantile)) + 0.1 * squared)
    )


def algorithm_s(deviations: ArrayLike, *, degrees_of_freedom: float) -> float:
    """Robust pooled standard deviation w* by Algorithm S (ISO 13528:2022, C.4; ISO 5725-5:1998, 6.3), to convergence.

    From the median: values above eta w* are drawn to it, w* = xi times the root mean square of the values so drawn.
    Given ranges of two results, w* is a pooled range, and the standard deviation is w* / sqrt(2).

    Args:
        deviations: float64[n], standard deviations (or ranges) of one laboratory or more, none negative.
        degrees_of_freedom: of each of them.

    Raises:
        ComparisonError: no data, values that are negative or not finite, degrees of freedom that are not positive.
    """
    w = check_results(deviations, least=1)
    if (w < 0.0).any():
        position = int(np.flatnonzero(w < 0.0)[0])
        raise ComparisonError(f"values[{position + 1}]", float(w[position]), "a standard deviation is not negative")
    factors = algorithm_s_factors(degrees_of_freedom)
    unit = float(w.max())
    if unit == 0.0:
        return 0.0
    z = w / unit
    # More than half of them may be zero: then begin with the root mean square.
    pooled = float(np.median(z)) or math.sqrt(float(np.mean(z * z)))
    for _ in range(_MOST_STEPS):
        drawn = np.minimum(z, factors.limit * pooled)
        last, pooled = pooled, factors.adjustment * math.sqrt(float(np.mean(drawn * drawn)))
        if abs(pooled - last) <= _SETTLED:
            return pooled * unit
    raise ComparisonError("deviations", None, "the iteration does not settle; too many of them are zero")
