"""The whole process, against real brokers and stores that come and go."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steelyard.contracts.clock import SystemClock
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId
from steelyard.contracts.topics import frame_topic
from steelyard.ingest.errors import IngestKeyError
from steelyard.ingest.health import HealthBook
from steelyard.ingest.registrar import Registrar
from steelyard.ingest.service import Ingest, run_ingest
from steelyard.ingest.settings import load_key
from steelyard.storage.errors import StorageError
from steelyard.storage.ledger import Ledger, LedgerReader, verify_ledger
from steelyard.storage.readings.opening import open_readings
from steelyard.storage.records.opening import open_records

GATEWAY, OTHER = GatewayId("gw-1"), GatewayId("gw-2")
POWER = ChannelId("power_total")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.storage.sqlite.BUSY_S", 0.2)
    monkeypatch.setattr("steelyard.storage.records.database._BUSY_S", 0.2)
    for module in ("service", "view"):
        monkeypatch.setattr(f"steelyard.ingest.{module}.FIRST_PAUSE_S", 0.1)
        monkeypatch.setattr(f"steelyard.ingest.{module}.LONGEST_PAUSE_S", 0.2)


def stored_readings(url: str, gateway: GatewayId = GATEWAY) -> list[float]:
    try:
        store = open_readings(url)
    except StorageError:
        return []
    try:
        return [float(value) for value in store.series(InstrumentId(f"em-{gateway}"), POWER, 0, 2**62).value]
    finally:
        store.close()


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_frames_go_from_the_broker_into_ledger_readings_and_health_and_are_confirmed(
    kind: str, request: pytest.FixtureRequest, house: Any, running: Any, gateway_double: Any, eventually: Any
) -> None:
    broker = request.getfixturevalue("mosquitto" if kind == "mosquitto" else "amqtt_broker")
    protocol = "5" if kind == "mosquitto" else "3.1.1"
    house.register(GATEWAY)
    settings = house.settings(broker.port, protocol=protocol)
    messages = [house.message(GATEWAY, seq) for seq in range(1, 201)]
    with running(settings), gateway_double(broker.port, GATEWAY, protocol=protocol) as gateway:
        gateway.deliver(messages[0], upto=1)  # ingest has subscribed
        gateway.send_status("online", spooled=3)
        gateway.send(*messages[1:])
        receipt = gateway.wait_for_receipt(200)
        eventually(lambda: len(stored_readings(house.readings_url)) == 200)

        def healthy() -> bool:
            with open_records(house.records_url) as records:
                row = records.health.of(GATEWAY)
            return row is not None and (row.received_frames, row.contiguous_upto, row.spooled_frames) == (200, 200, 3)

        eventually(healthy)
    with LedgerReader(house.ledger_path) as ledger:
        assert [entry.message for entry in ledger.frames(0, 1000)] == messages
        assert ledger.frames(receipt.ledger_size - 1)[0].root.hex() == receipt.root
        store = open_readings(house.readings_url)
        assert ledger.view_position(store.identity()) == 200
        store.close()
    verify_ledger(house.ledger_path)


def test_everything_that_is_down_at_start_is_waited_for_and_said_once(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="steelyard")
    mosquitto.kill()
    stores = house.directory / "later"
    readings = f"sqlite:///{stores}/readings.db"
    settings = house.settings(mosquitto.port, readings=readings)
    settings = msgspec.structs.replace(
        settings, stores=msgspec.structs.replace(settings.stores, ledger=str(stores / "ledger.db"))
    )
    with running(settings):
        eventually(lambda: "ledger:" in caplog.text)
        time.sleep(0.7)
        stores.mkdir()
        eventually(lambda: "records:" in caplog.text)
        time.sleep(0.7)
        house.register(GATEWAY)
        eventually(lambda: "cannot reach broker" in caplog.text)
        mosquitto.restart()
        with gateway_double(mosquitto.port, GATEWAY) as gateway:
            gateway.deliver(house.message(GATEWAY, 1), upto=1)
        eventually(lambda: stored_readings(readings) == [1.0])
    complaints = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    for beginning in ("ledger:", "records:", "cannot reach broker"):
        assert len([line for line in complaints if line.startswith(beginning)]) == 1, complaints


def test_a_ledger_that_goes_away_stops_the_receipts_and_loses_nothing(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="steelyard")
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        holder = sqlite3.connect(house.ledger_path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")  # nobody else can write
        for seq in range(2, 120):
            gateway.send(house.message(GATEWAY, seq))
        eventually(lambda: "acknowledging nothing" in caplog.text)
        time.sleep(1.0)
        assert gateway.receipts.empty()
        holder.execute("ROLLBACK")
        holder.close()
        gateway.wait_for_receipt(119)
    assert caplog.text.count("acknowledging nothing") == 1
    assert "the ledger is back" in caplog.text
    with LedgerReader(house.ledger_path) as ledger:
        assert [entry.seq for entry in ledger.frames(0, 1000)] == list(range(1, 120))


def test_a_readings_store_that_goes_away_does_not_stop_the_ledger_and_catches_up(
    mosquitto: Any, influxdb: Any, house: Any, running: Any, gateway_double: Any, eventually: Any,
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard")
    (tmp_path / "token").write_text(influxdb.token)
    address = influxdb.url.removeprefix("http://")
    url = f"influxdb://{address}/?org={influxdb.org}&bucket={influxdb.bucket}&token_file={tmp_path / 'token'}"
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port, readings=url)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        eventually(lambda: stored_readings(url) == [1.0])
        influxdb.kill()
        for seq in range(2, 60):
            gateway.send(house.message(GATEWAY, seq))
        gateway.wait_for_receipt(59)
        eventually(lambda: "readings store:" in caplog.text)
        influxdb.restart()
        eventually(lambda: len(stored_readings(url)) == 59, 30)
    assert caplog.text.count("the store follows when it is back") == 1
    assert "is back" in caplog.text


def test_records_that_go_away_do_not_stop_known_gateways(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="steelyard")
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        holder = sqlite3.connect(house.directory / "records.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")  # nobody else can write
        for seq in range(2, 20):
            gateway.send(house.message(GATEWAY, seq))
        gateway.wait_for_receipt(19)
        eventually(lambda: "known gateways go on" in caplog.text)
        holder.execute("ROLLBACK")
        holder.close()
        eventually(lambda: "are back" in caplog.text)

        def counted() -> bool:
            with open_records(house.records_url) as records:
                row = records.health.of(GATEWAY)
            return row is not None and row.received_frames == 19

        eventually(counted)
    assert caplog.text.count("known gateways go on") == 1


def test_a_gateway_registered_while_ingest_runs_is_served_without_a_restart(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any
) -> None:
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, OTHER) as other:

        def refused() -> bool:
            other.send(house.message(OTHER, 1))
            if not house.ledger_path.exists():
                return False
            with LedgerReader(house.ledger_path) as ledger:
                return ledger.quarantine_size() == 1

        eventually(refused)
        house.register(GATEWAY, OTHER)
        time.sleep(0.3)
        other.send(house.message(OTHER, 1), house.message(OTHER, 2))
        assert other.wait_for_receipt(2).contiguous_upto == 2


def test_s3_hostile_messages_end_in_quarantine_with_reasons_and_ingest_goes_on(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any
) -> None:
    house.register(GATEWAY)
    first, good = house.message(GATEWAY, 1), house.message(GATEWAY, 2)
    hostile = [
        b"", b"\xff" * 262_145, b"\xd2" * 200_000, b"[" * 200_000, good[:-1], good + b"\x00",
        good[:50] + b"\x00" + good[51:], good.replace(b"230.0", b"1e999"), house.message(OTHER, 1),
        bytes(range(256)) * 100,
    ]  # fmt: skip
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(first, upto=1)
        gateway.send(*hostile)
        for topic in ("steelyard/v1/UPPER/gw-1/frame", "steelyard/v1/hengyuan/gw-9/frame", "steelyard/v1/a/b/status"):
            assert gateway.client.publish(topic, good) is not None
        gateway.send(good)
        gateway.wait_for_receipt(2)
        with LedgerReader(house.ledger_path) as ledger:
            refused = ledger.quarantined()
            assert ledger.size == 2
    assert len(refused) == len(hostile) + 3
    assert all(": " in entry.reason for entry in refused)
    assert {entry.topic for entry in refused} >= {frame_topic("hengyuan", GATEWAY), "steelyard/v1/UPPER/gw-1/frame"}  # type: ignore[arg-type]


def test_a_broker_that_forgets_everything_is_subscribed_to_again(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any
) -> None:
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        mosquitto.forget_everything()
        mosquitto.start()
        eventually(lambda: gateway.client.connected)
        gateway.deliver(house.message(GATEWAY, 2), upto=2)


def test_frames_that_came_while_ingest_was_away_are_taken_when_it_is_back(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
) -> None:
    house.register(GATEWAY)
    settings = house.settings(mosquitto.port)
    with gateway_double(mosquitto.port, GATEWAY) as gateway:
        with running(settings):
            gateway.deliver(house.message(GATEWAY, 1), upto=1)
        gateway.send(*(house.message(GATEWAY, seq) for seq in range(2, 50)))
        with running(settings):
            gateway.wait_for_receipt(49)


def test_a_birth_is_answered_with_the_receipt_even_after_a_restart_of_ingest(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
) -> None:
    house.register(GATEWAY)
    settings = house.settings(mosquitto.port)
    with gateway_double(mosquitto.port, GATEWAY) as gateway:
        with running(settings):
            gateway.deliver(house.message(GATEWAY, 1), house.message(GATEWAY, 2), upto=2)
        with running(settings):
            gateway.send_status("online")
            gateway.wait_for_receipt(2)


def test_two_boots_are_two_streams(mosquitto: Any, house: Any, running: Any, gateway_double: Any) -> None:
    house.register(GATEWAY)
    later = BootId("00000002-bbbbbbbb")
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        gateway.send(house.message(GATEWAY, 1, boot=later))
        gateway.wait_for_receipt(1, boot=later)
    with LedgerReader(house.ledger_path) as ledger:
        assert [(stream.boot[:8], stream.contiguous_upto) for stream in ledger.streams()] == [
            ("00000001", 1),
            ("00000002", 1),
        ]


def test_r8_frames_that_come_three_times_and_in_any_order_have_the_effect_of_one(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, eventually: Any
) -> None:
    house.register(GATEWAY)
    messages = [house.message(GATEWAY, seq) for seq in range(1, 101)]
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(messages[0], upto=1)
        gateway.send(*random.Random(8).sample(messages * 3, 300))
        gateway.wait_for_receipt(100)
        eventually(lambda: len(stored_readings(house.readings_url)) == 100)
    with LedgerReader(house.ledger_path) as ledger:
        assert sorted(entry.seq for entry in ledger.frames(0, 1000)) == list(range(1, 101))
        assert ledger.incident_count() == ledger.quarantine_size() == 0
    assert stored_readings(house.readings_url) == [float(seq) for seq in range(1, 101)]


def test_the_counters_say_what_became_of_every_frame(
    mosquitto: Any, house: Any, gateway_double: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard.ingest")
    monkeypatch.setattr("steelyard.ingest.service.REPORT_S", 0.1)
    house.register(GATEWAY)
    settings = house.settings(mosquitto.port)
    stop = threading.Event()
    health = HealthBook()
    with Ledger(house.ledger_path) as ledger, open_records(house.records_url) as records:
        registrar = Registrar(records, health, SystemClock(), settings.ingest)
        ingest = Ingest(settings, SystemClock(), load_key(settings.ingest.key), ledger, registrar, health)
        thread = threading.Thread(target=ingest.run, args=(stop,))
        thread.start()
        try:
            with gateway_double(mosquitto.port, GATEWAY) as gateway:
                gateway.deliver(house.message(GATEWAY, 1), upto=1)
                before = ingest.snapshot().duplicates
                gateway.send(
                    house.message(GATEWAY, 1), house.message(GATEWAY, 1, value=1.0), b"bad", house.message(GATEWAY, 2)
                )
                gateway.wait_for_receipt(2)
                eventually(lambda: ingest.snapshot().view_lag == 0)
                now = ingest.snapshot()
        finally:
            stop.set()
            thread.join(20)
    assert (now.accepted, now.readings, now.duplicates - before, now.conflicts) == (2, 4, 1, 1)
    assert now.quarantined == {"malformed envelope": 1}
    assert now.received == now.accepted + now.duplicates + now.conflicts + 1
    assert now.ledger_size == 2
    assert now.receipts >= 2
    assert now.batches >= 2
    assert "2 new with 4 readings" in caplog.text


def test_a_url_that_names_no_store_ends_ingest_with_the_setting(house: Any) -> None:
    with pytest.raises(SettingsError, match=r"stores\.readings"):
        run_ingest(house.settings(1883, readings="mongodb://x"), SystemClock(), threading.Event())


def test_a_missing_key_ends_ingest_with_the_remedy(house: Any) -> None:
    settings = house.settings(1883)
    Path(settings.ingest.key).unlink()
    with pytest.raises(IngestKeyError, match="steelyard key new"):
        run_ingest(settings, None, None)  # type: ignore[arg-type]
