"""Total deviations: a series, or each part of it, continued by its reflections, so that long times have terms too.

NIST Special Publication 1065 (W. J. Riley, 2008), clauses 5.2.11 to 5.2.15. Modified and Hadamard total variance are
too small by a factor that depends on the noise; as in the tables of SP 1065 they are corrected for white frequency
noise (flicker and random walk of frequency would take 0.70 and 0.69, and 0.851 and 0.771).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from steelyard.calibration.engine.stability.allan import Phase, Variance, mean_square, overlapping_hadamard

_MODIFIED_BIAS = 0.73
_HADAMARD_BIAS = 0.995
_BLOCK = 2**20
"""Reflected values held at once."""


def total(x: Phase, m: int, interval: float) -> Variance:
    """Total variance: the series continued by its reflections about both ends, n = N - 2 (SP 1065 eq. 25)."""
    count = len(x)
    if count < 3 or m > count - 1:
        return Variance(variance=float("nan"), n=0)
    before = 2.0 * x[0] - x[count - 2 : 0 : -1]
    after = 2.0 * x[-1] - x[count - 2 : 0 : -1]
    extended = np.concatenate((before, x, after))
    first = count - 1  # of the extended series: the second value of the original
    centre = extended[first : first + count - 2]
    left = extended[first - m : first - m + count - 2]
    right = extended[first + m : first + m + count - 2]
    return mean_square(left - 2.0 * centre + right, 2.0 * (m * interval) ** 2)


def modified_total(x: Phase, m: int, interval: float) -> Variance:
    """Modified total variance, n = N - 3m + 1 (SP 1065 eq. 28)."""
    found = _mean_square_reflected(x, m)
    return Variance(variance=found.variance / (2.0 * (m * interval) ** 2 * _MODIFIED_BIAS), n=found.n)


def time_total(x: Phase, m: int, interval: float) -> Variance:
    """Time total variance, tau^2 / 3 times the modified total variance (SP 1065 eq. 30)."""
    modified = modified_total(x, m, interval)
    return Variance(variance=modified.variance * (m * interval) ** 2 / 3.0, n=modified.n)


def hadamard_total(x: Phase, m: int, interval: float) -> Variance:
    """Hadamard total variance, n = N - 3m; at m = 1 the overlapping Hadamard variance (SP 1065 eq. 31)."""
    if m == 1:
        return overlapping_hadamard(x, m, interval)
    found = _mean_square_reflected(np.diff(x) / interval, m)
    return Variance(variance=found.variance / (6.0 * _HADAMARD_BIAS), n=found.n)


def _mean_square_reflected(values: Phase, m: int) -> Variance:
    """The mean square of a + c - 2 b, the means of three neighbouring m values, over all that its 3m values show.

    Every run of 3m values is freed of its slope (between the means of its halves) and continued by its mirror image at
    both ends; 6m triples of means lie in these 9m values.
    """
    runs = len(values) - 3 * m + 1
    if runs < 1:
        return Variance(variance=float("nan"), n=0)
    windows = np.lib.stride_tricks.sliding_window_view(values, 3 * m)
    step, place, total = max(_BLOCK // (9 * m), 1), np.arange(3 * m), 0.0
    half = 3 * m // 2
    for first, last in pairwise([*range(0, runs, step), runs]):
        run = windows[first:last]
        slope = (run[:, -half:].mean(axis=1) - run[:, :half].mean(axis=1)) / (3 * m - half)
        level = run - slope[:, None] * place
        mirror = level[:, ::-1]
        sums = np.cumsum(np.concatenate([np.zeros((last - first, 1)), mirror, level, mirror], axis=1), axis=1)
        means = (sums[:, m:] - sums[:, :-m]) / m
        triples = means[:, : 6 * m] - 2.0 * means[:, m : 7 * m] + means[:, 2 * m : 8 * m]
        total += float(np.einsum("ij,ij->", triples, triples))
    return Variance(variance=total / (6 * m * runs), n=runs)
