"""Predict every as-found error of a real history from what was known before it, and score the predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.baselines import RULES, baseline_quantiles
from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import Floats, Integers
from steelyard.calibration.engine.fleet.learning import earlier_events, forecast_events, learn, normal_equivalent
from steelyard.calibration.engine.fleet.panels import Panel, Records, assemble, fleet_for
from steelyard.calibration.engine.fleet.scoring import LEVELS, Score, score

OURS = "steelyard"
_FOLD_SEED = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """Predictions of R rows; quantiles float64[R, 101] at `scoring.LEVELS`, all in the row's unit.

    `relative` are errors and quantiles' divisors: the full scale float64[R] in which scores are taken.
    """

    earlier_events: Integers
    mean: Floats
    standard_deviation: Floats
    quantiles: Floats
    full_scale: Floats
    baselines: dict[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityScores:
    """The scores of one quantity: ours first, then the baselines', by name."""

    quantity: str
    by_rule: dict[str, Score]


def backtest(
    history: Records,
    fleet: Records | None,
    folds: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Predict every row of `history`.

    Each row is predicted from its instrument's events that ended on earlier days, and from other instruments: those of
    `fleet`, or without one (and for instruments that are in both) those outside its fold. `folds` >= 2.

    Raises HistoryError naming what cannot be used.
    """
    if folds < 2:
        raise HistoryError("folds", folds, "give at least 2: an instrument must not learn from itself")
    if history.error.size == 0:
        raise HistoryError("history", "no rows", "give at least one event to predict")
    panels = assemble(history)
    teachers = panels if fleet is None else assemble(fleet)
    fold = _folds({str(n) for p in panels for n in p.names}, {str(n) for p in teachers for n in p.names}, folds)
    size = history.error.size
    result = Backtest(
        earlier_events=np.zeros(size, np.intp),
        mean=np.empty(size),
        standard_deviation=np.empty(size),
        quantiles=np.empty((size, LEVELS.size)),
        full_scale=np.ones(size),
        baselines={name: np.empty((size, LEVELS.size)) for name in RULES},
    )
    for panel in panels:
        numbers = np.array([fold.get(str(name), 0) for name in panel.names])
        for done, number in enumerate(present := sorted(set(numbers.tolist()))):
            progress(
                f"{panel.quantity} ({panel.fractions.size} test points, {panel.names.size} instruments): "
                f"part {done + 1} of {len(present)}"
            )
            excluded = frozenset(name for name, at in fold.items() if at == number)
            _predict(panel, np.flatnonzero(numbers == number), teachers, excluded, result)
    return result


def score_backtest(history: Records, result: Backtest) -> tuple[QuantityScores, ...]:
    """Score ours and the baselines by quantity, over the rows with an earlier event, relative to full scale."""
    scores = []
    for quantity in np.unique(history.quantity):
        rows = np.flatnonzero((history.quantity == quantity) & (result.earlier_events > 0))
        if rows.size == 0:
            continue
        scale = result.full_scale[rows]
        fraction = np.round(history.test_point[rows] / scale, 4)
        group = np.unique(fraction, return_inverse=True)[1].astype(np.intp)
        value = history.error[rows] / scale
        rules = {OURS: result.quantiles, **result.baselines}
        scores.append(
            QuantityScores(
                quantity=str(quantity),
                by_rule={name: score(value, q[rows] / scale[:, None], group) for name, q in rules.items()},
            )
        )
    return tuple(scores)


def _folds(targets: set[str], teachers: set[str], folds: int) -> dict[str, int]:
    """The fold (from 1) of every instrument that would otherwise learn from itself; the same in every run."""
    shared = sorted(targets & teachers)
    order = np.random.default_rng(_FOLD_SEED).permutation(len(shared))
    return {name: int(at) % folds + 1 for name, at in zip(shared, order, strict=True)}


def _predict(
    panel: Panel, chosen: Integers, teachers: Sequence[Panel], excluded: frozenset[str], result: Backtest
) -> None:
    fleet = fleet_for(panel, teachers, excluded)
    history = panel.history.take(chosen)
    row, event = np.nonzero(history.used)
    forecast = forecast_events(learn(fleet), history, row, event)
    place = panel.row[chosen][row, event]
    measured = place >= 0
    at, full_scale = place[measured], np.broadcast_to(panel.full_scale[chosen][row][:, None], place.shape)[measured]
    result.full_scale[at] = full_scale
    result.earlier_events[at] = np.broadcast_to(earlier_events(history)[row, event][:, None], place.shape)[measured]
    result.mean[at] = forecast.mean[measured] * full_scale
    predicted = forecast.quantiles(LEVELS)[measured] * full_scale[:, None]
    result.quantiles[at] = predicted
    result.standard_deviation[at] = normal_equivalent(predicted, LEVELS)
    for name, quantiles in baseline_quantiles(fleet, history, row, event, LEVELS).items():
        result.baselines[name][at] = quantiles[measured] * full_scale[:, None]
