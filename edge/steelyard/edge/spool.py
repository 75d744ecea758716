"""The spool: frames that wait for their receipt, in SQLite.

WAL with synchronous=FULL lost nothing in 24 power cuts where NORMAL lost hundreds of commits; locking_mode=EXCLUSIVE
keeps the WAL index out of shared memory, where a full disk ends the process with SIGBUS. The settings are asserted,
not assumed.

One thread uses a Spool. Frames are kept under ``boot counter * 2^40 + seq``: the order of sending is the order of the
key, and a receipt deletes one range of it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from steelyard.contracts.identifiers import parse_boot_id
from steelyard.edge.boot import Boot, make_boot
from steelyard.edge.errors import SpoolError, SpoolFull, SpoolInUse, SpoolUnsafe
from steelyard.edge.frames import FrameNumber, FrameSpan, SignedFrame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

SEQ_BITS: Final = 40
FORGET_AT_ONCE: Final = 1000
"""Frames deleted in one transaction: the journal that it takes must fit on a disk that is nearly full."""
SCHEMA_VERSION: Final = 1

_SETTINGS: Final = (
    # name, value to set, what SQLite must then say
    ("locking_mode", "EXCLUSIVE", "exclusive"),  # before the first access, or a shared-memory index is made
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("temp_store", "MEMORY", 2),
    ("cache_size", "-2000", -2000),  # KiB
    ("journal_size_limit", str(8 * 2**20), 8 * 2**20),
)

_SCHEMA: Final = (
    "CREATE TABLE boot (counter INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE frame (number INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT",
    """CREATE TABLE gap (
        number INTEGER PRIMARY KEY, boot INTEGER NOT NULL, cause TEXT NOT NULL,
        from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, polls INTEGER NOT NULL
    ) STRICT""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """Bounds: frames and bytes kept, and bytes that must stay free on the disk or in the file itself."""

    max_frames: int
    max_bytes: int
    min_free_bytes: int
    ballast_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which nothing was measured: UTC nanoseconds by the gateway's clock, and the polls left out."""

    cause: str
    from_ns: int
    to_ns: int
    polls: int


