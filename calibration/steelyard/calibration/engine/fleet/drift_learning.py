"""The parameters of drift by instrument model, learned from the fleet's own observations (empirical Bayes).

Maximum of the marginal likelihood over a sample of each model's instruments, drawn towards the whole fleet's
parameters, so that a model with few instruments is mostly judged by the fleet (Efron and Morris, J. Amer. Statist.
Assoc. 68 (1973) 117-130). The sample makes the work independent of the fleet's size, and its parameters are as good as
they need be: those of 1500 instruments with 24 observations are known to about a percent.

Last come the tails: how far the fleet's errors then lay from their predictions (`tails`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import Floats, Integers
from steelyard.calibration.engine.fleet.parameters import DriftParameters, new_instruments
from steelyard.calibration.engine.fleet.tails import USUAL, fit_tails, normal_scores
from steelyard.calibration.engine.fleet.update import Observations, fleet_log_likelihood, prediction_errors

_SAMPLE = 1200
_FREE = 5
"""Parameters of a model: noise, wander, rate, spread of rates, likeness of scales."""
_PRIOR_SPREAD = 0.5
"""How far a model's parameters lie from the fleet's, as a standard deviation of their logarithms."""
_EVALUATIONS = 220
_START = np.array([np.log(0.5), np.log(0.3), 0.0, np.log(0.1), np.log(8.0)])
"""Where the search begins, in the usual size of an error."""
_MISTAKEN = 30.0
"""Predicted standard deviations beyond which an observation is a mistake: that instruments jump so far is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """Some instruments of one or all models: their observations at one test point, and adjustment dates [n]."""

    start: Floats
    observations: Observations
    size: float


def learn_parameters(
    model: Integers,
    start: Floats,
    observations: Observations,
    *,
    rng: np.random.Generator,
    outlying: float = 3.0,
) -> DriftParameters:
    """Learn M models' parameters; `model` int[N] from 0 to M - 1, `start` float64[N] the instruments' adjustment.

    `outlying` is not learned: the standard deviations from which on an observation is weighted down (3 is usual).
    Raises HistoryError when the observations cannot be used or do not suffice.
    """
    count = np.sum(np.isfinite(observations.t), axis=1)
    if model.size == 0 or int(count.sum()) < 2 * _FREE:
        raise HistoryError("observations", int(count.sum()), f"give at least {2 * _FREE} to learn from")
    models, points = int(model.max()) + 1, observations.error.shape[2]
    noise, wander, rate, spread = (np.empty((models, points)) for _ in range(4))
    scale_freedom = np.empty((models, points))
    for p in range(points):
        observed = np.flatnonzero(count > 0)
        everyone = _sample(observed, start, observations, p, rng)
        unit = _unit(everyone)
        fleet = _fit(everyone, unit, outlying, _START, None)
        for number in range(models):
            own = observed[model[observed] == number]
            found = fleet
            if own.size:
                found = _fit(_sample(own, start, observations, p, rng), unit, outlying, fleet, fleet)
            noise[number, p], wander[number, p] = unit * np.exp(found[0]), unit * np.exp(found[1])
            rate[number, p], spread[number, p] = unit * found[2], unit * np.exp(found[3])
            scale_freedom[number, p] = np.exp(found[4])
    parameters = DriftParameters(
        noise=noise,
        wander=wander,
        rate=rate,
        rate_spread=spread,
        scale_freedom=np.exp(np.mean(np.log(scale_freedom), axis=1)),
        outlying=np.full(models, outlying),
        tail_scale=np.ones(models),
        tail_freedom=np.full(models, np.inf),
    )
    return _with_tails(parameters, model, start, observations, rng)


