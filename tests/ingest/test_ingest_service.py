"""The whole process, against real brokers and stores that come and go."""

from __future__ import annotations

import logging
import pkgutil
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import waiting
from servers.broker_client import acknowledged_subscriptions

from steelyard.contracts.clock import SystemClock
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, frame_topic
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


pytestmark = pytest.mark.usefixtures("quick_reconnection")


@pytest.fixture(autouse=True)
def _quick_pauses_and_a_patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.ingest.service.STOP_S", waiting.PATIENCE_S)
    for module in ("service", "view"):
        monkeypatch.setattr(f"steelyard.ingest.{module}.FIRST_PAUSE_S", 0.1)
        monkeypatch.setattr(f"steelyard.ingest.{module}.LONGEST_PAUSE_S", 0.2)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """A list that grows with each call of the function of that full name."""
    calls: list[object] = []
    original = pkgutil.resolve_name(name)

    def call(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **more)

    monkeypatch.setattr(name, call)
    return calls


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
    kind: str, request: pytest.FixtureRequest, house: Any, running: Any, gateway_double: Any
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
        waiting.until(lambda: len(stored_readings(house.readings_url)) == 200, "all readings are stored")

        def healthy() -> bool:
            with open_records(house.records_url) as records:
                row = records.health.of(GATEWAY)
            return row is not None and (row.received_frames, row.contiguous_upto, row.spooled_frames) == (200, 200, 3)

        waiting.until(healthy, "the records say so")
    with LedgerReader(house.ledger_path) as ledger:
        assert [entry.message for entry in ledger.frames(0, 1000)] == messages
        assert ledger.frames(receipt.ledger_size - 1)[0].root.hex() == receipt.root
        store = open_readings(house.readings_url)
        assert ledger.view_position(store.identity()) == 200
        store.close()
    verify_ledger(house.ledger_path)


