"""The Allan family: two- and three-sample deviations of phase, plain, overlapping, modified.

NIST Special Publication 1065 (W. J. Riley, Handbook of Frequency Stability Analysis, 2008), clause 5.2; IEEE Std 1139.
Each function takes phase values and an averaging factor m (tau = m tau_0) and returns the sum of squares over its
normalization, with the number n of terms that it averages. Phase may be given less any straight line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Phase = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """A `variance` at one averaging time, from `n` terms; NaN where there is no term."""

    variance: float
    n: int


def mean_square(terms: Phase, divisor: float) -> Variance:
    """The mean square of `terms`, over `divisor`."""
    n = len(terms)
    return Variance(variance=float(np.dot(terms, terms)) / (divisor * n) if n else float("nan"), n=n)


def second_difference(x: Phase, m: int, stride: int = 1) -> Phase:
    """x_{i+2m} - 2 x_{i+m} + x_i for every stride-th i; empty if the series is too short."""
    count = len(x) - 2 * m
    if count < 1:
        return x[:0]
    return np.asarray(x[2 * m :: stride] - 2.0 * x[m : m + count : stride] + x[:count:stride], dtype=np.float64)


def third_difference(x: Phase, m: int, stride: int = 1) -> Phase:
    """x_{i+3m} - 3 x_{i+2m} + 3 x_{i+m} - x_i for every stride-th i; empty if the series is too short."""
    count = len(x) - 3 * m
    if count < 1:
        return x[:0]
    inner = x[2 * m : 2 * m + count : stride] - x[m : m + count : stride]
    return np.asarray(x[3 * m :: stride] - x[:count:stride] - 3.0 * inner, dtype=np.float64)


def allan(x: Phase, m: int, interval: float) -> Variance:
    """Allan variance without overlap: 1 / (2 tau^2 n) sum (x_{i+2} - 2 x_{i+1} + x_i)^2 in steps of m (eq. 7)."""
    return mean_square(second_difference(x, m, m), 2.0 * (m * interval) ** 2)


def overlapping_allan(x: Phase, m: int, interval: float) -> Variance:
    """Overlapping Allan variance, n = N - 2m (SP 1065 eq. 11)."""
    return mean_square(second_difference(x, m), 2.0 * (m * interval) ** 2)


def modified_allan(x: Phase, m: int, interval: float) -> Variance:
    """Modified Allan variance, n = N - 3m + 1: second differences of phase averaged over m (SP 1065 eq. 14)."""
    differences = second_difference(x, m)
    if len(differences) < m:
        return Variance(variance=float("nan"), n=0)
    sums = np.concatenate(([0.0], np.cumsum(differences)))
    return mean_square((sums[m:] - sums[:-m]) / m, 2.0 * (m * interval) ** 2)


def time_variance(x: Phase, m: int, interval: float) -> Variance:
    """Time variance, tau^2 / 3 times the modified Allan variance (SP 1065 eq. 15)."""
    modified = modified_allan(x, m, interval)
    return Variance(variance=modified.variance * (m * interval) ** 2 / 3.0, n=modified.n)


def hadamard(x: Phase, m: int, interval: float) -> Variance:
    """Hadamard variance without overlap: 1 / (6 tau^2 n) sum of squared third differences in steps of m (eq. 18)."""
    return mean_square(third_difference(x, m, m), 6.0 * (m * interval) ** 2)


def overlapping_hadamard(x: Phase, m: int, interval: float) -> Variance:
    """Overlapping Hadamard variance, n = N - 3m (SP 1065 eq. 20)."""
    return mean_square(third_difference(x, m), 6.0 * (m * interval) ** 2)


def sample_variance(x: Phase, m: int, interval: float) -> Variance:
    """The ordinary sample variance of the rates averaged over tau, n of them (SP 1065, 5.2.1)."""
    averages = np.diff(x[::m]) / (m * interval)
    n = len(averages)
    if n < 2:
        return Variance(variance=float("nan"), n=0)
    return Variance(variance=float(np.var(averages, ddof=1)), n=n)
