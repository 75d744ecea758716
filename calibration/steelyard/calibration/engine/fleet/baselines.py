"""What forecasts are worth is seen beside what anyone can do.

Each rule gives a location for an event from the instrument's earlier ones; its spread is that of the same rule's
misses on the fleet it learned from, so no rule is made worse than it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.fleet.history import EventHistory, Floats, Integers
from steelyard.calibration.engine.fleet.learning import earlier_events
from steelyard.calibration.engine.fleet.scoring import GROSS

_FEW_EVENTS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rates:
    """What the fleet shows of drift rates at P test points, errors per year.

    `pooled` float64[P] and `by_model`; `between`, `within` float64[P]: variances of the instruments' mean rates and of
    one event's rate about its instrument's.
    """

    pooled: Floats
    by_model: dict[str, Floats]
    between: Floats
    within: Floats

    def of(self, models: NDArray[np.str_]) -> Floats:
        return np.stack([self.by_model.get(str(model), self.pooled) for model in models])


Rule = Callable[[_Rates, EventHistory, Integers, Integers], Floats]


def no_drift(rates: _Rates, history: EventHistory, row: Integers, event: Integers) -> Floats:
    """The error stays where the last calibration put it: 0."""
    del rates, event
    return np.zeros((row.size, history.error.shape[2]))


def pooled_rate(rates: _Rates, history: EventHistory, row: Integers, event: Integers) -> Floats:
    """The median rate of the instrument's model, times the interval."""
    return np.asarray(rates.of(history.model[row]) * history.interval[row, event][:, None], dtype=np.float64)


def own_trend(rates: _Rates, history: EventHistory, row: Integers, event: Integers) -> Floats:
    """The median of the instrument's own rates so far, times the interval; the pooled rate for its first event."""
    own, _ = _own_rate(history, row, event)
    # A mistyped certificate is no trend: what the scoring calls gross is left out, as a person would.
    own = np.where(np.abs(own - rates.pooled) < GROSS * np.sqrt(rates.within), own, np.nan)
    count = np.isfinite(own).sum(axis=1)
    rate = rates.of(history.model[row])
    known = np.all(count > 0, axis=1)
    rate[known] = np.nanmedian(own[known], axis=1)
    return np.asarray(rate * history.interval[row, event][:, None], dtype=np.float64)


def random_effects(rates: _Rates, history: EventHistory, row: Integers, event: Integers) -> Floats:
    """The instrument's own mean rate, drawn to its model's as far as instruments are alike (best linear prediction).

    Robinson, Statist. Sci. 6 (1991) 15-32.
    """
    own, n = _own_rate(history, row, event)
    # Gross errors are drawn in, or one of them would be the rate.
    reach = 3.0 * np.sqrt(rates.within)
    mean = np.nansum(np.clip(own, rates.pooled - reach, rates.pooled + reach), axis=1) / np.maximum(n, 1)
    share = n * rates.between / (n * rates.between + rates.within)
    pooled = rates.of(history.model[row])
    rate = pooled + share * (np.where(n > 0, mean, pooled) - pooled)
    return np.asarray(rate * history.interval[row, event][:, None], dtype=np.float64)


RULES: dict[str, Rule] = {
    "no drift": no_drift,
    "pooled rate": pooled_rate,
    "own trend": own_trend,
    "random effects": random_effects,
}


def baseline_quantiles(
    fleet: EventHistory, history: EventHistory, row: Integers, event: Integers, levels: Floats
) -> dict[str, Floats]:
    """Forecasts of events by every rule: float64[N, P, L] quantiles at `levels` float64[L]."""
    rates = _learn(fleet)
    fleet_row, fleet_event = np.nonzero(fleet.used & (earlier_events(fleet) > 0))
    if fleet_row.size == 0:
        fleet_row, fleet_event = np.nonzero(fleet.used)
    found = fleet.error[fleet_row, fleet_event]
    forecasts = {}
    for name, rule in RULES.items():
        missed = found - rule(rates, fleet, fleet_row, fleet_event)
        spread = np.nanquantile(missed, levels, axis=0).T
        # Symmetric: a rule's location is its own, not mended by its misses.
        spread = 0.5 * (spread - np.nanquantile(missed, 1.0 - levels, axis=0).T)
        forecasts[name] = rule(rates, history, row, event)[:, :, None] + spread
    return forecasts


def _own_rate(history: EventHistory, row: Integers, event: Integers) -> tuple[Floats, Integers]:
    """The rates float64[N, K, P] of the events before (NaN elsewhere), and their number int[N, P]."""
    before = np.arange(history.end.shape[1]) < earlier_events(history)[row, event][:, None]
    rate = np.where(before[:, :, None], history.error[row] / history.interval[row][:, :, None], np.nan)
    return rate, np.isfinite(rate).sum(axis=1)


def _learn(fleet: EventHistory) -> _Rates:
    rate = np.where(fleet.used[:, :, None], fleet.error / fleet.interval[:, :, None], np.nan)
    flat = rate[fleet.used]
    pooled = np.nanmedian(flat, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(flat - pooled), axis=0) + 1e-300
    by_model = {}
    for model in np.unique(fleet.model):
        own = rate[fleet.model == model][fleet.used[fleet.model == model]]
        if np.all(np.isfinite(own).sum(axis=0) >= _FEW_EVENTS):
            by_model[str(model)] = np.nanmedian(own, axis=0)
    # Analysis of variance of the rates, gross errors drawn in to three spreads.
    bounded = np.clip(rate, pooled - 3.0 * spread, pooled + 3.0 * spread)
    several = bounded[fleet.count >= 2]
    if several.shape[0] < 2:
        return _Rates(pooled=pooled, by_model=by_model, between=np.zeros_like(pooled), within=np.square(spread))
    counts = np.isfinite(several).sum(axis=1)
    means = np.nansum(several, axis=1) / np.maximum(counts, 1)
    squares = np.nansum(np.square(several - means[:, None]), axis=(0, 1))
    within = squares / np.maximum(np.sum(np.maximum(counts - 1, 0), axis=0), 1)
    between = np.maximum(np.var(means, axis=0) - np.mean(within / np.maximum(counts, 1), axis=0), 0.0)
    return _Rates(
        pooled=pooled, by_model=by_model, between=between, within=np.maximum(within, 1e-12 * np.square(spread))
    )
