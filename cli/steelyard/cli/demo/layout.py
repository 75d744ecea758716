"""Where the demonstration keeps its files, and what it remembers from one start to the next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec

from steelyard.cli.errors import CommandError

GATEWAYS = {"gw-hengyuan": "hengyuan", "gw-linjiang": "linjiang", "gw-provincial": "provincial"}
"""The demonstration's gateways and the organizations they stand at."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files below the demonstration's directory."""

    root: Path

    @property
    def state(self) -> Path:
        """What a later start needs to go on."""
        return self.root / "demo.json"

    @property
    def scenario(self) -> Path:
        """The simulated instruments."""
        return self.root / "scenario.toml"

    @property
    def registry(self) -> Path:
        """Organizations, gateways, instruments, past certificates."""
        return self.root / "registry.toml"

    @property
    def truth(self) -> Path:
        """What the simulator knows and the system must find out."""
        return self.root / "truth.json"

    @property
    def server(self) -> Path:
        """Configuration of ingest, calibrate and api."""
        return self.root / "server.toml"

    @property
    def pace(self) -> Path:
        """How far each gateway is with the history."""
        return self.root / "pace"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.root / "logs"

    @property
    def outbox(self) -> Path:
        """E-mails and webhook calls that the alerts arrived as."""
        return self.root / "outbox"

    @property
    def ingest_key(self) -> Path:
        """The key that signs receipts."""
        return self.root / "ingest.pem"

    def edge(self, gateway: str) -> Path:
        """A gateway's configuration."""
        return self.root / gateway / "edge.toml"

    def gateway_key(self, gateway: str) -> Path:
        """A gateway's signing key."""
        return self.root / gateway / "gateway.pem"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """TCP ports on 127.0.0.1, chosen once so that a later start finds the same addresses."""

    broker: int
    api: int
    smtp: int
    webhook: int
    sites: dict[str, int]


class DemoState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered between starts.

    `start_ns`, `now_ns`: the simulated history's first instant and the wall instant of the first start, UTC ns.
    `ready`: whether all of the history has arrived once. `api_keys`: for programs, by role.
    """

    start_ns: int
    now_ns: int
    ready: bool
    ports: Ports
    api_keys: dict[str, str]
    webhook_secret: str


def load_state(layout: Layout) -> DemoState | None:
    """What an earlier start left, or None. Raises CommandError if the directory is somebody else's."""
    if not layout.state.exists():
        if layout.root.exists() and any(layout.root.iterdir()):
            raise CommandError(
                f"{layout.root} is not empty and was not made by the demonstration: choose another with --directory"
            )
        return None
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=DemoState)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"{layout.state} cannot be read ({error}): remove {layout.root} to begin anew") from error


def save_state(layout: Layout, state: DemoState) -> None:
    """Write the state; whoever reads it sees the old or the new one, never half."""
    text = json.dumps(msgspec.to_builtins(state), indent=1)
    layout.state.with_suffix(".new").write_text(text, encoding="utf-8")
    layout.state.with_suffix(".new").replace(layout.state)
