"""Propagation of distributions (JCGM 101:2008, 5.9 and clause 7): a stated number of trials, or as many as needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.correlation import Correlation
from steelyard.calibration.engine.budget.model import Model, real_outputs
from steelyard.calibration.engine.budget.quantities import Quantity
from steelyard.calibration.engine.distributions.distribution import Floats
from steelyard.calibration.engine.montecarlo.control import OutputControl, make_controls
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError
from steelyard.calibration.engine.montecarlo.intervals import (
    CoverageIntervals,
    coverage_intervals,
    least_trials,
    mean_intervals,
)
from steelyard.calibration.engine.montecarlo.sampling import Sampler, make_sampler

CHUNK = 16_384
"""Trials evaluated together: the inputs' draws stay in the second-level cache."""
BLOCK = 1 << 20
"""Trials kept together for the intervals: they bound the memory, to 8 bytes x BLOCK x outputs and what sorting takes.

The ends of the intervals of several blocks are averaged, as 7.9.4 does; at a million trials a block the order of the
quantiles' bias is 1e-6 of the standard uncertainty.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutputDistribution:
    """What Monte Carlo says about one output: mean and standard deviation of the draws (7.6), intervals (7.7).

    `value` and `standard_uncertainty` are nan where an input's distribution has none (t with degrees of freedom of 1,
    or 2, or less): those of the draws would depend on chance alone. `draws` float64[…] are one block of trials, in no
    order, for drawing and other uses; not all trials if there were more.
    """

    name: str
    value: float
    standard_uncertainty: float
    intervals: CoverageIntervals
    draws: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulationResult:
    """The outputs, their `covariance` float64[M, M] (JCGM 102:2011, 7.6), and how many `trials` were made.

    `converged` is None for a stated number of trials, else whether the adaptive procedure reached its tolerance.
    """

    outputs: tuple[OutputDistribution, ...]
    covariance: Floats
    trials: int
    seed: int
    coverage_probability: float
    converged: bool | None


@dataclass(slots=True)
class Moments:
    """Running count, mean float64[K] and sums of products of deviations float64[K, K] of K rows (Chan's formula)."""

    count: int
    mean: Floats
    products: Floats

    def add(self, draws: Floats) -> None:
        """Take in float64[K, k] draws."""
        count = draws.shape[1]
        mean = np.mean(draws, axis=1)
        deviations = draws - mean[:, None]
        step = mean - self.mean
        total = self.count + count
        self.products += deviations @ deviations.T + np.outer(step, step) * (self.count * count / total)
        self.mean += step * (count / total)
        self.count = total

    def estimates(self, controls: tuple[OutputControl | None, ...]) -> tuple[Floats, Floats]:
        """Mean float64[M] and covariance float64[M, M] of the M outputs, whose rows are followed by the controls'.

        Equations (16) and (17) of JCGM 101 by regression on the controls (see `control`); covariances keep the draws'
        correlation.
        """
        m = len(controls)
        mean, covariance = self.mean[:m].copy(), self.products[:m, :m] / (self.count - 1)
        drawn = np.sqrt(np.diag(covariance))
        deviation = drawn.copy()
        for index, control in enumerate(controls):
            row = m + index
            spread = self.products[row, row]
            if control is None or not spread > 0.0:
                continue
            slope = self.products[index, row] / spread
            residual = max(float(self.products[index, index] - slope * self.products[index, row]), 0.0)
            mean[index] -= slope * self.mean[row]
            deviation[index] = math.sqrt(slope**2 * control.variance + residual / (self.count - 1))
        scale = np.divide(deviation, drawn, out=np.ones(m), where=drawn > 0.0)
        return mean, covariance * np.outer(scale, scale)


class Trials:
    """Draws of a model's outputs, chunk after chunk."""

    def __init__(
        self,
        model: Model,
        quantities: Mapping[str, Quantity],
        correlation: Correlation | None,
        seed: int,
        chunk: int = CHUNK,
    ) -> None:
        if seed < 0:  # NumPy's seeds are whole numbers from 0
            raise MonteCarloError("monte_carlo.seed", seed, "must be 0 or more")
        self._model = model
        self._chunk = chunk
        self._sampler: Sampler = make_sampler(quantities, model.inputs, correlation, seed)
        estimates = {name: np.asarray(quantities[name].estimate) for name in model.inputs}
        with np.errstate(all="ignore"):
            self.names, _ = real_outputs(model.outputs, model.evaluate(estimates))
        self.available_moments = self._sampler.moments
        self.controls = make_controls(
            model, self._sampler.independent, {name: float(each) for name, each in estimates.items()}, len(self.names)
        )
        rows = 2 * len(self.names)
        self.moments = Moments(0, np.zeros(rows), np.zeros((rows, rows)))

    def fill(self, draws: Floats) -> None:
        """Fill float64[M, k] with the next k trials. Raises MonteCarloError where the model has no finite value."""
        m = len(self.names)
        rows = np.zeros((2 * m, min(self._chunk, draws.shape[1])))
        with np.errstate(all="ignore"):
            for start in range(0, draws.shape[1], self._chunk):
                part = draws[:, start : start + self._chunk]
                used = rows[:, : part.shape[1]]
                inputs = self._sampler.draw(part.shape[1])
                _, results = real_outputs(self._model.outputs, self._model.evaluate(inputs))
                for row, result in zip(used, results, strict=False):
                    row[:] = result
                if not np.all(np.isfinite(used[:m])):
                    self._refuse(used[:m], inputs)
                part[:] = used[:m]
                for row, control in zip(used[m:], self.controls, strict=True):
                    if control is not None:
                        control.fill(row, inputs)
                self.moments.add(used)

    def _refuse(self, part: Floats, inputs: Mapping[str, Floats | float]) -> None:
        row = int(np.flatnonzero(~np.all(np.isfinite(part), axis=1))[0])
        bad = int(np.count_nonzero(~np.isfinite(part[row])))
        trial = int(np.flatnonzero(~np.isfinite(part[row]))[0])
        one = {name: np.asarray(np.asarray(each)[trial] if np.ndim(each) else each) for name, each in inputs.items()}
        fault = self._model.fault(one)
        why = f": {fault.remedy}" if fault is not None else ""
        remedy = f"{bad} of {part.shape[1]} trials have no finite value{why}; restrict the inputs' distributions"
        raise MonteCarloError(f"monte_carlo: {self.names[row]}", float(part[row, trial]), remedy)


def simulate(
    model: Model,
    quantities: Mapping[str, Quantity],
    *,
    trials: int,
    coverage_probability: float = 0.95,
    correlation: Correlation | None = None,
    seed: int = 0,
    chunk: int = CHUNK,
    block: int = BLOCK,
) -> SimulationResult:
    """Make a stated number of trials (clause 7.2 to 7.7).

    Args:
        model: the model; its outputs may be complex, which gives two components each.
        quantities: the input quantities by name.
        trials: M; 7.2.2 recommends 1e4 / (1 - p), and 1e6 serves a 95 % interval to one or two digits.
        coverage_probability: p.
        correlation: of the quantities.
        seed: the same seed gives the same result.
        chunk: trials evaluated at a time; changes nothing but speed.
        block: trials whose intervals are averaged if there are more; bounds the memory.

    Raises MonteCarloError for too few trials and for trials without a finite value.
    """
    _require_probability(coverage_probability)
    if trials < least_trials(coverage_probability):
        least = least_trials(coverage_probability)
        raise MonteCarloError("monte_carlo.trials", trials, f"must be {least} or more, for ten outside the interval")
    source = Trials(model, quantities, correlation, seed, chunk)
    collected = Collector(source, coverage_probability)
    for size in _even_blocks(trials, block):
        draws = np.empty((len(source.names), size))
        source.fill(draws)
        collected.take(draws)
    return collected.result(seed=seed, converged=None)


class Collector:
    """Blocks of trials on their way to a result."""

    def __init__(self, source: Trials, coverage_probability: float) -> None:
        self._source = source
        self._p = coverage_probability
        self._intervals: list[list[CoverageIntervals]] = [[] for _ in source.names]
        self._sizes: list[int] = []
        self._kept: Floats = np.empty((len(source.names), 0))

    def take(self, draws: Floats) -> None:
        """Take in a block float64[M, k] that the source has filled; it belongs to the collector from now on."""
        for row, found in zip(draws, self._intervals, strict=True):
            found.append(coverage_intervals(row, self._p))
        self._sizes.append(draws.shape[1])
        self._kept = draws

    def result(self, *, seed: int, converged: bool | None) -> SimulationResult:
        """All blocks together."""
        source = self._source
        mean, covariance = source.moments.estimates(source.controls)
        has_mean, has_variance = source.available_moments > 0, source.available_moments > 1
        outputs = tuple(
            OutputDistribution(
                name=name,
                value=float(mean[index]) if has_mean else math.nan,
                standard_uncertainty=math.sqrt(max(float(covariance[index, index]), 0.0)) if has_variance else math.nan,
                intervals=mean_intervals(self._intervals[index], self._sizes),
                draws=self._kept[index],
            )
            for index, name in enumerate(source.names)
        )
        return SimulationResult(
            outputs=outputs,
            covariance=covariance if has_variance else np.full_like(covariance, np.nan),
            trials=source.moments.count,
            seed=seed,
            coverage_probability=self._p,
            converged=converged,
        )


def _even_blocks(trials: int, block: int) -> Iterator[int]:
    """Sizes of equal blocks, of at most `block` each."""
    count = -(-trials // block)
    for index in range(count):
        yield trials * (index + 1) // count - trials * index // count


def _require_probability(coverage_probability: float) -> None:
    if not 0.0 < coverage_probability < 1.0:
        raise MonteCarloError("coverage_probability", coverage_probability, "must be between 0 and 1, as 0.95")
