"""Eclipse Mosquitto 2 on 127.0.0.1 with a directory of its own."""

import getpass
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from servers.daemon import Daemon
from servers.ports import HOST, accepts_connections, free_port
from servers.requirement import missing

# Anybody may connect and queues are not bounded: what the tests that bring no configuration of their own want.
OPEN_CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
max_queued_messages 0
max_inflight_messages 200
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosquitto:
    """A broker that runs: ``host``, ``port``, and the directory that holds its configuration, database and log."""

    host: str
    port: int
    directory: Path
    daemon: Daemon

    def start(self) -> None:
        """Start it; nothing to do when it runs."""
        self.daemon.start()

    def stop(self) -> None:
        """Orderly end: it saves its database."""
        self.daemon.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.daemon.kill()

    def restart(self) -> None:
        """Start again on the same port with what its directory holds."""
        self.daemon.restart()

    def forget_everything(self) -> None:
        """Kill it and delete its database; ``start`` brings up a broker without memory."""
        self.kill()
        (self.directory / "mosquitto.db").unlink(missing_ok=True)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.daemon.log.read_text(errors="replace")


def require_mosquitto() -> str:
    """The path of the program; without it the test ends as `requirement.missing` says."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        missing("mosquitto", "apt-get install mosquitto")
    return program


def start_mosquitto(directory: Path, configuration: str = OPEN_CONFIGURATION, *, port: int | None = None) -> Mosquitto:
    """Start Mosquitto with the text of a configuration.

    ``{port}`` and ``{directory}`` in the text are filled in. A text that already names its listener's port gives the
    same one as ``port``.
    """
    program = require_mosquitto()
    chosen = free_port() if port is None else port
    text = configuration.replace("{port}", str(chosen)).replace("{directory}", str(directory))
    if not any(line.split()[:1] == ["user"] for line in text.splitlines()):
        # Started by root it would become the user `mosquitto`, who may not write into our temporary directory.
        text += f"\nuser {getpass.getuser()}\n"
    file = directory / "mosquitto-under-test.conf"
    file.write_text(text)
    daemon = Daemon(
        command=(program, "-c", str(file), "-v"),
        log=directory / "mosquitto.log",
        ready=lambda: accepts_connections(chosen),
        directory=directory,
    )
    daemon.start()
    return Mosquitto(host=HOST, port=chosen, directory=directory, daemon=daemon)
