"""Real servers for tests, each on 127.0.0.1 with a directory of its own.

A server that is not on this machine skips the tests that need it, with the way to get it as reason;
``STEELYARD_REQUIRE=all`` turns that into failures. How each server is had: docs/how-to/run-the-tests.md.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis_profile
import paho.mqtt.client as paho
import pytest
from servers import ports
from servers.amqtt_broker import AmqttBroker, start_amqtt
from servers.chromium import find_chromium
from servers.influxdb import InfluxBucket, InfluxServer, start_influxdb
from servers.mosquitto import OPEN_CONFIGURATION, Mosquitto, start_mosquitto
from servers.postgres import PostgresServer, start_postgres
from waiting import PATIENCE_S

hypothesis_profile.register()

_MEMORY = Path("/dev/shm")  # noqa: S108 - a place, not a file of ours
_MEMORY_BYTES = 2 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Temporary directories lie in memory where there is room: no database waits for a disk.

    What these tests promise of a crash is that of a process, whose files the kernel keeps either way.
    PYTEST_DEBUG_TEMPROOT puts them elsewhere.
    """
    if config.option.basetemp is None and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests first: a long one that comes last keeps one processor busy and lets the others wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _patient_stores() -> Iterator[None]:
    """How long the stores wait for a lock or an answer is for operators; here it would be a verdict on the machine."""
    with pytest.MonkeyPatch.context() as storage:
        for name in (
            "sqlite.BUSY_S",
            "ledger.writer.BUSY_S",
            "records.database._BUSY_S",
            "records.database._CONNECT_S",
        ):
            storage.setattr(f"steelyard.storage.{name}", PATIENCE_S)
        storage.setattr("steelyard.storage.readings.influx.TIMEOUT_MS", int(1000 * PATIENCE_S))
        yield


@pytest.fixture
def quick_reconnection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `BrokerClient` pauses for a fiftieth of its settings' seconds before it connects again."""
    set_pauses = paho.Client.reconnect_delay_set

    def set_short_pauses(client: paho.Client, least_s: float, longest_s: float) -> None:
        set_pauses(client, least_s / 50, longest_s / 50)  # type: ignore[arg-type]

    monkeypatch.setattr(paho.Client, "reconnect_delay_set", set_short_pauses)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of 127.0.0.1 on which nothing listens: ``free_port()``."""
    return ports.free_port


@pytest.fixture
def mosquitto_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Starts brokers: ``mosquitto_factory(configuration_text, port=…)``.

    ``{port}`` and ``{directory}`` in the text are filled in; without a text anybody may connect.
    """
    with ExitStack() as started:

        def start(configuration: str = OPEN_CONFIGURATION, *, port: int | None = None) -> Mosquitto:
            broker = start_mosquitto(tmp_path_factory.mktemp("mosquitto"), configuration, port=port)
            started.callback(broker.stop)
            return broker

        yield start


@pytest.fixture
def mosquitto(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker for this test alone: ``.host .port .stop() .kill() .restart() .forget_everything() .log``."""
    return mosquitto_factory()


@pytest.fixture
def amqtt_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmqttBroker]:
    """The pip-only broker (MQTT 3.1.1) for this test alone: ``.host .port .kill() .restart()``."""
    broker = start_amqtt(tmp_path_factory.mktemp("amqtt"))
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """One InfluxDB 2 for all tests of this test process."""
    server = start_influxdb(tmp_path_factory.mktemp("influxdb"))
    yield server
    server.daemon.stop()


@pytest.fixture
def influxdb(influxdb_server: InfluxServer) -> Iterator[InfluxBucket]:
    """A new bucket for this test: ``.url .org .bucket .token``, and ``.stop() .kill() .restart()`` of the server."""
    bucket = influxdb_server.create_bucket()
    yield bucket
    bucket.drop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL cluster for all tests of this test process."""
    server = start_postgres()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy address of a new, empty database for this test (``postgresql+pg8000://…``)."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The system's Chromium; start it with ``servers.chromium.ARGUMENTS``."""
    return find_chromium()
