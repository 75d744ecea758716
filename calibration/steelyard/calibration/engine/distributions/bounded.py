"""Distributions between two limits, symmetric about their middle.

Each is written by its distance t = |x - middle| from the middle; `half` probabilities are those between 0 and t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.distributions.distribution import Floats, require_finite, require_order
from steelyard.calibration.engine.distributions.errors import DistributionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangular:
    """R(lower, upper): only the limits are known (JCGM 101:2008, 6.4.2)."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        """Refuse limits out of order."""
        require_order(self.lower, self.upper)

    @property
    def mean(self) -> float:
        """Expectation."""
        return 0.5 * (self.lower + self.upper)

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance (b - a)^2 / 12: 6.4.2.3."""
        return (self.upper - self.lower) / math.sqrt(12.0)

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.2.4."""
        draws = generator.random(size)
        draws *= self.upper - self.lower
        draws += self.lower
        return draws

    def pdf(self, x: ArrayLike) -> Floats:
        """Density."""
        xi = np.asarray(x, dtype=np.float64)
        return np.where((xi >= self.lower) & (xi <= self.upper), 1.0 / (self.upper - self.lower), 0.0)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        xi = np.asarray(x, dtype=np.float64)
        return np.asarray(np.clip((xi - self.lower) / (self.upper - self.lower), 0.0, 1.0))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.lower + (self.upper - self.lower) * np.asarray(p, dtype=np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trapezoidal:
    """Trap(lower, upper, beta): sum of two rectangular quantities; beta = top / base (JCGM 101:2008, 6.4.4).

    beta 0 is the triangular distribution (6.4.5), 1 the rectangular one.
    """

    lower: float
    upper: float
    beta: float

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        require_order(self.lower, self.upper)
        require_finite(beta=self.beta)
        if not 0.0 <= self.beta <= 1.0:
            raise DistributionError("beta", self.beta, "must be between 0 (triangular) and 1 (rectangular)")

    @property
    def mean(self) -> float:
        """Expectation."""
        return 0.5 * (self.lower + self.upper)

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance (b - a)^2 (1 + beta^2) / 24: 6.4.4.3."""
        return (self.upper - self.lower) * math.sqrt((1.0 + self.beta**2) / 24.0)

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: equation (5)."""
        half_width = 0.5 * (self.upper - self.lower)
        draws = generator.random(size)
        draws *= half_width * (1.0 + self.beta)
        second = generator.random(size)
        second *= half_width * (1.0 - self.beta)
        draws += second
        draws += self.lower
        return draws

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: equation (4)."""
        w = 0.5 * (self.upper - self.lower)
        t = np.abs(np.asarray(x, dtype=np.float64) - self.mean)
        slope = 1.0 if self.beta == 1.0 else 1.0 / (w * (1.0 - self.beta))
        height = 1.0 / (w * (1.0 + self.beta))
        return np.where(t <= self.beta * w, height, np.maximum(w - t, 0.0) * slope * height)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        w = 0.5 * (self.upper - self.lower)
        distance = np.asarray(x, dtype=np.float64) - self.mean
        t = np.minimum(np.abs(distance), w)
        height = 1.0 / (w * (1.0 + self.beta))
        side = 2.0 * w * (1.0 - self.beta)
        outer = 0.5 - height * (w - t) ** 2 / (side if side > 0.0 else 1.0)
        return np.asarray(0.5 + np.sign(distance) * np.where(t <= self.beta * w, height * t, outer))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        w = 0.5 * (self.upper - self.lower)
        above = np.asarray(p, dtype=np.float64) - 0.5
        half = np.abs(above)
        height = 1.0 / (w * (1.0 + self.beta))
        outer = w - np.sqrt(np.maximum(0.5 - half, 0.0) * 2.0 * w * (1.0 - self.beta) / height)
        t = np.where(half <= height * self.beta * w, half / height, outer)
        return np.asarray(self.mean + np.sign(above) * t)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangular:
    """T(lower, upper): sum of two rectangular quantities of one width (JCGM 101:2008, 6.4.5)."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        """Refuse limits out of order."""
        require_order(self.lower, self.upper)

    @property
    def _trapezoid(self) -> Trapezoidal:
        return Trapezoidal(lower=self.lower, upper=self.upper, beta=0.0)

    @property
    def mean(self) -> float:
        """Expectation."""
        return 0.5 * (self.lower + self.upper)

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance (b - a)^2 / 24: 6.4.5.3."""
        return (self.upper - self.lower) / math.sqrt(24.0)

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.5.4."""
        return self._trapezoid.sample(generator, size)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density."""
        return self._trapezoid.pdf(x)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        return self._trapezoid.cdf(x)

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return self._trapezoid.quantile(p)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvilinearTrapezoid:
    """CTrap(lower, upper, inexactness): limits a and b that are themselves known to +- d only (JCGM 101:2008, 6.4.3).

    `inexactness` is d, in the quantity's unit, at most half the distance of the limits.
    """

    lower: float
    upper: float
    inexactness: float

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        require_order(self.lower, self.upper)
        require_finite(inexactness=self.inexactness)
        if not 0.0 < self.inexactness <= 0.5 * (self.upper - self.lower) * (1.0 + 1e-12):
            remedy = "must be greater than 0 and at most half the distance of the limits"
            raise DistributionError("inexactness", self.inexactness, remedy)

    @property
    def mean(self) -> float:
        """Expectation."""
        return 0.5 * (self.lower + self.upper)

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance (b - a)^2 / 12 + d^2 / 9: equation (3)."""
        return math.sqrt((self.upper - self.lower) ** 2 / 12.0 + self.inexactness**2 / 9.0)

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.3.4."""
        lower = generator.random(size)
        lower *= 2.0 * self.inexactness
        lower += self.lower - self.inexactness
        width = (self.lower + self.upper) - 2.0 * lower
        width *= generator.random(size)
        width += lower
        return width

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: equation (2); infinite in the middle where the inexactness is half the distance of the limits."""
        inner, reach, d = self._ends
        t = np.abs(np.asarray(x, dtype=np.float64) - self.mean)
        return np.where(t <= reach, np.log(reach / np.clip(t, inner, reach)) / (4.0 * d), 0.0)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less: the integral of equation (2)."""
        distance = np.asarray(x, dtype=np.float64) - self.mean
        return np.asarray(0.5 + np.sign(distance) * self._half(np.abs(distance)))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`, by bisection to the last digit."""
        above = np.asarray(p, dtype=np.float64) - 0.5
        half = np.abs(above)
        low, high = np.zeros_like(half), np.full_like(half, 0.5 * (self.upper - self.lower) + self.inexactness)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = self._half(middle) < half
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(self.mean + np.sign(above) * 0.5 * (low + high))

    @property
    def _ends(self) -> tuple[float, float, float]:
        """Where the density begins to fall (never quite 0, which has no logarithm), where it is 0, and d."""
        w, d = 0.5 * (self.upper - self.lower), self.inexactness
        return max(w - d, 1e-300 * (w + d)), w + d, d

    def _half(self, distance: Floats) -> Floats:
        inner, reach, d = self._ends
        t = np.minimum(distance, reach)
        outer = np.maximum(t, inner)
        return np.where(
            t <= inner,
            t * math.log(reach / inner) / (4.0 * d),
            (outer * np.log(reach / outer) + outer - inner) / (4.0 * d),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arcsine:
    """U(lower, upper): a quantity that cycles sinusoidally with unknown phase (JCGM 101:2008, 6.4.6)."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        """Refuse limits out of order."""
        require_order(self.lower, self.upper)

    @property
    def mean(self) -> float:
        """Expectation."""
        return 0.5 * (self.lower + self.upper)

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance (b - a)^2 / 8: 6.4.6.3."""
        return (self.upper - self.lower) / math.sqrt(8.0)

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.6.4."""
        draws = generator.random(size)
        draws *= 2.0 * math.pi
        np.sin(draws, out=draws)
        draws *= 0.5 * (self.upper - self.lower)
        draws += self.mean
        return draws

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: equation (6); infinite at the limits."""
        w = 0.5 * (self.upper - self.lower)
        t = np.abs(np.asarray(x, dtype=np.float64) - self.mean)
        with np.errstate(divide="ignore"):
            return np.where(t <= w, 1.0 / (math.pi * np.sqrt(np.maximum(w * w - t * t, 0.0))), 0.0)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        z = (np.asarray(x, dtype=np.float64) - self.mean) / (0.5 * (self.upper - self.lower))
        return np.asarray(0.5 + np.arcsin(np.clip(z, -1.0, 1.0)) / math.pi)

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        angle = math.pi * (np.asarray(p, dtype=np.float64) - 0.5)
        return np.asarray(self.mean + 0.5 * (self.upper - self.lower) * np.sin(angle))
