"""The one module that touches paho-mqtt.

What it adds to paho: a broker that is down at start is an ordinary state; every change of the connection is one log
line; reason codes from 0x80 up (MQTT 5) and refused subscriptions are counted and logged; an acknowledgement can never
hit a message of another connection (packet identifiers are re-used by a broker that lost its memory); and nothing
queues up here while the broker is away, since the edge's spool and the ledger are the queues.

Nothing that keeps data safe rests on what this module is told by the broker: a PUBACK is not a receipt.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from steelyard.broker_config.errors import BrokerSettingsError
from steelyard.broker_config.settings import BrokerSettings, TlsSettings, renew_tls, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["Alarm", "BrokerClient", "BrokerSettings", "Message", "TlsSettings", "Will"]

logger = logging.getLogger(__name__)

FAILURE = 0x80
"""MQTT 5, 2.4: reason codes of 0x80 and more say that an operation failed."""
STOP_WAIT_S = 5.0
"""Seconds that `stop` waits for the network thread of a peer that no longer reads."""


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as it arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool
    """The broker says it may have sent this before (DUP); false proves nothing."""
    packet_id: int
    connection: int
    """Ordinal of the connection it came on; `ack` of an older connection's message does nothing."""


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker publishes for us when the connection breaks."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal by the broker and how often it came since start."""

    operation: str
    """connect, publish, subscribe or disconnect"""
    code: int
    """MQTT 5 reason code, 0x80 or more; 3.1.1: the return code of CONNACK or SUBACK."""
    reason: str
    count: int


