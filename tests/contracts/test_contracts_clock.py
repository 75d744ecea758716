"""A scaled clock is a pure function of the wall clock, runs fast, and never runs ahead of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.clock import ClockSettings, ScaledClock, SystemClock, make_clock
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.frame import ClockStatus
from steelyard.contracts.pace import Pace

YEAR = 365 * 86_400 * 10**9
WALL = 1_790_000_000_000_000_000


class HandClock:
    def __init__(self, now: int = WALL) -> None:
        self.now = now

    def now_ns(self) -> int:
        return self.now

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


def test_in_steps_it_stands_still_for_a_while_and_loses_nothing() -> None:
    wall = HandClock()
    hour = 3600 * 10**9
    clock = ScaledClock(wall, simulated_from_ns=WALL - YEAR, wall_from_ns=WALL, rate=1e6, step_ns=6 * hour)
    shown = []
    for millisecond in range(60_000):
        wall.now = WALL + millisecond * 10**6
        shown.append(clock.now_ns())
    assert shown == sorted(shown)
    stepping = [t for t in shown if t < WALL - 6 * hour]
    assert {(t - WALL + YEAR) % (6 * hour) for t in stepping} == {0}
    assert len(set(stepping)) == len({t // (6 * hour) for t in stepping}) > 1_400
    assert shown[-1] == wall.now


def test_with_a_pace_it_waits_for_the_slowest_and_says_by_how_much(tmp_path: Path) -> None:
    wall = HandClock()
    hour = 3600 * 10**9
    begin = WALL - 100 * hour
    Pace.create(tmp_path / "pace", 2, begin - hour)
    members = [Pace(tmp_path / "pace", member) for member in range(2)]
    clock = make_clock(
        ClockSettings(
            simulated_from_ns=begin,
            wall_from_ns=WALL,
            rate=3600.0,  # an hour a second
            step_ns=hour,
            pace=str(tmp_path / "pace"),
        ),
        wall,
    )
    assert clock.now_ns() == begin
    wall.now += 10 * 10**9
    assert clock.now_ns() == begin
    assert clock.held_back_s == pytest.approx(10)
    members[0].done(begin + 4 * hour)
    assert clock.now_ns() == begin
    members[1].done(begin)
    assert clock.now_ns() == begin + hour
    members[1].done(begin + 50 * hour)
    assert clock.now_ns() == begin + 5 * hour
    assert clock.held_back_s == pytest.approx(5)
    members[0].leave()
    assert clock.now_ns() == begin + 10 * hour, "not faster than its rate"
    assert clock.held_back_s == 0
    assert clock.status.state == "simulated"
    members[1].leave()
    wall.now += 1000 * 10**9
    assert clock.now_ns() == wall.now
    assert clock.status.state == "synced"


def test_once_it_has_caught_up_a_pace_cannot_hold_it_back_again(tmp_path: Path) -> None:
    wall = HandClock()
    Pace.create(tmp_path / "pace", 1, WALL)
    pace = Pace(tmp_path / "pace")
    clock = ScaledClock(wall, simulated_from_ns=WALL, wall_from_ns=WALL, rate=1.0, step_ns=10**9, pace=pace)
    assert clock.caught_up
    wall.now += 10**15
    assert clock.now_ns() == wall.now


def test_a_pace_needs_steps(tmp_path: Path) -> None:
    Pace.create(tmp_path / "pace", 1, WALL)
    settings = ClockSettings(simulated_from_ns=WALL - YEAR, wall_from_ns=WALL, rate=10.0, pace=str(tmp_path / "pace"))
    with pytest.raises(SettingsError, match=r"clock\.step_ns"):
        make_clock(settings)


@pytest.mark.parametrize(
    ("field", "value"), [("rate", 0.5), ("simulated_from_ns", WALL + 1), ("simulated_from_ns", 5), ("step_ns", -1)]
)
def test_a_clock_that_could_not_catch_up_is_refused(field: str, value: float) -> None:
    settings = {"simulated_from_ns": WALL - YEAR, "wall_from_ns": WALL, "rate": 10.0} | {field: value}
    with pytest.raises(SettingsError, match=field):
        make_clock(ClockSettings(**settings))


def test_without_settings_the_clock_is_the_systems() -> None:
    clock = make_clock(None)
    assert isinstance(clock, SystemClock)
    assert clock.now_ns() > WALL
