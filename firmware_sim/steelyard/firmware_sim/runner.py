"""Running a scenario: its sites listen until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from steelyard.contracts.clock import Clock
from steelyard.contracts.identifiers import InstrumentId
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.served import ServedLog
from steelyard.firmware_sim.server import SiteServer
from steelyard.firmware_sim.truth import Truth
from steelyard.firmware_sim.truth_file import judge, write_truth
from steelyard.firmware_sim.world import load_profiles

log = logging.getLogger(__name__)

TICK_S = 0.1
"""How often the record of served values is flushed and the stop signal looked at, seconds of the wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an instrument answers."""

    instrument: InstrumentId
    profile: str
    site: str
    host: str
    port: int
    unit: int


OnReady = Callable[[tuple[Endpoint, ...]], None]


def run_sim(
    scenario: Scenario,
    clock: Clock,
    stop: Event,
    *,
    host: str = "127.0.0.1",
    first_port: int | None = None,
    directory: Path | None = None,
    truth_path: Path | None = None,
    served_path: Path | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve a scenario until `stop` is set.

    Args:
        scenario: the world.
        clock: what time it is for the instruments.
        stop: set by a signal handler or another thread.
        host: the address to listen on.
        first_port: instead of the scenario's ports: the first site's, the others follow; 0: any free ports.
        directory: what a profile's path in the scenario is relative to.
        truth_path: write the truth file there, judged at the scenario's `judged_at` (or now).
        served_path: record every served value there (SQLite).
        on_ready: called with where each instrument answers, once all sites listen.

    Raises:
        ScenarioError: for a scenario or a profile that is not right.
        ListenError: for a port that is taken.
        TruthFileError: if the truth cannot be kept.
    """
    truth = Truth(scenario, load_profiles(scenario, directory))
    if truth_path is not None:
        judged_at = scenario.judged_at_ns
        write_truth(truth_path, judge(truth, clock.now_ns() if judged_at is None else judged_at))
    served = None if served_path is None else ServedLog(served_path)
    try:
        asyncio.run(_serve(truth, clock, stop, host, first_port, served, on_ready))
    finally:
        if served is not None:
            served.close()


def run_sim_from_file(
    path: Path,
    clock: Clock,
    stop: Event,
    *,
    host: str = "127.0.0.1",
    first_port: int | None = None,
    truth_path: Path | None = None,
    served_path: Path | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve the scenario file at `path`; everything else as in `run_sim`.

    Raises:
        ScenarioError: also if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError("scenario", str(path), f"cannot be read ({error})") from error
    run_sim(
        load_scenario(text, str(path)),
        clock,
        stop,
        host=host,
        first_port=first_port,
        directory=path.parent,
        truth_path=truth_path,
        served_path=served_path,
        on_ready=on_ready,
    )


async def _serve(
    truth: Truth,
    clock: Clock,
    stop: Event,
    host: str,
    first_port: int | None,
    served: ServedLog | None,
    on_ready: OnReady | None,
) -> None:
    scenario = truth.scenario
    servers: list[SiteServer] = []
    ports: dict[str, int] = {}
    try:
        for index, site in enumerate(scenario.sites):
            server = SiteServer(truth.world.devices_at(site.id), clock, None if served is None else served.add)
            servers.append(server)
            wanted = site.port if first_port is None else first_port and first_port + index
            ports[site.id] = await server.start(host, wanted)
        endpoints = tuple(
            Endpoint(instrument=i.id, profile=i.profile, site=i.site, host=host, port=ports[i.site], unit=i.unit)
            for i in scenario.instruments
        )
        log.info("%d instruments at %d sites on %s answer", len(endpoints), len(ports), host)
        if on_ready is not None:
            on_ready(endpoints)
        while not stop.is_set():
            await asyncio.sleep(TICK_S)
            if served is not None:
                served.flush()
    finally:
        for server in servers:
            await server.stop()
        log.info("answered %d requests", sum(server.requests for server in servers))
