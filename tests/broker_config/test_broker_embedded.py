"""The broker that comes with us, both kinds."""

from __future__ import annotations

import queue
import socket
from typing import TYPE_CHECKING, Any

import pytest
import waiting
from servers.mosquitto import require_mosquitto

from steelyard.broker_config.client import BrokerClient, BrokerSettings, Message
from steelyard.broker_config.embedded import EmbeddedBroker
from steelyard.broker_config.errors import BrokerStartError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("START_S", "STOP_S"):
        monkeypatch.setattr(f"steelyard.broker_config.embedded.{name}", waiting.PATIENCE_S)


@pytest.mark.parametrize(("kind", "protocol"), [("mosquitto", "5"), ("amqtt", "3.1.1")])
def test_it_starts_carries_a_message_stops_and_starts_again(
    kind: Any, protocol: str, tmp_path: Path, free_port: Any
) -> None:
    if kind == "mosquitto":
        require_mosquitto()
    broker = EmbeddedBroker(tmp_path / "broker", free_port(), kind=kind)
    assert broker.protocol == protocol
    for _ in range(2):
        broker.start()
        broker.start()  # a second call changes nothing
        try:
            assert broker.running
            _carry_a_message(broker)
        finally:
            broker.stop()
        assert not broker.running
        broker.stop()


def _carry_a_message(broker: EmbeddedBroker) -> None:
    inbox: queue.Queue[Message] = queue.Queue()

    def on_connect(_session: bool) -> None:
        client.subscribe("a/b")
        client.publish("a/b", b"payload")

    settings = BrokerSettings(port=broker.port, client_id="both", protocol=broker.protocol)
    client = BrokerClient(settings, on_message=inbox.put, on_connect=on_connect)
    client.start()
    try:
        assert inbox.get(timeout=waiting.PATIENCE_S).payload == b"payload"
    finally:
        client.stop()


def test_mosquitto_is_preferred_where_it_is_installed(tmp_path: Path, mosquitto: Any, free_port: Any) -> None:
    assert EmbeddedBroker(tmp_path, free_port()).kind == "mosquitto"


def test_without_mosquitto_it_is_amqtt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Any) -> None:
    monkeypatch.setattr("steelyard.broker_config.embedded.find_mosquitto", lambda: None)
    assert EmbeddedBroker(tmp_path, free_port()).kind == "amqtt"


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_a_port_in_use_is_named(kind: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerStartError, match=str(port)):
            EmbeddedBroker(tmp_path, port, kind=kind).start()


def test_a_broker_that_cannot_start_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Any
) -> None:
    require_mosquitto()
    broker = EmbeddedBroker(tmp_path, free_port(), kind="mosquitto")
    monkeypatch.setattr("steelyard.broker_config.embedded.mosquitto_conf", lambda _settings: "no_such_option 1\n")
    with pytest.raises(BrokerStartError, match="no_such_option"):
        broker.start()
    assert not broker.running
