"""The spool's thread: stores in order, says when there is no room, and keeps what it could not store."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

from steelyard.edge.errors import SpoolError
from steelyard.edge.frames import FrameSpan, SignedFrame
from steelyard.edge.spool import Gap, Spool, SpoolLimits
from steelyard.edge.spooler import ReadOrder, Spooler
from steelyard.edge.window import NOTHING


def frame(seq: int) -> SignedFrame:
    return SignedFrame(boot=1, seq=seq, message=b"x" * 10)


class Heard:
    def __init__(self) -> None:
        self.stored: list[int] = []
        self.batches = 0
        self.full: list[str | None] = []

    def on_stored(self, frames: list[SignedFrame]) -> None:
        self.batches += 1
        self.stored += [each.seq for each in frames]


@pytest.fixture
def make_spooler(tmp_path: Path) -> Iterator[Callable[..., tuple[Spooler, Spool, Heard]]]:
    made: list[Spooler] = []

    def make(max_frames: int = 1000) -> tuple[Spooler, Spool, Heard]:
        limits = SpoolLimits(max_frames=max_frames, max_bytes=10**7, min_free_bytes=0, ballast_bytes=0)
        spool = Spool(tmp_path / "spool.db", limits, b"rand")
        heard = Heard()
        spooler = Spooler(spool, on_stored=heard.on_stored, on_full=heard.full.append)
        spooler.start()
        made.append(spooler)
        return spooler, spool, heard

    yield make
    for each in made:
        assert each.stop(PATIENCE_S)


def test_frames_are_stored_in_order(make_spooler: Callable[..., tuple]) -> None:
    spooler, _, heard = make_spooler()
    for seq in range(1, 301):
        spooler.append([frame(seq)])
    until(lambda: len(heard.stored) == 300, "all is stored")
    assert heard.stored == list(range(1, 301))


def test_what_came_during_a_transaction_shares_the_next_one(
    make_spooler: Callable[..., tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    spooler, spool, heard = make_spooler()
    entered, go = threading.Event(), threading.Event()
    apply = spool.apply

    def slow_disk(*arguments: object) -> None:
        entered.set()
        assert go.wait(PATIENCE_S)
        apply(*arguments)

    monkeypatch.setattr(spool, "apply", slow_disk)
    spooler.append([frame(1)])
    assert entered.wait(PATIENCE_S)
    for seq in range(2, 50):
        spooler.append([frame(seq)])
    go.set()
    until(lambda: len(heard.stored) == 49, "all is stored")
    assert heard.batches == 2


def test_without_room_frames_wait_and_are_stored_when_there_is_some(make_spooler: Callable[..., tuple]) -> None:
    spooler, _, heard = make_spooler(max_frames=10)
    for seq in range(1, 13):
        spooler.append([frame(seq)])
    until(lambda: heard.full, "the spool is full")
    assert "spool.max_frames is 10" in heard.full[0]
    until(lambda: len(heard.stored) == 10, "what there is room for")
    spooler.forget([FrameSpan(boot=1, first=1, last=5)])
    until(lambda: heard.full[-1] is None, "there is room again")
    assert heard.stored == list(range(1, 13))
    assert len(heard.full) == 2


def test_reading_gives_what_was_stored_before(make_spooler: Callable[..., tuple]) -> None:
    spooler, _, _ = make_spooler()
    read: list[list[SignedFrame]] = []
    spooler.append([frame(1), frame(2)])
    spooler.read(ReadOrder(after=NOTHING, max_frames=10, max_bytes=10**6, deliver=read.append))
    until(lambda: read, "what was read")
    assert read == [[frame(1), frame(2)]]


def test_stopping_stores_what_was_given(make_spooler: Callable[..., tuple], tmp_path: Path) -> None:
    spooler, _, _ = make_spooler()
    spooler.append([frame(seq) for seq in range(1, 101)])
    spooler.record(Gap(cause="c", from_ns=1, to_ns=2, polls=3))
    assert spooler.stop(PATIENCE_S)
    assert not spooler.alive
    spool = Spool(
        tmp_path / "spool.db", SpoolLimits(max_frames=1, max_bytes=1, min_free_bytes=0, ballast_bytes=0), b"0000"
    )
    assert spool.frames == 100
    assert spool.gaps() == [Gap(cause="c", from_ns=1, to_ns=2, polls=3)]
    spool.close()


def test_a_full_spool_can_be_stopped(make_spooler: Callable[..., tuple]) -> None:
    spooler, _, heard = make_spooler(max_frames=1)
    spooler.append([frame(1), frame(2)])
    until(lambda: heard.full, "the spool is full")
    assert spooler.stop(PATIENCE_S)


def test_a_disk_that_does_not_read_for_a_moment_is_asked_again(
    make_spooler: Callable[..., tuple],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sender waits for this answer with everything that follows."""
    spooler, spool, heard = make_spooler()
    spooler.append([frame(1), frame(2)])
    until(lambda: heard.stored == [1, 2], "all is stored")
    after, failures = spool.after, iter(range(2))

    def after_a_while(*arguments: object) -> list[SignedFrame]:
        if next(failures, None) is not None:
            raise SpoolError("disk I/O error")
        return after(*arguments)

    monkeypatch.setattr(spool, "after", after_a_while)
    delivered: list[list[SignedFrame]] = []
    spooler.read(ReadOrder(after=NOTHING, max_frames=10, max_bytes=10**6, deliver=delivered.append))
    spooler.append([frame(3)])
    until(lambda: delivered, "what was read")
    assert [each.seq for each in delivered[0]] == [1, 2, 3]
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


def test_a_disk_that_never_reads_holds_up_neither_storing_nor_the_end(
    make_spooler: Callable[..., tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    spooler, spool, heard = make_spooler()

    def never(*_: object) -> list[SignedFrame]:
        raise SpoolError("disk I/O error")

    monkeypatch.setattr(spool, "after", never)
    spooler.read(ReadOrder(after=NOTHING, max_frames=10, max_bytes=10**6, deliver=lambda _: None))
    spooler.append([frame(1)])
    until(lambda: heard.stored == [1], "all is stored")
    assert spooler.stop(PATIENCE_S)
