"""The embedded readings store: one SQLite file, nothing to install.

One row holds all channels that an instrument delivered at one instant (see ``packing``); which channels they are is its
layout. An instrument whose configuration changes gets another layout. Should two layouts speak of the same channel at
the same instant, writing one corrects the other, so that every row of an instant agrees and the last write wins.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.storage.errors import StoreForeign
from steelyard.storage.readings.packing import VALUE_BYTES, BucketSums, merge, pack_block, pack_row, unpack_row
from steelyard.storage.readings.port import Buckets, Sample, Series, bucket_width_ns
from steelyard.storage.sqlite import Owner, connect, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from steelyard.contracts.frame import Block, Frame

OWNER = Owner(application_id=0x53745264, version=1)  # "StRd"
_PIECE = 65_536

_SCHEMA = """
CREATE TABLE store (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO store VALUES (lower(hex(randomblob(8))));
CREATE TABLE layout (
    id INTEGER PRIMARY KEY,
    instrument TEXT NOT NULL,
    channels TEXT NOT NULL,
    UNIQUE (instrument, channels)
) STRICT;
CREATE TABLE reading (
    layout INTEGER NOT NULL REFERENCES layout,
    t INTEGER NOT NULL,
    row BLOB NOT NULL,
    PRIMARY KEY (layout, t)
) STRICT, WITHOUT ROWID;
"""
_PUT = "INSERT INTO reading VALUES (?, ?, ?) ON CONFLICT (layout, t) DO UPDATE SET row = excluded.row"
_COLUMN = """
SELECT t, substr(row, :value, 8), CASE WHEN length(row) > :good THEN substr(row, :status, 1) ELSE x'00' END
FROM reading WHERE layout = :layout AND t >= :start AND t < :end ORDER BY t
"""


@dataclass(slots=True)
class _Layout:
    """The channels of one kind of row. `youngest` UTC nanoseconds of its last row, -1 before the first."""

    id: int
    channels: tuple[ChannelId, ...]
    youngest: int
    overlapping: list[_Layout] = field(default_factory=list)


class EmbeddedReadings:
    """The readings port on one SQLite file at `path`, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path
        self._lock = Lock()
        self._layouts: dict[tuple[InstrumentId, tuple[ChannelId, ...]], _Layout] = {}
        self._connection = connect(path, owner=OWNER, schema=_SCHEMA)

    def identity(self) -> str:
        """See ReadingsStore.identity."""
        with self._lock, unavailable(self._path):
            (mark,) = self._connection.execute("SELECT mark FROM store").fetchone()
        return f"{self.url}#{mark}"

    def write(self, frames: Sequence[Frame]) -> None:
        """See ReadingsStore.write: one transaction, on disk when it returns."""
        with self._lock, unavailable(self._path):
            try:
                with self._connection as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    self._write(connection, frames)
            except BaseException:
                self._layouts.clear()  # what was learnt in the transaction is gone with it
                raise

    def _write(self, connection: sqlite3.Connection, frames: Sequence[Frame]) -> None:
        rows: list[tuple[int, int, bytes]] = []
        for frame in frames:
            for block in frame.blocks:
                layout = self._layouts.get((block.instrument, block.channels))
                if layout is None:
                    _put(connection, rows)
                    layout = self._learn_layout(connection, block)
                oldest, youngest = min(block.t), max(block.t)
                rows += [(layout.id, t, row) for t, row in pack_block(block)]
                if any(oldest <= other.youngest for other in layout.overlapping):
                    _put(connection, rows)
                    _correct_overlapping(connection, layout, block)
                layout.youngest = max(layout.youngest, youngest)
        _put(connection, rows)

    def _learn_layout(self, connection: sqlite3.Connection, block: Block) -> _Layout:
        connection.execute(
            "INSERT OR IGNORE INTO layout (instrument, channels) VALUES (?, ?)",
            (block.instrument, json.dumps(block.channels)),
        )
        layouts = list(_layouts_of(connection, block.instrument))
        for layout in layouts:
            here = set(layout.channels)
            layout.overlapping = [
                other for other in layouts if other is not layout and not here.isdisjoint(other.channels)
            ]
            self._layouts[block.instrument, layout.channels] = layout
        return self._layouts[block.instrument, block.channels]

    def series(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> Series:
        """See ReadingsStore.series."""
        with self._lock, unavailable(self._path):
            return merge(
                [
                    _series(self._connection.execute(_COLUMN, where).fetchall())
                    for where in self._columns(instrument, channel, start_ns, end_ns)
                ]
            )

    def buckets(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int, count: int) -> Buckets:
        """See ReadingsStore.buckets. Summed as rows are read, in bounded pieces: SQLite is in this process anyway."""
        width_ns = bucket_width_ns(start_ns, end_ns, count)
        if end_ns <= start_ns:
            return Buckets.empty()
        sums = BucketSums(start_ns=start_ns, width_ns=width_ns, count=count)
        with self._lock, unavailable(self._path):
            wheres = self._columns(instrument, channel, start_ns, end_ns)
            if len(wheres) == 1:
                cursor = self._connection.execute(_COLUMN, wheres[0])
                while rows := cursor.fetchmany(_PIECE):
                    sums.add(_series(rows))
            else:  # instants may stand in more than one layout and must count once
                sums.add(merge([_series(self._connection.execute(_COLUMN, where).fetchall()) for where in wheres]))
        return sums.buckets()

    def _columns(
        self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int
    ) -> list[dict[str, int]]:
        """Where in which layouts the channel stands: the parameters of `_COLUMN`."""
        wheres = []
        for number, text in self._connection.execute(
            "SELECT id, channels FROM layout WHERE instrument = ?", (instrument,)
        ):
            channels = json.loads(text)
            if channel in channels:
                place, good = channels.index(channel), VALUE_BYTES * len(channels)
                where = {"value": 1 + VALUE_BYTES * place, "good": good, "status": 1 + good + place}
                wheres.append({**where, "layout": number, "start": _int64(start_ns), "end": _int64(end_ns)})
        return wheres

    def latest(self, instrument: InstrumentId) -> Mapping[ChannelId, Sample]:
        """See ReadingsStore.latest."""
        found: dict[ChannelId, Sample] = {}
        with self._lock, unavailable(self._path):
            for layout in _layouts_of(self._connection, instrument):
                last = self._connection.execute(
                    "SELECT t, row FROM reading WHERE layout = ? ORDER BY t DESC LIMIT 1", (layout.id,)
                ).fetchone()
                if last is None:
                    continue
                t, row = last
                for channel, value, status in zip(layout.channels, *unpack_row(row, len(layout.channels)), strict=True):
                    if channel not in found or found[channel].t < t:
                        found[channel] = _sample(t, value, status)
        return found

    def check(self) -> None:
        """See ReadingsStore.check: reads the file's own identity."""
        with self._lock, unavailable(self._path):
            found = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if found != OWNER.application_id:
            raise StoreForeign(self.url, f"application id {found:#x}", "give the readings store a file of its own")

    def close(self) -> None:
        """See ReadingsStore.close."""
        with self._lock:
            self._connection.close()


def _put(connection: sqlite3.Connection, rows: list[tuple[int, int, bytes]]) -> None:
    connection.executemany(_PUT, rows)
    rows.clear()


def _layouts_of(connection: sqlite3.Connection, instrument: InstrumentId) -> Iterator[_Layout]:
    query = """
        SELECT id, channels, (SELECT max(t) FROM reading WHERE layout = layout.id) FROM layout WHERE instrument = ?
    """
    for number, channels, youngest in connection.execute(query, (instrument,)):
        yield _Layout(number, tuple(json.loads(channels)), -1 if youngest is None else youngest)


def _correct_overlapping(connection: sqlite3.Connection, layout: _Layout, block: Block) -> None:
    """Bring what other layouts say of the same channels and instants into agreement with `block`, just written."""
    places = {channel: place for place, channel in enumerate(block.channels)}
    for other in layout.overlapping:
        shared = [(place, places[channel]) for place, channel in enumerate(other.channels) if channel in places]
        for at, t in enumerate(block.t):
            found = connection.execute("SELECT row FROM reading WHERE layout = ? AND t = ?", (other.id, t)).fetchone()
            if found is None:
                continue
            values, statuses = unpack_row(found[0], len(other.channels))
            corrected: list[float | None] = list(values)
            for theirs, ours in shared:
                corrected[theirs] = block.values[ours][at]
                statuses[theirs] = block.status[ours][at]
            connection.execute(_PUT, (other.id, t, pack_row(corrected, statuses)))


def _series(rows: Sequence[tuple[int, bytes, bytes]]) -> Series:
    if not rows:
        return Series.empty()
    t, values, statuses = zip(*rows, strict=True)
    return Series(
        t=np.array(t, np.int64),
        value=np.frombuffer(b"".join(values), "<f8").astype(np.float64, copy=False),
        status=np.frombuffer(b"".join(statuses), np.uint8).astype(np.int16),
    )


def _sample(t: int, value: float, status: int) -> Sample:
    quality = Quality(status)
    return Sample(t=t, value=None if quality in WITHOUT_VALUE else value, status=quality)


def _int64(instant: int) -> int:
    return max(-(2**63), min(instant, 2**63 - 1))
