"""Worlds to measure in, and a way to run them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from waiting import PATIENCE_S

from steelyard.contracts.clock import Clock
from steelyard.contracts.frame import ClockStatus
from steelyard.firmware_sim.errors import SimError
from steelyard.firmware_sim.runner import Endpoint, run_sim
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_file import load_scenario

START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z, where the scenarios here start."""

FIVE = """
start = 2026-01-01T00:00:00Z
seed = 7

[[site]]
id = "hall"

[[process]]
id = "feeder"
power = { kind = "smooth", level = 30000.0, daily = 4000.0, weekly = 900.0, wander = 500.0 }
voltage = { kind = "smooth", level = 231.0, daily = 2.0 }
frequency = { kind = "smooth", level = 50.0, daily = 0.02 }
power_factor = { kind = "smooth", level = 0.93, daily = 0.01 }

[[process]]
id = "line"
pressure = { kind = "smooth", level = 0.8, daily = 0.001, weekly = 0.01 }
temperature = { kind = "smooth", level = 31.0, daily = 4.0 }

[[process]]
id = "ramp"
load = { kind = "steps", low = 100.0, high = 2000.0, hold = "10min", idle = 0.0 }

[[instrument]]
id = "meter"
profile = "sdm630"
site = "hall"
unit = 1
process = "feeder"
energy_start = 48000.0

[[instrument]]
id = "thermometer"
profile = "pt100_transmitter"
site = "hall"
unit = 2
process = "line"
seal_openings = 3

[[instrument]]
id = "scale"
profile = "weighing_indicator"
site = "hall"
unit = 3
process = "ramp"
tare = 20.0

[[instrument]]
id = "transmitter"
profile = "pressure_transmitter"
site = "hall"
unit = 4
process = "line"

[[instrument]]
id = "gauge"
profile = "reference_gauge"
site = "hall"
unit = 5
process = "line"

[[pair]]
instrument = "transmitter"
reference = "gauge"
channels = ["pressure"]
"""
"""One instrument of each built-in profile, all perfect: what they indicate is the truth, rounded."""


class FixedClock:
    """Shows what it is told to show."""

    def __init__(self, t_ns: int) -> None:
        self.t_ns = t_ns

    def now_ns(self) -> int:
        return self.t_ns

    def to_wall_ns(self, t_ns: int) -> int:
        return t_ns

    @property
    def status(self) -> ClockStatus:
        return ClockStatus(state="simulated")


Edit = Callable[..., Scenario]


@pytest.fixture
def start_ns() -> int:
    return START_NS


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands, ten days after the start, until a test moves it."""
    return FixedClock(START_NS + 10 * 86_400 * 10**9 + 12_345_678_901)


@pytest.fixture
def five_text() -> str:
    return FIVE


@pytest.fixture
def five() -> Scenario:
    return load_scenario(FIVE)


@pytest.fixture
def with_lines() -> Edit:
    """The five instruments with more lines at the file's end: ``with_lines("[[fault]] …")``."""
    return lambda *lines: load_scenario("\n".join((FIVE, *lines)))


@pytest.fixture
def running() -> Callable[..., object]:
    """``with running(scenario, clock) as endpoints:`` serves a scenario on free ports from a thread."""

    @contextmanager
    def run(
        scenario: Scenario, clock: Clock, *, truth_path: Path | None = None, served_path: Path | None = None
    ) -> Iterator[dict[str, Endpoint]]:
        ready, stop = Event(), Event()
        endpoints: dict[str, Endpoint] = {}
        failures: list[Exception] = []

        def on_ready(found: tuple[Endpoint, ...]) -> None:
            endpoints.update({endpoint.instrument: endpoint for endpoint in found})
            ready.set()

        def serve() -> None:
            try:
                run_sim(
                    scenario,
                    clock,
                    stop,
                    first_port=0,
                    truth_path=truth_path,
                    served_path=served_path,
                    on_ready=on_ready,
                )
            except SimError as error:
                failures.append(error)
                ready.set()

        thread = Thread(target=serve)
        thread.start()
        try:
            assert ready.wait(PATIENCE_S), "the simulator did not become ready"
            if failures:
                raise failures[0]
            yield endpoints
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the simulator did not stop"

    return run
