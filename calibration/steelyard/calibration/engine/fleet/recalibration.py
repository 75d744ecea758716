"""Honest tails: forecast levels corrected by how often the fleet's own errors fell outside.

If more of the fleet's errors than 5 % lie outside their 95 % intervals, the interval that is given as 95 % is made from
a higher level (Kuleshov, Fenner and Ermon, ICML 2018; here folded about the median, so that both tails are treated
alike). Only levels beyond 85 % are corrected, fully at 95 %: the middle is the mixture's business. Beyond 95 % the
few errors that a fleet has there are gross ones as often as not and say little about the next: the correction found at
95 % is continued.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.history import Floats

_FEW = 60
"""Below this many forecasts their tail says nothing; the levels stay."""
_GRID = np.linspace(0.0, 0.95, 20)
_LEAST_OUTSIDE, _MOST_OUTSIDE = 0.005, 0.2
"""Of the forecasts' 95 % intervals, what a correction may leave outside: beyond it the forecasts need mending."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailCorrection:
    """Central probability that is asked for -> central level of the forecast that holds it: both float64[G], rising."""

    asked: Floats
    level: Floats

    def levels(self, levels: Floats) -> Floats:
        """The levels to ask of a forecast for quantiles at `levels`, float64 of any shape, between 0 and 1."""
        central = np.abs(2.0 * levels - 1.0)
        corrected = np.interp(central, self.asked, self.level)
        return np.asarray(0.5 + 0.5 * np.sign(levels - 0.5) * corrected, dtype=np.float64)


def learn_tails(probability: Floats, instruments: int) -> TailCorrection:
    """From the forecasts' distribution functions at what was found, float64[N] (uniform if the forecasts are right).

    `instruments` is the number of instruments they come from: n of them bound the next one's error with probability
    c at their c (1 + 1/n) quantile (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, 2.2).
    """
    asked = np.concatenate([_GRID, [1.0]])
    if probability.size < _FEW:
        return TailCorrection(asked=asked, level=asked)
    found = np.quantile(np.abs(2.0 * probability - 1.0), np.minimum(_GRID * (1.0 + 1.0 / instruments), 1.0))
    ramp = np.clip((_GRID - 0.85) / 0.1, 0.0, 1.0)
    level = np.minimum(_GRID + ramp * (found - _GRID), 1.0 - _LEAST_OUTSIDE)
    level = np.maximum(level, np.where(_GRID < 0.9, 0.0, _GRID - (_MOST_OUTSIDE - 0.05)))
    return TailCorrection(asked=asked, level=np.concatenate([np.maximum.accumulate(level), [1.0]]))
