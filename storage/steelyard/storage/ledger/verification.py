"""Reading everything again: is the ledger what was written?

Found is any change of an entry, an incident, a refused message, their order and number, the streams they belong to, the
triggers that protect them, and what is remembered of progress. Entries cut off at the end are found when a root from
outside (a receipt, a backup's head) is given: the chain alone cannot know how long it was.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.storage.errors import LedgerAltered
from steelyard.storage.ledger.chain import EMPTY, next_root
from steelyard.storage.ledger.entries import Head
from steelyard.storage.ledger.schema import OWNER, SCHEMA
from steelyard.storage.ledger.sequence import Arrived
from steelyard.storage.sqlite import connect_read_only, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENTRIES = """
SELECT idx, root, gateway, boot, seq, received_ns, message
FROM entry LEFT JOIN stream ON stream.id = entry.stream ORDER BY idx
"""
_INCIDENTS = _ENTRIES.replace("entry", "incident")
_QUARANTINE = "SELECT idx, root, gateway, topic, reason, size, message, received_ns FROM quarantine ORDER BY idx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was read and found unchanged: the ledger's head, and how many incidents and refused messages."""

    head: Head
    incidents: int
    quarantined: int


def verify_ledger(path: Path | str, trusted: Iterable[Head] = ()) -> Verified:
    """Read the whole ledger at `path` and recompute every root.

    Args:
        path: the file; the process that writes it may go on.
        trusted: heads known from elsewhere, as receipts carry them; each must be a state that this ledger went through.

    Raises:
        LedgerAltered: naming the first entry that is not what was written.
        StoreUnavailable: if the file cannot be read as a database at all.
    """
    path = Path(path)
    with unavailable(path):
        connection = connect_read_only(path, owner=OWNER)
        connection.text_factory = lambda text: text.decode(errors="backslashreplace")  # a flipped bit may end UTF-8
        try:
            connection.execute("BEGIN")  # one state throughout, while the writer goes on
            return _verify(connection, trusted)
        finally:
            connection.close()


def _verify(connection: sqlite3.Connection, trusted: Iterable[Head]) -> Verified:
    _check_structure(connection)
    expected = {head.size: head.root for head in trusted}
    streams: dict[tuple[str, str], Arrived] = {}
    root, size = EMPTY["entry"], 0
    _check_trusted(expected, root, size)
    for index, stored, *fields in connection.execute(_ENTRIES):
        root = _check_entry("entry", size, root, index, stored, fields)
        size += 1
        gateway, boot, seq = fields[:3]
        streams.setdefault((gateway, boot), Arrived()).add(seq)
        _check_trusted(expected, root, size)
    beyond = [known for known in expected if known > size]
    if beyond:
        raise LedgerAltered("entry", size, f"the ledger ends here, but a head of {max(beyond)} entries is known")
    _check_progress(connection, streams)
    incidents = _check_chain(connection, "incident", _INCIDENTS)
    quarantined = _check_chain(connection, "quarantine", _QUARANTINE)
    return Verified(head=Head(size=size, root=root.hex()), incidents=incidents, quarantined=quarantined)


def _check_structure(connection: sqlite3.Connection) -> None:
    (first_fault,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if first_fault != "ok":
        raise LedgerAltered("file", None, f"SQLite finds {first_fault}")
    with_schema = sqlite3.connect(":memory:")
    try:
        with_schema.executescript(SCHEMA)
        query = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
        expected, found = (set(source.execute(query).fetchall()) for source in (with_schema, connection))
    finally:
        with_schema.close()
    for kind, name, _ in sorted(expected ^ found):
        raise LedgerAltered("schema", None, f"{kind} {name} is not the one that was made")


def _check_chain(connection: sqlite3.Connection, table: str, query: str) -> int:
    root, size = EMPTY[table], 0
    for index, stored, *fields in connection.execute(query):
        root = _check_entry(table, size, root, index, stored, fields)
        size += 1
    return size


def _check_entry(
    table: str, expected: int, root: bytes, index: int, stored: bytes, fields: list[bytes | int | str | None]
) -> bytes:
    if index != expected:
        raise LedgerAltered(table, expected, f"missing: the next one is {index}")
    written = [field for field in fields if isinstance(field, bytes | str) or (isinstance(field, int) and field >= 0)]
    if len(written) < len(fields):  # its stream is gone, or a number was never one
        raise LedgerAltered(table, index, "its fields are not what was written")
    root = next_root(root, index, *written)
    if root != stored:
        raise LedgerAltered(table, index, "its content does not lead to its root")
    return root


def _check_trusted(expected: dict[int, str], root: bytes, size: int) -> None:
    known = expected.get(size)
    if known is not None and known != root.hex():
        raise LedgerAltered(
            "entry", size - 1 if size else None, f"with it the root is {root.hex()}, but {known} is known"
        )


def _check_progress(connection: sqlite3.Connection, streams: dict[tuple[str, str], Arrived]) -> None:
    query = "SELECT gateway, boot, contiguous_upto FROM stream LEFT JOIN progress ON progress.stream = stream.id"
    found = {(gateway, boot): upto for gateway, boot, upto in connection.execute(query)}
    expected = {name: arrived.contiguous_upto for name, arrived in streams.items()}
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected or found.get(name) != expected[name]:
            what = f"{'/'.join(name)} is remembered up to {found.get(name)}, its entries reach {expected.get(name, 0)}"
            raise LedgerAltered("progress", None, what)
    (orphans,) = connection.execute(
        "SELECT count(*) FROM progress WHERE stream NOT IN (SELECT id FROM stream)"
    ).fetchone()
    if orphans:
        raise LedgerAltered("progress", None, f"{orphans} belong to no stream")
