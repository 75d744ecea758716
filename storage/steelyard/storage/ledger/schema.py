"""The ledger's tables. What is evidence can only be added: the database itself refuses to change or delete it."""

from __future__ import annotations

from steelyard.storage.sqlite import Owner

OWNER = Owner(application_id=0x53744C67, version=1)  # "StLg"

_TABLES = """
CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    boot TEXT NOT NULL,
    UNIQUE (gateway, boot)
) STRICT;
CREATE TABLE entry (
    idx INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES stream,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    received_ns INTEGER NOT NULL,
    message BLOB NOT NULL,
    root BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;
CREATE TABLE incident (
    idx INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES stream,
    seq INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,
    message BLOB NOT NULL,
    digest BLOB NOT NULL,
    root BLOB NOT NULL,
    UNIQUE (stream, seq, digest)
) STRICT;
CREATE TABLE quarantine (
    idx INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    size INTEGER NOT NULL,
    message BLOB NOT NULL,
    received_ns INTEGER NOT NULL,
    root BLOB NOT NULL
) STRICT;
CREATE TABLE progress (
    stream INTEGER PRIMARY KEY REFERENCES stream,
    contiguous_upto INTEGER NOT NULL
) STRICT;
CREATE TABLE overflow (
    reason TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) STRICT;
CREATE TABLE view (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
"""

_KEPT = """
CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no {table} is ever changed'); END;
CREATE TRIGGER {table}_is_never_deleted BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no {table} is ever deleted'); END;
"""

# INSERT OR REPLACE deletes without asking the triggers above.
_NOT_REPLACED = """
CREATE TRIGGER {table}_is_never_replaced BEFORE INSERT ON {table}
WHEN {order} EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a new {table} comes after the last, and only once'); END;
"""


def _not_replaced(table: str, same: str) -> str:
    """A numbered table's guard: the new row follows the last, and no row is the same."""
    order = f"NEW.idx IS NOT (SELECT coalesce(max(idx) + 1, 0) FROM {table}) OR"  # noqa: S608 - names of ours
    return _NOT_REPLACED.format(table=table, order=order, same=same)


SCHEMA = "".join(
    (
        _TABLES,
        *(_KEPT.format(table=table) for table in ("stream", "entry", "incident", "quarantine")),
        _not_replaced("entry", "stream = NEW.stream AND seq = NEW.seq"),
        _not_replaced("incident", "stream = NEW.stream AND seq = NEW.seq AND digest = NEW.digest"),
        _not_replaced("quarantine", "idx = NEW.idx"),
        _NOT_REPLACED.format(
            table="stream", order="", same="id = NEW.id OR (gateway = NEW.gateway AND boot = NEW.boot)"
        ),
    )
)
