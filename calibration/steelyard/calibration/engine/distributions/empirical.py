"""A distribution given by draws from it, for example of an earlier Monte Carlo calculation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.distributions.distribution import Floats
from steelyard.calibration.engine.distributions.errors import DistributionError


@dataclass(frozen=True, slots=True, eq=False)
class Empirical:
    """`samples` float64[n], sorted: draws from the distribution, in the quantity's unit; n of 2 or more.

    The distribution function is the piecewise linear one through them (JCGM 101:2008, 7.5 and D.2). Make it by `of`.
    """

    samples: Floats

    @classmethod
    def of(cls, samples: ArrayLike) -> Empirical:
        """Check and sort. Raises DistributionError."""
        values = np.sort(np.asarray(samples, dtype=np.float64).ravel())
        if values.size < 2:
            raise DistributionError("samples", values.tolist(), "must be two values at least")
        if not np.all(np.isfinite(values)):
            raise DistributionError("samples", float(values[~np.isfinite(values)][0]), "must be finite numbers")
        if values[0] == values[-1]:
            raise DistributionError("samples", float(values[0]), "all are equal; give a value without uncertainty")
        values.flags.writeable = False
        return cls(values)

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.samples))

    @property
    def standard_deviation(self) -> float:
        """Their standard deviation: JCGM 101:2008, equation (17)."""
        return float(np.std(self.samples, ddof=1))

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws with replacement, float64[size]."""
        return self.samples[generator.integers(0, self.samples.size, size)]

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: the slope of the piecewise linear distribution function."""
        knots, p = self._knots()
        xi = np.asarray(x, dtype=np.float64)
        index = np.clip(np.searchsorted(knots, xi, side="right") - 1, 0, knots.size - 2)
        slope = (p[index + 1] - p[index]) / (knots[index + 1] - knots[index])
        return np.where((xi < knots[0]) | (xi > knots[-1]), 0.0, slope)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        knots, p = self._knots()
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64), knots, p, left=0.0, right=1.0))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        knots, probabilities = self._knots()
        return np.asarray(np.interp(np.asarray(p, dtype=np.float64), probabilities, knots))

    def _knots(self) -> tuple[Floats, Floats]:
        """Distinct values and the probabilities at them, from 0 to 1; equal draws are one knot with the larger one."""
        knots, last = np.unique(self.samples[::-1], return_index=True)
        p = (self.samples.size - 1 - last) / (self.samples.size - 1)
        p[0] = 0.0
        return knots, p
