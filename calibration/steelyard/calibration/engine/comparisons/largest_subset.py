"""The largest subset of results that agree within their uncertainties (M. G. Cox, Metrologia 44 (2007) 187-200)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from steelyard.calibration.engine.comparisons.consensus import SIGNIFICANCE, Consensus, consensus
from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.results import check_results, check_significance, check_uncertainties

_MOST_LABORATORIES = 500
_BLOCK = 2048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LargestSubset:
    """The `consensus` (weighted mean) of the `member` laboratories, bool[n], in the order of the results."""

    consensus: Consensus
    member: NDArray[np.bool_]


def largest_consistent_subset(
    values: ArrayLike, standard_uncertainties: ArrayLike, *, significance: float = SIGNIFICANCE
) -> LargestSubset:
    """The largest subset that passes the chi-squared test; among those of its size the one with the least chi-squared.

    For a given mean m the best k results are those with the k least (x - m)^2 / u^2, and these change only where two of
    them are equal, which is at n (n - 1) values of m: trying one m between each two of these finds the best subset of
    every size among all 2^n.

    Args:
        values: float64[n], two results or more, 500 at most.
        standard_uncertainties: float64[n], positive.
        significance: of the test.

    Raises:
        ComparisonError: too few or too many laboratories, values that are not finite, u that are not positive, no two
            laboratories that agree.
    """
    x = check_results(values)
    u = check_uncertainties(standard_uncertainties, len(x))
    check_significance(significance)
    n = len(x)
    if n > _MOST_LABORATORIES:
        raise ComparisonError(
            "values", n, f"the largest consistent subset is sought among {_MOST_LABORATORIES} at most"
        )
    centre = float(np.median(x))
    unit = max(float(np.abs(x - centre).max()), float(u.max()))
    z, w = (x - centre) / unit, (unit / u) ** 2
    least, members = _best_subsets(z, w)
    for size in range(n, 1, -1):
        if least[size - 1] <= float(chdtri(size - 1, significance)):
            member = np.zeros(n, dtype=np.bool_)
            member[members[size - 1]] = True
            return LargestSubset(consensus=consensus(x[member], u[member], significance=significance), member=member)
    raise ComparisonError("values", None, "no two laboratories agree within their uncertainties")


def _best_subsets(
    z: NDArray[np.float64], w: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    """For each size 1..n the least chi-squared about the subset's own weighted mean, and the subset."""
    n = len(z)
    root = np.sqrt(w)
    i, j = np.triu_indices(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.concatenate(
            (
                (root[i] * z[i] + root[j] * z[j]) / (root[i] + root[j]),
                (root[i] * z[i] - root[j] * z[j]) / (root[i] - root[j]),
            )
        )
    crossings = np.unique(crossings[np.isfinite(crossings)])
    means = np.concatenate(([crossings[0] - 1.0], 0.5 * (crossings[1:] + crossings[:-1]), [crossings[-1] + 1.0]))
    # A subset's own mean lies among its results.
    means = means[(means >= z.min()) & (means <= z.max())]
    means = np.concatenate((means, z))
    least = np.full(n, np.inf)
    members: list[NDArray[np.int64]] = [np.arange(size + 1) for size in range(n)]
    for begin in range(0, len(means), _BLOCK):
        block = means[begin : begin + _BLOCK, None]
        order = np.argsort(w * (z - block) ** 2, axis=1, kind="stable")
        weight = np.cumsum(w[order], axis=1)
        # About the block's m, which is near: sum w (z - mean)^2 = sum w (z - m)^2 - (sum w (z - m))^2 / sum w.
        shifted = z[order] - block
        first = np.cumsum(w[order] * shifted, axis=1)
        second = np.cumsum(w[order] * shifted**2, axis=1)
        chi = second - first**2 / weight
        best = np.argmin(chi, axis=0)
        for size in np.flatnonzero(chi[best, np.arange(n)] < least):
            least[size] = chi[best[size], size]
            members[size] = order[best[size], : size + 1]
    return least, members
