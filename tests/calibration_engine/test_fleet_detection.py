"""Sudden changes: the false-alarm rate that was stated, and how soon steps are found."""

from __future__ import annotations

import numpy as np
import pytest

from steelyard.calibration.engine.fleet.detection import design_watch, first_alarms, longest_delay
from steelyard.calibration.engine.fleet.errors import DetectionError


@pytest.mark.parametrize("rate", [1 / 100, 1 / 500])
def test_false_alarms_are_not_more_than_stated_and_not_far_fewer(rate):
    watch = design_watch(rate)
    # Exposure until the first alarm, censored at 400: alarms over time at risk is the rate.
    alarms = first_alarms(watch, np.random.default_rng(1).normal(size=(20_000, 400)))
    at_risk = np.where(alarms.index >= 0, alarms.index + 1, 400).sum()
    found = np.count_nonzero(alarms.index >= 0) / at_risk
    assert 0.5 * rate < found < 1.03 * rate


@pytest.mark.parametrize("rate", [1 / 370, 1 / 10_000])
@pytest.mark.parametrize(("step", "most"), [(1.0, 22.0), (2.0, 7.0), (3.0, 4.0)])
def test_steps_are_found_within_the_stated_delay(rate, step, most):
    watch = design_watch(rate)
    z = np.random.default_rng(2).normal(size=(20_000, 140))
    z[:, 40:] += step
    alarms = first_alarms(watch, z)
    late = alarms.index >= 40
    delay = float(np.mean(alarms.index[late] - 39))
    assert delay < longest_delay(watch, step) * 1.02
    assert delay < most
    assert np.mean(alarms.direction[late] == 1) > 0.99
    assert np.mean(alarms.index < 0) < 1e-3


def test_gaps_neither_alarm_nor_forget():
    watch = design_watch(1 / 370)
    z = np.random.default_rng(3).normal(size=(50, 40)) - 1.5
    spread = np.full((50, 80), np.nan)
    spread[:, ::2] = z
    plain, gappy = first_alarms(watch, z), first_alarms(watch, spread)
    np.testing.assert_array_equal(gappy.index, np.where(plain.index >= 0, 2 * plain.index, -1))
    assert set(plain.direction[plain.index >= 0].tolist()) == {-1}
    assert np.all(first_alarms(watch, np.full((3, 5), np.nan)).index == -1)


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.5, np.nan])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(DetectionError, match="false_alarm_rate"):
        design_watch(rate)


def test_impossible_steps_and_values_are_refused():
    for steps in ((), (0.0,), (1.0, np.nan)):
        with pytest.raises(DetectionError, match="steps"):
            design_watch(1 / 370, steps)
    watch = design_watch(1 / 370)
    with pytest.raises(DetectionError, match="z: "):
        first_alarms(watch, np.zeros(3))
    with pytest.raises(DetectionError, match="infinite"):
        first_alarms(watch, np.array([[np.inf]]))
