"""The distribution of each instrument's error over the days to come, and when it becomes too likely to be too large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.tracking.conformity import probability_outside
from steelyard.calibration.engine.tracking.state import DriftParameters, ErrorState, Floats, level_at

DAYS_PER_YEAR = 365.25
COVERAGE_FACTOR_95 = 1.959963984540054  # normal, 95 % (JCGM 100:2008, table G.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorForecast:
    """`mean`, `standard_uncertainty` (MPE) and `probability` outside the limits, float64[D, N], `days` float64[D]."""

    days: Floats
    mean: Floats
    standard_uncertainty: Floats
    probability: Floats


def forecast(
    state: ErrorState, parameters: DriftParameters, *, now: Floats, days: Floats, lower: Floats, upper: Floats
) -> ErrorForecast:
    """Forecast N errors on `days` float64[D] after `now` float64[N] (years, not before the state's own time).

    `lower`, `upper` float64[N] are the limits in MPE. The probability is that of lying outside on that day, not that of
    having been outside at some day before: a work order asks for the former.
    """
    if np.any(now < state.t):
        raise ValueError("now: a forecast cannot begin before the last observation")
    t = now[None, :] + days[:, None] / DAYS_PER_YEAR
    mean, variance = level_at(state, parameters, t)
    u = np.sqrt(variance)
    return ErrorForecast(
        days=days, mean=mean, standard_uncertainty=u, probability=probability_outside(mean, u, lower, upper)
    )


def first_day_above(found: ErrorForecast, limit: float) -> Floats:
    """The first of the forecast's days on which the probability exceeds `limit`, float64[N]; nan where none does."""
    above = found.probability > limit
    return np.where(above.any(axis=0), found.days[np.argmax(above, axis=0)], np.nan)


def rate_significance(state: ErrorState) -> Floats:
    """|rate| over its standard uncertainty, float64[N]."""
    return np.asarray(np.abs(state.rate) / np.sqrt(state.v_rr), dtype=np.float64)
