"""Forecasts as mixtures of t distributions: distribution function and quantiles, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit, stdtr

from steelyard.calibration.engine.fleet.history import Floats

_KEPT = 24
"""Hypotheses that a forecast keeps: the rest weighs nothing by then."""
_PLACES = np.linspace(-9.0, 9.0, 121)
_REACH = np.sinh(_PLACES) / 8.0
"""Where the distribution function is tabulated, in typical scales from the middle: out to 500, densest inside."""
_CERTAIN = 1e-15
_ROWS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TMixture:
    """N forecasts, each a mixture of C t distributions: all float64[N, C]. `weight` sums to 1 along a row."""

    weight: Floats
    location: Floats
    scale: Floats
    freedom: Floats

    @property
    def mean(self) -> Floats:
        """float64[N]: the mixture's mean (every `freedom` above 1 has one)."""
        return np.asarray(np.sum(self.weight * self.location, axis=1), dtype=np.float64)

    def quantiles(self, levels: Floats) -> Floats:
        """float64[N, L]: the quantiles at `levels` float64[L], between 0 and 1, by interpolation in a table.

        Between the odds' logarithm and the place of x in the table both are nearly straight: good to 0.01 of the scale.
        """
        result = np.empty((self.weight.shape[0], levels.size))
        wanted = logit(levels)
        for first in range(0, result.shape[0], _ROWS):
            rows = slice(first, first + _ROWS)
            middle, typical = self._middle(rows)
            odds = self._log_odds(rows, middle, typical)
            for i in range(odds.shape[0]):
                place = np.interp(wanted, odds[i], _PLACES)
                result[first + i] = middle[i] + typical[i] * np.sinh(place) / 8.0
        return result

    def probability_below(self, value: Floats) -> Floats:
        """float64[N]: the distribution function at `value` float64[N]."""
        t = (value[:, None] - self.location) / self.scale
        return np.asarray(np.sum(self.weight * stdtr(self.freedom, t), axis=1), dtype=np.float64)

    def _middle(self, rows: slice) -> tuple[Floats, Floats]:
        """Where the table is centred, and its unit."""
        weight = self.weight[rows]
        typical = np.exp(np.sum(weight * np.log(self.scale[rows]), axis=1))
        return np.sum(weight * self.location[rows], axis=1), typical

    def _log_odds(self, rows: slice, middle: Floats, typical: Floats) -> Floats:
        weight, location, scale = self.weight[rows], self.location[rows], self.scale[rows]
        x = middle[:, None] + typical[:, None] * _REACH
        p = np.zeros(x.shape)
        for c in range(weight.shape[1]):
            t = (x - location[:, c, None]) / scale[:, c, None]
            p += weight[:, c, None] * stdtr(self.freedom[rows, c, None], t)
        return np.asarray(logit(np.clip(p, _CERTAIN, 1.0 - _CERTAIN)), dtype=np.float64)


def mixture_of(weight: Floats, location: Floats, scale: Floats, freedom: Floats) -> TMixture:
    """The mixture of the heaviest hypotheses: `weight`, `location`, `scale` float64[N, H], `freedom` float64[H]."""
    kept = np.argsort(-weight, axis=1, kind="stable")[:, :_KEPT]

    def of(values: Floats) -> Floats:
        return np.take_along_axis(values, kept, axis=1)

    heaviest = of(weight)
    return TMixture(
        weight=heaviest / heaviest.sum(axis=1, keepdims=True),
        location=of(location),
        scale=of(scale),
        freedom=freedom[kept],
    )
