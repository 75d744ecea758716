"""Writing the ledger: one process, one transaction a batch, on disk before anybody is told."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.storage.errors import LedgerLocked, StoreUnavailable
from steelyard.storage.ledger.chain import EMPTY, next_root
from steelyard.storage.ledger.entries import FrameEntry, Head, Outcome
from steelyard.storage.ledger.reader import LedgerReader
from steelyard.storage.ledger.schema import OWNER, SCHEMA
from steelyard.storage.sqlite import BUSY_S, connect, unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.contracts.identifiers import BootId, GatewayId
    from steelyard.storage.ledger.sequence import Arrived

KEPT_BYTES = 262_144
"""How much of a refused message is kept, in bytes: a whole frame, but not a bomb."""

_ENTRY = "INSERT INTO entry (idx, stream, seq, received_ns, message, root) VALUES (?, ?, ?, ?, ?, ?)"


class Ledger(LedgerReader):
    """The ledger at `path`, opened for writing; made if it is not there.

    May be used by several threads; every method takes its turn.

    Args:
        path: the SQLite file. Beside it stands ``<path>.writer``, locked while this object is open.
        min_free_bytes: appending stops while the disk has less than this left: SQLite's WAL needs room to stay sound.
        max_quarantine: how many refused messages are kept; further ones are only counted.

    Raises:
        LedgerLocked: if another process writes this ledger.
        StoreUnavailable: if it cannot be opened, written or made safe.
        StoreForeign: if the file is something else.
    """

    def __init__(self, path: Path | str, *, min_free_bytes: int = 64 * 2**20, max_quarantine: int = 100_000) -> None:
        self._min_free_bytes = min_free_bytes
        self._max_quarantine = max_quarantine
        self._streams: dict[tuple[GatewayId, BootId], tuple[int, Arrived]] = {}
        super().__init__(path)
        try:
            self._head_index, self._head_root = self._last("entry")
        except BaseException:
            self.close()  # or this process itself would be the other one that holds it at the next attempt
            raise

    def _connect(self) -> sqlite3.Connection:
        url = f"sqlite:///{self._path}"
        try:
            self._writer = os.open(f"{self._path}.writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(
                url, error, f"make the directory {self._path.parent} and let this user write there"
            ) from error
        try:
            fcntl.flock(self._writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._require_room()
            connection = connect(self._path, owner=OWNER, schema=SCHEMA)
            self._views = _connect_views(self._path)
        except BlockingIOError as error:
            os.close(self._writer)
            raise LedgerLocked(str(self._path)) from error
        except BaseException:
            os.close(self._writer)
            raise
        return connection

    def head(self) -> Head:
        """How many entries are committed, and their root."""
        with self._lock:
            return Head(size=self._head_index, root=self._head_root.hex())

    def append(self, entries: Sequence[FrameEntry]) -> list[Outcome]:
        """Append `entries` in one transaction and return what became of each.

        On return everything is on disk (WAL, synchronous FULL). On an error nothing of the batch is in the ledger.

        Raises:
            StoreUnavailable: if the batch could not be committed; nothing may be acknowledged.
        """
        with self._lock, unavailable(self._path):
            self._require_room()
            try:
                with self._connection as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    outcomes, index, root = self._append(connection, entries)
            except BaseException:
                self._streams.clear()  # they speak of what was not committed
                raise
            self._head_index, self._head_root = index, root
            return outcomes

    def _append(
        self, connection: sqlite3.Connection, entries: Sequence[FrameEntry]
    ) -> tuple[list[Outcome], int, bytes]:
        index, root = self._head_index, self._head_root
        rows: list[tuple[int, int, int, int, bytes, bytes]] = []
        outcomes: list[Outcome] = []
        touched: dict[int, Arrived] = {}
        for entry in entries:
            stream, arrived = self._stream(connection, entry)
            if entry.seq in arrived:
                connection.executemany(_ENTRY, rows)  # the one it is compared with may be of this batch
                rows.clear()
                outcomes.append(_second_arrival(connection, stream, entry))
                continue
            root = next_root(root, index, entry.gateway, entry.boot, entry.seq, entry.received_ns, entry.message)
            rows.append((index, stream, entry.seq, entry.received_ns, entry.message, root))
            index += 1
            arrived.add(entry.seq)
            touched[stream] = arrived
            outcomes.append(Outcome.STORED)
        connection.executemany(_ENTRY, rows)
        connection.executemany(
            "INSERT INTO progress VALUES (?, ?) ON CONFLICT DO UPDATE SET contiguous_upto = excluded.contiguous_upto",
            [(stream, arrived.contiguous_upto) for stream, arrived in touched.items()],
        )
        return outcomes, index, root

    def _stream(self, connection: sqlite3.Connection, entry: FrameEntry) -> tuple[int, Arrived]:
        key = (entry.gateway, entry.boot)
        known = self._streams.get(key)
        if known is None:
            query = "SELECT id FROM stream WHERE gateway = ? AND boot = ?"
            row = connection.execute(query, key).fetchone()
            if row is None:
                connection.execute("INSERT INTO stream (gateway, boot) VALUES (?, ?)", key)
                row = connection.execute(query, key).fetchone()
            known = self._streams[key] = (row[0], self._arrived(row[0]))
        return known

    def contiguous_upto(self, gateway: GatewayId, boot: BootId) -> int:
        """Return the number up to which every frame of this boot is in the ledger; 0 if the first is missing."""
        with self._lock:
            known = self._streams.get((gateway, boot))
            return super().contiguous_upto(gateway, boot) if known is None else known[1].contiguous_upto

    def beyond(self, gateway: GatewayId, boot: BootId, most: int) -> list[tuple[int, int]]:
        """Return the last `most` runs of numbers that are there although one before them is missing."""
        with self._lock:
            known = self._streams.get((gateway, boot))
            return super().beyond(gateway, boot, most) if known is None else known[1].runs(most)

    def quarantine(self, gateway: str, topic: str, reason: str, message: bytes, received_ns: int) -> bool:
        """Keep a refused message with its reason; return False if quarantine is full and it was only counted.

        Args:
            gateway: the name in its topic, perhaps no identifier.
            topic: where it came.
            reason: why it is refused, for a person to read.
            message: what came; at most KEPT_BYTES of it are kept.
            received_ns: UTC nanoseconds.
        """
        with self._lock, unavailable(self._path):
            self._require_room()
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                index, root = self._last("quarantine")
                if index >= self._max_quarantine:
                    connection.execute(
                        "INSERT INTO overflow VALUES (?, 1) ON CONFLICT DO UPDATE SET messages = messages + 1",
                        (reason,),
                    )
                    return False
                fields = (_text(gateway), _text(topic), _text(reason), len(message), message[:KEPT_BYTES], received_ns)
                root = next_root(root, index, *fields)
                connection.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (index, *fields, root))
        return True

    def advance_view(self, view: str, position: int) -> None:
        """Remember that the first `position` entries are in the view called `view`, after they have been written there.

        Survives the end of the process, but not surely a power cut: the view is then written again from an earlier
        position, which changes nothing in it. That saves waiting for the disk a second time in each batch.
        """
        with self._lock, unavailable(self._path):
            self._views.execute(
                "INSERT INTO view VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
                (view, position),
            )

    def close(self) -> None:
        """Let go of the file and of the right to write it. A second call does nothing."""
        with self._lock:
            super().close()
            self._views.close()
            if self._writer >= 0:
                os.close(self._writer)
                self._writer = -1

    def _last(self, table: str) -> tuple[int, bytes]:
        """The index that the next entry of `table` gets, and the root before it."""
        row = self._one(f"SELECT idx + 1, root FROM {table} ORDER BY idx DESC LIMIT 1")  # noqa: S608 - a name of ours
        return (0, EMPTY[table]) if row is None else (int(row[0]), bytes(row[1]))

    def _require_room(self) -> None:
        disk = os.statvfs(self._path.parent)
        free = disk.f_bavail * disk.f_frsize
        if free < self._min_free_bytes:
            raise StoreUnavailable(
                f"sqlite:///{self._path}",
                f"{free} bytes are left on its disk, fewer than {self._min_free_bytes}",
                "free space; nothing is accepted until then, and gateways keep what they have",
            )


def _second_arrival(connection: sqlite3.Connection, stream: int, entry: FrameEntry) -> Outcome:
    """Tell a repetition from another story, and keep the other story (once)."""
    where = (stream, entry.seq)
    (first,) = connection.execute("SELECT message FROM entry WHERE stream = ? AND seq = ?", where).fetchone()
    if first == entry.message:
        return Outcome.DUPLICATE
    digest = sha256(entry.message).digest()
    known = connection.execute("SELECT 1 FROM incident WHERE stream = ? AND seq = ? AND digest = ?", (*where, digest))
    if known.fetchone() is None:
        last = connection.execute("SELECT idx + 1, root FROM incident ORDER BY idx DESC LIMIT 1").fetchone()
        index, root = last or (0, EMPTY["incident"])
        root = next_root(root, index, entry.gateway, entry.boot, entry.seq, entry.received_ns, entry.message)
        connection.execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?, ?)",
            (index, stream, entry.seq, entry.received_ns, entry.message, digest, root),
        )
    return Outcome.CONFLICT


def _connect_views(path: Path) -> sqlite3.Connection:
    """A second connection for what may be lost: it does not wait for the disk."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _text(text: str) -> str:
    """Text that SQLite can hold: a lone surrogate, from a topic that is no UTF-8, is shown as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
