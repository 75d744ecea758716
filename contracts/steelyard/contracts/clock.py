"""Time as an argument.

Everything that needs the time is given a Clock. `SystemClock` is the one adapter that asks the operating system;
`ScaledClock` lets simulated years pass in a minute and then runs true.
"""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

from steelyard.contracts.errors import SettingsError
from steelyard.contracts.frame import EARLIEST_NS, ClockStatus


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

    A pure function of the wall clock: processes that are given the same numbers show the same time. With `step_ns` it
    advances in steps, so that what is read within one step is read at one simulated instant, although a millisecond of
    wall time is minutes of simulated time.
    """

    def __init__(
        self, wall: Clock, *, simulated_from_ns: int, wall_from_ns: int, rate: float, step_ns: int = 0
    ) -> None:
        if rate < 1:
            raise SettingsError("clock.rate", rate, "must be at least 1: a slower clock would never catch up")
        if simulated_from_ns > wall_from_ns:
            raise SettingsError(
                "clock.simulated_from_ns", simulated_from_ns, "must not be later than clock.wall_from_ns"
            )
        if step_ns < 0:
            raise SettingsError("clock.step_ns", step_ns, "must not be negative")
        self._wall = wall
        self._simulated_from_ns = simulated_from_ns
        self._wall_from_ns = wall_from_ns
        self._rate = rate
        self._step_ns = step_ns

    def now_ns(self) -> int:
        """The simulated time, never later than the wall clock's."""
        wall = self._wall.now_ns()
        elapsed = int(self._rate * (wall - self._wall_from_ns))
        if self._simulated_from_ns + elapsed >= wall:
            return wall
        if self._step_ns:
            elapsed -= elapsed % self._step_ns
        return self._simulated_from_ns + elapsed

    @property
    def caught_up(self) -> bool:
        """Whether it has become the wall clock."""
        wall = self._wall.now_ns()
        return self._simulated_from_ns + int(self._rate * (wall - self._wall_from_ns)) >= wall

    @property
    def status(self) -> ClockStatus:
        """Simulated until it has caught up."""
        return self._wall.status if self.caught_up else ClockStatus(state="simulated")


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[clock]`` table of a demonstration; without it the wall clock is used. See `ScaledClock`; all UTC ns."""

    simulated_from_ns: int
    wall_from_ns: int
    rate: float
    step_ns: int = 0


def make_clock(settings: ClockSettings | None, wall: Clock | None = None) -> Clock:
    """The clock that a configuration asks for."""
    wall = wall or SystemClock()
    if settings is None:
        return wall
    if settings.simulated_from_ns < EARLIEST_NS:
        raise SettingsError(
            "clock.simulated_from_ns", settings.simulated_from_ns, "must be UTC nanoseconds, 2000 or later"
        )
    return ScaledClock(
        wall,
        simulated_from_ns=settings.simulated_from_ns,
        wall_from_ns=settings.wall_from_ns,
        rate=settings.rate,
        step_ns=settings.step_ns,
    )
