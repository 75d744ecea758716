"""Promise S5: a gateway cannot write for another. A real Mosquitto with the configuration and ACL that we generate."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import waiting
from servers.broker_client import acknowledged_subscriptions, failed_connections, nothing_in_flight
from servers.mosquitto import require_mosquitto

from steelyard.broker_config.acl import acl_file
from steelyard.broker_config.authority import Authority, Issued
from steelyard.broker_config.client import BrokerClient, BrokerSettings, Message, TlsSettings
from steelyard.broker_config.conf import MosquittoSettings, ServerTls, mosquitto_conf
from steelyard.contracts.frame import MAX_FRAME_BYTES
from steelyard.contracts.identifiers import parse_gateway_id, parse_organization_id
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, command_topic, frame_topic, receipt_topic, status_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("quick_reconnection")
NOW = datetime.now(tz=UTC)
OUR_ORG, OUR_GATEWAY = parse_organization_id("hengyuan"), parse_gateway_id("gw-1")
THEIR_ORG, THEIR_GATEWAY = parse_organization_id("linjiang"), parse_gateway_id("gw-2")
NOT_AUTHORIZED = 0x87
OWN_FRAME = frame_topic(OUR_ORG, OUR_GATEWAY)
LAST = b"the last one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A broker with our configuration, the authority that signed for it, and ingest listening to all frames."""

    port: int
    directory: Path
    authority: Authority
    inbox: queue.Queue[Message]
    revoked: TlsSettings
    log: Callable[[], str]

    def client_tls(self, issued: Issued, name: str) -> TlsSettings:
        certificate, key = issued.write(self.directory, name)
        return TlsSettings(ca=str(self.directory / "ca.crt"), certificate=str(certificate), key=str(key))

    def gateway(self) -> TlsSettings:
        return self.client_tls(self.authority.issue_gateway(OUR_ORG, OUR_GATEWAY, NOW), "gateway")

    def settings(self, tls: TlsSettings | None, client_id: str = "anything", **more: Any) -> BrokerSettings:
        return BrokerSettings(host="localhost", port=self.port, client_id=client_id, tls=tls, **more)

    def received(self) -> list[str]:
        """Topics of everything that has come to ingest before a message which a good gateway sends now."""
        attempt(self.settings(self.gateway()), lambda client: bool(client.publish(OWN_FRAME, LAST)))
        topics = []
        while (message := self.inbox.get(timeout=waiting.PATIENCE_S)).payload != LAST:
            topics.append(message.topic)
        return topics


@pytest.fixture
def secured(mosquitto_factory: Any, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Secured]:
    authority = Authority.create(NOW)
    authority.save(tmp_path)
    certificate, key = authority.issue_server(["localhost", "127.0.0.1"], NOW).write(tmp_path, "server")
    (tmp_path / "acl").write_text(acl_file())
    revoked = authority.issue_gateway(OUR_ORG, OUR_GATEWAY, NOW)
    (tmp_path / "revoked.pem").write_bytes(authority.revocation_list([revoked.certificate], NOW))
    port = free_port()
    tls = ServerTls(
        ca=str(tmp_path / "ca.crt"),
        certificate=str(certificate),
        key=str(key),
        acl=str(tmp_path / "acl"),
        revoked=str(tmp_path / "revoked.pem"),
    )
    conf = mosquitto_conf(MosquittoSettings(port=port, bind="127.0.0.1", tls=tls, directory=str(tmp_path), user="root"))
    broker = mosquitto_factory(conf, port=port)
    inbox: queue.Queue[Message] = queue.Queue()
    tls_of_revoked = TlsSettings(
        ca=str(tmp_path / "ca.crt"), certificate=str(tmp_path / "r.crt"), key=str(tmp_path / "r.key")
    )
    revoked.write(tmp_path, "r")
    made = Secured(
        port=port, directory=tmp_path, authority=authority, inbox=inbox, revoked=tls_of_revoked, log=lambda: broker.log
    )
    ingest_tls = made.client_tls(authority.issue_ingest(NOW), "ingest")

    def subscribe(_session: bool) -> None:
        ingest.subscribe(SUBSCRIBE_FRAMES)

    ingest = BrokerClient(made.settings(ingest_tls, "ingest"), on_message=inbox.put, on_connect=subscribe)
    subscribed = acknowledged_subscriptions(ingest)
    ingest.start()
    waiting.until(lambda: subscribed, "ingest has subscribed", say=made.log)
    yield made
    ingest.stop()


def attempt(settings: BrokerSettings, act: Callable[[BrokerClient], None] | None = None) -> tuple[bool, BrokerClient]:
    """Connect, `act`, and wait for the broker's answers.

    Whether a connection came about at all (not, if two attempts failed), and the client with its alarms.
    """
    client = BrokerClient(settings)
    failed = failed_connections(client)
    client.start()
    try:
        waiting.until(lambda: client.connected or len(failed) >= 2, "the broker has accepted or refused us")
        connected = client.connected
        if connected and act is not None:
            act(client)
            waiting.until(lambda: nothing_in_flight(client), "the broker has answered")
        return connected, client
    finally:
        client.stop()


