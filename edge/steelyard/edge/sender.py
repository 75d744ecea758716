"""The sender: from the spool to the broker, in order, until the receipt.

Its decisions are the window's and the outbox's; this is the shell that owns the connection. Everything but the
broker's callbacks runs in the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import TYPE_CHECKING

from steelyard.broker_config.client import BrokerClient, Will
from steelyard.contracts.status import GatewayStatus, encode_status
from steelyard.contracts.topics import frame_topic, receipt_topic, status_topic
from steelyard.edge.frames import FrameNumber, FrameSpan
from steelyard.edge.outbox import Outbox
from steelyard.edge.receipts import ReceiptReader
from steelyard.edge.spooler import ReadOrder
from steelyard.edge.window import NOTHING, SendWindow, WindowLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from steelyard.broker_config.client import Message
    from steelyard.contracts.clock import Clock
    from steelyard.edge.boot import Boot
    from steelyard.edge.frames import SignedFrame
    from steelyard.edge.settings import EdgeConfig
    from steelyard.edge.spooler import Spooler

logger = logging.getLogger(__name__)

BURST = 8
"""Frames handed to the broker at a stretch: draining a backlog must not hold up a deadline."""
BATCH_FRAMES = 128
BATCH_BYTES = 2**20
"""Of one read from the spool."""
STATUS_EVERY_NS = 10_000_000_000
"""Nanoseconds between two statuses when something changed."""


class ForgetOn(Enum):
    """What lets a frame be forgotten. Only the receipt is safe; the other is there to show it."""

    RECEIPT = "receipt"
    PUBACK = "puback"


class Sender:
    """Sends what the spool holds.

    Args:
        config: who we are and where the broker is.
        boots: those of which frames may be in the spool, this one last.
        kept: the highest number in the spool at start, by boot counter.
        spooler: the spool's thread.
        clock: for the status's time.
        monotonic_ns: for patience.
        missed_polls: asked when a status is written.
        forget_on: RECEIPT; PUBACK loses frames when the broker dies and exists for the test that shows it.
        limits: of the window.
    """

    def __init__(
        self,
        config: EdgeConfig,
        *,
        boots: Sequence[Boot],
        kept: Mapping[int, int],
        spooler: Spooler,
        clock: Clock,
        monotonic_ns: Callable[[], int],
        missed_polls: Callable[[], int],
        forget_on: ForgetOn = ForgetOn.RECEIPT,
        limits: WindowLimits | None = None,
    ) -> None:
        self._config = config
        self._boot = boots[-1]
        self._kept = kept
        self._spooler = spooler
        self._clock = clock
        self._monotonic_ns = monotonic_ns
        self._missed_polls = missed_polls
        self._forget_on = forget_on
        self._loop = asyncio.get_running_loop()
        self._window = SendWindow(limits or WindowLimits())
        self._outbox = Outbox(self._window)
        self._receipts = ReceiptReader(
            gateway=config.gateway, ingest_key=config.ingest_key, boots=boots, highest=self._highest
        )
        self._frame_topic = frame_topic(config.organization, config.gateway)
        self._receipt_topic = receipt_topic(config.organization, config.gateway)
        self._status_topic = status_topic(config.organization, config.gateway)
        self._connected = False
        self._blocked = False
        self._stored = 0
        self._pump_scheduled = False
        self._unreceipted = NOTHING
        self._reason = ""
        self._status_sent: tuple[int, int, str] | None = None
        self._status_ns = 0
        self._packets: dict[int, FrameNumber] = {}
        will = self._status("offline", "connection lost")
        self._client = BrokerClient(
            config.broker,
            on_message=self._on_message,
            on_connect=self._on_connect,
            on_disconnect=self._on_disconnect,
            on_published=self._on_published,
            will=Will(topic=self._status_topic, payload=encode_status(will)),
            # The spool is the queue; a session kept by the broker would only repeat what the window repeats.
            clean_start=True,
        )

    @property
    def idle(self) -> bool:
        """Whether every frame, those on their way to the disk included, has been sent and has its receipt."""
        return (
            self._stored == self._spooler.appended
            and self._outbox.live
            and self._window.frames == 0
            and self._outbox.peek() is None
        )

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connected

    def start(self) -> None:
        """Begin to connect, and keep trying."""
        self._client.start()

    def stored(self, frames: list[SignedFrame]) -> None:
        """`frames` have reached the disk: they may be sent."""
        self._stored += len(frames)
        self._outbox.stored(frames)
        self._pump_soon()

    def say(self, reason: str) -> None:
        """Publish a status with `reason` ("" for none) as soon as may be."""
        self._reason = reason
        self._status_sent = None
        self._publish_status()

    def tick(self) -> None:
        """Look after what time brings: receipts overdue, a status to be renewed. To be called about once a second."""
        now_ns = self._monotonic_ns()
        if self._connected and self._window.overdue(now_ns):
            after = self._window.cursor
            oldest = FrameNumber(boot=after.boot, seq=after.seq + 1)
            if self._unreceipted != oldest:
                self._unreceipted = oldest
                logger.warning("no receipt for frame %d of boot %d: sent again from there", oldest.seq, oldest.boot)
            self._outbox.go_back()
        if now_ns - self._status_ns >= STATUS_EVERY_NS or self._status_sent is None:
            self._publish_status()
        self._pump_soon()

    async def stop(self) -> None:
        """Say goodbye and disconnect."""
        if self._connected:
            payload = encode_status(self._status("offline", "stopped"))
            self._client.publish(self._status_topic, payload, retain=True)
            await asyncio.sleep(0.1)  # the goodbye is worth a moment, no more: the will does not follow a proper end
        await asyncio.to_thread(self._client.stop)

    def _pump_soon(self) -> None:
        """Send what may be sent, one burst a turn of the loop however many receipts come in that turn."""
        if not self._pump_scheduled:
            self._pump_scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send what may be sent now."""
        self._pump_scheduled = False
        if not self._connected:
            return
        self._blocked = False
        for _ in range(BURST):
            if not self._window.has_room:
                return
            frame = self._outbox.peek()
            if frame is None:
                self._order_read()
                return
            packet = self._client.publish(self._frame_topic, frame.message)
            if packet is None:
                self._blocked = True  # goes on with the next acknowledgement
                return
            self._outbox.pop()
            self._window.sent(frame, self._monotonic_ns())
            if self._forget_on is ForgetOn.PUBACK:
                self._packets[packet] = frame.number
        self._pump_soon()

    def _order_read(self) -> None:
        ticket = self._outbox.must_read()
        if ticket is None:
            return

        def deliver(frames: list[SignedFrame]) -> None:
            self._call(self._have_read, ticket, frames)

        self._spooler.read(
            ReadOrder(after=self._window.cursor, max_frames=BATCH_FRAMES, max_bytes=BATCH_BYTES, deliver=deliver)
        )

    def _have_read(self, ticket: int, frames: list[SignedFrame]) -> None:
        self._outbox.read(ticket, frames)
        if frames:
            self._pump_soon()

    def _forget(self, spans: Sequence[FrameSpan]) -> None:
        now_ns = self._monotonic_ns()
        for span in spans:
            self._window.receipted(span, now_ns)
        self._spooler.forget(spans)
        self._pump_soon()

    def _highest(self, boot: int) -> int:
        return max(self._window.highest.get(boot, 0), self._kept.get(boot, 0))

    def _status(self, state: str, reason: str) -> GatewayStatus:
        return GatewayStatus(
            gateway=self._config.gateway,
            boot=self._boot.id,
            state="online" if state == "online" else "offline",
            sent=self._clock.now_ns(),
            missed_polls=self._missed_polls(),
            spooled_frames=self._spooler.frames,
            reason=reason,
        )

    def _publish_status(self) -> None:
        status = self._status("online", self._reason)
        content = (status.missed_polls, status.spooled_frames, status.reason)
        if not self._connected or content == self._status_sent:
            return
        if self._client.publish(self._status_topic, encode_status(status), retain=True) is not None:
            self._status_sent = content
            self._status_ns = self._monotonic_ns()

    # In the event loop, on behalf of the broker's callbacks.

    def _now_connected(self) -> None:
        self._connected = True
        self._status_sent = None
        self._packets.clear()
        self._publish_status()
        self._outbox.go_back()
        self._pump_soon()

    def _now_disconnected(self) -> None:
        self._connected = False
        self._outbox.go_back()

    def _receipt_came(self, payload: bytes) -> None:
        spans = self._receipts.read(payload)
        if spans and self._forget_on is ForgetOn.RECEIPT:
            if self._unreceipted in spans[0]:
                logger.info("receipts come again, up to frame %d of boot %d", spans[0].last, spans[0].boot)
                self._unreceipted = NOTHING
            self._forget(spans)

    def _puback_came(self, packet: int) -> None:
        number = self._packets.pop(packet, None)
        if number is not None:
            self._forget([FrameSpan(boot=number.boot, first=1, last=number.seq)])

    # In the broker client's thread.

    def _on_connect(self, _session_present: bool) -> None:
        self._client.subscribe(self._receipt_topic)
        self._call(self._now_connected)

    def _on_disconnect(self, _reason: str) -> None:
        self._call(self._now_disconnected)

    def _on_message(self, message: Message) -> None:
        if message.topic == self._receipt_topic:
            self._call(self._receipt_came, message.payload)

    def _on_published(self, packet: int, code: int) -> None:
        if self._forget_on is ForgetOn.PUBACK and code < 0x80:
            self._call(self._puback_came, packet)
        elif self._blocked:
            self._call(self._pump_soon)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
