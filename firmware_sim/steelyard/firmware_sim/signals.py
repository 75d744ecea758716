"""From a scenario's words to functions of time: what is measured, and how the instrument errs.

All times here are seconds (float) since the scenario's start.
"""

from __future__ import annotations

import bisect
import math
from typing import Protocol

from steelyard.firmware_sim.durations import (
    NS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_YEAR,
    parse_duration,
)
from steelyard.firmware_sim.harmonics import Harmonics, Term
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import ErrorTerm, Smooth, Steps

WANDER_WAVES = 5
_TURN = 2.0 * math.pi


class Signal(Protocol):
    """A quantity over time."""

    def value(self, t: float) -> float:
        """The quantity at `t` seconds."""
        ...


class StepSignal:
    """A load that is put on and taken off: constant within each hold."""

    __slots__ = ("_hold_s", "_random", "_steps")

    def __init__(self, steps: Steps, random: RandomStream) -> None:
        self._steps = steps
        self._hold_s = _seconds(steps.hold)
        self._random = random

    def value(self, t: float) -> float:
        """The load at `t` seconds."""
        index = math.floor(t / self._hold_s)
        if self._random.uniform(2 * index) < self._steps.idle:
            return 0.0
        return self._steps.low + (self._steps.high - self._steps.low) * self._random.uniform(2 * index + 1)


class MemoSignal:
    """The same signal, computed once for all the channels that one request asks at one instant."""

    __slots__ = ("_signal", "_t", "_value")

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._t = math.nan
        self._value = math.nan

    def value(self, t: float) -> float:
        """The signal at `t` seconds."""
        if t != self._t:
            self._value = self._signal.value(t)
            self._t = t
        return self._value


def smooth_signal(smooth: Smooth, random: RandomStream) -> Harmonics:
    """The waves of `smooth`, phases and wander periods from `random`."""
    periods = (
        (smooth.daily, SECONDS_PER_DAY),
        (smooth.weekly, 7.0 * SECONDS_PER_DAY),
        (smooth.yearly, SECONDS_PER_YEAR),
    )
    line = Term(smooth.level, smooth.trend_per_day / SECONDS_PER_DAY)
    waves = [
        Term(amplitude, 0.0, _TURN / period, _TURN * random.uniform(index))
        for index, (amplitude, period) in enumerate(periods)
        if amplitude
    ]
    return Harmonics((line, *waves, *_wander(smooth.wander, smooth.wander_period, random)))


def _wander(bound: float, period: str, random: RandomStream) -> list[Term]:
    """Slow waves whose sum never exceeds `bound`; periods spread log-uniformly from half to twice `period`."""
    if not bound:
        return []
    seconds = _seconds(period)
    return [
        Term(
            bound / WANDER_WAVES,
            0.0,
            _TURN / (seconds * 2.0 ** (2.0 * (wave + random.uniform(100 + wave)) / WANDER_WAVES - 1.0)),
            _TURN * random.uniform(200 + wave),
        )
        for wave in range(WANDER_WAVES)
    ]


class ErrorCurve:
    """One part of the true error over time: in each piece between its events a line with waves."""

    __slots__ = ("pieces", "starts")

    def __init__(self, term: ErrorTerm, random: RandomStream) -> None:
        waves = Harmonics(_wander(term.wander, term.wander_period, random))
        onset = _seconds(term.drift_from)
        jumps = sorted((_seconds(jump.at), jump.size) for jump in term.jumps)
        rate = term.drift_per_year / SECONDS_PER_YEAR
        events = {at for at, _ in jumps} | ({onset} if rate else set())
        starts = [-math.inf, *sorted(events)]
        pieces = []
        for start in starts:
            level = term.offset + sum(size for at, size in jumps if at <= start)
            line = Term(level - rate * onset, rate) if start >= onset else Term(level)
            pieces.append(waves.plus(Harmonics((line,))))
        self.starts: tuple[float, ...] = tuple(starts)
        """When each piece begins, seconds; the first at minus infinity."""
        self.pieces: tuple[Harmonics, ...] = tuple(pieces)

    def value(self, t: float) -> float:
        """The curve at `t` seconds; a jump belongs to the instant it happens at."""
        return self.piece(t).value(t)

    def piece(self, t: float) -> Harmonics:
        """The function that holds at `t` seconds."""
        return self.pieces[bisect.bisect_right(self.starts, t) - 1]


class ErrorIntegral:
    """What a meter wrongly registered: the integral of ``zero(t) + span(t) * quantity(t)`` from the start on."""

    __slots__ = ("_constants", "_pieces", "_starts")

    def __init__(self, zero: ErrorCurve, span: ErrorCurve, quantity: Harmonics) -> None:
        starts = sorted({*zero.starts, *span.starts})
        self._pieces = [zero.piece(start).plus(span.piece(start).times(quantity)) for start in starts]
        self._starts = starts
        # The integral is antiderivative(t) + constant in each piece; the constants make it 0 at 0 and
        # continuous at the edges.
        home = bisect.bisect_right(starts, 0.0) - 1
        self._constants = [0.0] * len(starts)
        self._constants[home] = -self._pieces[home].antiderivative(0.0)
        for index in range(home + 1, len(starts)):
            edge = starts[index]
            step = self._pieces[index - 1].antiderivative(edge) - self._pieces[index].antiderivative(edge)
            self._constants[index] = self._constants[index - 1] + step
        for index in range(home - 1, -1, -1):
            edge = starts[index + 1]
            step = self._pieces[index + 1].antiderivative(edge) - self._pieces[index].antiderivative(edge)
            self._constants[index] = self._constants[index + 1] + step

    def value(self, t: float) -> float:
        """The integral from 0 to `t` seconds, in the quantity's unit times seconds."""
        index = bisect.bisect_right(self._starts, t) - 1
        return self._constants[index] + self._pieces[index].antiderivative(t)


def _seconds(duration: str) -> float:
    return parse_duration(duration, "duration") / NS_PER_SECOND
