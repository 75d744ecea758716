"""Outlier tests of ISO 5725-2:2019: Mandel's h and k, Cochran's and Grubbs' tests, with their critical values.

Clause 7.3. Its tables follow from the F and t distributions, but for Grubbs' test of two, which stays a table.
A test at 5 % marks a straggler, at 1 % an outlier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri, stdtrit
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.results import check_results

STRAGGLER = 0.05
OUTLIER = 0.01

_TWO_OUTLIERS = MappingProxyType(
    {
        4: (0.0000, 0.0002), 5: (0.0018, 0.0090), 6: (0.0116, 0.0349), 7: (0.0308, 0.0708), 8: (0.0563, 0.1101),
        9: (0.0851, 0.1492), 10: (0.1150, 0.1864), 11: (0.1448, 0.2213), 12: (0.1738, 0.2537), 13: (0.2016, 0.2836),
        14: (0.2280, 0.3112), 15: (0.2530, 0.3367), 16: (0.2767, 0.3603), 17: (0.2990, 0.3822), 18: (0.3200, 0.4025),
        19: (0.3398, 0.4214), 20: (0.3585, 0.4391), 21: (0.3761, 0.4556), 22: (0.3927, 0.4711), 23: (0.4085, 0.4857),
        24: (0.4234, 0.4994), 25: (0.4376, 0.5123), 26: (0.4510, 0.5245), 27: (0.4638, 0.5360), 28: (0.4759, 0.5470),
        29: (0.4875, 0.5574), 30: (0.4985, 0.5672), 31: (0.5091, 0.5766), 32: (0.5192, 0.5856), 33: (0.5288, 0.5941),
        34: (0.5381, 0.6023), 35: (0.5469, 0.6101), 36: (0.5554, 0.6175), 37: (0.5636, 0.6247), 38: (0.5714, 0.6316),
        39: (0.5789, 0.6382), 40: (0.5862, 0.6445),
    }
)  # fmt: skip
"""laboratories -> lower critical values at 1 % and 5 % of Grubbs' test for the two largest or the two smallest means
(ISO 5725-2:1994, table 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierTest:
    """A test of one set: its `statistic`, the critical values at 5 % and 1 % (None where no table has them).

    `suspects` are positions in the set, from 0; `verdict` is "correct", "straggler" or "outlier".
    """

    statistic: float
    straggler_limit: float | None
    outlier_limit: float | None
    suspects: tuple[int, ...]
    verdict: str


def mandel_h(means: ArrayLike) -> NDArray[np.float64]:
    """Between-laboratory consistency h_i = (mean_i - mean of the means) / their standard deviation (eq. 8).

    Raises ComparisonError for fewer than two laboratories. All equal gives zeros.
    """
    y = check_results(means)
    spread = float(np.std(y, ddof=1))
    return np.asarray((y - y.mean()) / spread if spread > 0.0 else np.zeros_like(y), dtype=np.float64)


def mandel_k(deviations: ArrayLike) -> NDArray[np.float64]:
    """Within-laboratory consistency k_i = s_i sqrt(p / sum s^2) (eq. 9). All zero gives zeros."""
    s = check_results(deviations)
    total = float(s @ s)
    return np.asarray(s * math.sqrt(len(s) / total) if total > 0.0 else np.zeros_like(s), dtype=np.float64)


def mandel_h_limit(laboratories: int, significance: float) -> float:
    """The |h| that is exceeded with the given probability: (p - 1) t / sqrt(p (t^2 + p - 2)), t two-sided with p - 2.

    Raises ComparisonError for fewer than three laboratories.
    """
    p = laboratories
    if p < 3:
        raise ComparisonError("laboratories", p, "Mandel's h has a critical value from three laboratories on")
    t = float(stdtrit(p - 2, 1.0 - 0.5 * significance))
    return (p - 1) * t / math.sqrt(p * (t * t + p - 2))


def mandel_k_limit(laboratories: int, replicates: int, significance: float) -> float:
    """The k that is exceeded with the given probability: sqrt(p F / (F + p - 1)), F with n - 1 and (p - 1)(n - 1).

    Raises ComparisonError for fewer than two laboratories or values of each.
    """
    p, n = laboratories, replicates
    _check_replicates(p, n)
    ratio = float(fdtri(n - 1, (p - 1) * (n - 1), 1.0 - significance))
    return math.sqrt(p * ratio / (ratio + p - 1))


def cochran_limit(laboratories: int, replicates: int, significance: float) -> float:
    """The largest of p variances is more than this part of their sum with (at most) the given probability.

    F / (F + p - 1), F with n - 1 and (p - 1)(n - 1) at significance / p. Raises ComparisonError.
    """
    p, n = laboratories, replicates
    _check_replicates(p, n)
    ratio = float(f_distribution.isf(significance / p, n - 1, (p - 1) * (n - 1)))
    return ratio / (ratio + p - 1)


def _check_replicates(laboratories: int, replicates: int) -> None:
    if laboratories < 2:
        raise ComparisonError("laboratories", laboratories, "needs two laboratories or more")
    if replicates < 2:
        raise ComparisonError("replicates", replicates, "needs two values of each laboratory or more")


def grubbs_limit(laboratories: int, significance: float) -> float:
    """|mean - mean of the means| is above so many standard deviations in any of p with the given probability.

    (p - 1) / sqrt(p) sqrt(t^2 / (p - 2 + t^2)), t at significance / (2 p) with p - 2. Raises ComparisonError.
    """
    p = laboratories
    if p < 3:
        raise ComparisonError("laboratories", p, "Grubbs' test needs three laboratories or more")
    t = float(t_distribution.isf(0.5 * significance / p, p - 2))
    return (p - 1) / math.sqrt(p) * math.sqrt(t * t / (p - 2 + t * t))


def cochran(deviations: ArrayLike, replicates: int) -> OutlierTest:
    """Is the largest standard deviation of laboratories too large? C = s_max^2 / sum s^2 (7.3.3)."""
    s = check_results(deviations)
    total = float(s @ s)
    suspect = int(np.argmax(s))
    statistic = float(s[suspect]) ** 2 / total if total > 0.0 else 0.0
    p = len(s)
    limits = cochran_limit(p, replicates, STRAGGLER), cochran_limit(p, replicates, OUTLIER)
    return _judge(statistic, limits, (suspect,), large=True)


def grubbs(means: ArrayLike, *, largest: bool) -> OutlierTest:
    """Is the largest (or smallest) mean too far off? G = |mean_i - mean| / s (7.3.4.1)."""
    y = check_results(means, least=3)
    suspect = int(np.argmax(y) if largest else np.argmin(y))
    statistic = abs(float(mandel_h(y)[suspect]))
    limits = grubbs_limit(len(y), STRAGGLER), grubbs_limit(len(y), OUTLIER)
    return _judge(statistic, limits, (suspect,), large=True)


def grubbs_two(means: ArrayLike, *, largest: bool) -> OutlierTest:
    """Are the two largest (or smallest) means too far off? G = s^2 without them / s^2, sums of squares (7.3.4.2)."""
    y = check_results(means, least=4)
    order = np.argsort(y, kind="stable")
    suspects = order[-2:] if largest else order[:2]
    rest = np.delete(y, suspects)
    whole = float(((y - y.mean()) ** 2).sum())
    statistic = float(((rest - rest.mean()) ** 2).sum()) / whole if whole > 0.0 else 1.0
    found = _TWO_OUTLIERS.get(len(y))
    limits = (None, None) if found is None else (found[1], found[0])
    return _judge(statistic, limits, tuple(int(each) for each in suspects), large=False)


def _judge(
    statistic: float, limits: tuple[float | None, float | None], suspects: tuple[int, ...], *, large: bool
) -> OutlierTest:
    straggler, outlier = limits

    def beyond(limit: float | None) -> bool:
        return limit is not None and (statistic > limit if large else statistic < limit)

    verdict = "outlier" if beyond(outlier) else "straggler" if beyond(straggler) else "correct"
    return OutlierTest(
        statistic=statistic, straggler_limit=straggler, outlier_limit=outlier, suspects=suspects, verdict=verdict
    )
