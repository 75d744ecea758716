"""The connection to the broker, against a real Mosquitto."""

from __future__ import annotations

import errno
import logging
import os
import pty
import queue
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import waiting
from cryptography.hazmat.primitives import serialization
from servers.broker_client import acknowledged_subscriptions, failed_connections

from steelyard.broker_config.authority import Authority
from steelyard.broker_config.client import BrokerClient, BrokerSettings, Message, Will
from steelyard.broker_config.errors import BrokerSettingsError
from steelyard.broker_config.settings import TlsSettings, tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("quick_reconnection")
NOW = datetime.now(tz=UTC)


@contextmanager
def running(settings: BrokerSettings, *, subscribe: str | None = None, **arguments: Any) -> Iterator[BrokerClient]:
    """A client that is connected to nothing yet, or subscribed to `subscribe` when the block begins."""

    def on_connect(_session: bool) -> None:
        if subscribe is not None:
            client.subscribe(subscribe)

    client = BrokerClient(settings, on_connect=on_connect, **arguments)
    subscribed = acknowledged_subscriptions(client)
    client.start()
    try:
        if subscribe is not None:
            waiting.until(lambda: subscribed, "the SUBACK arrives")
        yield client
    finally:
        client.stop()


def settings_for(port: int, client_id: str, **more: Any) -> BrokerSettings:
    return BrokerSettings(port=port, client_id=client_id, reconnect_max_s=1, **more)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_published_message_arrives_with_its_bytes(mosquitto: Any, protocol: Any) -> None:
    inbox: queue.Queue[Message] = queue.Queue()
    published: queue.Queue[tuple[int, int]] = queue.Queue()
    reader_settings = settings_for(mosquitto.port, "reader", protocol=protocol)
    writer_settings = settings_for(mosquitto.port, "writer", protocol=protocol)
    with (
        running(reader_settings, on_message=inbox.put, subscribe="a/b"),
        running(writer_settings, on_published=lambda *arguments: published.put(arguments)) as writer,
    ):
        waiting.until(lambda: writer.connected, "the writer is connected")
        assert writer.publish("a/b", b"\x00\xff") is not None
        message = inbox.get(timeout=waiting.PATIENCE_S)
        assert published.get(timeout=waiting.PATIENCE_S)[1] == 0
    assert (message.topic, message.payload, message.qos) == ("a/b", b"\x00\xff", 1)


def test_a_broker_that_is_down_at_start_is_one_log_line_and_then_a_connection(
    mosquitto: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="steelyard.broker_config.client")
    mosquitto.kill()
    with running(settings_for(mosquitto.port, "early")) as client:
        attempts = failed_connections(client)
        waiting.until(lambda: len(attempts) >= 3, "three attempts have failed")
        assert not client.connected
        assert client.publish("a/b", b"x") is None
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == 1, lines
        assert f"127.0.0.1:{mosquitto.port}" in lines[0]
        assert "refused" in lines[0]
        mosquitto.restart()
        waiting.until(lambda: client.connected, "the client is connected")
    assert "connected to broker" in caplog.records[1].getMessage()


def test_nothing_is_held_for_a_broker_that_is_away(mosquitto: Any) -> None:
    with running(settings_for(mosquitto.port, "writer", send_window=4)) as client:
        waiting.until(lambda: client.connected, "the client is connected")
        mosquitto.kill()
        waiting.until(lambda: not client.connected, "the client has noticed")
        assert [client.publish("a/b", b"x") for _ in range(100)] == [None] * 100
        assert len(client._client._out_messages) == 0


