"""The stack of docker-compose.yml without containers: its own commands, volumes as directories, names as ports."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.compose_file import ROOT, mounts, services
from servers.daemon import Daemon
from waiting import PATIENCE_S

_TEXT = {".toml", ".conf"}


def _environment() -> dict[str, str]:
    """As in the image: our commands are on PATH."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOutside:
    """Where the stack's volumes and services are on this machine.

    `addresses` says what stands here for a text in the configuration files (host names, ports, database addresses).
    """

    root: Path
    addresses: Mapping[str, str]
    daemons: dict[str, Daemon] = field(default_factory=dict)

    def volume(self, name: str) -> Path:
        """The directory for a volume: below `out` where the service `identity` fills it."""
        filled = {source: Path(target).name for source, target, _ in mounts(services()["identity"])}
        directory = self.root / "out" / filled[name] if name in filled else self.root / "volumes" / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def makes_identity(self) -> None:
        """Run what the service `identity` runs."""
        for name in (mount for mount, _, _ in mounts(services()["identity"]) if not mount.startswith(".")):
            self.volume(name)
        (command,) = services()["identity"]["command"]
        script = ROOT / command.removeprefix("/")
        self.run_here([str(script), str(self.root / "out"), str(ROOT / "deploy" / "config")])

    def run_here(self, command: Sequence[str]) -> str:
        """Run a command to its end; what it wrote, or an error with what it complained of."""
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_once(self, service: str) -> str:
        """Run a service that ends."""
        return self.run_here(self.command(service))

    def start(self, service: str) -> Daemon:
        """Start a service that lasts and wait until its own health check is content."""
        command = ["env", f"PATH={_environment()['PATH']}", *self.command(service)]
        (self.root / "logs").mkdir(exist_ok=True)
        daemon = Daemon(
            command=command,
            log=self.root / "logs" / f"{service}.log",
            ready=lambda: self.is_healthy(service),
            directory=self.root,
        )
        self.daemons[service] = daemon
        daemon.start()
        return daemon

    def is_healthy(self, service: str) -> bool:
        """What the service's health check says."""
        _, *check = services()[service]["healthcheck"]["test"]
        command = [self.translated(service, word) for word in check]
        return subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0

    def stop_all(self) -> dict[str, int | None]:
        """Stop the services in the order opposite to their start; the exit status of each."""
        for daemon in reversed(self.daemons.values()):
            daemon.stop()
        return {service: daemon.exit_status for service, daemon in self.daemons.items()}

    def last_words(self) -> str:
        """The end of each service's log."""
        return "\n".join(
            f"== {service}\n{daemon.log.read_text(errors='replace')[-2000:]}"
            for service, daemon in self.daemons.items()
        )

    def command(self, service: str) -> list[str]:
        """The service's command as it reads outside its container."""
        return [self.translated(service, word) for word in services()[service]["command"]]

    def translated(self, service: str, text: str) -> str:
        """A text with the container's paths and the stack's addresses replaced by this machine's."""
        for inside, here in self._places(services()[service], service).items():
            text = text.replace(inside, here)
        for written, meant in self.addresses.items():
            text = text.replace(written, meant)
        return text

    def _places(self, service: dict[str, Any], name: str) -> dict[str, str]:
        places: dict[str, str] = {}
        for source, target, _ in mounts(service):
            if source:
                here = ROOT / source if source.startswith(".") else self.volume(source)
                places[target] = str(self._configured(name, here) if self._holds_text(here) else here)
        return places

    @staticmethod
    def _holds_text(place: Path) -> bool:
        return place.suffix in _TEXT or (place.is_dir() and any(path.suffix in _TEXT for path in place.iterdir()))

    def _configured(self, service: str, place: Path) -> Path:
        """A copy of a configuration, a file or a directory, in which paths and addresses are this machine's."""
        copies = self.root / "configured" / service
        if place.is_file():
            copies.mkdir(parents=True, exist_ok=True)
            copy = copies / place.name
            files = {place: copy}
        else:
            copy = copies / place.name
            copy.mkdir(parents=True, exist_ok=True)
            files = {path: copy / path.name for path in place.iterdir() if path.is_file()}
        for source, target in files.items():
            if target.exists():
                continue
            target.touch(mode=0o600)
            target.write_text(source.read_text())
            if source.suffix in _TEXT:
                target.write_text(self.translated(service, source.read_text()))
        return copy
