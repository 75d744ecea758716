"""Coverage intervals from the discrete representation of an output's distribution (JCGM 101:2008, 7.5 and 7.7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.distributions.distribution import Floats
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageIntervals:
    """The probabilistically symmetric interval (7.7.2) and the shortest one (7.7.3), each (low, high)."""

    symmetric: tuple[float, float]
    shortest: tuple[float, float]


def least_trials(coverage_probability: float) -> int:
    """How many trials an interval needs at least: ten outside of it."""
    return int(np.ceil(10.0 / (1.0 - coverage_probability) - 1e-6))


def coverage_intervals(draws: Floats, coverage_probability: float) -> CoverageIntervals:
    """Both intervals of float64[M] draws, in any order; `draws` is reordered.

    q = p M (rounded), r = (M - q) / 2: [y_(r), y_(r+q)], and the shortest of all [y_(r), y_(r+q)] (7.7.2, 7.7.3). Only
    the tails are sorted. Raises MonteCarloError for fewer trials than `least_trials`.
    """
    m = draws.size
    if m < least_trials(coverage_probability):
        remedy = (
            f"must be {least_trials(coverage_probability)} or more for a coverage probability of {coverage_probability}"
        )
        raise MonteCarloError("monte_carlo.trials", m, remedy)
    q = int(np.floor(coverage_probability * m + 0.5))
    outside = m - q
    r = (outside + 1) // 2
    # The r-th smallest value has the index r - 1; low ends are among the first `outside`, high ends q places higher.
    draws.partition((outside - 1, q))
    lower, upper = np.sort(draws[:outside]), np.sort(draws[q:])
    best = int(np.argmin(upper - lower))
    return CoverageIntervals(
        symmetric=(float(lower[r - 1]), float(upper[r - 1])), shortest=(float(lower[best]), float(upper[best]))
    )


def mean_intervals(intervals: list[CoverageIntervals], weights: list[int]) -> CoverageIntervals:
    """Ends averaged over blocks of trials, as 7.9.4 does for its blocks."""
    total = float(sum(weights))
    ends = np.array([(*each.symmetric, *each.shortest) for each in intervals])
    low, high, shortest_low, shortest_high = (np.asarray(weights, dtype=np.float64) @ ends) / total
    return CoverageIntervals(symmetric=(float(low), float(high)), shortest=(float(shortest_low), float(shortest_high)))
