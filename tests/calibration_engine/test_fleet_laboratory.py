"""The laboratory's own error: found where there is one, known only from what came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steelyard.calibration.engine.fleet.history import EventHistory
from steelyard.calibration.engine.fleet.laboratory import Laboratory, learn_laboratory


def fleet_with_laboratory(amount: float) -> tuple[EventHistory, np.ndarray]:
    """200 instruments, 4 events each; the laboratory steps by `amount` in the fifth year."""
    rng = np.random.default_rng(3)
    dates = np.sort(rng.uniform(0.0, 10.0, (200, 5)), axis=1) + 0.02 * np.arange(5)
    noise = 0.3 * rng.normal(size=dates.shape) + np.where(dates > 5.0, amount, 0.0)
    error = noise[:, :-1] - noise[:, 1:]
    history = EventHistory(
        model=np.full(200, "m"),
        count=np.full(200, 4),
        start=dates[:, :-1],
        end=dates[:, 1:],
        error=error[:, :, None],
    )
    return history, dates


def learned(history: EventHistory) -> Laboratory:
    return learn_laboratory(history, np.full((200, 1), 0.3), np.full((200, 1), 0.05))


def difference(laboratory: Laboratory, history: EventHistory, as_of: float) -> tuple[float, float]:
    """What is known of lambda(7 years) - lambda(3 years), and the variance of lambda at 3."""
    target = replace(history.take(np.array([0])), count=np.array([1]))
    target = replace(target, start=np.full((1, 4), 3.0), end=np.full((1, 4), 7.0))
    found = laboratory.errors(target, np.array([as_of]))
    return float(found.mean[0, 0, 1, 0] - found.mean[0, 0, 0, 0]), float(found.variance[0, 0, 0, 0])


def test_a_step_of_the_laboratory_is_found_from_its_instruments():
    history, _ = fleet_with_laboratory(1.0)
    step, _ = difference(learned(history), history, np.inf)
    assert abs(step - 1.0) < 0.3


def test_nothing_is_found_where_there_is_nothing():
    history, _ = fleet_with_laboratory(0.0)
    step, _ = difference(learned(history), history, np.inf)
    assert abs(step) < 0.1


def test_calibrations_on_the_day_itself_or_later_are_not_used():
    history, _ = fleet_with_laboratory(1.0)
    cut = float(np.median(history.end))
    changed = replace(history, error=np.where(history.end[:, :, None] >= cut, 0.7, history.error))
    laboratory = learned(history)
    # Same prior for both: only the errors differ.
    (point,) = laboratory.points
    assert point is not None
    order = np.argsort(history.end.ravel(), kind="stable")
    y = changed.error.ravel()[order]
    later = laboratory.end >= cut
    whitened = point.whitened.copy()
    whitened[later] = y[later]
    other = replace(laboratory, points=(replace(point, whitened=whitened),))
    assert difference(other, history, cut) == difference(laboratory, history, cut)
    assert difference(other, history, np.inf) != difference(laboratory, history, np.inf)


def test_what_is_known_grows_with_time():
    history, _ = fleet_with_laboratory(1.0)
    laboratory = learned(history)
    variances = [difference(laboratory, history, year)[1] for year in (0.0, 2.0, 5.0, np.inf)]
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] < 0.5 * variances[0]
