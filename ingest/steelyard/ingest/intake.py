"""From messages to a committed ledger: judge, append, and only then acknowledge.

`prepare` decides what each message is and touches no store; `commit` writes, may fail, and may be called again with the
same batch. Nothing is acknowledged, counted, receipted or shown before everything of the batch is on disk.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from steelyard.broker_config.acl import DROPPED_TOPIC
from steelyard.contracts.errors import TopicError
from steelyard.contracts.frame import Frame
from steelyard.contracts.topics import TopicKind, TopicName, parse_topic
from steelyard.ingest.judgement import CURABLE, Reason, Refused, judge_frame, judge_status
from steelyard.ingest.metrics import Counters
from steelyard.storage.ledger import FrameEntry, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steelyard.broker_config.client import Message
    from steelyard.contracts.clock import Clock
    from steelyard.contracts.status import GatewayStatus
    from steelyard.ingest.health import HealthBook
    from steelyard.ingest.receipts import ReceiptDesk
    from steelyard.ingest.registry import RegistryView
    from steelyard.storage.ledger import Head

logger = logging.getLogger(__name__)

_TOPICS = 100_000
_REFUSALS = 10_000


class LedgerWriter(Protocol):
    """What intake needs of `storage.ledger.Ledger`."""

    def append(self, entries: Sequence[FrameEntry]) -> list[Outcome]:
        """Commit all of it or nothing."""
        ...

    def quarantine(self, gateway: str, topic: str, reason: str, message: bytes, received_ns: int) -> bool:
        """Keep a refused message; False if it was only counted."""
        ...

    def head(self) -> Head:
        """Size and root."""
        ...


@dataclass(slots=True, kw_only=True)
class Batch:
    """Messages with what they were found to be. `frames` and `entries` belong together, one for one."""

    messages: Sequence[Message]
    entries: list[FrameEntry] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    statuses: list[GatewayStatus] = field(default_factory=list)
    refused: list[tuple[Message, Refused]] = field(default_factory=list)
    outcomes: list[Outcome] | None = None
    """What became of `entries`, once they are committed."""
    first: int = 0
    """The index that the first new entry got in the ledger."""
    quarantined: int = 0
    """How many of `refused` are in quarantine by now: a batch that is tried again goes on there."""


class Intake:
    """Judges and commits batches. Used by one thread.

    Args:
        ledger: where frames go.
        registry: gives the registry as it is known now.
        refresh: reads the registry anew unless that was done just now; gives it as it is known then.
        clock: for the time of receipt.
        acknowledge: tells the broker that a message is dealt with.
        receipts: owes a receipt for each boot that something came of.
        health: is told what was stored and what gateways say.
        show: is given frames that are new in the ledger, and the index of the first, for the readings store.
    """

    def __init__(
        self,
        *,
        ledger: LedgerWriter,
        registry: Callable[[], RegistryView],
        refresh: Callable[[], RegistryView],
        clock: Clock,
        acknowledge: Callable[[Message], object],
        receipts: ReceiptDesk,
        health: HealthBook,
        show: Callable[[int, Sequence[Frame]], None],
    ) -> None:
        self._ledger, self._registry, self._refresh, self._clock = ledger, registry, refresh, clock
        self._acknowledge, self._receipts, self._health, self._show = acknowledge, receipts, health, show
        self._topics: dict[str, TopicName] = {}
        self._refusals: OrderedDict[bytes, None] = OrderedDict()
        self._quarantine_full = False
        self._dropped = 0
        self.counters = Counters()

    def prepare(self, messages: Sequence[Message]) -> Batch:
        """Decide what each message is. Raises nothing: what cannot be used is refused with a reason."""
        batch = Batch(messages=messages)
        registry = self._registry()
        received_ns = self._clock.now_ns()
        for message in messages:
            judged = self._judge(message, registry)
            if isinstance(judged, Refused) and judged.reason in CURABLE:
                fresh = self._refresh()
                if fresh is not registry:
                    registry = fresh
                    judged = self._judge(message, registry)
            if isinstance(judged, Frame):
                entry = FrameEntry(
                    gateway=judged.gateway,
                    boot=judged.boot,
                    seq=judged.seq,
                    received_ns=received_ns,
                    message=message.payload,
                )
                batch.entries.append(entry)
                batch.frames.append(judged)
            elif isinstance(judged, Refused):
                batch.refused.append((message, judged))
            elif judged is not None:
                batch.statuses.append(judged)
        return batch

    def commit(self, batch: Batch) -> None:
        """Bring the batch to disk, then acknowledge it, owe its receipts, and hand its frames on.

        Raises:
            StoreUnavailable: the ledger did not take it; nothing was acknowledged, and the batch may be tried again.
        """
        if batch.outcomes is None:
            batch.first = self._ledger.head().size
            batch.outcomes = self._ledger.append(batch.entries) if batch.entries else []
        self._quarantine(batch)
        outcomes = batch.outcomes
        for message in batch.messages:
            self._acknowledge(message)
        stored = [frame for frame, outcome in zip(batch.frames, outcomes, strict=True) if outcome is Outcome.STORED]
        self._count(batch, outcomes, stored)
        if stored:
            self._show(batch.first, stored)
            self._health.stored(stored, batch.entries[0].received_ns)
        for gateway, boot in dict.fromkeys((entry.gateway, entry.boot) for entry in batch.entries):
            self._receipts.owe(gateway, boot)
        for status in batch.statuses:
            self._health.reported(status)
            if status.state == "online":
                self._receipts.born(status.gateway, status.boot)

    def _judge(self, message: Message, registry: RegistryView) -> Frame | GatewayStatus | Refused | None:
        """None: nothing was said (a retained status was cleared)."""
        try:
            return self._judged(message, registry)
        except Exception as error:  # one message must not stop all others, and it would come again and again
            logger.exception("a message on %r could not be judged", message.topic)
            return Refused(reason=Reason.NOT_JUDGED, detail=f"{type(error).__name__}: {error}")

    def _judged(self, message: Message, registry: RegistryView) -> Frame | GatewayStatus | Refused | None:
        topic = self._topics.get(message.topic)
        if topic is None:
            if message.topic == DROPPED_TOPIC:
                self._note_dropped(message.payload)
                return None
            try:
                topic = parse_topic(message.topic)
            except TopicError as error:
                return Refused(reason=Reason.FOREIGN_TOPIC, detail=str(error))
            if len(self._topics) >= _TOPICS:
                self._topics.clear()
            self._topics[message.topic] = topic
        if topic.kind is TopicKind.FRAME:
            return judge_frame(topic, message.payload, registry)
        if topic.kind is TopicKind.STATUS:
            return judge_status(topic, message.payload, registry) if message.payload else None
        return Refused(reason=Reason.FOREIGN_TOPIC, detail=f"{message.topic!r} is not for ingest to read")

    def _note_dropped(self, payload: bytes) -> None:
        """The broker's own count, repeated every few seconds; it begins anew when the broker does."""
        dropped = int(payload) if payload.isdigit() else self._dropped
        if dropped > self._dropped:
            logger.warning("the broker has dropped %d messages for want of room; gateways send again", dropped)
        self._dropped = dropped

    def _quarantine(self, batch: Batch) -> None:
        for message, refused in batch.refused[batch.quarantined :]:
            # A gateway repeats what has no receipt: one entry for each content is enough.
            digest = sha256(f"{message.topic}\n{refused.reason}\n".encode() + message.payload).digest()
            if digest not in self._refusals:
                gateway = message.topic.split("/")[3] if message.topic.count("/") >= 3 else ""
                # A full quarantine counts by reason: without details, which are without number.
                reason = str(refused.reason) if self._quarantine_full else f"{refused.reason}: {refused.detail}"
                kept = self._ledger.quarantine(gateway, message.topic, reason, message.payload, self._clock.now_ns())
                logger.warning("refused a message on %r: %s: %s", message.topic, refused.reason, refused.detail)
                if not kept and not self._quarantine_full:
                    self._quarantine_full = True
                    logger.error("quarantine is full: refused messages are counted by reason from now on, not kept")
                self._refusals[digest] = None
                if len(self._refusals) > _REFUSALS:
                    self._refusals.popitem(last=False)
            batch.quarantined += 1

    def _count(self, batch: Batch, outcomes: Sequence[Outcome], stored: Sequence[Frame]) -> None:
        counters = self.counters
        counters.batches += bool(batch.entries)
        counters.statuses += len(batch.statuses)
        counters.received += len(batch.entries)
        for _, refused in batch.refused:
            counters.quarantined[refused.reason] += 1
            counters.received += refused.reason is not Reason.MALFORMED_STATUS
        counters.accepted += len(stored)
        counters.readings += sum(frame.readings for frame in stored)
        if len(stored) == len(outcomes):
            return
        for entry, outcome in zip(batch.entries, outcomes, strict=True):
            if outcome is Outcome.DUPLICATE:
                counters.duplicates += 1
            elif outcome is Outcome.CONFLICT:
                counters.conflicts += 1
                logger.error(
                    "incident: gateway %s sent another content for frame %d of boot %s; both are kept",
                    entry.gateway,
                    entry.seq,
                    entry.boot,
                )
