"""The adaptive Monte Carlo procedure (JCGM 101:2008, 7.9; for several outputs JCGM 102:2011, 7.8)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from steelyard.calibration.engine.budget.correlation import Correlation
from steelyard.calibration.engine.budget.model import Model
from steelyard.calibration.engine.budget.quantities import Quantity
from steelyard.calibration.engine.distributions.distribution import Floats
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError
from steelyard.calibration.engine.montecarlo.intervals import coverage_intervals
from steelyard.calibration.engine.montecarlo.simulation import BLOCK, Collector, SimulationResult, Trials

LARGEST_NUMBER_OF_TRIALS = 50_000_000
FEWEST_BLOCKS = 10
"""7.9.4 may stop after two blocks, which two similar ones can feign; the scatter of ten is known to a quarter."""


def numerical_tolerance(standard_uncertainty: float, digits: int) -> float:
    """Half of the last of `digits` significant decimal digits of u: u = c 10^l, delta = 10^l / 2 (7.9.2).

    Raises MonteCarloError for a u that is not positive and for fewer than one digit.
    """
    if digits < 1:
        raise MonteCarloError("monte_carlo.digits", digits, "must be 1 or more")
    if not (math.isfinite(standard_uncertainty) and standard_uncertainty > 0.0):
        raise MonteCarloError("standard_uncertainty", standard_uncertainty, "must be positive to have digits")
    scientific = f"{standard_uncertainty:.{digits - 1}e}"
    exponent = int(scientific.partition("e")[2]) - digits + 1
    return 0.5 * 10.0**exponent


def simulate_adaptively(
    model: Model,
    quantities: Mapping[str, Quantity],
    *,
    digits: int = 2,
    coverage_probability: float = 0.95,
    correlation: Correlation | None = None,
    seed: int = 0,
    largest_trials: int = LARGEST_NUMBER_OF_TRIALS,
) -> SimulationResult:
    """Make blocks of M = max(J, 10^4) trials, J = ceil(100 / (1 - p)), until the results have settled (7.9.4).

    Settled means, after ten blocks at least: for each output, twice the standard deviation of the average over blocks
    is below the numerical tolerance of u(y) to `digits` digits, for the mean, the standard deviation and both ends of
    the interval. The probabilistically symmetric interval is watched (the shortest one's ends scatter more than what
    they say). `largest_trials` ends it unsettled, with `converged` False.

    Raises MonteCarloError for an output that has no variance, or none at all but a constant value.
    """
    if not 0.0 < coverage_probability < 1.0:
        raise MonteCarloError("coverage_probability", coverage_probability, "must be between 0 and 1, as 0.95")
    source = Trials(model, quantities, correlation, seed)
    if source.available_moments < 2:
        remedy = (
            "an input has no variance (t with degrees of freedom of 2 or less), so that nothing settles; give trials"
        )
        raise MonteCarloError("monte_carlo.adaptive", True, remedy)
    size = max(math.ceil(100.0 / (1.0 - coverage_probability) - 1e-6), 10_000)
    collected = Collector(source, coverage_probability)
    kept = np.empty((len(source.names), max(BLOCK - BLOCK % size, size)))
    filled, trials, settled = 0, 0, False
    averages = _BlockAverages(len(source.names))
    while not settled and trials + size <= max(largest_trials, FEWEST_BLOCKS * size):
        block = kept[:, filled : filled + size]
        source.fill(block)
        averages.take(block, coverage_probability)
        filled, trials = filled + size, trials + size
        settled = averages.settled(digits)
        if filled == kept.shape[1]:
            collected.take(kept)
            kept, filled = np.empty_like(kept), 0
    if filled:
        collected.take(kept[:, :filled])
    return collected.result(seed=seed, converged=settled)


class _BlockAverages:
    """Running mean and scatter over blocks of y, u, y_low, y_high of each output: arrays float64[M, 4]."""

    def __init__(self, outputs: int) -> None:
        self._count = 0
        self._mean = np.zeros((outputs, 4))
        self._squares = np.zeros((outputs, 4))

    def take(self, block: Floats, coverage_probability: float) -> None:
        """Take in a block of draws float64[M, size]."""
        found = np.empty_like(self._mean)
        for row, draws in zip(found, block, strict=True):
            ends = coverage_intervals(draws.copy(), coverage_probability).symmetric
            row[:] = (np.mean(draws), np.std(draws, ddof=1), *ends)
        self._count += 1
        step = found - self._mean
        self._mean += step / self._count
        self._squares += step * (found - self._mean)

    def settled(self, digits: int) -> bool:
        """Steps e) to k) of 7.9.4: 2 s <= delta for all four, delta from the blocks' average u(y)."""
        if self._count < FEWEST_BLOCKS:
            return False
        u = self._mean[:, 1]
        uncertain = u > 0.0
        tolerance = np.array([numerical_tolerance(float(each), digits) if each > 0.0 else 0.0 for each in u])
        scatter = np.sqrt(self._squares / (self._count * (self._count - 1)))
        return bool(np.all(2.0 * scatter[uncertain] <= tolerance[uncertain, None]))
