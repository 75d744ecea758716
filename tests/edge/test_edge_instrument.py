"""One instrument over TCP: a block for every poll, whatever happens; one log line for each change."""

import asyncio
import logging
import struct
from collections.abc import Callable

import pytest
import steered_loop
from waiting import PATIENCE_S

from steelyard.contracts.frame import Block, ClockStatus
from steelyard.contracts.reading import Quality
from steelyard.edge.backoff import Backoff
from steelyard.edge.instrument import PolledInstrument, SharedLine
from steelyard.edge.modbus import ModbusLine
from steelyard.edge.settings import InstrumentConfig
from steelyard.edge.statistics import PollStatistics

MS = 1_000_000


class HandClock:
    """Wall clock and monotonic clock in one, which only the test sets."""

    def __init__(self, state: str = "synced") -> None:
        self.status = ClockStatus(state=state)
        self.monotonic = 10**15
        self.ahead = 1_790_000_000_000_000_000

    def now_ns(self) -> int:
        return self.monotonic + self.ahead

    def monotonic_ns(self) -> int:
        return self.monotonic

    def goes_on(self, by_ns: int) -> None:
        self.monotonic += by_ns


def polled(profile: object, port: int, clock: HandClock | None = None) -> PolledInstrument:
    clock = clock or HandClock()
    config = InstrumentConfig(
        id="i1",
        profile=profile,
        channels=profile.channels,
        host="127.0.0.1",
        port=port,
        unit=1,
        period_s=1.0,
        timeout_s=PATIENCE_S,
    )
    line = SharedLine(ModbusLine("127.0.0.1", port, PATIENCE_S), clock.monotonic_ns)
    return PolledInstrument(config, line, clock=clock, monotonic_ns=clock.monotonic_ns)


def columns(block: Block) -> dict[str, tuple[float | None, int]]:
    return {
        name: (values[0], statuses[0])
        for name, values, statuses in zip(block.channels, block.values, block.status, strict=True)
    }


async def poll_once(profile: object, port: int, clock: HandClock | None = None) -> Block:
    instrument = polled(profile, port, clock)
    try:
        return await instrument.poll()
    finally:
        instrument._line.line.close()


class Silence:
    """Polls once in steered time; a server's step `silence` lets the patience of its client end."""

    def __init__(self) -> None:
        self._loop: steered_loop.SteeredLoop | None = None

    def silence(self) -> None:
        self._loop.pass_time(PATIENCE_S)

    def poll_once(self, profile: object, port: int) -> Block:
        async def poll(loop: steered_loop.SteeredLoop) -> Block:
            self._loop = loop
            return await poll_once(profile, port)

        return steered_loop.run(poll)


TWO_REQUESTS = [("a", 0, "uint16"), ("b", 1, "int16"), ("far", 100, "uint16")]


@pytest.fixture
def two_requests(make_profile: Callable[..., object]) -> object:
    """A profile whose channels take two requests."""
    return make_profile(TWO_REQUESTS)


def test_a_block_has_every_value_its_time_and_its_span(
    two_requests: object, scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]
) -> None:
    clock = HandClock()
    before = clock.now_ns()

    def respond(request: bytes) -> list[bytes]:
        clock.goes_on(30 * MS)
        return [exact_reply(request, lambda _unit, register: register + 7)]

    server = scripted_server(respond)
    block = asyncio.run(poll_once(two_requests, server.port, clock))
    assert columns(block) == {"a": (7.0, 0), "b": (8.0, 0), "far": (107.0, 0)}
    assert block.span_us == (60_000,)
    assert block.t == (before + 30 * MS,)


@pytest.mark.parametrize("step_s", [-3600, 3600, 10 * 31_557_600])
def test_c1_a_clock_that_is_stepped_during_a_poll_gives_a_time_that_it_has_shown(
    step_s: int, two_requests: object, scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]
) -> None:
    clock = HandClock()
    ahead = clock.ahead + step_s * 1000 * MS

    def respond(request: bytes) -> list[bytes]:
        clock.ahead = ahead
        clock.goes_on(30 * MS)
        return [exact_reply(request, lambda *_: 1)]

    server = scripted_server(respond)
    block = asyncio.run(poll_once(two_requests, server.port, clock))
    assert block.t == (clock.now_ns() - 30 * MS,), "by the clock as it is after the step, not half-way"
    assert block.span_us == (60_000,)


def test_an_exception_concerns_its_own_request(
    two_requests: object, scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]
) -> None:
    def respond(request: bytes) -> list[bytes]:
        if struct.unpack(">H", request[8:10])[0] == 0:
            return [request[:4] + b"\x00\x03\x01\x84\x02"]
        return [exact_reply(request, lambda *_: 5)]

    server = scripted_server(respond)
    instrument_block = asyncio.run(poll_once(two_requests, server.port))
    refused = (None, Quality.DEVICE_EXCEPTION)
    assert columns(instrument_block) == {"a": refused, "b": refused, "far": (5.0, 0)}


