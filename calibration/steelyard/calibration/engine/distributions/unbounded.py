"""Distributions that reach to infinity: normal, t, exponential, gamma."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc, gammaincinv, gammaln, ndtr, ndtri, stdtr, stdtrit, xlogy

from steelyard.calibration.engine.distributions.distribution import Floats, require_finite, require_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """N(value, standard_uncertainty^2): estimate and standard uncertainty are known (JCGM 101:2008, 6.4.7)."""

    value: float
    standard_uncertainty: float

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        require_finite(value=self.value)
        require_positive(standard_uncertainty=self.standard_uncertainty)

    @property
    def mean(self) -> float:
        """Expectation."""
        return self.value

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance."""
        return self.standard_uncertainty

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.7.4."""
        draws = generator.standard_normal(size)
        draws *= self.standard_uncertainty
        draws += self.value
        return draws

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: equation (7)."""
        z = (np.asarray(x, dtype=np.float64) - self.value) / self.standard_uncertainty
        return np.asarray(np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * self.standard_uncertainty))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        return np.asarray(ndtr((np.asarray(x, dtype=np.float64) - self.value) / self.standard_uncertainty))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.value + self.standard_uncertainty * ndtri(np.asarray(p, dtype=np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentT:
    """Scaled and shifted t distribution (JCGM 101:2008, 6.4.9).

    After n observations: `value` their mean, `scale` = s / sqrt(n), `degrees_of_freedom` = n - 1 (6.4.9.2); from a
    certificate: `scale` = U / k and the effective degrees of freedom (6.4.9.7).
    """

    value: float
    scale: float
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        require_finite(value=self.value)
        require_positive(scale=self.scale, degrees_of_freedom=self.degrees_of_freedom)

    @property
    def mean(self) -> float:
        """Expectation; there is none for degrees of freedom of 1 or less."""
        return self.value if self.degrees_of_freedom > 1.0 else math.nan

    @property
    def standard_deviation(self) -> float:
        """Equation (11); infinite for degrees of freedom of 2 or less."""
        nu = self.degrees_of_freedom
        return self.scale * math.sqrt(nu / (nu - 2.0)) if nu > 2.0 else math.inf

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.9.5."""
        draws = generator.standard_t(self.degrees_of_freedom, size)
        draws *= self.scale
        draws += self.value
        return draws

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: equation (10)."""
        nu = self.degrees_of_freedom
        z = (np.asarray(x, dtype=np.float64) - self.value) / self.scale
        constant = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * math.log(math.pi * nu) - math.log(self.scale)
        return np.asarray(np.exp(constant - 0.5 * (nu + 1.0) * np.log1p(z * z / nu)))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        return np.asarray(stdtr(self.degrees_of_freedom, (np.asarray(x, dtype=np.float64) - self.value) / self.scale))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.value + self.scale * stdtrit(self.degrees_of_freedom, np.asarray(p, dtype=np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """A non-negative quantity of which only the estimate `value` > 0 is known (JCGM 101:2008, 6.4.10)."""

    value: float

    def __post_init__(self) -> None:
        """Refuse a parameter out of range."""
        require_positive(value=self.value)

    @property
    def mean(self) -> float:
        """Expectation."""
        return self.value

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance, equal to the expectation (6.4.10.3)."""
        return self.value

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.10.4."""
        return generator.standard_exponential(size) * self.value

    def pdf(self, x: ArrayLike) -> Floats:
        """Density: 6.4.10.2."""
        xi = np.asarray(x, dtype=np.float64)
        return np.where(xi < 0.0, 0.0, np.exp(-np.maximum(xi, 0.0) / self.value) / self.value)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        return np.asarray(-np.expm1(-np.maximum(np.asarray(x, dtype=np.float64), 0.0) / self.value))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(-self.value * np.log1p(-np.asarray(p, dtype=np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """G(shape, scale), scale in the quantity's unit (JCGM 101:2008, 6.4.11).

    After q counted objects the average number in such a sample has shape q + 1 and scale 1 (6.4.11.2).
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        require_positive(shape=self.shape, scale=self.scale)

    @property
    def mean(self) -> float:
        """Expectation."""
        return self.shape * self.scale

    @property
    def standard_deviation(self) -> float:
        """Square root of the variance."""
        return math.sqrt(self.shape) * self.scale

    def sample(self, generator: np.random.Generator, size: int) -> Floats:
        """Draws, float64[size]: 6.4.11.4."""
        return generator.standard_gamma(self.shape, size) * self.scale

    def pdf(self, x: ArrayLike) -> Floats:
        """Density."""
        z = np.asarray(x, dtype=np.float64) / self.scale
        positive = np.maximum(z, 0.0)
        log_density = xlogy(self.shape - 1.0, positive) - positive - gammaln(self.shape) - math.log(self.scale)
        return np.where(z < 0.0, 0.0, np.exp(log_density))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of x or less."""
        return np.asarray(gammainc(self.shape, np.maximum(np.asarray(x, dtype=np.float64), 0.0) / self.scale))

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.scale * gammaincinv(self.shape, np.asarray(p, dtype=np.float64)))
