"""Thêo1: an Allan deviation for averaging times up to three quarters of the series (NIST SP 1065, clause 5.2.15)."""

from __future__ import annotations

import numpy as np

from steelyard.calibration.engine.stability.allan import Phase, Variance

STRIDE = 0.75
"""tau is this part of the time m tau_0 that a term looks at."""
_LEAST = 10
"""The smallest averaging factor that the statistic is defined for."""


def theo1(x: Phase, m: int, interval: float) -> Variance:
    """Thêo1 variance, tau = 0.75 m tau_0, for even m from 10 to N - 1; n = (N - m) m / 2 terms.

    Sum over i and d = 0 … m/2 - 1 of ((x_i - x_{i-d+m/2}) + (x_{i+m} - x_{i+d+m/2}))^2 / (m/2 - d), over
    0.75 (N - m) (m tau_0)^2. Not corrected for a bias: none with white frequency noise.
    """
    rows, half = len(x) - m, m // 2
    if m % 2 or m < _LEAST or rows < 1:
        return Variance(variance=float("nan"), n=0)
    ends, total = x[:rows] + x[m:], 0.0
    for d in range(half):
        terms = ends - x[half - d : half - d + rows] - x[half + d : half + d + rows]
        total += float(np.dot(terms, terms)) / (half - d)
    return Variance(variance=total / (STRIDE * rows * (m * interval) ** 2), n=rows * half)
