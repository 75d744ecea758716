"""What a fleet teaches: spreads by instrument model, tails, running-in, the laboratory; and forecasts from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import EventHistory, Floats, Integers, robust_scale
from steelyard.calibration.engine.fleet.hypotheses import (
    Hypotheses,
    LaboratoryError,
    Prediction,
    log_likelihood,
    predict_event,
)
from steelyard.calibration.engine.fleet.laboratory import Laboratory, learn_laboratory
from steelyard.calibration.engine.fleet.mixture import TMixture, mixture_of
from steelyard.calibration.engine.fleet.recalibration import TailCorrection, learn_tails
from steelyard.calibration.engine.fleet.weights import ModelWeights, evidence, learn_weights, posterior

_FREEDOM = (1.5, 3.0, 6.0)
"""Degrees of freedom of the tails: from a fleet with rare great jumps to a nearly normal one."""
_RUNNING_IN = (1.0, 1.5, 2.0, 3.0)
_SHRINKAGE = 2.0
"""Instruments that the whole fleet counts for beside a model's own: a rare model is mostly judged by the fleet."""
_NOISE_FIRST, _WANDER_FIRST = np.geomspace(0.15, 1.5, 6), np.array([0.012, 0.06, 0.15, 0.3, 0.6, 1.2, 3.0])
"""Spreads to try at one test point, in units of its robust scale: wide, to find the middle."""
_NOISE, _WANDER = np.geomspace(0.3, 3.5, 7), np.geomspace(0.15, 10.0, 8)
"""Spreads of one instrument, in units of the fleet's typical noise and wander."""
_LEAST_EVENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedFleet:
    """Everything that a forecast needs of the fleet. `scale` float64[P]: the unit in which all the rest is given."""

    scale: Floats
    hypotheses: Hypotheses
    weights: ModelWeights
    laboratory: Laboratory
    tails: TailCorrection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventForecast:
    """Forecasts of N events at P test points, in the unit of the errors."""

    points: tuple[TMixture, ...]
    tails: TailCorrection

    @property
    def mean(self) -> Floats:
        """float64[N, P]."""
        return np.stack([point.mean for point in self.points], axis=1)

    def quantiles(self, levels: Floats) -> Floats:
        """float64[N, P, L]: the quantiles at `levels` float64[L]."""
        return np.stack([point.quantiles(self.tails.levels(levels)) for point in self.points], axis=1)


def normal_equivalent(quantiles: Floats, levels: Floats) -> Floats:
    """The standard deviation of the normal distribution with the same 95 % interval.

    Returns the shape of `quantiles` without its last axis. Heavy tails may have no standard deviation of their own.
    `levels` float64[L] must hold 0.025 and 0.975.
    """
    low, high = (int(np.argmin(np.abs(levels - level))) for level in (0.025, 0.975))
    return np.asarray((quantiles[..., high] - quantiles[..., low]) / (2.0 * 1.959963984540054), dtype=np.float64)


def learn(fleet: EventHistory) -> LearnedFleet:
    """Learn from the records of a fleet.

    Raises HistoryError when there are too few events to learn from, or a test point was never measured.
    """
    if int(fleet.count.sum()) < _LEAST_EVENTS:
        raise HistoryError("fleet", int(fleet.count.sum()), f"give at least {_LEAST_EVENTS} events to learn from")
    scale = robust_scale(fleet)
    scaled = fleet.scaled(scale)
    nothing = LaboratoryError.unknown(*fleet.error.shape)
    hypotheses, likelihood = _running_in(scaled, _spreads(scaled, nothing), nothing)
    weights = learn_weights(likelihood, fleet.model, _SHRINKAGE)
    tails = _tails(scaled, hypotheses, weights)
    after = posterior(weights.of(fleet.model), likelihood)
    laboratory = learn_laboratory(
        scaled, np.exp(after @ np.log(hypotheses.noise).T), np.exp(after @ np.log(hypotheses.wander).T)
    )
    # With the laboratory's part known, what is left is the instruments' own.
    known = laboratory.errors(scaled, np.full(fleet.count.size, np.inf))
    weights = learn_weights(log_likelihood(scaled, hypotheses, known), fleet.model, _SHRINKAGE)
    return LearnedFleet(scale=scale, hypotheses=hypotheses, weights=weights, laboratory=laboratory, tails=tails)


def forecast_events(learned: LearnedFleet, history: EventHistory, row: Integers, event: Integers) -> EventForecast:
    """Forecast events of `history`: instrument `row` int[N], its event number `event` int[N].

    Each is forecast from the instrument's events that ended on an earlier day, and from what other instruments'
    calibrations on earlier days showed of the laboratory. The event's own errors and later ones are taken out first.
    """
    before = _before(history, row, event).scaled(learned.scale)
    at = before.count - 1
    as_of = before.end[np.arange(row.size), at]
    predicted = predict_event(before, learned.hypotheses, learned.laboratory.errors(before, as_of), at)
    return EventForecast(
        points=_mixtures(predicted, learned.weights.of(before.model), learned.hypotheses.freedom, learned.scale),
        tails=learned.tails,
    )


