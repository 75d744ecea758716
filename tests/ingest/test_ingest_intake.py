"""What is committed, acknowledged, counted and handed on, in which order; with a real ledger."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from steelyard.broker_config.client import Message
from steelyard.contracts.clock import SystemClock
from steelyard.contracts.frame import MAX_FRAME_BYTES
from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.contracts.receipt import MAX_RUNS, Receipt
from steelyard.contracts.topics import frame_topic, status_topic
from steelyard.ingest.health import HealthBook
from steelyard.ingest.intake import Intake
from steelyard.ingest.judgement import Reason
from steelyard.ingest.receipts import ReceiptDesk
from steelyard.ingest.registry import RegistryView, build_view
from steelyard.storage.errors import StoreUnavailable
from steelyard.storage.ledger import Gap, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steelyard.contracts.frame import Frame

GATEWAY, OTHER = GatewayId("gw-1"), GatewayId("gw-2")
ORG: Any = "hengyuan"
BOOT = BootId("00000001-aaaaaaaa")


@dataclass(slots=True)
class Bench:
    """An intake over a real ledger, with everything it does written down."""

    house: Any
    ledger: Ledger
    registry: RegistryView
    acknowledged: list[int] = field(default_factory=list)
    shown: list[tuple[int, int]] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    connected: bool = True
    refreshed: int = 0
    known_after_refresh: RegistryView | None = None
    health: HealthBook = field(default_factory=HealthBook)
    receipts: ReceiptDesk = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.receipts = ReceiptDesk(self.house.ingest_key, self.ledger, self._publish)
        self.intake = Intake(
            ledger=self.ledger,
            registry=lambda: self.registry,
            refresh=self._refresh,
            clock=SystemClock(),
            acknowledge=lambda message: self.acknowledged.append(message.packet_id),
            receipts=self.receipts,
            health=self.health,
            show=self._show,
        )

    def take(self, *messages: Message) -> None:
        self.intake.commit(self.intake.prepare(messages))

    def pay(self) -> list[Receipt]:
        return self.receipts.pay(self.registry)

    def message(self, payload: bytes, packet_id: int = 1, topic: str = frame_topic(ORG, GATEWAY)) -> Message:
        return Message(
            topic=topic, payload=payload, qos=1, retain=False, duplicate=False, packet_id=packet_id, connection=1
        )

    def frames(self, *seqs: int, **more: Any) -> list[Message]:
        return [self.message(self.house.message(GATEWAY, seq, **more), packet_id=seq) for seq in seqs]

    def reasons(self) -> list[str]:
        return [entry.reason for entry in self.ledger.quarantined()]

    def _publish(self, topic: str, message: bytes) -> int | None:
        if not self.connected:
            return None
        self.sent.append((topic, message))
        return 1

    def _refresh(self) -> RegistryView:
        self.refreshed += 1
        if self.known_after_refresh is not None:
            self.registry = self.known_after_refresh
        return self.registry

    def _show(self, first: int, frames: Sequence[Frame]) -> None:
        self.shown += [(first + offset, frame.seq) for offset, frame in enumerate(frames)]


@pytest.fixture
def bench(house: Any) -> Iterator[Bench]:
    registration = house.registration(GATEWAY)
    view = build_view(registration.gateways, registration.instruments, registration.channels)
    with Ledger(house.ledger_path, min_free_bytes=0) as ledger:
        yield Bench(house, ledger, view)


def test_frames_are_committed_with_their_exact_bytes_and_then_acknowledged_and_confirmed(bench: Bench) -> None:
    messages = bench.frames(1, 2, 3)
    bench.take(*messages)
    assert [entry.message for entry in bench.ledger.frames()] == [message.payload for message in messages]
    assert bench.acknowledged == [1, 2, 3]
    assert bench.shown == [(0, 1), (1, 2), (2, 3)]
    (receipt,) = bench.pay()
    assert (receipt.contiguous_upto, receipt.ledger_size, receipt.root) == (3, 3, bench.ledger.root)
    assert bench.pay() == [], "once is enough until something new comes"


def test_the_same_frame_again_is_confirmed_again_and_stored_once(bench: Bench) -> None:
    bench.take(*bench.frames(1, 2))
    bench.pay()
    bench.take(*bench.frames(1), *bench.frames(2), *bench.frames(2))
    assert bench.ledger.size == 2
    assert bench.acknowledged == [1, 2, 1, 2, 2]
    assert [receipt.contiguous_upto for receipt in bench.pay()] == [2]
    assert bench.shown == [(0, 1), (1, 2)]
    assert (bench.intake.counters.accepted, bench.intake.counters.duplicates) == (2, 3)


def test_t4_another_content_under_the_same_number_is_an_incident_and_both_are_kept(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = bench.frames(1)[0], bench.frames(1, value=999.0)[0]
    bench.take(first)
    bench.take(second)
    assert [entry.message for entry in bench.ledger.frames()] == [first.payload]
    assert [incident.message for incident in bench.ledger.incidents()] == [second.payload]
    assert "incident" in caplog.text
    assert GATEWAY in caplog.text
    assert bench.intake.counters.conflicts == 1


def test_a_gap_is_recorded_and_the_receipt_stops_before_it(bench: Bench) -> None:
    bench.take(*bench.frames(1, 2, 5, 6))
    (receipt,) = bench.pay()
    assert (receipt.contiguous_upto, receipt.beyond) == (2, ((5, 6),))
    assert bench.ledger.gaps() == [Gap(gateway=GATEWAY, boot=BOOT, first=3, last=4)]
    bench.take(*bench.frames(4, 3))
    (receipt,) = bench.pay()
    assert (receipt.contiguous_upto, receipt.beyond) == (6, ())
    assert bench.ledger.gaps() == []


def test_a_receipt_names_the_newest_of_very_many_runs(bench: Bench) -> None:
    bench.take(*bench.frames(*range(2, 2 * MAX_RUNS + 20, 2)))
    (receipt,) = bench.pay()
    newest = range(2 * MAX_RUNS + 18, 18, -2)
    assert (receipt.contiguous_upto, receipt.beyond) == (0, tuple((seq, seq) for seq in reversed(newest)))
    assert len(bench.sent[0][1]) < 8192


def test_frames_in_any_order_end_up_the_same(bench: Bench) -> None:
    bench.take(*bench.frames(3, 1))
    bench.take(*bench.frames(2))
    assert [receipt.contiguous_upto for receipt in bench.pay()] == [3]


def test_nothing_is_acknowledged_that_the_ledger_did_not_take_and_the_batch_can_be_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = bench.intake.prepare([*bench.frames(1, 2), bench.message(b"bad", 3)])
    with monkeypatch.context() as patch:
        patch.setattr(bench.ledger, "_min_free_bytes", 2**62)  # the disk is full
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="free space"):
                bench.intake.commit(batch)
    assert bench.acknowledged == []
    assert bench.pay() == []
    assert bench.shown == []
    bench.intake.commit(batch)
    assert bench.acknowledged == [1, 2, 3]
    assert (bench.intake.counters.accepted, bench.intake.counters.duplicates) == (2, 0)


def test_a_quarantine_that_fails_after_the_frames_were_stored_changes_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = bench.intake.prepare([*bench.frames(1), bench.message(b"bad", 2), bench.message(b"worse", 3)])

    def fail(*_arguments: object) -> bool:
        raise StoreUnavailable("sqlite:///ledger.db", "disk I/O error", "look at the disk")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "quarantine", fail)
        with pytest.raises(StoreUnavailable):
            bench.intake.commit(batch)
    assert bench.acknowledged == []
    bench.intake.commit(batch)
    assert bench.acknowledged == [1, 2, 3]
    assert bench.shown == [(0, 1)]
    assert len(bench.reasons()) == 2
    assert (bench.intake.counters.accepted, bench.intake.counters.duplicates) == (1, 0)


def test_a_refused_message_is_in_quarantine_with_its_reason_before_it_is_acknowledged(bench: Bench) -> None:
    bench.take(bench.message(b"garbage", 7), bench.message(bytes(MAX_FRAME_BYTES + 1), 8))
    assert [reason.split(":")[0] for reason in bench.reasons()] == [Reason.MALFORMED_ENVELOPE, Reason.TOO_LARGE]
    assert bench.acknowledged == [7, 8]
    (entry, _) = bench.ledger.quarantined()
    assert (entry.gateway, entry.topic, entry.message) == (GATEWAY, frame_topic(ORG, GATEWAY), b"garbage")
    assert bench.pay() == [], "no receipt: nothing was stored"


def test_a_refused_message_that_comes_again_and_again_is_kept_once(bench: Bench) -> None:
    for _ in range(20):
        bench.take(bench.message(b"garbage"))
    assert len(bench.reasons()) == 1
    assert bench.intake.counters.quarantined[Reason.MALFORMED_ENVELOPE] == 20


def test_a_full_quarantine_counts_by_reason_and_the_good_go_on(house: Any, bench: Bench) -> None:
    bench.ledger._max_quarantine = 2
    for number in range(6):
        bench.take(bench.message(b"garbage %d" % number))
    bench.take(*bench.frames(1))
    assert len(bench.reasons()) == 2
    assert sum(bench.ledger.overflow().values()) == 4
    assert len(bench.ledger.overflow()) <= 2, "one line for each reason, not for each message"
    assert bench.ledger.size == 1


@pytest.mark.parametrize(
    "topic", ["", "elsewhere", "steelyard/v1/hengyuan/gw-1/receipt", "steelyard/v2/hengyuan/gw-1/frame", "a/b/c/d/e/f"]
)
def test_a_message_on_a_foreign_topic_is_refused(bench: Bench, topic: str) -> None:
    bench.take(bench.message(bench.house.message(GATEWAY, 1), topic=topic))
    assert bench.reasons()[0].startswith(Reason.FOREIGN_TOPIC)
    assert bench.ledger.size == 0


def test_an_unknown_gateway_leads_to_one_look_into_the_registry_and_is_then_accepted(bench: Bench) -> None:
    registration = bench.house.registration(GATEWAY, OTHER)
    bench.known_after_refresh = build_view(registration.gateways, registration.instruments, registration.channels)
    payload = bench.house.message(OTHER, 1)
    bench.take(bench.message(payload, topic=frame_topic(ORG, OTHER)))
    assert bench.refreshed == 1
    assert bench.ledger.size == 1
    assert bench.reasons() == []


def test_a_frame_refused_before_its_channel_was_registered_is_accepted_afterwards(bench: Bench) -> None:
    complete = bench.registry
    narrow = bench.house.registration(GATEWAY, channels=("voltage_l1",))
    bench.registry = build_view(narrow.gateways, narrow.instruments, narrow.channels)
    bench.take(*bench.frames(1))
    assert bench.reasons()[0].startswith(Reason.UNKNOWN_CHANNEL)
    bench.registry = complete
    bench.take(*bench.frames(1))
    assert bench.ledger.size == 1


def test_what_breaks_the_judge_itself_is_kept_and_stops_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr("steelyard.ingest.intake.judge_frame", fail)
        bench.take(*bench.frames(1))
    assert "a fault of ours" in bench.reasons()[0]
    bench.take(*bench.frames(2))
    assert bench.ledger.size == 1


def test_a_birth_repeats_the_receipts_of_earlier_boots(bench: Bench) -> None:
    later = BootId("00000002-bbbbbbbb")
    bench.take(*bench.frames(1, 2))
    bench.take(*bench.frames(1, boot=later))
    bench.pay()
    status = (
        b'{"gateway":"gw-1","boot":"00000002-bbbbbbbb","state":"online","sent":1790000000000000000,"missed_polls":4,'
        b'"spooled_frames":9,"reason":""}'
    )
    bench.take(bench.message(status, topic=status_topic(ORG, GATEWAY)))
    assert {(receipt.boot, receipt.contiguous_upto) for receipt in bench.pay()} == {(BOOT, 2), (later, 1)}
    (row,) = bench.health.rows(0)
    assert (row.boot, row.state, row.missed_polls, row.spooled_frames) == (later, "online", 4, 9)


def test_a_cleared_status_says_nothing(bench: Bench) -> None:
    bench.take(bench.message(b"", topic=status_topic(ORG, GATEWAY)))
    assert bench.reasons() == []
    assert bench.acknowledged == [1]


def test_messages_that_the_broker_dropped_are_said_when_their_number_grows(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for payload in (b"0", b"5", b"5", b"garbage", b"0", b"2"):
        bench.take(bench.message(payload, topic="$SYS/broker/publish/messages/dropped"))
    assert [record.getMessage().split()[4] for record in caplog.records] == ["5", "2"]
    assert bench.reasons() == []


def test_receipts_wait_while_the_broker_is_away_and_one_is_enough_then(bench: Bench) -> None:
    bench.connected = False
    for seq in range(1, 50):
        bench.take(*bench.frames(seq))
        assert bench.pay() == []
    assert bench.receipts.owed == 1
    bench.connected = True
    assert [receipt.contiguous_upto for receipt in bench.pay()] == [49]
    assert bench.receipts.published == 1


def test_a_gateway_taken_out_of_the_registry_gets_no_receipt(bench: Bench) -> None:
    bench.take(*bench.frames(1))
    assert bench.receipts.pay(RegistryView()) == []
    assert bench.receipts.owed == 0


def test_a_ledger_that_another_connection_holds_is_unavailable_not_fatal(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steelyard.storage.sqlite.BUSY_S", 0.1)
    registration = house.registration(GATEWAY)
    view = build_view(registration.gateways, registration.instruments, registration.channels)
    with Ledger(house.ledger_path, min_free_bytes=0) as ledger:
        bench = Bench(house, ledger, view)
        batch = bench.intake.prepare(bench.frames(1))
        holder = sqlite3.connect(house.ledger_path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            bench.intake.commit(batch)
        assert bench.acknowledged == []
        holder.execute("ROLLBACK")
        holder.close()
        bench.intake.commit(batch)
        assert bench.acknowledged == [1]