class Spool:
    """Opens the spool at `path`, makes it where there is none, and begins a new boot.

    Args:
        path: the SQLite file; its directory exists.
        limits: when it is full.
        randomness: four random bytes for the boot's name.

    Raises:
        SpoolInUse: another process holds it.
        SpoolUnsafe: SQLite would not take a setting.
        SpoolFull: the disk is full even with the ballast freed.
        SpoolError: the file is no spool, or damaged.
    """

    def __init__(self, path: Path, limits: SpoolLimits, randomness: bytes) -> None:
        self.path = path
        self._limits = limits
        self._ballast = path.with_name(path.name + ".ballast")
        self._reserved: BinaryIO | None = None
        # Freed before anything is opened: a full disk must not keep SQLite from recovering its journal.
        self._free_old_ballast()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        except sqlite3.OperationalError as error:
            raise SpoolError(f"{path}: {error}: does the directory exist, and may we write there?") from error
        try:
            self._open(randomness)
        except sqlite3.Error as error:
            self._db.close()
            raise _explained(path, error) from error
        except SpoolError:
            self._db.close()
            raise
        self._lay_ballast()

    def _open(self, randomness: bytes) -> None:
        for name, value, expected in _SETTINGS:
            self._db.execute(f"PRAGMA {name} = {value}").fetchall()
            self._assert_setting(name, expected)
        self._db.execute("BEGIN EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise SpoolError(
                f"{self.path}: spool version {version}, this is {SCHEMA_VERSION}: use the program that wrote it"
            )
        if version == 0:
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        (counter,) = self._db.execute("SELECT coalesce(max(counter), 0) + 1 FROM boot").fetchone()
        self.boot: Boot = make_boot(counter, randomness)
        # Boots whose frames are all receipted are forgotten, but for the last, which carries the counter.
        self._db.execute(
            "DELETE FROM boot WHERE counter < ?1 AND NOT EXISTS "
            "(SELECT 1 FROM frame WHERE number BETWEEN counter << ?2 AND (counter + 1 << ?2) - 1)",
            (counter - 1, SEQ_BITS),
        )
        self._db.execute("INSERT INTO boot VALUES (?, ?)", (counter, self.boot.id))
        self._db.execute("COMMIT")
        self.boots = tuple(
            Boot(counter=counter, id=parse_boot_id(text))
            for counter, text in self._db.execute("SELECT counter, id FROM boot ORDER BY counter")
        )
        count, size = self._db.execute("SELECT count(*), coalesce(sum(length(message)), 0) FROM frame").fetchone()
        self.frames: int = count
        self.bytes: int = size

    def _assert_setting(self, name: str, expected: str | int) -> None:
        row = self._db.execute(f"PRAGMA {name}").fetchone()
        if row is None or row[0] != expected:
            found = None if row is None else row[0]
            raise SpoolUnsafe(
                f"{self.path}: SQLite says {name} = {found!r}, it must be {expected!r}: "
                "use a local disk and SQLite 3.37 or later"
            )

    @property
    def ballast_ready(self) -> bool:
        """Whether there is space reserved to be freed when the disk is full."""
        return self._reserved is not None or self._limits.ballast_bytes == 0

    def _free_old_ballast(self) -> None:
        """Free what an earlier process reserved; one that still runs holds it locked, and keeps it."""
        try:
            with self._ballast.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._ballast.unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            raise _in_use(self.path) from error
        except OSError as error:
            raise SpoolError(f"{self._ballast}: {error.strerror}: may we write to its directory?") from error

    def _lay_ballast(self) -> None:
        """Reserve the space to be freed at the next start, if there is any."""
        if self.ballast_ready:
            return
        file = None
        try:
            file = self._ballast.open("wb")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(file.fileno(), 0, self._limits.ballast_bytes)
        except OSError:
            self._ballast.unlink(missing_ok=True)
            if file is not None:
                file.close()
        else:
            self._reserved = file

    def _free_ballast(self) -> None:
        """Give the reserved space back; it is free only when the file is closed, too."""
        if self._reserved is not None:
            self._ballast.unlink(missing_ok=True)
            self._reserved.close()
            self._reserved = None

    def apply(self, append: Sequence[SignedFrame], forget: Sequence[FrameSpan], gaps: Sequence[Gap] = ()) -> None:
        """Store and forget in one transaction; when this returns, both have reached the disk.

        Of very many frames to be forgotten the first go in transactions of their own.

        Args:
            append: new frames; one that is there already (a repeated attempt) stays as it is.
            forget: spans of frames that have their receipt.
            gaps: to be recorded.

        Raises:
            SpoolFull: nothing was stored; forgetting alone still works.
            SpoolError: SQLite failed; nothing was stored.
        """
        if append:
            self._check_room(append)
        for portion in self._portions(forget):
            self._apply((), [portion], ())
        self._apply(append, forget, gaps)

    def _portions(self, forget: Sequence[FrameSpan]) -> Iterator[FrameSpan]:
        """What is too much for one transaction, to be forgotten before the next is asked for."""
        query = "SELECT number FROM frame WHERE number BETWEEN ? AND ? ORDER BY number LIMIT 1 OFFSET ?"
        for span in forget:
            while self.frames > FORGET_AT_ONCE:
                try:
                    row = self._db.execute(query, (*_keys(span), FORGET_AT_ONCE - 1)).fetchone()
                except sqlite3.Error as error:
                    raise _explained(self.path, error) from error
                if row is None:
                    break
                yield FrameSpan(boot=span.boot, first=span.first, last=row[0] & (1 << SEQ_BITS) - 1)

    def _apply(self, append: Sequence[SignedFrame], forget: Sequence[FrameSpan], gaps: Sequence[Gap]) -> None:
        try:
            self._db.execute("BEGIN")
            frames, size = self._forget(forget)
            for frame in append:
                stored = self._db.execute(
                    "INSERT OR IGNORE INTO frame VALUES (?, ?)", (_key(frame.number), frame.message)
                )
                if stored.rowcount:
                    frames += 1
                    size += len(frame.message)
            self._db.executemany(
                "INSERT INTO gap (boot, cause, from_ns, to_ns, polls) VALUES (?, ?, ?, ?, ?)",
                [(self.boot.counter, gap.cause, gap.from_ns, gap.to_ns, gap.polls) for gap in gaps],
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            explained = _explained(self.path, error)
            if isinstance(explained, SpoolFull):
                # The disk itself is full: without these bytes not even forgetting would work.
                self._free_ballast()
            raise explained from error
        self.frames += frames
        self.bytes += size

    @property
    def roomy(self) -> bool:
        """Whether a spool that was full has room enough to measure again: a tenth, so that it does not flutter."""
        limits = self._limits
        try:
            free, inside = self._free_bytes(), self._free_inside_bytes()
        except SpoolError:
            return False
        if not self.ballast_ready and free >= limits.min_free_bytes + limits.ballast_bytes:
            self._lay_ballast()
        enough = self.frames <= 0.9 * limits.max_frames and self.bytes <= 0.9 * limits.max_bytes
        return enough and free + inside >= limits.min_free_bytes

    def _free_bytes(self) -> int:
        try:
            disk = os.statvfs(self.path.parent)
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}: is its disk still there?") from error
        return disk.f_bavail * disk.f_frsize

    def _free_inside_bytes(self) -> int:
        """Bytes that receipts emptied in the file: filled again before it grows, but never given back to the disk."""
        try:
            (pages,), (size,) = (self._db.execute(f"PRAGMA {of}").fetchone() for of in ("freelist_count", "page_size"))
        except sqlite3.Error as error:
            raise _explained(self.path, error) from error
        return int(pages) * int(size)

    def _forget(self, forget: Sequence[FrameSpan]) -> tuple[int, int]:
        """Delete what has its receipt; return the changes of count and bytes (not positive)."""
        frames = size = 0
        for frames_of in forget:
            span = _keys(frames_of)
            count, total = self._db.execute(
                "SELECT count(*), coalesce(sum(length(message)), 0) FROM frame WHERE number BETWEEN ? AND ?", span
            ).fetchone()
            if count:
                self._db.execute("DELETE FROM frame WHERE number BETWEEN ? AND ?", span)
                frames -= count
                size -= total
        return frames, size

    def _check_room(self, append: Sequence[SignedFrame]) -> None:
        if self.frames + len(append) > self._limits.max_frames:
            raise SpoolFull(
                f"{self.path}: {self.frames} frames wait for a receipt, spool.max_frames is {self._limits.max_frames}"
            )
        if self.bytes + sum(len(frame.message) for frame in append) > self._limits.max_bytes:
            raise SpoolFull(
                f"{self.path}: {self.bytes} bytes wait for a receipt, spool.max_bytes is {self._limits.max_bytes}"
            )
        free, least = self._free_bytes(), self._limits.min_free_bytes
        if free < least and free + self._free_inside_bytes() < least:
            raise SpoolFull(f"{self.path}: {free} bytes are free on the disk, spool.min_free_bytes is {least}")

    def after(self, number: FrameNumber, max_frames: int, max_bytes: int) -> list[SignedFrame]:
        """The frames that follow `number`, in order, at most so many and (but for the first) so many bytes.

        Raises:
            SpoolError: SQLite failed.
        """
        found: list[SignedFrame] = []
        size = 0
        query = "SELECT number, message FROM frame WHERE number > ? ORDER BY number LIMIT ?"
        try:
            with closing(self._db.execute(query, (_key(number), max_frames))) as rows:
                for key, message in rows:
                    size += len(message)
                    if found and size > max_bytes:
                        break
                    found.append(SignedFrame(boot=key >> SEQ_BITS, seq=key & (1 << SEQ_BITS) - 1, message=message))
        except sqlite3.Error as error:
            raise _explained(self.path, error) from error
        return found

    def last_seq(self, boot: int) -> int:
        """The highest number kept of a boot; 0 when none is."""
        span = (boot << SEQ_BITS, (boot + 1) << SEQ_BITS)
        (key,) = self._db.execute("SELECT max(number) FROM frame WHERE number >= ? AND number < ?", span).fetchone()
        return 0 if key is None else key & (1 << SEQ_BITS) - 1

    def gaps(self) -> list[Gap]:
        """Every recorded gap, oldest first."""
        rows = self._db.execute("SELECT cause, from_ns, to_ns, polls FROM gap ORDER BY number")
        return [Gap(cause=cause, from_ns=start, to_ns=end, polls=polls) for cause, start, end, polls in rows]

    def close(self) -> None:
        """Close the file; what was stored stays."""
        self._db.close()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None


def _key(number: FrameNumber) -> int:
    return number.boot << SEQ_BITS | number.seq


def _keys(span: FrameSpan) -> tuple[int, int]:
    return span.boot << SEQ_BITS | span.first, span.boot << SEQ_BITS | span.last


def _explained(path: Path, error: sqlite3.Error) -> SpoolError:
    """SQLite's error in our words; its primary code is the low byte (https://sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _in_use(path)
    if code == sqlite3.SQLITE_FULL:
        return SpoolFull(f"{path}: {error}: free space on the disk")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return SpoolError(f"{path}: {error}: keep the file as evidence and let a new one be made")
    return SpoolError(f"{path}: {error}")


def _in_use(path: Path) -> SpoolInUse:
    return SpoolInUse(f"{path}: another process holds this spool: stop it, or give this gateway its own spool.path")
