"""The broker of an installation that has none: a child process on 127.0.0.1.

`mosquitto` where it is installed (MQTT 5), else amqtt from the Python package index (MQTT 3.1.1). Neither keeps
anything that our data's safety rests on: edges keep each frame until ingest has signed for it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from steelyard.broker_config.conf import MosquittoSettings, mosquitto_conf
from steelyard.broker_config.errors import BrokerStartError

START_S = 120.0
"""Seconds a broker may take until it accepts connections."""
STOP_S = 5.0
"""Seconds it may take to end when asked; then it is killed."""
HOST = "127.0.0.1"
_PLACES = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


def find_mosquitto() -> str | None:
    """The path of the `mosquitto` program; Debian keeps it in a directory that is not on an ordinary user's PATH."""
    return shutil.which("mosquitto", path=_PLACES)


class EmbeddedBroker:
    """A broker of this machine alone; no TLS, no identities, nobody else can reach it.

    Args:
        directory: for its configuration, log and memory; made if missing.
        port: TCP port on 127.0.0.1.
        kind: None: mosquitto if it is installed, else amqtt.
    """

    def __init__(self, directory: Path, port: int, *, kind: Literal["mosquitto", "amqtt"] | None = None) -> None:
        self.directory = directory
        self.port = port
        self.kind: Literal["mosquitto", "amqtt"] = kind or ("mosquitto" if find_mosquitto() else "amqtt")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def protocol(self) -> Literal["5", "3.1.1"]:
        """The MQTT version that clients are to speak to it."""
        return "5" if self.kind == "mosquitto" else "3.1.1"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path:
        """What the broker says goes here; it is begun anew at each start."""
        return self.directory / "broker.log"

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            BrokerStartError: it did not, with the end of its log; or no broker is installed.
        """
        if self.running:
            return
        if accepts_connections(self.port):
            message = f"port {self.port} of {HOST} is already in use"
            raise BrokerStartError(message, field="port", value=self.port, remedy="choose another port")
        self.directory.mkdir(parents=True, exist_ok=True)
        command = self._mosquitto() if self.kind == "mosquitto" else self._amqtt()
        with self.log_path.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the parent, which then ends its children in order.
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program with a file we wrote
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while not accepts_connections(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                end = self.log_path.read_text(errors="replace")[-2000:].strip()
                message = f"{self.kind} did not start on {HOST}:{self.port}; it said: {end or 'nothing'}"
                raise BrokerStartError(message, field="broker", value=self.kind, remedy=f"see {self.log_path}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end, and kill it when it does not. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _mosquitto(self) -> list[str]:
        program = find_mosquitto()
        if program is None:
            raise BrokerStartError("mosquitto is not installed", field="kind", value=self.kind, remedy="use amqtt")
        user = "root" if os.geteuid() == 0 else None  # as the user `mosquitto` it could not write our directory
        text = mosquitto_conf(
            MosquittoSettings(port=self.port, bind=HOST, tls=None, directory=str(self.directory), user=user)
        )
        file = self.directory / "mosquitto.conf"
        file.write_text(text)
        return [program, "-c", str(file)]

    def _amqtt(self) -> list[str]:
        if find_spec("amqtt") is None:
            remedy = "install Mosquitto, or `pip install 'steelyard[sim]'`"
            raise BrokerStartError("neither mosquitto nor amqtt is installed", field="kind", value=None, remedy=remedy)
        configuration = {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{self.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        file = self.directory / "amqtt.yaml"
        file.write_text(json.dumps(configuration))  # YAML reads JSON
        # Its deprecation warnings are its maker's business, not the operator's.
        return [sys.executable, "-W", "ignore", "-m", "amqtt.scripts.broker_script", "-c", str(file)]


def accepts_connections(port: int) -> bool:
    """Whether something listens on the port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
