"""While a scaled clock catches up a gateway polls once at each of its steps; with a pace, at every one of them."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from steelyard.contracts.clock import ScaledClock
from steelyard.contracts.frame import ClockStatus
from steelyard.contracts.pace import Pace
from steelyard.edge.errors import NotConnected
from steelyard.edge.history import tell_history
from steelyard.edge.modbus import ModbusLine

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
WALL = 1_790_000_000 * S


class HandClock:
    """A wall clock that goes on by `tick_ns` whenever somebody looks."""

    def __init__(self, tick_ns: int) -> None:
        self.now = WALL
        self.tick_ns = tick_ns

    def now_ns(self) -> int:
        self.now += self.tick_ns
        return self.now

    @property
    def status(self) -> ClockStatus:
        return ClockStatus(state="synced", error_ms=1.0)


def told(clock: ScaledClock, *, poll: Callable[[int], bool] = lambda _: True) -> tuple[list[int], int]:
    """The instants at which was polled, and how many steps were missed."""
    polled: list[int] = []

    async def poll_step() -> bool:
        kept = poll(len(polled))
        if kept:
            polled.append(clock.now_ns())
        return kept

    missed = asyncio.run(tell_history(clock, poll_step, lambda: False, time.monotonic_ns))
    return polled, missed


def an_hour(wall: HandClock, pace: Pace | None = None) -> ScaledClock:
    """An hour of history, a minute a step."""
    return ScaledClock(wall, simulated_from_ns=WALL - HOUR, wall_from_ns=WALL, rate=1200.0, step_ns=MINUTE, pace=pace)


def kept_by(tmp_path: Path, members: int, member: int) -> Pace:
    path = tmp_path / "pace"
    if not path.exists():
        Pace.create(path, members, WALL - HOUR - MINUTE)
    return Pace(path, member)


def test_with_a_pace_every_step_is_polled_however_fast_the_clock_would_go(tmp_path: Path) -> None:
    # Each look at the wall clock takes a second: without the pace twenty steps.
    polled, missed = told(an_hour(HandClock(S), kept_by(tmp_path, 1, 0)))
    assert missed == 0
    steps = [t for t in polled if t < WALL]
    assert steps[:60] == [WALL - HOUR + place * MINUTE for place in range(60)]


def test_control_without_a_pace_such_a_clock_runs_away_and_what_it_skipped_is_counted() -> None:
    polled, missed = told(an_hour(HandClock(S // 5)))
    assert len(polled) < 30
    assert missed > 30


def test_a_step_that_finds_no_room_is_polled_again_and_not_given_up(tmp_path: Path) -> None:
    refused = iter([True, True])

    def poll(count: int) -> bool:
        return not (count == 5 and next(refused, False))

    polled, missed = told(an_hour(HandClock(S), kept_by(tmp_path, 1, 0)), poll=poll)
    assert missed == 0
    assert len(set(polled)) == len(polled)


def test_a_clock_that_has_caught_up_waits_for_nobody_any_more(tmp_path: Path) -> None:
    wall = HandClock(S)
    clock = an_hour(wall, kept_by(tmp_path, 1, 0))
    told(clock)
    wall.now += 100 * HOUR
    assert clock.now_ns() == wall.now
    other = an_hour(wall, kept_by(tmp_path, 1, 0))
    assert other.now_ns() == wall.now


def on_a_scaled_clock(path: Path, pace: Path) -> int:
    """Give the gateway an hour of history, a minute a step, as the first of two members; returns its first instant."""
    now = time.time_ns()
    begin = now - HOUR
    Pace.create(pace, 2, begin - MINUTE)
    clock = f"""[clock]
simulated_from_ns = {begin}
wall_from_ns = {now}
rate = 1000000.0
step_ns = {MINUTE}
pace = "{pace}"
pace_member = 0
"""
    path.write_text(path.read_text().replace("[poll]", clock + "[poll]"))
    return begin


def test_a_gateway_tells_the_history_step_by_step_with_the_others_and_then_runs_true(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    tmp_path: Path,
) -> None:
    """An hour of history, a sample each simulated minute, with another member that goes as the test lets it."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        poll="period_s = 0.1\ntimeout_s = 30.0\n",
    )
    begin = on_a_scaled_clock(path, tmp_path / "pace")
    other = Pace(tmp_path / "pace", 1)
    gateway = start_gateway(path)

    def times(*, live: bool) -> list[int]:
        frames = [frame for frame in consumer.decoded() if (frame.clock.state != "simulated") == live]
        return [frame.blocks[0].t[0] for frame in frames]

    until(lambda: times(live=False), "the first step")
    assert times(live=False) == [begin], "the other member is not done with it"
    other.done(begin + 9 * MINUTE)
    until(lambda: len(times(live=False)) == 11, "ten more steps")
    other.leave()
    until(lambda: len(times(live=True)) >= 3, "true time")
    gateway.stop()
    steps = times(live=False)
    assert steps == [begin + place * MINUTE for place in range(len(steps))], "every step once, none left out"
    assert len(steps) >= 60
    assert steps[-1] < times(live=True)[0]


def test_the_history_waits_for_instruments_that_are_away(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    tmp_path: Path,
) -> None:
    """A simulator that dies is back in seconds: by the scaled clock these are months, and none may be lost."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        poll="period_s = 0.1\ntimeout_s = 30.0\n",
    )
    begin = on_a_scaled_clock(path, tmp_path / "pace")
    other = Pace(tmp_path / "pace", 1)
    other.done(begin + 9 * MINUTE)
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 11, "eleven steps")
    counting.stop()
    attempts = counting.connections
    other.leave()
    until(lambda: gateway.agent._lines[0].line.is_open is False, "the line's end")
    assert Pace(tmp_path / "pace").done_upto_ns() <= begin + 11 * MINUTE
    counting.start()
    until(lambda: any(frame.clock.state != "simulated" for frame in consumer.decoded()), "true time")
    gateway.stop()
    assert counting.connections > attempts
    told = [frame.blocks[0] for frame in consumer.decoded() if frame.clock.state == "simulated"]
    assert [block.t[0] for block in told] == [begin + place * MINUTE for place in range(len(told))]
    assert all(value is not None for block in told for (value,) in block.values), "no step without its values"


def test_who_comes_back_just_after_the_question_is_asked_again(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refused once, and there a moment later: the step has its value all the same."""
    refused: list[int] = []
    connect = ModbusLine.open

    async def refuse_once(line: ModbusLine) -> None:
        if not refused:
            refused.append(1)
            raise NotConnected(f"no connection to {line.host}:{line.port}")
        await connect(line)

    monkeypatch.setattr(ModbusLine, "open", refuse_once)
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        poll="period_s = 0.1\ntimeout_s = 30.0\n",
    )
    on_a_scaled_clock(path, tmp_path / "pace")
    Pace(tmp_path / "pace", 1).leave()
    gateway = start_gateway(path)
    until(lambda: any(frame.clock.state != "simulated" for frame in consumer.decoded()), "true time")
    gateway.stop()
    told = [frame.blocks[0] for frame in consumer.decoded() if frame.clock.state == "simulated"]
    assert refused
    assert told
    assert all(value is not None for block in told for (value,) in block.values), "no step without its values"