class BrokerClient:
    """A connection to the broker that keeps itself up.

    Callbacks run in the client's own network thread; none may block for long, and none may wait for a lock that its
    owner holds while it calls `publish` (paho holds a lock of its own around `on_published`). An exception in a
    callback is logged and the connection lives on; the message it was raised for stays unacknowledged.

    Args:
        settings: where the broker is and how to speak to it.
        on_message: called with each message.
        on_connect: called after each successful connection with whether the broker kept our session. Subscribe here.
        on_disconnect: called with the reason each time an established connection is gone.
        on_published: called with packet id and reason code when the broker has acknowledged a QoS 1 publish. It may be
            called before `publish` has returned. A PUBACK proves nothing about durability.
        will: published by the broker when we vanish.
        clean_start: True: the broker forgets our session at each connection. False: it queues while we are away.
        session_expiry_s: seconds that the broker keeps the session while we are away (MQTT 5; 3.1.1 has no such limit).
        manual_ack: True: QoS 1 messages are acknowledged by `ack` only.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        on_message: Callable[[Message], None] | None = None,
        on_connect: Callable[[bool], None] | None = None,
        on_disconnect: Callable[[str], None] | None = None,
        on_published: Callable[[int, int], None] | None = None,
        will: Will | None = None,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        manual_ack: bool = False,
    ) -> None:
        self.settings = settings
        self._on_message, self._on_connect, self._on_disconnect = on_message, on_connect, on_disconnect
        self._on_published = on_published
        self._clean_start, self._session_expiry_s = clean_start, session_expiry_s
        self._lock = threading.Lock()
        self._connection = 0
        self._connected = False
        self._stopping = False
        self._window = settings.send_window
        self._outstanding = 0
        self._largest_packet: int | None = None
        self._last_line = ""
        self._tls_trouble = ""
        self._alarms: dict[tuple[str, int], Alarm] = {}
        five = settings.protocol == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            clean_session=None if five else clean_start,
            manual_ack=manual_ack,
        )
        client = self._client
        client.max_inflight_messages_set(settings.send_window)
        client.max_queued_messages_set(settings.send_window)
        client.reconnect_delay_set(settings.reconnect_min_s, settings.reconnect_max_s)
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        client.on_message = self._handle_message
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_disconnect = self._handle_disconnect
        client.on_publish = self._handle_published
        client.on_subscribe = self._handle_subscribed
        client.on_socket_close = self._handle_socket_close

    def start(self) -> None:
        """Begin to connect, and keep trying; returns at once.

        Raises:
            BrokerSettingsError: a TLS file cannot be used. A broker that is down raises nothing.
        """
        tls = self.settings.tls
        if tls is not None:
            context = tls_context(tls)
            self._client.tls_set_context(context)
            self._client.on_pre_connect = lambda _client, _userdata: self._renew(context, tls)
        options: dict[str, Any] = {}
        if self.settings.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = self.settings.receive_maximum
            properties.SessionExpiryInterval = self._session_expiry_s
            options = {"clean_start": self._clean_start, "properties": properties}
        self._client.connect_async(self.settings.host, self.settings.port, self.settings.keepalive_s, **options)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye (no will is sent) and end the network thread; waits at most a few seconds."""
        self._stopping = True
        self._client.disconnect()
        self._client.drop_out_messages()
        # paho joins its thread without limit, and a peer that no longer reads holds that thread until keep-alive ends.
        waiter = threading.Thread(target=self._end_thread, name="broker-stop", daemon=True)
        waiter.start()
        waiter.join(STOP_WAIT_S)

    def _end_thread(self) -> None:
        self._client.loop_stop()
        # The two sockets by which paho wakes its thread; of itself it leaves them to the garbage collector.
        self._client._reset_sockets(sockpair_only=True)  # noqa: SLF001 - there is no public way

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int | None:
        """Hand a message to the connection.

        Returns:
            The packet id, or None when it was not taken: not connected, `send_window` messages are unacknowledged, or
            it exceeds the packet size the broker accepts (an alarm). Nothing is kept for later: the caller's queue is
            the queue. What was taken and not acknowledged when the connection falls is dropped as well.
        """
        if not self._connected:
            return None
        largest = self._largest_packet
        if largest is not None and len(payload) + len(topic) + 16 > largest:
            self._alarm("publish", 0x95, f"packet too large: {len(payload)} bytes, the broker takes {largest}")
            return None
        if qos > 0:
            with self._lock:
                if self._outstanding >= self._window:
                    return None
                self._outstanding += 1
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def subscribe(self, topic: str, qos: int = 1) -> None:
        """Ask for a topic filter; to be repeated in each `on_connect`. A refusal becomes an alarm."""
        self._client.subscribe(topic, qos=qos)

    def ack(self, message: Message) -> bool:
        """Acknowledge a message taken with `manual_ack`.

        Returns:
            False when its connection is gone: the broker will send it again.
        """
        with self._lock:
            if message.connection != self._connection or not self._connected:
                return False
            self._client.ack(message.packet_id, message.qos)
            return True

    @property
    def connected(self) -> bool:
        """True between the broker's CONNACK and the end of the connection."""
        return self._connected

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Every refusal by the broker since start."""
        with self._lock:
            return tuple(self._alarms.values())

    def _handle_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if self._on_message is None:
            return
        try:
            self._on_message(
                Message(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    qos=message.qos,
                    retain=bool(message.retain),
                    duplicate=bool(message.dup),
                    packet_id=message.mid,
                    connection=self._connection,
                )
            )
        except Exception:  # the network thread must live on
            logger.exception("a message on %r could not be handled and stays unacknowledged", message._topic)  # noqa: SLF001 - the text may not be UTF-8

    def _handle_connect(
        self, _client: Client, _userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._alarm("connect", reason.value, str(reason))
            self._log_change(logging.ERROR, "broker %s refuses us: %s; trying again", self.settings.address, reason)
            return
        with self._lock:
            self._connection += 1
            self._connected = True
        self._largest_packet = getattr(properties, "MaximumPacketSize", None)
        # MQTT 5, 4.9: never more in flight than the broker said it takes.
        self._window = min(self.settings.send_window, getattr(properties, "ReceiveMaximum", self.settings.send_window))
        session = "session resumed" if flags.session_present else "new session"
        self._log_change(logging.INFO, "connected to broker %s, %s", self.settings.address, session)
        if self._on_connect is not None:
            self._guard("on_connect", self._on_connect, flags.session_present)

    def _renew(self, context: ssl.SSLContext, tls: TlsSettings) -> None:
        """Before each attempt to connect, in the network thread."""
        try:
            renew_tls(context, tls)
        except BrokerSettingsError as error:
            if str(error) != self._tls_trouble:
                logger.warning("going on with the certificate that was read before: %s", error)
            self._tls_trouble = str(error)
        else:
            self._tls_trouble = ""

    def _handle_connect_fail(self, _client: Client, _userdata: object) -> None:
        # paho calls this inside its `except OSError`, and passes the error on in no other way.
        error = sys.exc_info()[1]
        self._log_change(
            logging.WARNING,
            "cannot reach broker %s (%s); trying again",
            self.settings.address,
            error or "no reason given",
        )

    def _handle_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value >= FAILURE:
            self._alarm("disconnect", reason.value, str(reason))
        if self._stopping:
            self._log_change(logging.INFO, "disconnected from broker %s", self.settings.address)
        else:
            self._log_change(
                logging.WARNING, "lost broker %s (%s); trying again", self.settings.address, str(reason).lower()
            )
        if self._on_disconnect is not None:
            self._guard("on_disconnect", self._on_disconnect, str(reason))

    def _handle_socket_close(self, client: Client, _userdata: object, _socket: object) -> None:
        with self._lock:
            self._connected = False
            self._connection += 1
            self._outstanding = 0
        client.drop_out_messages()

    def _handle_published(
        self, _client: Client, _userdata: object, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._lock:
            self._outstanding = max(0, self._outstanding - 1)
        if reason.value >= FAILURE:
            self._alarm("publish", reason.value, str(reason))
        if self._on_published is not None:
            self._guard("on_published", self._on_published, packet_id, reason.value)

    def _handle_subscribed(
        self, _client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for reason in reasons:
            if reason.value >= FAILURE:
                self._alarm("subscribe", reason.value, str(reason))

    def _guard(self, name: str, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:  # the network thread must live on
            logger.exception("callback %s failed", name)

    def _alarm(self, operation: str, code: int, reason: str) -> None:
        with self._lock:
            known = self._alarms.get((operation, code))
            count = 1 if known is None else known.count + 1
            self._alarms[operation, code] = Alarm(operation=operation, code=code, reason=reason, count=count)
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th: a flood of refusals must not flood the log
            logger.error(
                "broker %s refused %s: %s (0x%02x), %d times", self.settings.host, operation, reason, code, count
            )

    def _log_change(self, level: int, template: str, *arguments: object) -> None:
        line = template % arguments
        if line != self._last_line:
            self._last_line = line
            logger.log(level, line)
