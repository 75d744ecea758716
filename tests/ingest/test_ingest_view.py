"""The readings store follows the ledger: handed over in memory, or read from the ledger when it fell behind."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
import waiting

from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId
from steelyard.ingest.view import ReadingsView
from steelyard.storage.errors import StoreUnavailable
from steelyard.storage.ledger import FrameEntry, Ledger
from steelyard.storage.readings.opening import open_readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steelyard.contracts.frame import Frame

GATEWAY = GatewayId("gw-1")
BOOT = BootId("00000001-aaaaaaaa")
METER, POWER = InstrumentId("em-gw-1"), ChannelId("power_total")


class Bench:
    """A ledger, a store whose plug can be pulled, and a view between them."""

    def __init__(self, house: Any, max_readings: int = 200) -> None:
        self.house = house
        self.ledger = Ledger(house.ledger_path, min_free_bytes=0)
        self.plugged = threading.Event()
        self.plugged.set()
        self.written: list[int] = []
        self.view = ReadingsView(self.ledger, self._open, max_readings=max_readings)

    def commit(self, *seqs: int, offer: bool = True) -> None:
        frames = [self.house.frame(GATEWAY, seq) for seq in seqs]
        first = self.ledger.size
        self.ledger.append(
            [
                FrameEntry(gateway=GATEWAY, boot=BOOT, seq=each.seq, received_ns=1, message=self.house.signed(each))
                for each in frames
            ]
        )
        if offer:
            self.view.offer(first, frames)

    def values(self) -> list[float]:
        store = open_readings(self.house.readings_url)
        try:
            return list(store.series(METER, POWER, 0, 2**62).value)
        finally:
            store.close()

    def _open(self) -> Any:
        if not self.plugged.is_set():
            raise StoreUnavailable("influxdb://nowhere", "connection refused", "start it")
        store = open_readings(self.house.readings_url)
        original = store.write

        def write(frames: Sequence[Frame]) -> None:
            if not self.plugged.is_set():
                raise StoreUnavailable("influxdb://nowhere", "connection refused", "start it")
            original(frames)
            self.written += [frame.seq for frame in frames]

        store.write = write  # type: ignore[method-assign]
        return store


@pytest.fixture
def bench(house: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("steelyard.ingest.view.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("steelyard.ingest.view.LONGEST_PAUSE_S", 0.1)
    made = Bench(house)
    yield made
    made.view.stop(waiting.PATIENCE_S)
    made.ledger.close()


def test_frames_that_are_handed_over_are_written_in_order_and_once(bench: Bench) -> None:
    bench.view.start()
    for seq in range(1, 31):
        bench.commit(seq)
    waiting.until(lambda: bench.view.position == 30, "the store has 30 frames")
    assert bench.written == list(range(1, 31))
    assert bench.values() == [float(seq) for seq in range(1, 31)]


def test_what_was_committed_before_the_start_is_read_from_the_ledger(bench: Bench) -> None:
    bench.commit(*range(1, 301), offer=False)
    bench.view.start()
    bench.commit(301)
    waiting.until(lambda: bench.view.position == 301, "the store has 301 frames")
    assert bench.values() == [float(seq) for seq in range(1, 302)]


def test_a_store_that_is_down_is_said_once_and_catches_up_when_it_is_back(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="steelyard.ingest.view")
    bench.view.start()
    bench.commit(1)
    waiting.until(lambda: bench.view.position == 1, "the store has 1 frames")
    bench.plugged.clear()
    for seq in range(2, 399, 2):  # more than may wait in memory
        bench.commit(seq, seq + 1)
    waiting.until(lambda: bench.view.down, "the outage is noticed")
    bench.plugged.set()
    waiting.until(lambda: bench.view.position == 399, "the store has 399 frames")
    assert bench.values() == [float(seq) for seq in range(1, 400)]
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(errors) == 1, [record.getMessage() for record in errors]
    assert "connection refused" in errors[0].getMessage()
    assert "is back" in caplog.text


def test_memory_holds_no_more_than_it_may_while_the_store_is_down(bench: Bench) -> None:
    bench.plugged.clear()
    bench.view.start()
    for seq in range(1, 1_000, 3):
        bench.commit(seq, seq + 1, seq + 2)
        assert bench.view._waiting <= 200
        assert sum(frame.readings for _, frames in bench.view._offered for frame in frames) == bench.view._waiting


def test_the_position_outlives_the_process(house: Any, bench: Bench) -> None:
    bench.view.start()
    bench.commit(1, 2, 3)
    waiting.until(lambda: bench.view.position == 3, "the store has 3 frames")
    bench.view.stop(waiting.PATIENCE_S)
    bench.commit(4, 5, offer=False)
    bench.written.clear()
    again = ReadingsView(bench.ledger, bench._open, max_readings=200)
    again.start()
    waiting.until(lambda: again.position == 5, "the store has 5 frames")
    again.stop(waiting.PATIENCE_S)
    assert bench.written == [4, 5]


def test_what_is_committed_is_written_before_the_end(bench: Bench) -> None:
    bench.view.start()
    bench.commit(*range(1, 50))
    bench.view.stop(waiting.PATIENCE_S)
    assert len(bench.values()) == 49


def test_a_store_that_fails_in_an_unknown_way_does_not_end_the_thread(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([ZeroDivisionError("a fault of ours")])
    original = bench._open

    def open_store() -> Any:
        for failure in failures:
            raise failure
        return original()

    monkeypatch.setattr(bench.view, "_open_store", open_store)
    bench.view.start()
    bench.commit(1)
    waiting.until(lambda: bench.view.position == 1, "the store has 1 frames")
    assert "a fault of ours" in caplog.text


def test_a_store_that_was_dropped_and_made_anew_is_written_from_the_first_frame(house: Any, bench: Bench) -> None:
    bench.view.start()
    bench.commit(1, 2, 3)
    waiting.until(lambda: bench.view.position == 3, "the store has 3 frames")
    bench.view.stop(waiting.PATIENCE_S)
    for file in house.directory.glob("readings.db*"):
        file.unlink()
    bench.commit(4, offer=False)
    bench.written.clear()
    again = ReadingsView(bench.ledger, bench._open, max_readings=200)
    again.start()
    waiting.until(lambda: again.position == 4, "the store has 4 frames")
    again.stop(waiting.PATIENCE_S)
    assert bench.written == [1, 2, 3, 4]
