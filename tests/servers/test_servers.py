"""The fixtures themselves: each server starts, answers a real client, and lives or dies as the test says."""

import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import sqlalchemy
import waiting
from paho.mqtt.enums import CallbackAPIVersion
from servers import ports, requirement
from servers.amqtt_broker import AmqttBroker
from servers.chromium import ARGUMENTS
from servers.influxdb import InfluxBucket
from servers.mosquitto import Mosquitto
from servers.postgres import PostgresServer


def _mqtt_round_trip(host: str, port: int, protocol: int) -> bytes:
    """Publish one message to ourselves and return what arrives."""
    arrived: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="round-trip", protocol=protocol)
    client.on_message = lambda _client, _data, message: arrived.append(message.payload)
    client.connect(host, port)
    client.on_subscribe = lambda *_: client.publish("greeting", b"hello", qos=1)
    client.subscribe("greeting", qos=1)

    def after_a_turn() -> list[bytes]:
        client.loop(0.05)
        return arrived

    waiting.until(after_a_turn, "the message arrives", pause_s=0)
    client.disconnect()
    client.loop(0.05)
    client._reset_sockets()  # of itself paho leaves them to the garbage collector, who complains in some later test
    return arrived[0]


def test_mosquitto_carries_an_mqtt_5_message(mosquitto: Mosquitto) -> None:
    assert _mqtt_round_trip(mosquitto.host, mosquitto.port, paho.MQTTv5) == b"hello"


def test_mosquitto_that_was_killed_comes_back_on_its_port(mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    assert not mosquitto.daemon.running
    mosquitto.restart()
    assert _mqtt_round_trip(mosquitto.host, mosquitto.port, paho.MQTTv5) == b"hello"


def test_mosquitto_factory_takes_a_configuration(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory("listener {port} 127.0.0.1\nallow_anonymous true\nmax_packet_size 1000\n")
    assert _mqtt_round_trip(broker.host, broker.port, paho.MQTTv5) == b"hello"


def test_mosquitto_with_a_wrong_configuration_shows_its_log(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    with pytest.raises(RuntimeError, match="Unknown configuration variable"):
        mosquitto_factory("listener {port} 127.0.0.1\nno_such_setting 1\n")


def test_amqtt_carries_an_mqtt_311_message(amqtt_broker: AmqttBroker) -> None:
    assert _mqtt_round_trip(amqtt_broker.host, amqtt_broker.port, paho.MQTTv311) == b"hello"


def _write_line(bucket: InfluxBucket, line: str) -> int:
    request = urllib.request.Request(
        f"{bucket.url}/api/v2/write?org={bucket.org}&bucket={bucket.bucket}&precision=ns",
        data=line.encode(),
        headers={"Authorization": f"Token {bucket.token}"},
    )
    with urllib.request.urlopen(request, timeout=waiting.PATIENCE_S) as reply:
        return int(reply.status)


def test_influxdb_takes_a_line(influxdb: InfluxBucket) -> None:
    assert _write_line(influxdb, "voltage,instrument=em-1 value=230.1 1790000000000000000") == 204


def test_influxdb_that_was_killed_comes_back_with_its_bucket(influxdb: InfluxBucket) -> None:
    influxdb.kill()
    influxdb.restart()
    assert _write_line(influxdb, "voltage,instrument=em-1 value=230.1 1790000000000000000") == 204


def test_postgres_gives_each_test_an_empty_database(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE instrument (id text PRIMARY KEY)"))
        count = connection.execute(sqlalchemy.text("SELECT count(*) FROM instrument")).scalar_one()
    engine.dispose()
    assert count == 0


def test_postgres_that_was_stopped_comes_back(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.stop()
    postgres_server.restart()
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_chromium_renders_a_page(chromium_path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p id=here></p><script>document.getElementById('here').textContent = 6 * 7</script>")
    command = [str(chromium_path), *ARGUMENTS, f"--user-data-dir={tmp_path}/profile", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=waiting.PATIENCE_S, check=True)
    assert '<p id="here">42</p>' in shown.stdout


def test_free_ports_are_distinct(free_port: Callable[[], int]) -> None:
    assert len({free_port() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [
        ("all", pytest.fail.Exception),
        ("mosquitto,influxdb", pytest.fail.Exception),
        ("postgres", pytest.skip.Exception),
        ("", pytest.skip.Exception),
    ],
)
def test_a_missing_server_fails_where_required_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, setting: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("STEELYARD_REQUIRE", setting)
    with pytest.raises(outcome, match="influxdb is not on this machine: build it"):
        requirement.missing("influxdb", "build it")


def test_test_processes_share_no_port() -> None:
    shares = [set(ports._share(range(20_000, 20_100), f"gw{worker}", 3)) for worker in range(3)]
    assert set.union(*shares) == set(range(20_000, 20_100))
    assert sum(map(len, shares)) == 100
