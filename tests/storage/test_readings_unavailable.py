"""A readings store that is down, not ours or not allowed: one error that names it and says what to do."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from influxdb_client import BucketRetentionRules
from influxdb_client.client.influxdb_client import InfluxDBClient

from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.storage.errors import StoreForeign, StoreUnavailable
from steelyard.storage.readings import ReadingsStore, open_readings

T0 = 1_790_000_000_000_000_000
EM, U = InstrumentId("em-1"), ChannelId("voltage_l1")


def _url(server: Any, **other: str) -> str:
    """The address of the fixture's bucket, or one that differs from it."""
    given = {"org": server.org, "bucket": server.bucket, "token": server.token, **other}
    query = "&".join(f"{name}={value}" for name, value in given.items())
    return f"influxdb://{server.url.removeprefix('http://')}/?{query}"


@pytest.fixture
def store(influxdb: Any) -> Iterator[ReadingsStore]:
    opened = open_readings(_url(influxdb))
    yield opened
    opened.close()


def _every_call(store: ReadingsStore, one: Any) -> list[Callable[[], object]]:
    return [
        store.check,
        lambda: store.write([one]),
        lambda: store.series(EM, U, 0, T0),
        lambda: store.buckets(EM, U, T0, T0 + 10, 2),
        lambda: store.latest(EM),
    ]


def test_every_call_to_a_dead_server_names_it_and_the_remedy(
    influxdb: Any, store: ReadingsStore, block: Callable, frame: Callable
) -> None:
    one = frame(block(EM, [U], [T0], [[230.0]]))
    store.write([one])
    influxdb.kill()

    for call in _every_call(store, one):
        with pytest.raises(StoreUnavailable, match="start InfluxDB") as refused:
            call()
        assert store.url in str(refused.value)
        assert influxdb.token not in str(refused.value)


def test_the_same_handle_goes_on_when_the_server_is_back(
    influxdb: Any, store: ReadingsStore, block: Callable, frame: Callable
) -> None:
    """What was acknowledged before SIGKILL is there, what failed meanwhile can be written again."""
    store.write([frame(block(EM, [U], [T0], [[230.0]]))])
    influxdb.kill()
    later = frame(block(EM, [U], [T0 + 1], [[231.0]]), seq=2)
    with pytest.raises(StoreUnavailable):
        store.write([later])
    influxdb.restart()

    store.write([later])

    assert store.series(EM, U, T0, T0 + 10).value.tolist() == [230.0, 231.0]


def test_a_server_restarted_between_two_writes_goes_unnoticed(
    influxdb: Any, store: ReadingsStore, block: Callable, frame: Callable
) -> None:
    store.write([frame(block(EM, [U], [T0], [[230.0]]))])
    influxdb.restart()

    store.write([frame(block(EM, [U], [T0 + 1], [[231.0]]))])  # the kept connection is dead


def test_a_server_that_is_down_at_start_does_not_keep_anybody_from_opening(free_port: Callable[[], int]) -> None:
    store = open_readings(f"influxdb://127.0.0.1:{free_port()}/?org=o&bucket=b&token=t")
    with pytest.raises(StoreUnavailable, match="start InfluxDB"):
        store.check()
    store.close()


def test_a_wrong_token_is_told_from_a_dead_server(influxdb: Any, block: Callable, frame: Callable) -> None:
    store = open_readings(_url(influxdb, token="wrong"))
    for call in _every_call(store, frame(block(EM, [U], [T0], [[230.0]]))):
        with pytest.raises(StoreUnavailable, match="give a token"):
            call()
    store.close()


@dataclass
class Pretender:
    """An HTTP server that is no InfluxDB; `answer` is status, content type and body."""

    answer: tuple[int, str, bytes]
    port: int = 0

    def store(self) -> ReadingsStore:
        return open_readings(f"influxdb://127.0.0.1:{self.port}/?org=o&bucket=b&token=t")


