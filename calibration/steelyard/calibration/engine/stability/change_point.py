"""One change of the mean of a series: where, how sure, and could it be chance?

Model: y_i = mu_1 for i <= k, mu_2 after, plus independent normal errors of one unknown standard deviation. The place is
the one that maximizes the likelihood, which is the k with the largest two-sample t (D. M. Hawkins, JASA 72 (1977)
180-186; K. J. Worsley, JASA 74 (1979) 365-367). Without the normal model: A. N. Pettitt, Applied Statistics 28 (1979)
126-135.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.largest_contrast import largest_share_probability

LEAST_VALUES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pettitt:
    """Pettitt's test: the largest |U_k| over k, its k, its approximate p-value."""

    index: int
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The likeliest change of the mean.

    `index` values lie before it; `statistic` is the largest |t| of the two-sample t-test over all places, `p_value` the
    probability of one as large in a series without a change. `standard_deviation` is that of the errors about the two
    means, `change` the step with its `change_standard_uncertainty` for the place as found. `first`..`last` is the
    shortest range of places around `index` that holds `coverage` of the posterior probability if there is one change,
    all places equally likely before and nothing known of the means and the standard deviation.
    """

    index: int
    mean_before: float
    mean_after: float
    statistic: float
    p_value: float
    change: float
    change_standard_uncertainty: float
    standard_deviation: float
    first: int
    last: int
    coverage: float
    pettitt: Pettitt


def change_point(values: ArrayLike, *, coverage: float = 0.95) -> ChangePoint:
    """Find the likeliest change of the mean.

    Args:
        values: four or more finite numbers in the order of time.
        coverage: posterior probability of the range of places.

    Raises:
        StabilityError: too few values, one that is not finite, all equal, a coverage outside (0, 1).
    """
    y = np.asarray(values, dtype=np.float64)
    if y.ndim != 1 or len(y) < LEAST_VALUES:
        raise StabilityError("values", y.size, f"a change point needs {LEAST_VALUES} observations or more")
    if not np.isfinite(y).all():
        position = int(np.flatnonzero(~np.isfinite(y))[0])
        raise StabilityError(f"values[{position + 1}]", float(y[position]), "must be a finite number")
    if not 0.0 < coverage < 1.0:
        raise StabilityError("coverage", coverage, "must be between 0 and 1")
    n = len(y)
    centred = y - y.mean()
    # In units of the largest deviation squares neither overflow nor vanish.
    scale = float(np.abs(centred).max())
    if scale <= 8.0 * np.finfo(np.float64).eps * float(np.abs(y).max()):
        raise StabilityError("values", float(y[0]), "are all equal; a change point needs values that differ")
    share, residual = _shares(centred / scale)
    index = int(np.argmax(share)) + 1
    before, after = float(y[:index].mean()), float(y[index:].mean())
    # What is left at that place once more, about the two means: the difference of two large sums has not its digits.
    left = np.concatenate((y[:index] - before, y[index:] - after)) / scale
    remaining = float(left @ left)
    residual[index - 1] = remaining
    spread = scale * math.sqrt(remaining / (n - 2))
    between = (after - before) / scale
    explained = between * between * index * (n - index) / n
    statistic = math.sqrt((n - 2) * explained / remaining) if remaining > 0.0 else math.inf
    first, last = _range(residual, index, coverage)
    return ChangePoint(
        index=index,
        mean_before=before,
        mean_after=after,
        statistic=statistic,
        p_value=largest_share_probability(n, explained / (explained + remaining)),
        change=after - before,
        change_standard_uncertainty=spread * math.sqrt(1.0 / index + 1.0 / (n - index)),
        standard_deviation=spread,
        first=first,
        last=last,
        coverage=coverage,
        pettitt=pettitt(y),
    )


def _shares(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For k = 1..n-1: the part of the sum of squares that a change after k explains, and what is left of the sum."""
    n = len(z)
    z = z - z.mean()
    k = np.arange(1, n)
    sums = np.cumsum(z)[:-1]
    whole = float(np.dot(z, z))
    explained = sums**2 * n / (k * (n - k))
    share = np.minimum(explained / whole, 1.0)
    return share, np.maximum(whole - explained, 0.0)


def _range(residual: NDArray[np.float64], index: int, coverage: float) -> tuple[int, int]:
    """The places around `index` by posterior probability p_k ~ (k (n - k))^(-1/2) RSS_k^(-(n - 2) / 2)."""
    n = len(residual) + 1
    if residual[index - 1] <= 0.0:
        return index, index
    k = np.arange(1, n)
    logarithm = -0.5 * np.log(k * (n - k)) - 0.5 * (n - 2) * np.log(residual)
    posterior = np.exp(logarithm - logarithm.max())
    posterior /= posterior.sum()
    low = high = index - 1
    held = float(posterior[low])
    while held < coverage and (low > 0 or high < n - 2):
        below = float(posterior[low - 1]) if low > 0 else -1.0
        above = float(posterior[high + 1]) if high < n - 2 else -1.0
        if below >= above:
            low -= 1
            held += below
        else:
            high += 1
            held += above
    return low + 1, high + 1


def pettitt(values: ArrayLike) -> Pettitt:
    """Pettitt's rank test: U_k = 2 sum_{i<=k} r_i - k (n + 1), p = 2 exp(-6 U^2 / (n^3 + n^2)) (his eq. 3.1)."""
    ranks = rankdata(np.asarray(values, dtype=np.float64))
    n = len(ranks)
    k = np.arange(1, n)
    u = np.abs(2.0 * np.cumsum(ranks)[:-1] - k * (n + 1))
    index = int(np.argmax(u))
    largest = float(u[index])
    p_value = min(1.0, 2.0 * math.exp(-6.0 * largest**2 / (float(n) ** 3 + float(n) ** 2)))
    return Pettitt(index=index + 1, statistic=largest, p_value=p_value)
