"""A scaled clock is a pure function of the wall clock, runs fast, and never runs ahead of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.clock import ClockSettings, ScaledClock, SystemClock, make_clock
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.frame import ClockStatus

YEAR = 365 * 86_400 * 10**9
WALL = 1_790_000_000_000_000_000


class HandClock:
    def __init__(self, now: int = WALL) -> None:
        self.now = now

    def now_ns(self) -> int:
        return self.now

    def to_wall_ns(self, t_ns: int) -> int:
        return t_ns

    @property
    def status(self) -> ClockStatus:
        return ClockStatus(state="synced", error_ms=1.0)


def scaled(wall: HandClock, rate: float = 1_000_000.0) -> ScaledClock:
    return ScaledClock(wall, simulated_from_ns=WALL - 2 * YEAR, wall_from_ns=WALL, rate=rate)


def test_two_years_pass_in_about_a_minute_and_then_it_is_the_wall_clock() -> None:
    wall = HandClock()
    clock = scaled(wall)
    assert clock.now_ns() == WALL - 2 * YEAR
    assert clock.status.state == "simulated"
    wall.now = WALL + 10**9
    assert clock.now_ns() == WALL - 2 * YEAR + 10**15
    wall.now = WALL + 64 * 10**9
    assert clock.now_ns() == wall.now
    assert clock.caught_up
    assert clock.status.state == "synced"


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.floats(1, 1e7))
def test_it_never_runs_backwards_nor_ahead_of_the_wall_clock(first: int, second: int, rate: float) -> None:
    wall = HandClock()
    clock = scaled(wall, rate)
    wall.now = WALL + min(first, second)
    earlier = clock.now_ns()
    wall.now = WALL + max(first, second)
    assert earlier <= clock.now_ns() <= wall.now


@given(st.integers(0, 3 * YEAR), st.floats(10, 1e6))
def test_the_wall_instant_of_a_time_is_when_the_clock_shows_it(ahead: int, rate: float) -> None:
    wall = HandClock()
    clock = scaled(wall, rate)
    t = WALL - 2 * YEAR + ahead
    wall.now = clock.to_wall_ns(t)
    assert abs(clock.now_ns() - t) <= 2 * rate + 1024  # a nanosecond of wall time, and the spacing of doubles at 2**60


@pytest.mark.parametrize(("field", "value"), [("rate", 0.5), ("simulated_from_ns", WALL + 1), ("simulated_from_ns", 5)])
def test_a_clock_that_could_not_catch_up_is_refused(field: str, value: float) -> None:
    settings = {"simulated_from_ns": WALL - YEAR, "wall_from_ns": WALL, "rate": 10.0} | {field: value}
    with pytest.raises(SettingsError, match=field):
        make_clock(ClockSettings(**settings))


def test_without_settings_the_clock_is_the_systems() -> None:
    clock = make_clock(None)
    assert isinstance(clock, SystemClock)
    assert clock.to_wall_ns(clock.now_ns()) > WALL