def _with_tails(
    parameters: DriftParameters,
    model: Integers,
    start: Floats,
    observations: Observations,
    rng: np.random.Generator,
) -> DriftParameters:
    """`parameters` with the tails that a sample of each model's prediction errors shows; mistakes say nothing."""
    errors = []
    for number in range(parameters.noise.shape[0]):
        chosen = _chosen(np.flatnonzero(model == number), rng)
        state = new_instruments(parameters, model[chosen], start[chosen])
        _, z = prediction_errors(parameters, state, _part(observations, chosen, slice(None)))
        freedom = parameters.scale_freedom[number] + z.shape[2] * np.arange(float(z.shape[1]))
        errors.append(z[np.abs(z) <= normal_scores(_MISTAKEN, freedom)[:, None]])
    fleet = fit_tails(np.concatenate(errors), USUAL)
    found = np.array([fit_tails(z, fleet) if z.size else fleet for z in errors])
    return replace(parameters, tail_scale=np.exp(found[:, 0]), tail_freedom=np.exp(found[:, 1]))


def _chosen(rows: Integers, rng: np.random.Generator) -> Integers:
    return np.sort(rng.choice(rows, _SAMPLE, replace=False)) if rows.size > _SAMPLE else rows


def _part(observations: Observations, rows: Integers, points: slice) -> Observations:
    u = observations.standard_uncertainty
    return Observations(
        t=observations.t[rows],
        error=observations.error[rows][:, :, points],
        adjusted=observations.adjusted[rows],
        standard_uncertainty=None if u is None else u[rows],
    )


def _sample(rows: Integers, start: Floats, observations: Observations, point: int, rng: np.random.Generator) -> _Sample:
    chosen = _chosen(rows, rng)
    return _Sample(
        start=start[chosen],
        observations=_part(observations, chosen, slice(point, point + 1)),
        size=float(rows.size),
    )


def _unit(sample: _Sample) -> float:
    """The usual size of an error: what the parameters are counted in, so that the unit does not matter."""
    errors = np.abs(sample.observations.error[np.isfinite(sample.observations.t)])
    if not np.all(np.isfinite(errors)):
        raise HistoryError("error", "not finite", "mark what was not observed by NaN in t")
    unit = float(np.median(errors)) or float(np.mean(errors))
    if not unit > 0.0:
        raise HistoryError("error", 0.0, "every error is zero: there is nothing to learn")
    return unit


def _fit(sample: _Sample, unit: float, outlying: float, start: Floats, prior: Floats | None) -> Floats:
    """The parameters (in logarithms, the rate plain) of the greatest likelihood, or posterior with a `prior` mean."""
    model = np.zeros(sample.start.size, np.intp)

    def distance(theta: Floats) -> float:
        bounded = np.clip(theta, -12.0, 12.0)
        parameters = DriftParameters(
            noise=np.array([[unit * np.exp(bounded[0])]]),
            wander=np.array([[unit * np.exp(bounded[1])]]),
            rate=np.array([[unit * bounded[2]]]),
            rate_spread=np.array([[unit * np.exp(bounded[3])]]),
            scale_freedom=np.array([min(np.exp(bounded[4]), 200.0)]),
            outlying=np.array([outlying]),
            tail_scale=np.ones(1),
            tail_freedom=np.array([np.inf]),
        )
        state = new_instruments(parameters, model, sample.start)
        value = -float(np.sum(fleet_log_likelihood(parameters, state, sample.observations)))
        # What the sample stands for is all its model's instruments; the prior weighs as much less.
        value *= max(sample.size / sample.start.size, 1.0)
        if prior is not None:
            value += 0.5 * float(np.sum(np.square((theta - prior) / _PRIOR_SPREAD)))
        return value + 0.5 * float(np.sum(np.square(np.maximum(np.abs(theta) - 6.0, 0.0))))

    found = minimize(
        distance,
        start,
        method="Nelder-Mead",
        options={
            "maxfev": _EVALUATIONS if prior is None else _EVALUATIONS // 2,
            "xatol": 5e-3,
            "fatol": 1e-1,
            "initial_simplex": np.vstack([start, start + 0.4 * np.eye(_FREE)]),
        },
    )
    best = np.clip(np.asarray(found.x, dtype=np.float64), -12.0, 12.0)
    best[4] = min(best[4], np.log(200.0))
    return best
