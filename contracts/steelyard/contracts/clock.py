"""Time as an argument.

Everything that needs the time is given a Clock. `SystemClock` is the one adapter that asks the operating system;
`ScaledClock` lets simulated years pass in a minute, no faster than those who measure can follow, and then runs true.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import msgspec

from steelyard.contracts.errors import SettingsError
from steelyard.contracts.frame import EARLIEST_NS, ClockStatus
from steelyard.contracts.pace import Pace


class Clock(Protocol):
    """Tells the time in UTC nanoseconds since 1970."""

    def now_ns(self) -> int:
        """The time now."""
        ...

    @property
    def status(self) -> ClockStatus:
        """What is known of this clock's own error."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now_ns(self) -> int:
        """The time now, UTC nanoseconds."""
        return time.time_ns()

    @property
    def status(self) -> ClockStatus:
        """Unknown: nobody has asked the time service yet."""
        return ClockStatus(state="unknown")


class ScaledClock:
    """A clock that starts in the past, runs `rate` times as fast as the wall clock, and becomes it on catching up.

    Processes that are given the same numbers show the same time. With `step_ns` it advances in steps, so that what is
    read within one step is read at one simulated instant, although a millisecond of wall time is minutes of simulated
    time. With a `pace` it does not take the next step before all its members are done with this one: on a busy machine
    it goes slower than `rate`, and nothing is skipped.
    """

    def __init__(
        self,
        wall: Clock,
        *,
        simulated_from_ns: int,
        wall_from_ns: int,
        rate: float,
        step_ns: int = 0,
        pace: Pace | None = None,
    ) -> None:
        if rate < 1:
            raise SettingsError("clock.rate", rate, "must be at least 1: a slower clock would never catch up")
        if simulated_from_ns > wall_from_ns:
            raise SettingsError(
                "clock.simulated_from_ns", simulated_from_ns, "must not be later than clock.wall_from_ns"
            )
        if step_ns < 0:
            raise SettingsError("clock.step_ns", step_ns, "must not be negative")
        if pace is not None and not step_ns:
            raise SettingsError("clock.step_ns", step_ns, "must be positive with clock.pace: the pace is kept in steps")
        self._wall = wall
        self._simulated_from_ns = simulated_from_ns
        self._wall_from_ns = wall_from_ns
        self._rate = rate
        self._step_ns = step_ns
        self._pace = pace
        self._caught_up = False

    def now_ns(self) -> int:
        """The simulated time, never later than the wall clock's."""
        wall = self._wall.now_ns()
        if self._caught_up:
            return wall
        shown = self._permitted_ns(self._planned_ns(wall))
        if shown >= wall:
            self._caught_up = True  # for good, whatever becomes of the pace afterwards
            return wall
        if self._step_ns:
            shown -= (shown - self._simulated_from_ns) % self._step_ns
        return shown

    @property
    def step_ns(self) -> int:
        """Nanoseconds of simulated time by which it advances; 0: smoothly."""
        return self._step_ns

    @property
    def caught_up(self) -> bool:
        """Whether it has become the wall clock."""
        self.now_ns()
        return self._caught_up

    @property
    def held_back_s(self) -> float:
        """Seconds of the wall clock by which the members' pace has put it behind `rate`; 0.0 once it has caught up."""
        if self.caught_up:
            return 0.0
        planned = self._planned_ns(self._wall.now_ns())
        return max(0, planned - self._permitted_ns(planned)) / self._rate / 1e9

    @property
    def status(self) -> ClockStatus:
        """Simulated until it has caught up."""
        return self._wall.status if self.caught_up else ClockStatus(state="simulated")

    def done(self, t_ns: int) -> None:
        """What a member of the pace had to do at the instant `t_ns` that this clock shows is done."""
        if self._pace is not None:
            self._pace.done(t_ns)

    def leave(self) -> None:
        """Keep the pace no more: the clock has caught up."""
        if self._pace is not None:
            self._pace.leave()

    def _planned_ns(self, wall: int) -> int:
        """What it shows by `rate` alone."""
        return min(wall, self._simulated_from_ns + max(0, int(self._rate * (wall - self._wall_from_ns))))

    def _permitted_ns(self, planned: int) -> int:
        return planned if self._pace is None else min(planned, self._pace.done_upto_ns() + self._step_ns)


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[clock]`` table of a demonstration; without it the wall clock is used. See `ScaledClock`; all UTC ns."""

    simulated_from_ns: int
    wall_from_ns: int
    rate: float
    step_ns: int = 0
    pace: str | None = None
    """Path of the file in which those who measure say how far they are; see `Pace`."""
    pace_member: int | None = None
    """Which of its members this process is; None: it only looks."""


def make_clock(settings: ClockSettings | None, wall: Clock | None = None) -> Clock:
    """The clock that a configuration asks for."""
    wall = wall or SystemClock()
    if settings is None:
        return wall
    if settings.simulated_from_ns < EARLIEST_NS:
        raise SettingsError(
            "clock.simulated_from_ns", settings.simulated_from_ns, "must be UTC nanoseconds, 2000 or later"
        )
    return scaled_clock(settings, wall)


def scaled_clock(settings: ClockSettings, wall: Clock) -> ScaledClock:
    """The scaled clock with these settings."""
    return ScaledClock(
        wall,
        simulated_from_ns=settings.simulated_from_ns,
        wall_from_ns=settings.wall_from_ns,
        rate=settings.rate,
        step_ns=settings.step_ns,
        pace=None if settings.pace is None else Pace(Path(settings.pace), settings.pace_member),
    )