@contextmanager
def broker_that_never_acknowledges(connack: bytes, **settings: Any) -> Iterator[BrokerClient]:
    """A listener that answers CONNECT with `connack` and then reads no more, and a client connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(waiting.PATIENCE_S)
        port = listener.getsockname()[1]
        with running(settings_for(port, "writer", **settings)) as client:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(connack)
                waiting.until(lambda: client.connected, "the client is connected")
                yield client


def test_no_more_than_the_send_window_is_unacknowledged() -> None:
    with broker_that_never_acknowledges(b"\x20\x03\x00\x00\x00", send_window=8) as client:
        taken = [client.publish("a/b", b"x") for _ in range(20)]
        assert [mid is not None for mid in taken] == [True] * 8 + [False] * 12


def test_limits_that_the_broker_announces_are_kept() -> None:
    # CONNACK with Receive Maximum (0x21) 3 and Maximum Packet Size (0x27) 100
    with broker_that_never_acknowledges(b"\x20\x0b\x00\x00\x08\x21\x00\x03\x27\x00\x00\x00\x64") as client:
        assert client.publish("a/b", bytes(200)) is None
        assert [client.publish("a/b", b"x") is not None for _ in range(5)] == [True] * 3 + [False] * 2
        assert [(alarm.operation, alarm.code) for alarm in client.alarms] == [("publish", 0x95)]


def test_the_will_is_published_when_the_client_dies_and_not_when_it_stops(mosquitto: Any) -> None:
    inbox: queue.Queue[Message] = queue.Queue()

    def will(payload: bytes) -> Will:
        return Will(topic="state", payload=payload, retain=False)

    with running(settings_for(mosquitto.port, "reader"), on_message=inbox.put, subscribe="state"):
        with running(settings_for(mosquitto.port, "polite"), will=will(b"polite")) as polite:
            waiting.until(lambda: polite.connected, "the polite client is connected")
        with running(settings_for(mosquitto.port, "dying"), will=will(b"dying")) as dying:
            waiting.until(lambda: dying.connected, "the dying client is connected")
            dying._client._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            # The polite one's would have come before it.
            assert inbox.get(timeout=waiting.PATIENCE_S).payload == b"dying"
    assert inbox.empty()


def test_an_acknowledgement_of_an_older_connection_is_not_sent(mosquitto: Any) -> None:
    inbox: queue.Queue[Message] = queue.Queue()
    options: dict[str, Any] = {"clean_start": False, "session_expiry_s": 60, "manual_ack": True}
    settings = settings_for(mosquitto.port, "reader")
    with (
        running(settings, on_message=inbox.put, subscribe="a/b", **options) as reader,
        running(settings_for(mosquitto.port, "writer")) as writer,
    ):
        waiting.until(lambda: writer.connected, "the writer is connected")
        writer.publish("a/b", b"1")
        first = inbox.get(timeout=waiting.PATIENCE_S)
        reader._client._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        again = inbox.get(timeout=waiting.PATIENCE_S)
        assert again.payload == b"1"
        assert again.connection > first.connection
        assert reader.ack(first) is False
        assert reader.ack(again) is True


def test_a_callback_that_fails_is_logged_and_the_connection_lives(
    mosquitto: Any, caplog: pytest.LogCaptureFixture
) -> None:
    inbox: queue.Queue[Message] = queue.Queue()

    def on_message(message: Message) -> None:
        inbox.put(message)
        if message.payload == b"bad":
            raise RuntimeError("cannot digest this")

    def on_published(_packet: int, _code: int) -> None:
        raise RuntimeError("nor this")

    settings = settings_for(mosquitto.port, "both")
    with running(settings, on_message=on_message, on_published=on_published, subscribe="a/b") as client:
        client.publish("a/b", b"bad")
        client.publish("a/b", b"good")
        assert [inbox.get(timeout=waiting.PATIENCE_S).payload for _ in range(2)] == [b"bad", b"good"]
        waiting.until(lambda: "nor this" in caplog.text, "the failure is logged")
    assert "cannot digest this" in caplog.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 0),
        ("keepalive_s", 1),
        ("receive_maximum", 70_000),
        ("send_window", 0),
        ("host", ""),
        ("host", "x" * 64),
        ("host", "broker..example"),
        ("host", ".example"),
        ("client_id", "a b"),
        ("reconnect_max_s", 0),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(BrokerSettingsError) as caught:
        BrokerSettings(**{"client_id": "x", field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
    assert field in str(caught.value)
    assert caught.value.remedy in str(caught.value)


def test_settings_never_show_the_password() -> None:
    assert "hunter2" not in repr(BrokerSettings(client_id="x", username="u", password="hunter2"))


def test_a_missing_tls_file_is_named_before_anything_connects(tmp_path: Path) -> None:
    tls = TlsSettings(ca="ca.pem", certificate="c.pem", key="k.pem")
    settings = BrokerSettings(client_id="x", tls=tls).relative_to(tmp_path)
    with pytest.raises(BrokerSettingsError, match=r"tls\.ca") as caught:
        BrokerClient(settings).start()
    assert str(tmp_path / "ca.pem") in str(caught.value)


@pytest.fixture
def tls_files(tmp_path: Path) -> TlsSettings:
    authority = Authority.create(NOW)
    authority.save(tmp_path)
    certificate, key = authority.issue_ingest(NOW).write(tmp_path, "ingest")
    return TlsSettings(ca=str(tmp_path / "ca.crt"), certificate=str(certificate), key=str(key))


def test_a_tls_file_that_may_not_be_read_is_named(tls_files: TlsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    tls_context(tls_files)
    opened = Path.open

    def refuse(path: Path, *arguments: Any) -> Any:
        if str(path) == tls_files.key:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BrokerSettingsError, match=r"ingest\.key' is not a file that we may read \(Permission denied\)"):
        tls_context(tls_files)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tls_files: TlsSettings) -> None:
    path = Path(tls_files.key)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    program = (
        "import sys\nfrom steelyard.broker_config.settings import TlsSettings, tls_context\n"
        "tls_context(TlsSettings(ca=sys.argv[1], certificate=sys.argv[2], key=sys.argv[3]))"
    )
    command = [sys.executable, "-c", program, tls_files.ca, tls_files.certificate, tls_files.key]
    us, terminal = pty.openpty()
    tried = subprocess.run(
        command,
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=waiting.PATIENCE_S,
        check=False,
        start_new_session=True,
    )
    os.close(us)
    os.close(terminal)
    assert "the key unencrypted" in tried.stderr
