"""The fleet's errors from all their observations: filter, noise estimate, sudden changes.

Column by column: the k-th observation of every instrument is taken at once, each at its own time. Where the CUSUM on
an instrument's pair prediction errors signals, the change is dated, the instrument is filtered again from its first
observation with its level loosened at that date, and so on until no signal is left. The result depends on the record
alone: filtering it again, or after a restart, gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.tracking.change import ChangeDesign, change_index
from steelyard.calibration.engine.tracking.state import (
    Bools,
    DriftParameters,
    ErrorState,
    Floats,
    initial_state,
    innovation,
    loosen_level,
    predicted,
    reset_level,
    updated,
)

Integers = NDArray[np.intp]

_JUMP_VARIANCE = 10.0**2  # MPE^2: a sudden change may be of any size that matters
_MINIMUM_NOISE = 0.005  # MPE: rounding and the working point forbid a better daily mean
_NOISE_MEMORY = 120.0  # observations over which the noise is averaged
_NOISE_GUESS_WEIGHT = 10.0  # observations that the first guess of the noise is worth
_MOST_CHANGES = 25  # an instrument with more sudden changes than this is beyond the model


def _noise_uncertainty() -> float:
    """Of an exponentially weighted mean of |d|, d the differences of successive observations, relative to it.

    |d| has the relative variance pi / 2 - 1; successive d share an observation and have correlation -1/2, which makes
    that of their magnitudes (sqrt(3) / 2 + pi / 12 - 1) / (pi / 2 - 1).
    """
    gain = 1.0 / _NOISE_MEMORY
    variance = np.pi / 2.0 - 1.0
    correlation = (np.sqrt(3.0) / 2.0 + np.pi / 12.0 - 1.0) / variance
    return float(np.sqrt(variance * gain / (2.0 - gain) * (1.0 + 2.0 * correlation * (1.0 - gain))))


NOISE_UNCERTAINTY = _noise_uncertainty()
"""Relative standard uncertainty of an instrument's estimated noise: 0.059. The jump detector must allow for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """The observations of N instruments, padded to K columns; each array is [N, K], `count` int[N].

    `t` years since 1970, not falling along a row; `error` and `noise` (standard uncertainty of the random part) in MPE;
    `pair` marks reference-pair observations; `adjusted` marks an observation before which the instrument was adjusted.
    What lies beyond `count` is not looked at.
    """

    t: Floats
    error: Floats
    noise: Floats
    pair: Bools
    adjusted: Bools
    count: Integers

    def take(self, rows: Integers) -> ErrorRecord:
        """The records of some instruments."""
        return ErrorRecord(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SuddenChange:
    """A detected jump: row of the instrument, index and time of the first observation after it, when it was detected.

    `size` and `standard_uncertainty` in MPE, times in years since 1970.
    """

    row: int
    index: int
    t: float
    detected_t: float
    size: float
    standard_uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetErrors:
    """The result: the state of N instruments after their last observations, and their sudden changes by time.

    `noise` float64[N] is the estimated scatter of daily pair observations, in MPE.
    """

    state: ErrorState
    noise: Floats
    changes: tuple[SuddenChange, ...]


@dataclass(slots=True)
class _Chart:
    """The running noise estimate and CUSUM of N instruments."""

    noise: Floats
    noise_count: Floats
    last_pair: Floats
    up: Floats
    down: Floats
    since_up: Integers
    since_down: Integers


@dataclass(slots=True)
class _Pass:
    """One run over the columns."""

    state: ErrorState
    chart: _Chart
    alarm: Integers
    change: Integers
    sizes: dict[tuple[int, int], tuple[float, float]]


def filter_fleet(record: ErrorRecord, parameters: DriftParameters, design: ChangeDesign) -> FleetErrors:
    """Filter all observations of all instruments.

    Raises ValueError naming the array whose shape, order or value cannot be used. Every instrument needs at least one
    observation.
    """
    _validate(record, parameters)
    n = record.count.size
    changes: list[dict[int, int]] = [{} for _ in range(n)]  # per instrument: index of the change -> of its alarm
    rows = np.arange(n)
    result = _run(record, parameters, design, changes)
    state, noise, sizes = result.state, result.chart.noise.copy(), dict(result.sizes)
    while True:
        alarmed = np.flatnonzero(result.alarm >= 0)
        if alarmed.size == 0:
            break
        for i in alarmed:
            known = changes[int(rows[i])]
            known[max(int(result.change[i]), max(known, default=-1) + 1)] = int(result.alarm[i])
        rows = rows[alarmed]
        result = _run(record.take(rows), parameters.take(rows), design, [changes[int(row)] for row in rows])
        state = _put(state, rows, result.state)
        noise[rows] = result.chart.noise
        sizes.update({(int(rows[i]), index): size for (i, index), size in result.sizes.items()})
    return FleetErrors(state=state, noise=noise, changes=_changes(record, changes, sizes))


def _validate(record: ErrorRecord, parameters: DriftParameters) -> None:
    n, k = record.t.shape
    for name in ("error", "noise", "pair", "adjusted"):
        if getattr(record, name).shape != (n, k):
            raise ValueError(f"{name}: shape {getattr(record, name).shape}, expected {(n, k)}")
    if record.count.shape != (n,) or np.any(record.count < 1) or np.any(record.count > k):
        raise ValueError(f"count: give one number from 1 to {k} for each of {n} instruments")
    if parameters.level.shape != (n,):
        raise ValueError(f"parameters: {parameters.level.shape[0]} instruments, expected {n}")
    used = np.arange(k) < record.count[:, None]
    for name in ("t", "error", "noise"):
        if not np.all(np.isfinite(getattr(record, name)[used])):
            raise ValueError(f"{name}: every observation must be finite")
    if not np.all(record.noise[used] > 0.0):
        raise ValueError("noise: every standard uncertainty must be positive")
    if np.any(np.diff(record.t, axis=1)[used[:, 1:]] < 0.0):
        raise ValueError("t: observations must be in order of time")


def _run(
    record: ErrorRecord, parameters: DriftParameters, design: ChangeDesign, changes: list[dict[int, int]]
) -> _Pass:
    n, k = record.t.shape
    run = _Pass(
        state=initial_state(parameters, record.t[:, 0]),
        chart=_Chart(
            noise=_first_guess(record, parameters),
            noise_count=np.full(n, _NOISE_GUESS_WEIGHT),
            last_pair=np.full(n, np.nan),
            up=np.zeros(n),
            down=np.zeros(n),
            since_up=np.zeros(n, np.intp),
            since_down=np.zeros(n, np.intp),
        ),
        alarm=np.full(n, -1, np.intp),
        change=np.full(n, -1, np.intp),
        sizes={},
    )
    errors = np.full((n, k), 0.0)  # standardized prediction errors, for dating a change
    loosened, starts, watched = _schedule(changes, n, k)
    armed = np.array([len(known) < _MOST_CHANGES for known in changes])
    before: dict[tuple[int, int], tuple[float, float, float]] = {}
    for column in range(k):
        active = (column < record.count) & (run.alarm < 0)
        if not active.any():
            break
        state = predicted(run.state, parameters, np.where(active, record.t[:, column], run.state.t))
        adjusted = active & record.adjusted[:, column]
        if adjusted.any():
            state = reset_level(state, parameters, adjusted)
            _forget(run.chart, adjusted, column)
        for row in starts.get(column, ()):
            before[row, column] = _indicated(state, row)
            _forget(run.chart, np.arange(n) == row, column)
        if column in loosened:
            state = loosen_level(state, _JUMP_VARIANCE, loosened[column])
        run.state = _observe(run, record, state, errors, column, active, armed, design)
        for row, index in watched.get(column, ()):
            run.sizes[row, index] = _size(before[row, index], run.state, row)
    return run


def _observe(
    run: _Pass,
    record: ErrorRecord,
    state: ErrorState,
    errors: Floats,
    column: int,
    active: Bools,
    armed: Bools,
    design: ChangeDesign,
) -> ErrorState:
    """Take one observation of each active instrument; keeps the charts and raises alarms."""
    y, u, pair = record.error[:, column], record.noise[:, column], record.pair[:, column]
    watched = active & pair
    _estimate_noise(run.chart, y, watched)
    # A day whose own scatter is more than twice the usual one is taken at its word.
    random = np.where(pair & (u <= 2.0 * run.chart.noise), run.chart.noise, u)
    found = innovation(state, y, random**2, pair)
    z = found.value / np.sqrt(found.variance)
    errors[:, column] = np.where(watched, z, 0.0)
    alarm = _cusum(run.chart, np.clip(z, -design.clip, design.clip), watched, column, design)
    for row in np.flatnonzero(alarm & armed):
        since = run.chart.since_up[row] if run.chart.up[row] > design.h else run.chart.since_down[row]
        history = errors[row, since : column + 1]
        run.alarm[row], run.change[row] = column, since + change_index(history)
    return updated(state, found, pair, active, design.clip)


def _first_guess(record: ErrorRecord, parameters: DriftParameters) -> Floats:
    """The prior's noise, or the first pair observation's own uncertainty where that is larger."""
    first = np.argmax(record.pair, axis=1)
    rows = np.arange(record.count.size)
    seen = record.pair[rows, first] & (first < record.count)
    return np.where(seen, np.maximum(parameters.noise, record.noise[rows, first]), parameters.noise)


def _estimate_noise(chart: _Chart, y: Floats, watched: Bools) -> None:
    """Follow the scatter of successive pair observations: E|y2 - y1| = 2 sigma / sqrt(pi), each difference clipped."""
    known = watched & np.isfinite(chart.last_pair)
    difference = np.abs(np.where(known, y - chart.last_pair, 0.0)) * (np.sqrt(np.pi) / 2.0)
    limited = np.minimum(difference, 4.0 * chart.noise)
    gain = np.maximum(1.0 / (chart.noise_count + 1.0), 1.0 / _NOISE_MEMORY)
    chart.noise = np.where(known, np.maximum(chart.noise + gain * (limited - chart.noise), _MINIMUM_NOISE), chart.noise)
    chart.noise_count = np.where(known, chart.noise_count + 1.0, chart.noise_count)
    chart.last_pair = np.where(watched, y, chart.last_pair)


def _cusum(chart: _Chart, z: Floats, watched: Bools, column: int, design: ChangeDesign) -> Bools:
    """One step of both sums; remembers after which observation each left zero last."""
    up = np.maximum(0.0, chart.up + z - design.k)
    down = np.maximum(0.0, chart.down - z - design.k)
    chart.since_up = np.where(watched & (chart.up == 0.0), column, chart.since_up)
    chart.since_down = np.where(watched & (chart.down == 0.0), column, chart.since_down)
    chart.up = np.where(watched, up, chart.up)
    chart.down = np.where(watched, down, chart.down)
    return watched & ((chart.up > design.h) | (chart.down > design.h))


def _forget(chart: _Chart, where: Bools, column: int) -> None:
    """Start the sums anew where the level is new; its step says nothing about the noise."""
    chart.up = np.where(where, 0.0, chart.up)
    chart.down = np.where(where, 0.0, chart.down)
    chart.since_up = np.where(where, column, chart.since_up)
    chart.since_down = np.where(where, column, chart.since_down)
    chart.last_pair = np.where(where, np.nan, chart.last_pair)


def _schedule(
    changes: list[dict[int, int]], n: int, k: int
) -> tuple[dict[int, Bools], dict[int, list[int]], dict[int, list[tuple[int, int]]]]:
    """By column: whose level is loosened, whose change begins, and whose size is read (row, index of the change).

    The observation of the day of a change may hold readings from before and after it: the next one is loosened too.
    """
    loosened: dict[int, Bools] = {}
    starts: dict[int, list[int]] = {}
    read: dict[int, list[tuple[int, int]]] = {}
    for row, known in enumerate(changes):
        indices = sorted(known)
        for index, following in pairwise([*indices, k]):
            starts.setdefault(index, []).append(row)
            read.setdefault(max(index, min(known[index], following - 1)), []).append((row, index))
            for column in (index, index + 1):
                if column < k:
                    loosened.setdefault(column, np.zeros(n, np.bool_))[row] = True
    return loosened, starts, read


def _indicated(state: ErrorState, row: int) -> tuple[float, float, float]:
    """The error against the reference, level + reference error: mean, variance, and the level's rate."""
    mean = state.level[row] + state.reference[row]
    variance = state.v_ll[row] + 2.0 * state.v_lb[row] + state.v_bb[row]
    return float(mean), float(variance), float(state.t[row])


def _size(before: tuple[float, float, float], state: ErrorState, row: int) -> tuple[float, float]:
    mean, variance, t = before
    now, variance_now, t_now = _indicated(state, row)
    return now - mean - float(state.rate[row]) * (t_now - t), float(np.sqrt(variance + variance_now))


def _put(state: ErrorState, rows: Integers, part: ErrorState) -> ErrorState:
    merged = {f.name: getattr(state, f.name).copy() for f in fields(state)}
    for name, column in merged.items():
        column[rows] = getattr(part, name)
    return replace(state, **merged)


def _changes(
    record: ErrorRecord, changes: list[dict[int, int]], sizes: dict[tuple[int, int], tuple[float, float]]
) -> tuple[SuddenChange, ...]:
    found = [
        SuddenChange(
            row=row,
            index=index,
            t=float(record.t[row, index]),
            detected_t=float(record.t[row, alarm]),
            size=sizes[row, index][0],
            standard_uncertainty=sizes[row, index][1],
        )
        for row, known in enumerate(changes)
        for index, alarm in sorted(known.items())
    ]
    return tuple(found)
