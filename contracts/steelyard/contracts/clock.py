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

    def to_wall_ns(self, t_ns: int) -> int:
        """The instant of the wall clock at which this clock will show, or showed, `t_ns`."""
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

    def to_wall_ns(self, t_ns: int) -> int:
        """The wall clock is itself."""
        return t_ns

    @property
    def status(self) -> ClockStatus:
        """Unknown: nobody has asked the time service yet."""
        return ClockStatus(state="unknown")


class ScaledClock:
    """A clock that starts in the past, runs `rate` times as fast as the wall clock, and becomes it on catching up.

    A pure function of the wall clock: processes that are given the same three numbers show the same time.
    """

    def __init__(self, wall: Clock, *, simulated_from_ns: int, wall_from_ns: int, rate: float) -> None:
        if rate < 1:
            raise SettingsError("clock.rate", rate, "must be at least 1: a slower clock would never catch up")
        if simulated_from_ns > wall_from_ns:
            raise SettingsError(
                "clock.simulated_from_ns", simulated_from_ns, "must not be later than clock.wall_from_ns"
            )
        self._wall = wall
        self._simulated_from_ns = simulated_from_ns
        self._wall_from_ns = wall_from_ns
        self._rate = rate

    def now_ns(self) -> int:
        """The simulated time, never later than the wall clock's."""
        wall = self._wall.now_ns()
        return min(self._simulated_from_ns + int(self._rate * (wall - self._wall_from_ns)), wall)

    def to_wall_ns(self, t_ns: int) -> int:
        """The wall instant at which this clock will show, or showed, `t_ns`."""
        # While the clock lags, the scaled term is the later one; once it has caught up, the instant itself is.
        return max(self._wall_from_ns + int((t_ns - self._simulated_from_ns) / self._rate), t_ns)

    @property
    def caught_up(self) -> bool:
        """Whether it has become the wall clock."""
        return self._wall.now_ns() >= self._caught_up_ns

    @property
    def status(self) -> ClockStatus:
        """Simulated until it has caught up."""
        return self._wall.status if self.caught_up else ClockStatus(state="simulated")

    @property
    def _caught_up_ns(self) -> int:
        # simulated_from + rate (w - wall_from) = w
        behind = self._wall_from_ns - self._simulated_from_ns
        return self._wall_from_ns + int(behind / (self._rate - 1)) if self._rate > 1 else 2**63 - 1


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[clock]`` table of a demonstration; without it the wall clock is used."""

    simulated_from_ns: int
    wall_from_ns: int
    rate: float


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
    )
