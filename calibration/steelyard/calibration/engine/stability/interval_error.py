"""Time interval errors of phase, their maximum and root mean square (ITU-T G.810, annex II; NIST SP 1065, 5.2)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from steelyard.calibration.engine.stability.allan import Phase, Variance


def maximum_interval_error(x: Phase, m: int) -> Variance:
    """MTIE^2: the square of the largest peak-to-peak phase in any window of m + 1 values; n = N - m windows."""
    n = len(x) - m
    if n < 1:
        return Variance(variance=float("nan"), n=0)
    # Window i of the filters covers x[i], ..., x[i + m] after the shift to its left end.
    shift = -((m + 1) // 2)
    peak = maximum_filter1d(x, size=m + 1, mode="nearest", origin=shift)[:n]
    trough = minimum_filter1d(x, size=m + 1, mode="nearest", origin=shift)[:n]
    return Variance(variance=float((peak - trough).max()) ** 2, n=n)


def mean_square_interval_error(x: Phase, m: int) -> Variance:
    """TIE rms^2: the mean square of x_{i+m} - x_i; n = N - m terms."""
    differences = x[m:] - x[: len(x) - m] if m < len(x) else x[:0]
    n = len(differences)
    return Variance(variance=float(np.dot(differences, differences)) / n if n else float("nan"), n=n)
