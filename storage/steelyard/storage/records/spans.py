"""Whose a device is and where it hangs, from one day to another, in a transaction of the registry.

A span is known by its device and its first day. One that begins while another without an end holds ends that one: a
device that is sold or hung elsewhere needs no word about before. Any other overlap is refused with both spans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import insert, select, update

from steelyard.contracts.devices import Ownership, Placement, span_text
from steelyard.storage.errors import RecordRefused
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.schema import ownership, placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from steelyard.contracts.identifiers import InstrumentId

Span = TypeVar("Span", Ownership, Placement)

_TABLES: dict[type[Any], tuple[Table, str]] = {
    Ownership: (ownership, "organization"),
    Placement: (placement, "position"),
}


def read(connection: Connection, kind: type[Span], instrument: InstrumentId | None = None) -> list[Span]:
    """Return the spans of all devices, or of one, by device and first day."""
    table, _ = _TABLES[kind]
    query = select(table).order_by(table.c.instrument, table.c.since)
    if instrument is not None:
        query = query.where(table.c.instrument == instrument)
    return [from_row(kind, row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a span replaced or ended (`old`, None for the first one of a device), and what holds now."""

    kind: str
    old: Ownership | Placement | None
    new: Ownership | Placement


def put(connection: Connection, given: Span) -> Change | None:
    """Store a span; None if that is what holds already.

    Raises:
        RecordRefused: if it ends before it begins, or holds on a day on which another one of the device does.
    """
    table, of = _TABLES[type(given)]
    if given.until is not None and given.until <= given.since:
        raise RecordRefused(
            table.name,
            f"{given.instrument} {span_text(given)}",
            "it ends before it begins",
            field=f"{table.name}.until",
            value=given.until.isoformat(),
            remedy="give a day after `since`: `until` is the first day on which it holds no more",
        )
    known = {one.since: one for one in read(connection, type(given), given.instrument)}
    old = known.get(given.since)
    if old == given:
        return None
    running = next((one for one in known.values() if one.until is None and one.since < given.since), None)
    if running is not None and old is None:
        if given.until is None and of_whom(running) == of_whom(given):
            return None
        known[running.since] = replace(running, until=given.since)
        _store(connection, table, running, known[running.since])
    known[given.since] = given
    _require_apart(sorted(known.values(), key=lambda one: one.since), table.name, of)
    _store(connection, table, old, given)
    return Change(kind=table.name, old=old or running, new=given)


def of_whom(span: Ownership | Placement) -> str:
    """The owner, or the position."""
    return span.organization if isinstance(span, Ownership) else span.position


def _store(connection: Connection, table: Table, old: Span | None, new: Span) -> None:
    if old is None:
        connection.execute(insert(table).values(to_row(new)))
        return
    same = (table.c.instrument == new.instrument) & (table.c.since == new.since)
    connection.execute(update(table).where(same).values(to_row(new)))


def _require_apart(spans: Sequence[Span], what: str, of: str) -> None:
    for earlier, later in pairwise(spans):
        if earlier.until is None or later.since < earlier.until:
            raise RecordRefused(
                what,
                f"{later.instrument}: {of_whom(later)} {span_text(later)}",
                f"it is with {of_whom(earlier)} {span_text(earlier)}",
                field=f"{what}.since",
                value=later.since.isoformat(),
                remedy=f"end one {of} on the day on which the other begins, or leave one out",
            )
