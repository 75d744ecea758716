"""Time is measured too: a stepping clock neither reorders nor stops the gateway."""

import functools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from steelyard.contracts.clock import Clock, ClockStatus
from steelyard.edge.spool import Spool, SpoolLimits

S = 1_000_000_000
LIMITS = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0)


class SteppingClock:
    """The true clock, stepped by what the test says."""

    def __init__(self, true: Clock, step_ns: int = 0) -> None:
        self._true = true
        self.step_ns = step_ns
        self.status = ClockStatus(state="synced", error_ms=1.0)

    def now_ns(self) -> int:
        return self._true.now_ns() + self.step_ns


def test_c1_clock_steps_neither_reorder_nor_stop_nor_hurry_the_gateway(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    live: Callable[..., object],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        poll="period_s = 0.05\ntimeout_s = 60.0\n",
    )
    clocks: list[SteppingClock] = []

    def stepping(true: Clock) -> SteppingClock:
        clocks.append(SteppingClock(true))
        return clocks[0]

    def step(seconds: int) -> None:
        clocks[0].step_ns = seconds * S
        clocks[0].status = ClockStatus(state="unsynced")

    steps = (3600, -3600, 86_400, -86_400, -10 * 31_557_600)
    agent = live(path, 0.3, clock=stepping, then=[functools.partial(step, seconds) for seconds in steps])
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    values = [value for _, channel, value, _ in consumer.readings() if channel == "a"]
    assert values == [float(place) for place in range(1, len(values) + 1)], "by (boot, seq) in the order of asking"
    assert len(values) == pytest.approx(36, abs=1), "1.8 s at 20 polls a second, whatever the clock says"
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
    live: Callable[..., object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A gateway without a battery begins in 1970, until the time service has answered."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        poll="period_s = 0.05\ntimeout_s = 60.0\n",
    )
    clocks: list[SteppingClock] = []

    def in_1970(true: Clock) -> SteppingClock:
        clocks.append(SteppingClock(true, -true.now_ns()))
        return clocks[0]

    def set_right() -> None:
        clocks[0].step_ns = 0

    agent = live(path, 1.0, clock=in_1970, then=[set_right])
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    assert agent.statistics.frames == pytest.approx(20, abs=1), "a second of them"
    assert consumer.gaps() == []
    assert sum("rounds are lost" in record.message for record in caplog.records) == 1
    assert not any(record.exc_info for record in caplog.records)
    assert any("rounds are lost: sent" in status.reason for status in consumer.statuses)
    spool = Spool(path.parent / "spool.db", LIMITS, b"test")
    (gap,) = spool.gaps()
    spool.close()
    assert gap.polls == pytest.approx(20, abs=1), "a second without"
    assert gap.cause.startswith("sent")
