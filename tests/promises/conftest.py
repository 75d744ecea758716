"""A small enterprise of separate processes: simulator, two gateways, broker, ingest. Any of them can be killed."""

from __future__ import annotations

import bisect
import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import PATIENCE_S, until

from steelyard.contracts.cose import verify1
from steelyard.contracts.frame import Frame, decode_frame
from steelyard.contracts.identifiers import GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.profile import parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.contracts.reading import Quality
from steelyard.contracts.registry import Channel, Gateway, Instrument, Organization, OrganizationKind
from steelyard.firmware_sim.served import read_served
from steelyard.storage.ledger import LedgerReader, verify_ledger
from steelyard.storage.records.migration import upgrade
from steelyard.storage.records.opening import open_records
from steelyard.storage.records.registry import Registrar, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ORG = OrganizationId("hengyuan")
GATEWAYS = (GatewayId("gw-1"), GatewayId("gw-2"))
PROFILE = "pressure_transmitter"
PER_GATEWAY = 2
PERIOD_S = 0.02
EDGE = Path(__file__).with_name("edge_with_journal.py")
CLOCK_MARGIN_NS = 2_000_000
"""Simulator and gateway read the same clock, but not in the same instant as they measure spans."""


def instruments_of(gateway: GatewayId) -> list[InstrumentId]:
    return [InstrumentId(f"pt-{gateway}-{number}") for number in range(PER_GATEWAY)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the ledger is, held against what gateways had on disk and what the simulator served."""

    durable: int
    """Frames that had reached a spool."""
    lost: int
    """Of those, how many are not in the ledger."""
    altered: int
    """Frames and values that are not what was spooled, or served."""
    duplicates: int
    """Frames and readings that are there twice."""
    gaps: int
    """Numbers missing in the ledger below the highest of their boot."""
    readings: int
    """Good readings compared with what the simulator served."""


@dataclass(slots=True)
class Enterprise:
    """The processes and their files."""

    directory: Path
    broker: Any
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    keys: dict[GatewayId, SigningKey] = field(default_factory=dict)
    ingest_key: SigningKey = field(default_factory=SigningKey.generate)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    rule: str = "RECEIPT"

    def prepare(self) -> None:
        """Write every file, start the simulator, then everything else."""
        self.keys = {gateway: SigningKey.generate() for gateway in GATEWAYS}
        (self.directory / "ingest.pem").write_bytes(self.ingest_key.to_pem())
        self._register()
        (self.directory / "server.toml").write_text(
            f'[broker]\nclient_id = "ingest"\nport = {self.broker.port}\nreconnect_max_s = 1\n'
            f'[stores]\nrecords = "sqlite:///{self.directory}/records.db"\n'
            f'readings = "sqlite:///{self.directory}/readings.db"\nledger = "{self.directory}/ledger.db"\n'
            '[ingest]\nkey = "ingest.pem"\n'
        )
        self._start_simulator()
        for gateway in GATEWAYS:
            (self.directory / f"{gateway}.pem").write_bytes(self.keys[gateway].to_pem())
            (self.directory / f"{gateway}.pem").chmod(0o600)
            self._write_edge(gateway)
        self.start_ingest()
        for gateway in GATEWAYS:
            self.start_edge(gateway)

    def start_ingest(self) -> None:
        self._start("ingest", "-m", "steelyard.cli.main", "ingest", "--config", str(self.directory / "server.toml"))

    def start_edge(self, gateway: GatewayId) -> None:
        config, journal = self.directory / f"{gateway}.toml", self.directory / f"{gateway}.journal"
        self._start(gateway, str(EDGE), str(config), str(journal), self.rule)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        assert process.poll() is None, f"{name} had ended by itself: {self.log(name)}"
        process.send_signal(signal.SIGKILL)
        process.wait()

    def terminate(self, name: str) -> None:
        process = self.processes.pop(name)
        assert process.poll() is None, f"{name} had ended by itself: {self.log(name)}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, self.log(name)

    def _ingest_is_up(self) -> bool:
        return b"connected to broker" in (self.directory / "ingest.log").read_bytes()[self.begun["ingest"] :]

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()[-3000:]

    def measure(self, more: int) -> None:
        """Wait until each gateway that runs has stored so many more frames."""
        running = [gateway for gateway in GATEWAYS if gateway in self.processes]
        enough = {gateway: len(self._journal(gateway)) + more for gateway in running}

        def measured() -> bool:
            for gateway in running:
                assert self.processes[gateway].poll() is None, f"{gateway} ended by itself: {self.log(gateway)}"
            return all(len(self._journal(gateway)) >= enough[gateway] for gateway in running)

        until(measured, f"{more} more frames of {running}", say=lambda: "\n".join(map(self.log, running)))

    def published_since(self, broker_log: str) -> set[GatewayId]:
        """The gateways of which the broker has acknowledged a frame since its log was `broker_log`."""
        new = self.broker.log[len(broker_log) :]
        return {gateway for gateway in GATEWAYS if f"Sending PUBACK to {gateway} " in new}

    def stop_measuring_and_drain(self) -> None:
        """End everything in good order: the gateways when all that their spools hold may be forgotten."""
        if self.rule == "RECEIPT":
            durable = self.durable()
            until(lambda: not self._missing(durable), "what was durable is in the ledger", pause_s=0.1)
        # On a busy machine its last start may not have come so far that SIGTERM is an ordinary end.
        until(self._ingest_is_up, "ingest", say=lambda: self.log("ingest"))
        for name in (*GATEWAYS, "ingest", "sim"):
            self.terminate(name)

    def durable(self) -> dict[tuple[str, int, int], str]:
        """(gateway, boot counter, number) to digest, of every frame that had reached a spool."""
        frames = {}
        for gateway in GATEWAYS:
            for line in self._journal(gateway):
                boot, seq, digest = line.split()
                frames[gateway, int(boot), int(seq)] = digest
        return frames

    def _journal(self, gateway: GatewayId) -> list[str]:
        path = self.directory / f"{gateway}.journal"
        return path.read_text().splitlines() if path.exists() else []

    def _missing(self, durable: Iterable[tuple[str, int, int]]) -> set[tuple[str, int, int]]:
        with LedgerReader(self.directory / "ledger.db") as ledger:
            there = {(stream.gateway, int(stream.boot[:8])): stream.contiguous_upto for stream in ledger.streams()}
        return {
            (gateway, boot, seq) for gateway, boot, seq in durable if seq > there.get((GatewayId(gateway), boot), 0)
        }

    def verdict(self) -> Verdict:
        """Compare. Every signature and the ledger's chain are verified on the way."""
        verify_ledger(self.directory / "ledger.db")
        durable = self.durable()
        with LedgerReader(self.directory / "ledger.db") as ledger:
            entries = ledger.frames(0, 1_000_000)
            gaps = sum(gap.last - gap.first + 1 for gap in ledger.gaps())
            assert ledger.incident_count() == 0
            assert ledger.quarantine_size() == 0, [entry.reason for entry in ledger.quarantined()]
        numbers = Counter((entry.gateway, int(entry.boot[:8]), entry.seq) for entry in entries)
        digests = {
            (entry.gateway, int(entry.boot[:8]), entry.seq): sha256(entry.message).hexdigest() for entry in entries
        }
        frames = [decode_frame(verify1(entry.message, self.keys[entry.gateway].public)) for entry in entries]
        times = Counter((block.instrument, t) for frame in frames for block in frame.blocks for t in block.t)
        wrong, compared = self._compare_values(frames)
        return Verdict(
            durable=len(durable),
            lost=len(durable.keys() - digests.keys()),
            altered=sum(digests.get(number, digest) != digest for number, digest in durable.items()) + wrong,
            duplicates=sum(n - 1 for n in numbers.values()) + sum(n - 1 for n in times.values()),
            gaps=gaps,
            readings=compared,
        )

    def _compare_values(self, frames: list[Frame]) -> tuple[int, int]:
        """How many good readings are not what was served while they were asked for, and how many were compared."""
        served: defaultdict[tuple[str, str], list[tuple[int, float | None]]] = defaultdict(list)
        for value in read_served(self.directory / "served.db"):
            served[value.instrument, value.channel].append((value.t_ns, value.value))
        for rows in served.values():
            rows.sort(key=lambda row: row[0])
        wrong = compared = 0
        for frame in frames:
            for block in frame.blocks:
                for channel, values, statuses in zip(block.channels, block.values, block.status, strict=True):
                    rows = served[block.instrument, channel]
                    for t, span_us, value, status in zip(block.t, block.span_us, values, statuses, strict=True):
                        if status != Quality.GOOD:
                            continue
                        compared += 1
                        reach = span_us * 500 + CLOCK_MARGIN_NS
                        first = bisect.bisect_left(rows, t - reach, key=lambda row: row[0])
                        last = bisect.bisect_right(rows, t + reach, key=lambda row: row[0])
                        wrong += value not in [row[1] for row in rows[first:last]]
        return wrong, compared

    def _start(self, name: str, *arguments: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.begun[name] = log.tell()
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )

    def _register(self) -> None:
        profile = parse_profile(builtin(PROFILE).read_text(encoding="utf-8"), PROFILE)
        instruments = [(gateway, instrument) for gateway in GATEWAYS for instrument in instruments_of(gateway)]
        registration = Registration(
            organizations=[Organization(id=ORG, name="Hengyuan", kind=OrganizationKind.ENTERPRISE, region="cn-zj")],
            gateways=[Gateway(id=each, organization=ORG, public_key=self.keys[each].public) for each in GATEWAYS],
            instruments=[
                Instrument(
                    id=instrument,
                    organization=ORG,
                    gateway=gateway,
                    name="Transmitter",
                    kind=InstrumentKind("pressure_transmitter"),
                    profile=PROFILE,
                    serial="1",
                    location="hall",
                    accuracy_class="0.5",
                )
                for gateway, instrument in instruments
            ],
            channels=[
                Channel(
                    instrument=instrument,
                    id=channel.id,
                    quantity=channel.quantity,
                    unit=str(channel.unit),
                    resolution=channel.resolution,
                )
                for _, instrument in instruments
                for channel in profile.channels
            ],
        )
        url = f"sqlite:///{self.directory}/records.db"
        upgrade(url)
        with open_records(url) as records:
            records.registry.apply(registration, Registrar(who="test", role="administrator", why="test", at_ns=1))

    def _start_simulator(self) -> None:
        parts = [
            'start = 2026-01-01T00:00:00Z\nseed = 3\n[[process]]\nid = "steam"\n',
            'pressure = { kind = "smooth", level = 0.9, daily = 0.002 }\n',
            'temperature = { kind = "smooth", level = 31.0, daily = 4.0 }\n',
        ]
        for gateway in GATEWAYS:
            parts.append(f'[[site]]\nid = "{gateway}"\n')
            for number, instrument in enumerate(instruments_of(gateway)):
                parts.append(
                    f'[[instrument]]\nid = "{instrument}"\nprofile = "{PROFILE}"\nsite = "{gateway}"\n'
                    f'unit = {number + 1}\nprocess = "steam"\nmeasurand.pressure.noise = 0.0005\n'
                )
        scenario = self.directory / "scenario.toml"
        scenario.write_text("".join(parts))
        served = str(self.directory / "served.db")
        self._start(
            "sim", "-m", "steelyard.cli.main", "sim", str(scenario), "--first-port", "0", "--json", "--record", served
        )

        def ready() -> str | None:
            assert self.processes["sim"].poll() is None, self.log("sim")
            lines = (self.directory / "sim.log").read_text().splitlines(keepends=True)
            return next((line for line in lines if line.startswith("{") and line.endswith("\n")), None)

        line = until(ready, "the simulator", say=lambda: self.log("sim"))
        self.ports = json.loads(line)["instruments"]

    def _write_edge(self, gateway: GatewayId) -> None:
        text = (
            f'[gateway]\norganization = "{ORG}"\nid = "{gateway}"\nkey = "{gateway}.pem"\n'
            f'ingest_key = "{self.ingest_key.public.text}"\n'
            f'[broker]\nclient_id = "{gateway}"\nport = {self.broker.port}\nreconnect_max_s = 1\n'
            f'[spool]\npath = "{gateway}-spool.db"\nballast_bytes = 65536\n'
            f"[poll]\nperiod_s = {PERIOD_S}\ntimeout_s = 60.0\n"
        )
        for instrument in instruments_of(gateway):
            at = self.ports[instrument]
            text += (
                f'[[instrument]]\nid = "{instrument}"\nprofile = "{PROFILE}"\n'
                f'host = "{at["host"]}"\nport = {at["port"]}\nunit = {at["unit"]}\n'
            )
        (self.directory / f"{gateway}.toml").write_text(text)


@pytest.fixture
def enterprise(tmp_path: Path, mosquitto: Any) -> Iterator[Enterprise]:
    made = Enterprise(tmp_path, mosquitto)
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()