@pytest.fixture
def pretender() -> Iterator[Pretender]:
    made = Pretender((204, "text/plain", b""))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, kind, body = made.answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", b"<html>please log in</html>"),
        (200, "application/x-msgpack", msgspec.msgpack.encode({})),
        (200, "application/x-msgpack", msgspec.msgpack.encode({"results": []})),
        (200, "text/csv", b",result,table,_field,_time,_value\r\n,,0,a.v,2026-01-01T00"),
        (200, "text/csv", b"error,reference\r\nfailed to read,897\r\n"),
        (429, "application/json", b'{"message":"too much"}'),
        (503, "text/html", b"<h1>no"),
        (500, "application/json", b"[1]"),
    ],
)
def test_whatever_else_answers_is_no_store_and_has_not_taken_a_write(
    pretender: Pretender, answer: tuple[int, str, bytes], block: Callable, frame: Callable
) -> None:
    pretender.answer = answer
    store = pretender.store()
    calls: list[Callable[[], object]] = [
        store.identity,
        lambda: store.write([frame(block(EM, [U], [T0], [[230.0]]))]),
        lambda: store.series(EM, U, 0, T0),
        lambda: store.buckets(EM, U, T0, T0 + 10, 2),
        lambda: store.latest(EM),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    store.close()


def test_a_write_is_taken_with_204_alone(pretender: Pretender, block: Callable, frame: Callable) -> None:
    """The control of the test above."""
    store = pretender.store()
    store.write([frame(block(EM, [U], [T0], [[230.0]]))])
    store.close()


@pytest.mark.parametrize("wrong", ["org", "bucket"])
def test_a_missing_bucket_or_organization_is_named(influxdb: Any, block: Callable, frame: Callable, wrong: str) -> None:
    store = open_readings(_url(influxdb, **{wrong: "nowhere"}))
    with pytest.raises(StoreUnavailable, match=r"create the organization and the bucket") as refused:
        store.write([frame(block(EM, [U], [T0], [[230.0]]))])
    assert "nowhere" in str(refused.value)
    store.close()


def test_check_finds_a_missing_bucket(influxdb: Any) -> None:
    store = open_readings(_url(influxdb, bucket="nowhere"))
    with pytest.raises(StoreUnavailable):
        store.check()
    store.close()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mongodb://x", "begin with sqlite:///"),
        ("sqlite://x", "write sqlite:///"),
        ("sqlite:///", "write sqlite:///"),
        ("influxdb://h:1/?bucket=b&token=t", "add org="),
        ("influxdb://h:1/?org=o&token=t", "add bucket="),
        ("influxdb:///?org=o&bucket=b&token=t", "name the server"),
        ("influxdb://h:1/?org=o&bucket=b&tokn=t", "tokn"),
        ("influxdb://h:1/?org=o&bucket=b", "token_file="),
        ("influxdb://h:1/?org=o&bucket=b&token_file=/nonexistent/token", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_with_the_remedy(
    url: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEELYARD_INFLUX_TOKEN", raising=False)
    with pytest.raises(SettingsError) as refused:
        open_readings(url)
    assert complaint in str(refused.value)
    assert refused.value.field.startswith("stores.readings")


def test_the_token_may_come_from_the_environment(influxdb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_INFLUX_TOKEN", influxdb.token)
    store = open_readings(_url(influxdb).partition("&token=")[0])
    store.check()
    store.close()


def test_a_file_that_cannot_be_made_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="make the directory"):
        open_readings(f"sqlite:///{tmp_path}/nowhere/readings.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readings.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreUnavailable, match="rebuild it from the ledger"):
        open_readings(f"sqlite:///{tmp_path}/readings.db")


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (x)")
    other.commit()
    other.close()
    before = path.read_bytes()

    with pytest.raises(StoreForeign, match="precious"):
        open_readings(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_another_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/readings.db"
    open_readings(url).close()
    later = sqlite3.connect(tmp_path / "readings.db")
    later.execute("PRAGMA user_version = 99")
    later.close()

    with pytest.raises(StoreForeign, match="format version 99"):
        open_readings(url)


def test_a_failed_batch_leaves_the_embedded_store_usable(tmp_path: Path, block: Callable, frame: Callable) -> None:
    """Also what the failed transaction learnt about layouts must be forgotten."""
    store = open_readings(f"sqlite:///{tmp_path}/readings.db")
    blocker = sqlite3.connect(tmp_path / "readings.db", isolation_level=None)
    blocker.execute("CREATE TRIGGER full BEFORE INSERT ON reading BEGIN SELECT RAISE(ABORT, 'no room'); END")
    one = frame(block(EM, [U], [T0], [[230.0]]))
    with pytest.raises(StoreUnavailable, match="no room"):
        store.write([one])
    blocker.execute("DROP TRIGGER full")
    blocker.close()

    store.write([one])

    assert store.series(EM, U, 0, 2**62).value.tolist() == [230.0]
    store.close()


def test_a_bucket_that_forgets_is_told_from_one_that_is_down(influxdb: Any, block: Callable, frame: Callable) -> None:
    """With a finite retention InfluxDB refuses what is older: a history would be lost without a word."""
    with InfluxDBClient(url=influxdb.url, token=influxdb.token, org=influxdb.org) as client:
        rules = BucketRetentionRules(type="expire", every_seconds=3600)
        client.buckets_api().create_bucket(
            bucket_name=f"{influxdb.bucket}-short", retention_rules=rules, org=influxdb.org
        )
    store = open_readings(_url(influxdb, bucket=f"{influxdb.bucket}-short"))

    with pytest.raises(StoreUnavailable, match="set its retention to infinite"):
        store.write([frame(block(EM, [U], [T0 - 10**18], [[230.0]]))])
    store.close()
