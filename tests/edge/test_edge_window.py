"""Sending: in order, bounded, again when no receipt comes; nothing is left behind, whatever is lost on the way."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis_profile import examples

from steelyard.edge.frames import FrameNumber, FrameSpan, SignedFrame
from steelyard.edge.outbox import MAX_FRESH, Outbox
from steelyard.edge.window import NOTHING, SendWindow, WindowLimits

S = 1_000_000_000


def frame(seq: int, boot: int = 1, size: int = 10) -> SignedFrame:
    return SignedFrame(boot=boot, seq=seq, message=b"x" * size)


def number(seq: int, boot: int = 1) -> FrameNumber:
    return FrameNumber(boot=boot, seq=seq)


def upto(last: int, boot: int = 1, first: int = 1) -> FrameSpan:
    return FrameSpan(boot=boot, first=first, last=last)


def test_what_is_under_way_is_bounded_in_frames_and_bytes() -> None:
    window = SendWindow(WindowLimits(max_frames=3, max_bytes=100))
    for seq in (1, 2, 3):
        assert window.has_room
        window.sent(frame(seq), 0)
    assert not window.has_room
    window.receipted(upto(2), 0)
    assert window.has_room
    window.sent(frame(4, size=200), 0)
    assert not window.has_room


def test_without_a_receipt_everything_goes_again_with_doubling_patience() -> None:
    window = SendWindow(WindowLimits(resend_after_ns=5 * S, resend_after_max_ns=15 * S))
    now = 0
    for patience in (5, 10, 15, 15):
        window.sent(frame(1), now)
        window.sent(frame(2), now)
        assert not window.overdue(now + patience * S - 1)
        now += patience * S
        assert window.overdue(now)
        assert window.cursor == number(0)
        assert window.frames == 0


def test_a_receipt_restores_patience() -> None:
    window = SendWindow(WindowLimits(resend_after_ns=5 * S))
    window.sent(frame(1), 0)
    assert window.overdue(5 * S)
    for seq in (1, 2):
        window.sent(frame(seq), 6 * S)
    window.receipted(upto(1), 7 * S)
    assert window.resend_at_ns() == 12 * S


def test_a_receipt_that_comes_after_going_back_is_not_sent_again() -> None:
    window = SendWindow(WindowLimits())
    for seq in (1, 2, 3):
        window.sent(frame(seq), 0)
    window.go_back()
    window.receipted(upto(2), 0)
    assert window.cursor == number(2)


def test_a_receipt_of_another_boot_moves_only_that_boot() -> None:
    window = SendWindow(WindowLimits())
    window.sent(frame(7, boot=1), 0)
    window.sent(frame(1, boot=2), 0)
    window.sent(frame(2, boot=2), 0)
    assert window.receipted(upto(1, boot=2), 0) == 1
    assert window.frames == 2
    assert window.receipted(upto(9, boot=1), 0) == 1
    window.go_back()
    assert window.cursor == number(1, boot=2)


def test_frames_that_arrived_beyond_a_gap_make_room_and_are_not_sent_again() -> None:
    window = SendWindow(WindowLimits(max_frames=4, resend_after_ns=5 * S))
    for seq in (3, 4, 5, 6):
        window.sent(frame(seq), 0)
    assert window.receipted(upto(6, first=4), 4 * S) == 3
    assert window.has_room
    assert window.overdue(5 * S), "that others arrived is no reason to wait longer for the oldest"
    assert window.cursor == number(2)


def test_live_frames_go_out_from_memory() -> None:
    outbox = Outbox(SendWindow(WindowLimits()))
    ticket = outbox.must_read()
    assert outbox.must_read() is None, "one read at a time"
    outbox.read(ticket, [])
    assert outbox.live
    outbox.stored([frame(1)])
    assert outbox.peek() == frame(1)


def test_memory_holds_little_when_nothing_can_be_sent() -> None:
    outbox = Outbox(SendWindow(WindowLimits()))
    outbox.read(outbox.must_read(), [])
    for seq in range(1, MAX_FRESH + 2):
        outbox.stored([frame(seq)])
    assert not outbox.live
    assert outbox.peek() is None


def test_a_read_ordered_before_going_back_is_ignored() -> None:
    window = SendWindow(WindowLimits())
    outbox = Outbox(window)
    old = outbox.must_read()
    outbox.go_back()
    outbox.read(old, [])
    assert not outbox.live
    new = outbox.must_read()
    outbox.read(old, [frame(5)])
    assert outbox.peek() is None
    outbox.read(new, [frame(1)])
    assert outbox.peek() == frame(1)


def spans_of(arrived: set[int], boot: int) -> Iterator[FrameSpan]:
    """The runs of `arrived`."""
    for first in sorted(seq for seq in arrived if seq - 1 not in arrived):
        last = first
        while last + 1 in arrived:
            last += 1
        yield upto(last, boot, first)


class Sending(RuleBasedStateMachine):
    """A spool, a sender and an ingest, with a network between them that loses what it likes.

    Ingest keeps a frame only if the ones before it are there (the harshest reading of "in order"); the spool forgets on
    receipts alone. At the end, when the network works, everything ever stored is in the ledger.
    """

    @initialize()
    def start(self) -> None:
        self.limits = WindowLimits(max_frames=5, max_bytes=10**6, resend_after_ns=S, resend_after_max_ns=4 * S)
        self.now = 0
        self.boot = 0
        self.spool: list[SignedFrame] = []
        self.ever: list[SignedFrame] = []
        self.ledger: dict[int, set[int]] = {}
        self.gone: set[FrameNumber] = set()
        self.reads: list[tuple[int, FrameNumber]] = []
        self.restart()

    @rule()
    def restart(self) -> None:
        self.boot += 1
        self.seq = 0
        self.connected = False
        self.window = SendWindow(self.limits)
        self.outbox = Outbox(self.window)
        self.reads = []
        self.receipts: list[list[FrameSpan]] = []

    @rule(count=st.integers(1, 4))
    def store(self, count: int) -> None:
        frames = [frame(self.seq + place, self.boot) for place in range(1, count + 1)]
        self.seq += count
        self.spool += frames
        self.ever += frames
        self.outbox.stored(frames)

    @rule()
    def connect(self) -> None:
        if not self.connected:
            self.connected = True
            self.outbox.go_back()

    @rule()
    def disconnect(self) -> None:
        if self.connected:
            self.connected = False
            self.outbox.go_back()

    @precondition(lambda self: self.reads)
    @rule(count=st.integers(1, 3))
    def spool_answers(self, count: int) -> None:
        ticket, after = self.reads.pop(0)
        self.outbox.read(ticket, [each for each in self.spool if each.number > after][:count])

    @precondition(lambda self: self.connected)
    @rule(arrives=st.booleans())
    def send(self, arrives: bool) -> None:
        if not self.window.has_room:
            return
        each = self.outbox.peek()
        if each is None:
            ticket = self.outbox.must_read()
            if ticket is not None:
                self.reads.append((ticket, self.window.cursor))
            return
        self.outbox.pop()
        self.window.sent(each, self.now)
        if arrives:
            arrived = self.ledger.setdefault(each.boot, set())
            arrived.add(each.seq)
            self.receipts.append(list(spans_of(arrived, each.boot)))

    @precondition(lambda self: hasattr(self, "ledger") and self.ledger)
    @rule(data=st.data())
    def the_ledger_is_restored_from_a_backup(self, data: st.DataObject) -> None:
        """What it had confirmed since then is gone for ever, and must not hold back anything else."""
        boot = data.draw(st.sampled_from(sorted(self.ledger)))
        arrived = self.ledger[boot]
        kept_upto = data.draw(st.integers(0, max(arrived, default=0)))
        lost = {seq for seq in arrived if seq > kept_upto}
        arrived -= lost
        waiting = {each.number for each in self.spool}
        self.gone |= {number(seq, boot) for seq in lost} - waiting
        self.receipts.clear()

    @precondition(lambda self: self.receipts)
    @rule(arrives=st.booleans(), data=st.data())
    def receipt(self, arrives: bool, data: st.DataObject) -> None:
        """Lost, or arriving in any order."""
        spans = self.receipts.pop(data.draw(st.integers(0, len(self.receipts) - 1)))
        if arrives:
            self.believe(spans)

    def believe(self, spans: list[FrameSpan]) -> None:
        for span in spans:
            self.window.receipted(span, self.now)
            self.spool = [each for each in self.spool if each.number not in span]

    @rule(seconds=st.integers(1, 5))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * S
        if self.connected and self.window.overdue(self.now):
            self.outbox.go_back()

    @invariant()
    def every_frame_is_in_the_spool_or_in_the_ledger(self) -> None:
        if not hasattr(self, "ever"):
            return
        for each in self.ever:
            assert each in self.spool or self.is_in_the_ledger(each) or each.number in self.gone

    def is_in_the_ledger(self, each: SignedFrame) -> bool:
        return each.seq in self.ledger.get(each.boot, ())

    @invariant()
    def the_window_is_bounded(self) -> None:
        if hasattr(self, "window"):
            assert self.window.frames <= self.limits.max_frames

    def teardown(self) -> None:
        """With a network that works, it all arrives."""
        if not hasattr(self, "ever"):
            return
        self.connect()
        for _ in range(20 * (len(self.ever) + 5)):
            self.send(arrives=True)
            while self.reads:
                self.spool_answers(3)
            while self.receipts:
                self.believe(self.receipts.pop(0))
            self.time_passes(1)
            if not self.spool:
                break
        assert self.spool == []
        assert all(self.is_in_the_ledger(each) or each.number in self.gone for each in self.ever)


Sending.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=60)
TestSendingLosesNothing = pytest.mark.slow(Sending.TestCase)


def test_nothing_is_before_every_frame() -> None:
    assert number(1) > NOTHING