def test_a_certificate_that_is_renewed_is_used_at_the_next_connection_without_a_restart(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    """A gateway runs for years, a certificate does not; and one that is being replaced breaks nothing."""
    old = secured.authority.issue_gateway(OUR_ORG, OUR_GATEWAY, NOW - timedelta(days=900))  # expired
    connections: list[bool] = []
    client = BrokerClient(
        secured.settings(secured.client_tls(old, "gateway"), reconnect_max_s=1), on_connect=connections.append
    )
    failed = failed_connections(client)
    client.start()
    try:
        waiting.until(lambda: len(failed) >= 2, "two attempts have failed")
        assert not connections, "the control: the old one is refused"
        secured.gateway()
        waiting.until(lambda: connections, "the new one is accepted")
        (secured.directory / "gateway.crt").write_bytes(old.certificate)  # it does not fit the key
        client._client.socket().shutdown(socket.SHUT_RDWR)
        waiting.until(lambda: len(connections) == 2, "the client has connected again")
        assert "going on with the certificate that was read before" in caplog.text
    finally:
        client.stop()


def test_s5_a_gateway_with_its_certificate_writes_its_own_topics(secured: Secured) -> None:
    def act(client: BrokerClient) -> None:
        assert client.publish(OWN_FRAME, b"own") is not None
        assert client.publish(status_topic(OUR_ORG, OUR_GATEWAY), b"own", retain=True) is not None

    connected, client = attempt(secured.settings(secured.gateway()), act)
    assert connected
    assert client.alarms == ()
    assert secured.received() == [OWN_FRAME]


FOREIGN = (
    frame_topic(THEIR_ORG, THEIR_GATEWAY),  # another organization's gateway
    frame_topic(OUR_ORG, THEIR_GATEWAY),  # another gateway of the organization
    frame_topic(THEIR_ORG, OUR_GATEWAY),  # its own name at another organization
    status_topic(THEIR_ORG, THEIR_GATEWAY),
    receipt_topic(OUR_ORG, OUR_GATEWAY),  # a receipt to itself
    command_topic(OUR_ORG, OUR_GATEWAY),  # a command to itself
    OWN_FRAME + "/deeper",
    "elsewhere",
)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_s5_a_publish_on_a_foreign_topic_is_refused(secured: Secured, protocol: Any) -> None:
    def act(client: BrokerClient) -> None:
        for topic in FOREIGN:
            assert client.publish(topic, b"foreign") is not None
        client.publish(OWN_FRAME, b"own")

    connected, client = attempt(secured.settings(secured.gateway(), protocol=protocol), act)
    assert connected
    assert secured.received() == [OWN_FRAME], "only the positive control arrives"
    refused = [(alarm.operation, alarm.code, alarm.count) for alarm in client.alarms]
    # 3.1.1 cannot say it, which is the reason why receipts, not PUBACKs, are the proof.
    assert refused == ([("publish", NOT_AUTHORIZED, len(FOREIGN))] if protocol == "5" else [])


def test_s5_a_wildcard_subscription_shows_a_gateway_nothing_of_others(secured: Secured) -> None:
    seen: queue.Queue[Message] = queue.Queue()
    own, theirs = receipt_topic(OUR_ORG, OUR_GATEWAY), receipt_topic(THEIR_ORG, THEIR_GATEWAY)

    def subscribe(_session: bool) -> None:
        for pattern in (
            "#",
            "$SYS/#",
            "steelyard/v1/+/+/frame",
            "steelyard/v1/+/+/receipt",
            f"steelyard/v1/{THEIR_ORG}/#",
        ):
            spy.subscribe(pattern)

    def act(client: BrokerClient) -> None:
        client.publish(theirs, b"theirs")
        client.publish(own, b"ours")

    spy = BrokerClient(secured.settings(secured.gateway()), on_message=seen.put, on_connect=subscribe)
    answers = acknowledged_subscriptions(spy)
    spy.start()
    try:
        waiting.until(lambda: len(answers) == 5, "the broker has answered all five")
        other = secured.client_tls(secured.authority.issue_gateway(THEIR_ORG, THEIR_GATEWAY, NOW), "other")
        attempt(
            secured.settings(other), lambda client: bool(client.publish(frame_topic(THEIR_ORG, THEIR_GATEWAY), b"x"))
        )
        # Ingest's certificate takes over the session of the fixture's ingest, by intent.
        attempt(secured.settings(secured.client_tls(secured.authority.issue_ingest(NOW), "second")), act)
        waiting.until(lambda: own in {message.topic for message in list(seen.queue)}, "its own receipt arrives")
    finally:
        spy.stop()
    assert {message.topic for message in seen.queue} == {own}, "its own receipt is the positive control"


def _expired(secured: Secured) -> TlsSettings:
    issued = secured.authority.issue_gateway(OUR_ORG, OUR_GATEWAY, NOW - timedelta(days=30), days=1)
    return secured.client_tls(issued, "expired")


def _other_authority(secured: Secured) -> TlsSettings:
    return secured.client_tls(Authority.create(NOW).issue_gateway(OUR_ORG, OUR_GATEWAY, NOW), "foreign")


def _server_certificate(secured: Secured) -> TlsSettings:
    return secured.client_tls(secured.authority.issue_server([f"{OUR_ORG}/{OUR_GATEWAY}"], NOW), "server-as-client")


def _revoked(secured: Secured) -> TlsSettings:
    return secured.revoked


@pytest.mark.parametrize("make", [_expired, _other_authority, _server_certificate, _revoked])
def test_s5_a_certificate_that_is_not_good_connects_nobody(secured: Secured, make: Any) -> None:
    assert attempt(secured.settings(secured.gateway()))[0], "the positive control"
    settings = secured.settings(make(secured))
    assert not attempt(settings, lambda client: bool(client.publish(OWN_FRAME, b"x")))[0]
    assert secured.received() == []


def test_s5_no_certificate_connects_nobody(secured: Secured) -> None:
    context = ssl.create_default_context(cafile=str(secured.directory / "ca.crt"))
    connect = bytes.fromhex("101500044d5154540502003c0000086e6f2d6e616d6573")
    answer = b""
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        socket.create_connection(("127.0.0.1", secured.port), timeout=waiting.PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.sendall(connect)
        answer = stream.recv(4)
    assert answer == b"", "a CONNACK to a stranger"


def test_s5_plain_text_connects_nobody(secured: Secured) -> None:
    connected, _ = attempt(secured.settings(None))
    assert not connected


def test_a_client_id_is_the_certificates_name_so_that_nobody_takes_over_a_session(secured: Secured) -> None:
    ours = BrokerClient(secured.settings(secured.gateway(), "the-same-id"))
    ours.start()
    try:
        waiting.until(lambda: ours.connected, "our connection")
        first = ours._connection
        other = secured.client_tls(secured.authority.issue_gateway(THEIR_ORG, THEIR_GATEWAY, NOW), "other")
        connected, _ = attempt(secured.settings(other, "the-same-id"))
        assert connected
        assert ours.publish(OWN_FRAME, b"still here") is not None
        waiting.until(lambda: nothing_in_flight(ours), "the broker has answered")
        assert (ours.connected, ours._connection) == (True, first), "the other's connection ended ours"
    finally:
        ours.stop()


def test_s5_mqtt_3_1_1_is_refused_where_configured_and_an_old_broker_says_that_it_cannot(
    mosquitto_factory: Any, tmp_path: Path, free_port: Any
) -> None:
    port = free_port()
    settings = MosquittoSettings(
        port=port, bind="127.0.0.1", tls=None, directory=str(tmp_path), user="root", only_mqtt_5=True
    )
    said = subprocess.run([require_mosquitto(), "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    assert version is not None
    if (int(version[1]), int(version[2])) < (2, 1):
        with pytest.raises(RuntimeError, match="accept_protocol_versions"):
            mosquitto_factory(mosquitto_conf(settings), port=port)
        return
    mosquitto_factory(mosquitto_conf(settings), port=port)
    assert attempt(BrokerSettings(port=port, client_id="five"))[0], "the positive control"
    assert not attempt(BrokerSettings(port=port, client_id="three", protocol="3.1.1"))[0]


def test_a_frame_of_the_largest_size_passes_and_a_larger_packet_does_not(secured: Secured) -> None:
    def act(client: BrokerClient) -> None:
        assert client.publish(OWN_FRAME, bytes(MAX_FRAME_BYTES)) is not None
        assert client.publish(OWN_FRAME, bytes(MAX_FRAME_BYTES + 2_000)) is None, "the broker has told its limit"

    connected, client = attempt(secured.settings(secured.gateway()), act)
    assert connected
    assert [alarm.operation for alarm in client.alarms] == ["publish"]
    assert secured.received() == [OWN_FRAME]


def test_a_strangers_huge_connect_is_cut_off_before_it_is_buffered(
    mosquitto_factory: Any, tmp_path: Path, free_port: Any
) -> None:
    port = free_port()
    conf = mosquitto_conf(
        MosquittoSettings(port=port, bind="127.0.0.1", tls=None, directory=str(tmp_path), user="root")
    )
    mosquitto_factory(conf, port=port)
    with socket.create_connection(("127.0.0.1", port), timeout=waiting.PATIENCE_S) as stranger:
        stranger.sendall(b"\x10\xff\xff\xff\x7f" + bytes(100))  # CONNECT of 256 MiB announced
        # A connection that was served after it, question and answer: the broker has dealt with the stranger.
        known = BrokerSettings(port=port, client_id="known")
        assert attempt(known, lambda client: bool(client.publish("elsewhere", b"x")))[0]
        stranger.setblocking(False)
        try:
            answer = stranger.recv(10)
        except ConnectionError:
            answer = b""
        assert answer == b"", "the broker waits for the rest"
