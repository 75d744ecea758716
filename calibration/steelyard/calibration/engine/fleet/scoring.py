"""How good forecasts were: sharpness and honesty in one number (CRPS), and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.history import Bools, Floats, Integers

LEVELS = np.unique(np.concatenate([np.round(np.arange(1, 100) / 100.0, 2), [0.025, 0.975]]))
"""The levels of the quantiles of a prediction, float64[101], rising."""
GROSS = 20.0
"""Robust standard deviations from which on an error is gross: it is left out of the CRPS, not of the coverage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """CRPS in units of the errors' scaled MAD, coverage of the 95 % interval, and the numbers they rest on.

    `crps` is NaN where there are too few errors to have a MAD.
    """

    crps: float
    coverage: float
    rows: int
    gross: int


def crps(value: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Continuous ranked probability score, float64[N], of forecasts given by quantiles float64[N, L]; unit of `value`.

    CRPS = 2 integral over p of (1{x < q_p} - p)(q_p - x) (Gneiting and Raftery, J. Amer. Statist. Assoc. 102 (2007)
    359-378, equations 20 to 22 and 4.2), by the trapezoidal rule over the levels, to 0 and 1 with the outermost
    quantile.
    """
    edges = np.concatenate([[0.0], 0.5 * (levels[1:] + levels[:-1]), [1.0]])
    below = value[:, None] < quantiles
    loss = np.where(below, (1.0 - levels) * (quantiles - value[:, None]), levels * (value[:, None] - quantiles))
    return np.asarray(2.0 * loss @ np.diff(edges), dtype=np.float64)


def gross_and_scale(value: Floats, group: Integers) -> tuple[Bools, Floats]:
    """Which errors are gross bool[N], and each one's robust scale float64[N]: 1.4826 MAD of its `group` int[N].

    NaN where a group's errors are all the same: nothing can be measured by it.
    """
    scale, gross = np.ones(value.size), np.zeros(value.size, np.bool_)
    for number in np.unique(group):
        own = group == number
        middle = np.median(value[own])
        mad = 1.4826 * float(np.median(np.abs(value[own] - middle)))
        scale[own] = mad if mad > 0.0 else float(np.std(value[own])) or np.nan
        gross[own] = np.abs(value[own] - middle) > GROSS * scale[own]
    return gross, scale


def score(value: Floats, quantiles: Floats, group: Integers) -> Score:
    """Score forecasts float64[N, 101] at LEVELS of errors float64[N]; `group` int[N]: same quantity and test point."""
    gross, scale = gross_and_scale(value, group)
    each = crps(value, quantiles, LEVELS) / scale
    low, high = (int(np.searchsorted(LEVELS, level)) for level in (0.025, 0.975))
    inside = (value >= quantiles[:, low]) & (value <= quantiles[:, high])
    counted = ~gross & np.isfinite(each)
    return Score(
        crps=float(np.mean(each[counted])) if counted.any() else float("nan"),
        coverage=float(np.mean(inside)) if inside.size else float("nan"),
        rows=int(value.size),
        gross=int(gross.sum()),
    )
