"""Every command of docker-compose.yml, run outside containers against real servers, until a value is on the console."""

import json
import re
import stat
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import waiting
from deploy.compose_file import mounts, services
from deploy.stack_outside import StackOutside
from servers.influxdb import InfluxBucket
from servers.mosquitto import Mosquitto

SERVERS_OF_OTHERS = {"mosquitto", "influxdb", "postgres"}
"""Started by fixtures: their images are not ours."""


@pytest.fixture
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {name: free_port() for name in ("mosquitto", "instruments", "api")}


@pytest.fixture
def stack(
    tmp_path: Path,
    ports: dict[str, int],
    postgres_url: str,
    influxdb: InfluxBucket,
) -> Iterator[StackOutside]:
    influx = influxdb.url.removeprefix("http://")
    addresses = {
        'host = "mosquitto"\nport = 8883': f'host = "localhost"\nport = {ports["mosquitto"]}',
        "listener 8883": f"listener {ports['mosquitto']} 127.0.0.1",
        'host = "instruments"\nport = 5020': f'host = "127.0.0.1"\nport = {ports["instruments"]}',
        "port = 5020": f"port = {ports['instruments']}",
        "5020)": f"{ports['instruments']})",
        "influxdb:8086/?org=steelyard&bucket=readings": f"{influx}/?org={influxdb.org}&bucket={influxdb.bucket}",
        "port = 8080": f"port = {ports['api']}",
    }
    stack = StackOutside(root=tmp_path, addresses=addresses)
    stack.makes_identity()
    token = stack.volume("influxdb-token") / "token"
    token.chmod(0o600)
    token.write_text(influxdb.token)
    # The password that was made is not that of the database here.
    password = (stack.volume("postgres-password") / "password").read_text()
    addresses[f"postgresql+pg8000://steelyard:{password}@postgres:5432/steelyard"] = postgres_url
    yield stack
    stack.stop_all()
    print(stack.last_words())  # noqa: T201 - pytest shows it where the test failed


def _start_mosquitto(stack: StackOutside, factory: Callable[..., Mosquitto], port: int) -> None:
    """Mosquitto with the very configuration that its container gets."""
    inside = {target: source for source, target, _ in mounts(services()["mosquitto"])}
    configuration = Path(__file__).parents[2] / inside["/mosquitto/config/mosquitto.conf"]
    factory(stack.translated("mosquitto", configuration.read_text()), port=port)


def test_identity_gives_each_service_its_own_keys_and_no_others(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    stack.makes_identity()
    private = {
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if b"PRIVATE" in _bytes(path)
    }
    beside_the_authority = {str(path) for path in private if path.parts[0] != "authority"}
    assert beside_the_authority == {
        "broker/server.key", "gateway/client.key", "gateway/gateway.pem", "ingest/ingest.key", "ingest/ingest.pem",
    }  # fmt: skip
    assert all((tmp_path / "out" / path).stat().st_mode & 0o077 == 0 for path in private)
    assert "@" not in (tmp_path / "out" / "gateway" / "edge.toml").read_text().split("\n", 1)[1]


SECRETS = {"postgres-password/password", "influxdb-password/password", "influxdb-token/token"}


def test_identity_makes_a_random_secret_for_each_place_that_the_owner_and_the_group_may_read(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    stack.makes_identity()
    files = [tmp_path / "out" / name for name in SECRETS]
    made = [path.read_text() for path in files]
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in made)
    assert len(set(made)) == len(SECRETS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o440}
    assert all([other.name for other in path.parent.iterdir()] == [path.name] for path in files)
    password = (tmp_path / "out" / "postgres-password" / "password").read_text()
    assert f":{password}@postgres:" in (tmp_path / "out" / "server" / "server.toml").read_text()


def test_every_secret_file_that_a_service_names_is_one_that_identity_makes(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    stack.makes_identity()
    named = {
        Path(stack.translated(name, value)).relative_to(tmp_path / "out")
        for name, service in services().items()
        for variable, value in service.get("environment", {}).items()
        if variable.endswith("_FILE")
    }
    assert {str(path) for path in named} == SECRETS
    for name in ("ingest", "calibration", "api"):
        token = re.search(r"token_file=([^\"&]+)", (tmp_path / "out" / "server" / "server.toml").read_text())
        assert token is not None
        assert Path(stack.translated(name, token[1])) == tmp_path / "out" / "influxdb-token" / "token"


def test_a_secret_that_was_only_half_made_is_made(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    place = stack.volume("influxdb-token")
    (place / "token.new").write_text("0123")
    (place / "token.new").chmod(0o440)
    (place / "token").touch()
    stack.makes_identity()
    assert re.fullmatch(r"[0-9a-f]{48}", (place / "token").read_text())
    assert [path.name for path in place.iterdir()] == ["token"]


def test_a_secret_that_was_taken_away_is_made_anew_and_filled_in(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    stack.makes_identity()
    secret = tmp_path / "out" / "postgres-password" / "password"
    before = secret.read_text()
    secret.unlink()
    stack.makes_identity()
    assert secret.read_text() != before
    filled = (tmp_path / "out" / "server" / "server.toml").read_text()
    assert secret.read_text() in filled
    assert before not in filled


def test_identity_made_again_keeps_every_key_and_every_secret(tmp_path: Path) -> None:
    stack = StackOutside(root=tmp_path, addresses={})
    stack.makes_identity()
    before = {path: _bytes(path) for path in (tmp_path / "out").rglob("*")}
    stack.makes_identity()
    assert {path: _bytes(path) for path in (tmp_path / "out").rglob("*")} == before


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


@pytest.mark.slow
def test_every_command_of_the_stack_does_its_work(
    stack: StackOutside, ports: dict[str, int], mosquitto_factory: Callable[..., Mosquitto]
) -> None:
    _start_mosquitto(stack, mosquitto_factory, ports["mosquitto"])
    stack.run_once("registry")
    ours = ["instruments", "ingest", "edge", "calibration", "api"]
    assert set(ours) == set(services()) - SERVERS_OF_OTHERS - {"identity", "registry"}
    for service in ours:
        stack.start(service)

    assert all(daemon.running for daemon in stack.daemons.values()), stack.last_words()

    key = json.loads(
        stack.run_here([
            "steelyard", "registry", "key", "test", "--organization", "provincial", "--role", "planner", "--json",
            "--config", stack.translated("registry", "/etc/steelyard/server.toml"),
        ])
    )["key"]  # fmt: skip
    console = f"http://127.0.0.1:{ports['api']}"
    instruments = _get(f"{console}/api/v1/instruments", key)["items"]
    assert {item["id"] for item in instruments} == {"em-h-01", "em-h-01c", "pt-h-01", "pg-h-01", "tt-h-01", "ws-h-01"}

    def shown(instrument: str, channel: str) -> float:
        (value,) = waiting.until(
            lambda: _latest(console, key, instrument, channel),
            f"the console shows {channel} of {instrument}",
            pause_s=0.2,
            say=stack.last_words,
        )
        return value

    assert 30_000 < shown("em-h-01", "power_total") < 90_000
    assert 0.7 < shown("pt-h-01", "pressure") < 0.9

    assert stack.stop_all() == dict.fromkeys(ours, 0)


def _get(url: str, key: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=waiting.PATIENCE_S) as reply:
        return json.load(reply)


def _latest(console: str, key: str, instrument: str, channel: str) -> list[float]:
    """The newest value of a channel, if there is one."""
    items = _get(f"{console}/api/v1/instruments/{instrument}/live", key)["items"]
    return [item["value"] for item in items if item["channel"] == channel and item["value"] is not None]