def test_everything_that_is_down_at_start_is_waited_for_and_said_once(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard")
    ledger_attempts = counted(monkeypatch, "steelyard.ingest.service.Ledger")
    records_attempts = counted(monkeypatch, "steelyard.ingest.service.open_records")
    mosquitto.kill()
    stores = house.directory / "later"
    readings = f"sqlite:///{stores}/readings.db"
    settings = house.settings(mosquitto.port, readings=readings)
    settings = msgspec.structs.replace(
        settings, stores=msgspec.structs.replace(settings.stores, ledger=str(stores / "ledger.db"))
    )
    with running(settings):
        waiting.until(lambda: len(ledger_attempts) >= 4, "the ledger was tried four times")
        stores.mkdir()
        waiting.until(lambda: len(records_attempts) >= 4, "the records were tried four times")
        house.register_at_once(GATEWAY)
        waiting.until(lambda: "cannot reach broker" in caplog.text, "the broker is missed")
        mosquitto.restart()
        with gateway_double(mosquitto.port, GATEWAY) as gateway:
            gateway.deliver(house.message(GATEWAY, 1), upto=1)
        waiting.until(lambda: stored_readings(readings) == [1.0], "the reading is stored")
    complaints = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    for beginning in ("ledger:", "records:", "cannot reach broker"):
        assert len([line for line in complaints if line.startswith(beginning)]) == 1, complaints


def test_a_ledger_that_goes_away_stops_the_receipts_and_loses_nothing(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard")
    monkeypatch.setattr("steelyard.storage.sqlite.BUSY_S", 0.1)
    commits = counted(monkeypatch, "steelyard.ingest.intake.Intake.commit")
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        waiting.until(lambda: f"ingest 1 {SUBSCRIBE_FRAMES}" in mosquitto.log, "ingest has subscribed")
        gateway.send(house.message(GATEWAY, 1))
        gateway.wait_for_receipt(1)
        holder = sqlite3.connect(house.ledger_path, timeout=waiting.PATIENCE_S, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")  # nobody else can write
        for seq in range(2, 120):
            gateway.send(house.message(GATEWAY, seq))
        waiting.until(lambda: "acknowledging nothing" in caplog.text, "the outage is logged")
        attempts = len(commits)
        waiting.until(lambda: len(commits) >= attempts + 3, "three more commits were tried")
        assert gateway.receipts_so_far() == []
        holder.execute("ROLLBACK")
        holder.close()
        gateway.wait_for_receipt(119)
    assert caplog.text.count("acknowledging nothing") == 1
    assert "the ledger is back" in caplog.text
    with LedgerReader(house.ledger_path) as ledger:
        assert [entry.seq for entry in ledger.frames(0, 1000)] == list(range(1, 120))


def test_a_readings_store_that_goes_away_does_not_stop_the_ledger_and_catches_up(
    mosquitto: Any, influxdb: Any, house: Any, running: Any, gateway_double: Any,
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard")
    (tmp_path / "token").write_text(influxdb.token)
    address = influxdb.url.removeprefix("http://")
    url = f"influxdb://{address}/?org={influxdb.org}&bucket={influxdb.bucket}&token_file={tmp_path / 'token'}"
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port, readings=url)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        waiting.until(lambda: stored_readings(url) == [1.0], "the first reading is stored")
        influxdb.kill()
        for seq in range(2, 60):
            gateway.send(house.message(GATEWAY, seq))
        gateway.wait_for_receipt(59)
        waiting.until(lambda: "readings store:" in caplog.text, "the outage is logged")
        influxdb.restart()
        waiting.until(lambda: len(stored_readings(url)) == 59, "all readings are stored")
        waiting.until(lambda: "is back" in caplog.text, "the return is logged")
    assert caplog.text.count("the store follows when it is back") == 1
    assert "is back" in caplog.text


def test_records_that_go_away_do_not_stop_known_gateways(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, logger="steelyard")
    monkeypatch.setattr("steelyard.storage.records.database._BUSY_S", 0.1)
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        holder = sqlite3.connect(house.directory / "records.db", timeout=waiting.PATIENCE_S, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")  # nobody else can write
        for seq in range(2, 20):
            gateway.send(house.message(GATEWAY, seq))
        gateway.wait_for_receipt(19)
        waiting.until(lambda: "known gateways go on" in caplog.text, "the outage is logged")
        holder.execute("ROLLBACK")
        holder.close()
        waiting.until(lambda: "are back" in caplog.text, "the return is logged")

        def all_counted() -> bool:
            with open_records(house.records_url) as records:
                row = records.health.of(GATEWAY)
            return row is not None and row.received_frames == 19

        waiting.until(all_counted, "the records have counted all frames")
    assert caplog.text.count("known gateways go on") == 1


def test_a_gateway_registered_while_ingest_runs_is_served_without_a_restart(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
) -> None:
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, OTHER) as other:

        def refused() -> bool:
            other.send(house.message(OTHER, 1))
            if not house.ledger_path.exists():
                return False
            with LedgerReader(house.ledger_path) as ledger:
                return ledger.quarantine_size() == 1

        waiting.until(refused, "the unknown gateway's frame is refused")
        house.register(GATEWAY, OTHER)
        assert other.deliver(house.message(OTHER, 1), house.message(OTHER, 2), upto=2).contiguous_upto == 2


def test_s3_hostile_messages_end_in_quarantine_with_reasons_and_ingest_goes_on(
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
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
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
) -> None:
    house.register(GATEWAY)
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(house.message(GATEWAY, 1), upto=1)
        mosquitto.forget_everything()
        mosquitto.start()
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
    mosquitto: Any, house: Any, running: Any, gateway_double: Any
) -> None:
    house.register(GATEWAY)
    messages = [house.message(GATEWAY, seq) for seq in range(1, 101)]
    with running(house.settings(mosquitto.port)), gateway_double(mosquitto.port, GATEWAY) as gateway:
        gateway.deliver(messages[0], upto=1)
        gateway.send(*random.Random(8).sample(messages * 3, 300))
        gateway.wait_for_receipt(100)
        waiting.until(lambda: len(stored_readings(house.readings_url)) == 100, "all readings are stored")
    with LedgerReader(house.ledger_path) as ledger:
        assert sorted(entry.seq for entry in ledger.frames(0, 1000)) == list(range(1, 101))
        assert ledger.incident_count() == ledger.quarantine_size() == 0
    assert stored_readings(house.readings_url) == [float(seq) for seq in range(1, 101)]


def test_the_counters_say_what_became_of_every_frame(
    mosquitto: Any, house: Any, gateway_double: Any, monkeypatch: pytest.MonkeyPatch,
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
        subscriptions = acknowledged_subscriptions(ingest._client)
        thread = threading.Thread(target=ingest.run, args=(stop,))
        thread.start()
        try:
            with gateway_double(mosquitto.port, GATEWAY) as gateway:
                waiting.until(lambda: len(subscriptions) == 3, "ingest has subscribed")
                gateway.send(house.message(GATEWAY, 1))
                gateway.wait_for_receipt(1)
                gateway.send(
                    house.message(GATEWAY, 1), house.message(GATEWAY, 1, value=1.0), b"bad", house.message(GATEWAY, 2)
                )
                gateway.wait_for_receipt(2)
                waiting.until(lambda: ingest.snapshot().view_lag == 0, "the view has followed")
                now = ingest.snapshot()
        finally:
            stop.set()
            thread.join(waiting.PATIENCE_S)
    assert (now.accepted, now.readings, now.duplicates, now.conflicts) == (2, 4, 1, 1)
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
