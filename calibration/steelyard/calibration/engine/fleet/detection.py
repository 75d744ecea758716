"""Sudden changes in live observations of many instruments, at a stated rate of false alarms.

A bank of two-sided CUSUM charts (Page, Biometrika 41 (1954) 100-115), one for each size of step that matters: the
chart with reference value k is the fastest for a step of 2 k (Moustakides, Ann. Statist. 14 (1986) 1379-1387). Each of
J charts gets 1/J of the false-alarm rate, so that the bank's is not above what was asked (and little below: a false
alarm of one chart is often one of its neighbour's too).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.errors import DetectionError
from steelyard.calibration.engine.fleet.history import Floats, Integers
from steelyard.calibration.engine.tracking.change import average_run_length, decision_interval

_BLOCK = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeWatch:
    """Reference values and decision intervals float64[J] of the bank's charts, in sigma; see `design_watch`.

    `false_alarm_rate` is the bound on alarms per observation while nothing changes.
    """

    reference: Floats
    interval: Floats
    false_alarm_rate: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alarms:
    """The first alarm of N instruments: `index` int[N] of the observation that raised it (-1: none).

    `direction` int[N]: +1 or -1, the side of the change; 0 without an alarm.
    """

    index: Integers
    direction: Integers


def design_watch(false_alarm_rate: float, steps: tuple[float, ...] = (1.0, 2.0, 3.0)) -> ChangeWatch:
    """A bank that is fast for steps of these sizes (sigma), with at most `false_alarm_rate` alarms an observation.

    Raises DetectionError for a rate outside (0, 0.02] or a step outside [0.25, 5].
    """
    if not 1e-9 <= false_alarm_rate <= 0.02:
        raise DetectionError("false_alarm_rate", false_alarm_rate, "give alarms per observation, from 1e-9 to 0.02")
    if not steps or not all(0.25 <= step <= 5.0 for step in steps):
        raise DetectionError("steps", steps, "give sizes from 0.25 to 5 sigma")
    reference = np.array(steps) / 2.0
    length = len(steps) / false_alarm_rate
    try:
        interval = np.array([decision_interval(float(k), length) for k in reference])
    except ValueError as error:
        raise DetectionError("steps", steps, f"no chart gives a false alarm in {length:.4g} observations") from error
    return ChangeWatch(reference=reference, interval=interval, false_alarm_rate=false_alarm_rate)


def longest_delay(watch: ChangeWatch, step: float) -> float:
    """An upper bound on the mean number of observations until a step of `step` sigma is found.

    The run length of the bank's fastest chart started at zero (`change.average_run_length`); the others, and what the
    charts hold when the step comes, only shorten it.
    """
    return min(
        average_run_length(float(k), float(h), abs(step)) for k, h in zip(watch.reference, watch.interval, strict=True)
    )


def first_alarms(watch: ChangeWatch, z: Floats) -> Alarms:
    """The first alarm in the observations of N instruments.

    `z` float64[N, T]: prediction errors (`update.prediction_errors`), standard normal while nothing changes; NaN where
    there was none. Raises DetectionError for an infinite value.
    """
    if z.ndim != 2:
        raise DetectionError("z", z.shape, "give instruments x observations")
    if np.any(np.isinf(z)):
        raise DetectionError("z", "infinite", "give finite prediction errors, NaN where there is none")
    index, direction = np.full(z.shape[0], -1, np.intp), np.zeros(z.shape[0], np.intp)
    for first in range(0, z.shape[0], _BLOCK):
        rows = slice(first, first + _BLOCK)
        _watch_block(watch, np.ascontiguousarray(z[rows].T), index[rows], direction[rows])
    return Alarms(index=index, direction=direction)


def _watch_block(watch: ChangeWatch, z: Floats, index: Integers, direction: Integers) -> None:
    """C+ = max(0, C+ + z - k), C- = max(0, C- - z - k); alarm when either exceeds h."""
    up, down = (np.zeros((watch.reference.size, z.shape[1])) for _ in range(2))
    k, h = watch.reference[:, None], watch.interval[:, None]
    for t, now in enumerate(z):
        seen = ~np.isnan(now)
        value = np.where(seen, now, 0.0)
        allowance = np.where(seen, k, 0.0)
        up = np.maximum(up + value - allowance, 0.0)
        down = np.maximum(down - value - allowance, 0.0)
        above = np.any(up > h, axis=0)
        new = (above | np.any(down > h, axis=0)) & (index < 0)
        index[new] = t
        direction[new] = np.where(above, 1, -1)[new]
