"""Time is measured too: a stepping clock neither reorders nor stops the gateway."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from steelyard.contracts.clock import ClockStatus, SystemClock
from steelyard.edge.agent import Agent
from steelyard.edge.settings import load_config
from steelyard.edge.spool import Spool, SpoolLimits

S = 1_000_000_000
LIMITS = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0)


@pytest.fixture
def counting(scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]) -> object:
    count = itertools.count(1)

    def respond(request: bytes) -> list[bytes]:
        answer = next(count)
        return [exact_reply(request, lambda *_: answer)]

    return scripted_server(respond)


class SteppingClock:
    """The wall clock, stepped by what the test says."""

    def __init__(self) -> None:
        self.step_ns = 0
        self.status = ClockStatus(state="synced", error_ms=1.0)

    def now_ns(self) -> int:
        return time.time_ns() + self.step_ns

    def to_wall_ns(self, t_ns: int) -> int:
        return t_ns


def test_c1_clock_steps_neither_reorder_nor_stop_nor_hurry_the_gateway(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    wait_until: Callable[..., None],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    clock = SteppingClock()

    async def run() -> Agent:
        agent = Agent(
            load_config(path), clock=clock, wall=SystemClock(), monotonic_ns=time.monotonic_ns, randomness=b"test"
        )
        stop = asyncio.Event()
        task = asyncio.create_task(agent.run(stop))
        for step_s in (3600, -3600, 86_400, -86_400, -10 * 31_557_600):
            await asyncio.sleep(0.3)
            clock.step_ns = step_s * S
            clock.status = ClockStatus(state="unsynced")
        await asyncio.sleep(0.3)
        stop.set()
        await task
        return agent

    agent = asyncio.run(run())
    wait_until(lambda: len(consumer.frames) == agent.statistics.frames)
    values = [value for _, channel, value, _ in consumer.readings() if channel == "a"]
    assert values == [float(place) for place in range(1, len(values) + 1)], "by (boot, seq) in the order of asking"
    assert 33 <= len(values) <= 38, "1.8 s at 20 polls a second, whatever the clock says"
    assert agent.statistics.missed == 0
    assert {status for _, _, _, status in consumer.readings()} == {0, 8}, "good, and good at an uncertain time"
    frames = consumer.decoded()
    years = {time.gmtime(frame.blocks[0].t[0] // S).tm_year for frame in frames}
    assert max(years) - min(years) == 10


def test_c1_a_clock_without_a_date_loses_rounds_with_one_line_a_status_and_a_recorded_gap(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    wait_until: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A gateway without a battery begins in 1970, until the time service has answered."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    clock = SteppingClock()
    clock.step_ns = -time.time_ns()

    async def run() -> None:
        agent = Agent(load_config(path), clock=clock, wall=clock, monotonic_ns=time.monotonic_ns, randomness=b"test")
        stop = asyncio.Event()
        task = asyncio.create_task(agent.run(stop))
        await asyncio.sleep(1)
        clock.step_ns = 0
        await asyncio.sleep(0.5)
        stop.set()
        await task

    asyncio.run(run())
    wait_until(lambda: len(consumer.frames) >= 5)
    assert consumer.gaps() == []
    assert sum("rounds are lost" in record.message for record in caplog.records) == 1
    assert not any(record.exc_info for record in caplog.records)
    assert any("rounds are lost: sent" in status.reason for status in consumer.statuses)
    spool = Spool(path.parent / "spool.db", LIMITS, b"test")
    (gap,) = spool.gaps()
    spool.close()
    assert gap.polls >= 15
    assert gap.cause.startswith("sent")