@pytest.mark.parametrize(
    ("respond", "quality"),
    [
        (lambda _, silence: [silence], Quality.NO_REPLY),
        (lambda *_: [None], Quality.NO_REPLY),
        (lambda request, _: [request], Quality.MALFORMED_REPLY),
    ],
)
def test_without_a_right_reply_there_are_no_values_and_no_second_request(
    respond: Callable[..., object],
    quality: Quality,
    two_requests: object,
    scripted_server: Callable[..., object],
) -> None:
    time = Silence()
    server = scripted_server(lambda request: respond(request, time.silence))
    block = time.poll_once(two_requests, server.port)
    assert columns(block) == dict.fromkeys(("a", "b", "far"), (None, quality))
    assert len(server.requests) == 1


def test_values_read_before_the_trouble_are_kept(
    two_requests: object, scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]
) -> None:
    time = Silence()

    def respond(request: bytes) -> list[object]:
        first = struct.unpack(">H", request[8:10])[0] == 0
        return [exact_reply(request, lambda *_: 5) if first else time.silence]

    server = scripted_server(respond)
    block = time.poll_once(two_requests, server.port)
    assert columns(block) == {"a": (5.0, 0), "b": (5.0, 0), "far": (None, Quality.NO_REPLY)}


def test_nobody_there_is_not_connected(two_requests: object) -> None:
    block = asyncio.run(poll_once(two_requests, 1))
    assert columns(block) == dict.fromkeys(("a", "b", "far"), (None, Quality.NOT_CONNECTED))


def test_an_unsynced_clock_marks_good_values_only(
    make_profile: Callable[..., object], scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]
) -> None:
    server = scripted_server(lambda r: [exact_reply(r, lambda *_: 5)])
    profile = make_profile([("a", 0, "uint16")])
    block = asyncio.run(poll_once(profile, server.port, clock=HandClock("unsynced")))
    assert columns(block) == {"a": (5.0, Quality.CLOCK_UNSYNCED)}
    block = asyncio.run(poll_once(profile, 1, clock=HandClock("unsynced")))
    assert columns(block) == {"a": (None, Quality.NOT_CONNECTED)}


def test_going_away_and_coming_back_are_one_line_each(
    make_profile: Callable[..., object],
    scripted_server: Callable[..., object],
    exact_reply: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = scripted_server(lambda r: [exact_reply(r, lambda *_: 5)])
    caplog.set_level(logging.INFO, logger="steelyard")

    async def talk() -> list[int]:
        clock = HandClock()
        instrument = polled(make_profile([("a", 0, "uint16")]), server.port, clock)
        seen = []
        for turn in range(60):
            if turn == 3:
                server.stop()
            if turn == 20:
                server.start()
            seen.append((await instrument.poll()).status[0][0])
            clock.goes_on(20 * MS)
        instrument._line.line.close()
        return seen

    seen = asyncio.run(talk())
    assert seen[:3] == [0, 0, 0]
    assert seen[6:20] == [Quality.NOT_CONNECTED] * 14
    assert seen[-1] == 0
    lines = [record.getMessage() for record in caplog.records]
    assert 2 <= len(lines) <= 3, lines  # closed connection, perhaps no connection, answers again
    assert "its values are missing until it answers" in lines[0]
    assert "answers again after" in lines[-1]


def test_a_silent_instrument_is_left_alone_for_longer_and_longer(
    make_profile: Callable[..., object], scripted_server: Callable[..., object]
) -> None:
    """A second with a poll every 5 ms; each question costs another 20."""
    clock = HandClock()

    def respond(_: bytes) -> list[object]:
        clock.goes_on(20 * MS)
        return [lambda: loops[0].pass_time(PATIENCE_S)]

    server = scripted_server(respond)
    loops: list[steered_loop.SteeredLoop] = []

    async def talk(loop: steered_loop.SteeredLoop) -> int:
        loops.append(loop)
        instrument = polled(make_profile([("a", 0, "uint16")]), server.port, clock)
        polls = 0
        end = clock.monotonic + 1000 * MS
        while clock.monotonic < end:
            assert (await instrument.poll()).values == ((None,),)
            polls += 1
            clock.goes_on(5 * MS)
        instrument._line.line.close()
        return polls

    polls = steered_loop.run(talk)
    assert polls > 150, "polls are answered at once while it is left alone"
    assert len(server.requests) <= 7


def test_the_first_failure_costs_no_pause_and_later_ones_double() -> None:
    backoff = Backoff(first_ns=100, longest_ns=350)
    backoff.failed(0)
    assert backoff.may_try(0)
    for pause in (100, 200, 350, 350):
        backoff.failed(1000)
        assert not backoff.may_try(1000 + pause - 1)
        assert backoff.may_try(1000 + pause)
    backoff.succeeded()
    assert backoff.may_try(0)


def test_statistics_are_exact() -> None:
    statistics = PollStatistics()
    for now in (0, 100, 203, 299):
        statistics.started("i1", now - 2, now)
        statistics.started("i2", now, now + 10**15)
    # Periods 100, 103, 96 twice over: mean 299/3, sample variance 2 * (1/9 + 100/9 + 121/9) / 5.
    assert statistics.period_mean_s == pytest.approx(299 / 3 * 1e-9, rel=1e-12)
    assert statistics.period_sd_s == pytest.approx((2 * (222 / 9) / 5) ** 0.5 * 1e-9, rel=1e-12)
    assert statistics.polls == 8
    assert statistics.latest_ns == 10**15
