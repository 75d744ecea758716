"""The broker of pip-only installations, amqtt, in a process of its own. It speaks MQTT 3.1.1."""

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from servers.daemon import Daemon
from servers.ports import HOST, accepts_connections, free_port
from servers.requirement import missing


@dataclass(frozen=True, slots=True, kw_only=True)
class AmqttBroker:
    """A broker that runs: ``host`` and ``port``. It keeps nothing over a restart."""

    host: str
    port: int
    daemon: Daemon

    def kill(self) -> None:
        """SIGKILL."""
        self.daemon.kill()

    def restart(self) -> None:
        """Start again on the same port, without memory."""
        self.daemon.restart()


def start_amqtt(directory: Path) -> AmqttBroker:
    """Start amqtt on a free port; anybody may connect."""
    if importlib.util.find_spec("amqtt") is None:
        missing("amqtt", "pip install 'steelyard[sim]'")
    port = free_port()
    configuration = {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    file = directory / "amqtt.yaml"
    file.write_text(json.dumps(configuration))  # YAML reads JSON
    daemon = Daemon(
        command=(sys.executable, "-W", "ignore", "-m", "amqtt.scripts.broker_script", "-c", str(file)),
        log=directory / "amqtt.log",
        ready=lambda: accepts_connections(port),
        directory=directory,
    )
    daemon.start()
    return AmqttBroker(host=HOST, port=port, daemon=daemon)
