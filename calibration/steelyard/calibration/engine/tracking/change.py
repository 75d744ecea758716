"""Sudden change: a two-sided CUSUM with a stated rate of false alarms.

C+ = max(0, C+ + z - k), C- = max(0, C- - z - k), alarm when either exceeds h, for observations z that are standard
normal while nothing changes (Page 1954; Montgomery, Introduction to Statistical Quality Control, 9.1). Here z are the
standardized one-step prediction errors of the level-and-rate filter, so that a steady drift, which the filter predicts,
is no change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from steelyard.calibration.engine.control.cusum import CusumDesign
from steelyard.calibration.engine.control.cusum_run_length import cusum_run_lengths

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDesign:
    """A CUSUM's reference value `k` and decision interval `h`, and the clip on one prediction error, all in sigma.

    With `clip` - `k` < `h` / 2 no one or two outlying days can raise an alarm: three at least must agree.
    """

    k: float
    h: float
    clip: float = 4.0

    def __post_init__(self) -> None:
        """Refuse a chart that cannot work."""
        if not (self.k > 0.0 and self.h > 0.0 and self.clip > self.k):
            raise ValueError(f"k={self.k}, h={self.h}, clip={self.clip}: give positive values with clip above k")


def average_run_length(k: float, h: float, shift: float = 0.0) -> float:
    """Average number of observations until a two-sided CUSUM with zero start signals, when the mean is `shift` sigma.

    Page's integral equation: see `control.cusum_run_length`.
    """
    if not (k > 0.0 and h > 0.0):
        raise ValueError(f"k={k}, h={h}: give positive values")
    return float(cusum_run_lengths(CusumDesign(k=k, h=h), (shift,))[0])


def decision_interval(k: float, in_control_run_length: float, *, sigma_uncertainty: float = 0.0) -> float:
    """The h for which a two-sided CUSUM with reference value `k` signals once in `in_control_run_length` observations.

    `sigma_uncertainty` is the relative standard uncertainty of the standard deviation that observations are divided by.
    Where that came out a part e too small, k and h are too low by that part too, and alarms are more frequent by more
    than they are rarer where it came out too large: 1 / run length is averaged over a normal e. It is taken as constant
    from one return of the sums to zero to the next.

    Raises ValueError for a run length that no h between 0.5 and 20 / (2k) gives.
    """
    highest = 20.0 / (2.0 * k)

    def run_length(h: float) -> float:
        if not sigma_uncertainty:
            return average_run_length(k, h)
        factors = 1.0 + sigma_uncertainty * _NODES
        return 1.0 / sum(
            weight / average_run_length(k * factor, h * factor)
            for factor, weight in zip(factors.tolist(), _WEIGHTS.tolist(), strict=True)
        )

    if not run_length(0.5) < in_control_run_length < run_length(highest):
        raise ValueError(f"in_control_run_length={in_control_run_length}: no decision interval gives it with k={k}")

    def distance(h: float) -> float:
        return float(np.log(run_length(h)) - np.log(in_control_run_length))

    return float(brentq(distance, 0.5, highest, xtol=1e-6))


def change_index(z: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    """The most likely first index of a change of mean in `z`, which ended in an alarm at its last index.

    Maximizes (sum of z from j on)^2 / (number of them), the likelihood ratio of a shift at j for unit variance
    (Hinkley, Biometrika 57 (1970) 1-17, with the mean before the change known to be zero).
    """
    if z.size == 0:
        raise ValueError("z: give at least one prediction error")
    tail_sums = np.cumsum(z[::-1])[::-1]
    lengths = np.arange(z.size, 0, -1)
    return int(np.argmax(tail_sums**2 / lengths))