def earlier_events(history: EventHistory) -> Integers:
    """int[I, K]: how many of the instrument's events ended on an earlier day."""
    return np.asarray(
        np.sum((history.end[:, None, :] < history.end[:, :, None]) & history.used[:, None, :], axis=2), dtype=np.intp
    )


def _before(history: EventHistory, row: Integers, event: Integers) -> EventHistory:
    """One instrument for each event to forecast: its earlier events, then the event itself without errors."""
    earlier = earlier_events(history)[row, event]
    index = np.arange(row.size)
    start, end, error = history.start[row], history.end[row], history.error[row]
    start[index, earlier], end[index, earlier] = history.start[row, event], history.end[row, event]
    error[np.arange(error.shape[1]) >= earlier[:, None]] = np.nan
    return EventHistory(model=history.model[row], count=earlier + 1, start=start, end=end, error=error)


def _mixtures(predicted: Prediction, weights: Floats, freedom: Floats, scale: Floats) -> tuple[TMixture, ...]:
    weight = posterior(weights, predicted.log_likelihood)
    return tuple(
        mixture_of(weight, predicted.location[:, p] * scale[p], predicted.scale[:, p] * scale[p], freedom)
        for p in range(scale.size)
    )


def _grid(noise: Floats, wander: Floats, units: tuple[Floats, Floats]) -> Hypotheses:
    """All combinations of noise, wander and freedom; `units` float64[P] each."""
    a, b, f = (values.ravel() for values in np.meshgrid(noise, wander, np.array(_FREEDOM), indexing="ij"))
    return Hypotheses(noise=units[0][:, None] * a, wander=units[1][:, None] * b, freedom=f)


def _spreads(scaled: EventHistory, nothing: LaboratoryError) -> Hypotheses:
    """The hypotheses around the fleet's typical noise and wander, found at each test point alone."""
    points = scaled.error.shape[2]
    wide = _grid(_NOISE_FIRST, _WANDER_FIRST, (np.ones(points), np.ones(points)))
    noise, wander = np.empty(points), np.empty(points)
    for p in range(points):
        alone = replace(scaled, error=scaled.error[:, :, p : p + 1])
        one = LaboratoryError(mean=nothing.mean[..., p : p + 1], variance=nothing.variance[..., p : p + 1])
        weight = learn_weights(log_likelihood(alone, wide.at(p), one), scaled.model, _SHRINKAGE).fleet
        noise[p], wander[p] = np.exp(weight @ np.log(wide.noise[p])), np.exp(weight @ np.log(wide.wander[p]))
    return replace(_grid(_NOISE, _WANDER, (noise, wander)), information=_information(scaled))


def _running_in(scaled: EventHistory, hypotheses: Hypotheses, nothing: LaboratoryError) -> tuple[Hypotheses, Floats]:
    """How much more a new instrument wanders in its first interval: the factor that the records make likeliest."""
    tried = []
    for factor in _RUNNING_IN:
        candidate = replace(hypotheses, running_in=factor)
        likelihood = log_likelihood(scaled, candidate, nothing)
        weight = learn_weights(likelihood, scaled.model, _SHRINKAGE).fleet
        tried.append((evidence(weight, likelihood), candidate, likelihood))
    _, best, likelihood = max(tried, key=lambda one: one[0])
    return best, likelihood


def _information(scaled: EventHistory) -> float:
    """Independent test points that P are worth, divided by P.

    (sum of eigenvalues)^2 / sum of their squares, of the correlation between test points (the participation ratio);
    outlying events are drawn in first, so that one of them does not make all points look like one.
    """
    x = np.nan_to_num(scaled.error[scaled.used])
    x = x * np.minimum(1.0, 2.0 / np.maximum(np.sqrt(np.mean(np.square(x), axis=1, keepdims=True)), 1e-12))
    spread = np.sqrt(np.mean(np.square(x), axis=0))
    correlation = (x / np.where(spread > 0.0, spread, 1.0)).T @ (x / np.where(spread > 0.0, spread, 1.0)) / len(x)
    values = np.linalg.eigvalsh(correlation)
    return float(np.sum(values) ** 2 / np.sum(values**2) / values.size)


def _tails(scaled: EventHistory, hypotheses: Hypotheses, weights: ModelWeights) -> TailCorrection:
    """How the fleet's own errors lie in their forecasts (from their own earlier events)."""
    row, event = np.nonzero(scaled.used & (earlier_events(scaled) > 0))
    if row.size == 0:
        return learn_tails(np.empty(0), 1)
    before = _before(scaled, row, event)
    predicted = predict_event(before, hypotheses, LaboratoryError.unknown(*before.error.shape), before.count - 1)
    points = _mixtures(predicted, weights.of(before.model), hypotheses.freedom, np.ones(scaled.error.shape[2]))
    found = [(point, scaled.error[row, event, p]) for p, point in enumerate(points)]
    probability = [point.probability_below(value)[np.isfinite(value)] for point, value in found]
    return learn_tails(np.concatenate(probability), int(np.unique(row).size))
