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
from scipy.special import ndtr


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


def average_run_length(k: float, h: float, shift: float = 0.0, *, nodes: int = 60) -> float:
    """Average number of observations until a two-sided CUSUM with zero start signals, when the mean is `shift` sigma.

    The one-sided length L(0) solves L(u) = 1 + L(0) Phi(k - shift - u) + int_0^h L(x) phi(x + k - shift - u) dx (Page's
    integral equation), here by Gauss-Legendre quadrature with `nodes` points; the two sides combine as
    1/L = 1/L+ + 1/L- (Lucas and Crosier, Technometrics 24 (1982) 199-205).
    """
    if not (k > 0.0 and h > 0.0):
        raise ValueError(f"k={k}, h={h}: give positive values")
    upper = _one_sided(k, h, shift, nodes)
    lower = upper if shift == 0.0 else _one_sided(k, h, -shift, nodes)
    return 1.0 / (1.0 / upper + 1.0 / lower)


def decision_interval(k: float, in_control_run_length: float) -> float:
    """The h for which a two-sided CUSUM with reference value `k` signals once in `in_control_run_length` observations.

    Raises ValueError for a run length that no h between 0.5 and 20 / (2k) gives.
    """
    highest = 20.0 / (2.0 * k)
    if not average_run_length(k, 0.5) < in_control_run_length < average_run_length(k, highest, nodes=120):
        raise ValueError(f"in_control_run_length={in_control_run_length}: no decision interval gives it with k={k}")

    def distance(h: float) -> float:
        return float(np.log(average_run_length(k, h)) - np.log(in_control_run_length))

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


def _one_sided(k: float, h: float, shift: float, nodes: int) -> float:
    points, weights = np.polynomial.legendre.leggauss(nodes)
    x, w = 0.5 * h * (points + 1.0), 0.5 * h * weights
    offset = k - shift
    system = np.zeros((nodes + 1, nodes + 1))
    start = np.concatenate(([0.0], x))
    system[:, 0] = ndtr(offset - start)
    system[:, 1:] = np.exp(-0.5 * (x[None, :] + offset - start[:, None]) ** 2) / np.sqrt(2.0 * np.pi) * w
    return float(np.linalg.solve(np.eye(nodes + 1) - system, np.ones(nodes + 1))[0])
