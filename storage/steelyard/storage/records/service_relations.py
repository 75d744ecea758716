"""Who serves whom, from when to when, in a transaction of the registry.

A relation is known by institute, enterprise and first day; what may change is its end. That two of one pair never hold
on the same day cannot be said by an index that both databases have: it is looked up within the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from steelyard.contracts.registry import OrganizationKind, ServiceRelation
from steelyard.storage.errors import RecordRefused
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.database import take_turns
from steelyard.storage.records.schema import organization as organization_table
from steelyard.storage.records.schema import service_relation as table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from steelyard.contracts.identifiers import OrganizationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A relation that is new (`old` is None), or whose end was moved."""

    old: ServiceRelation | None
    new: ServiceRelation


def read(connection: Connection) -> list[ServiceRelation]:
    """Return all relations by institute, enterprise and first day."""
    found = [from_row(ServiceRelation, row) for row in connection.execute(select(table))]
    return sorted(found, key=_place)


def apply(connection: Connection, relations: Sequence[ServiceRelation]) -> Iterator[Change]:
    """Store what differs, and yield each change.

    Raises:
        RecordRefused: if a relation ends before it begins, is not of an institute with an enterprise, or holds on a day
        on which another one of the same pair does.
    """
    if not relations:
        return
    take_turns(connection, "service_relation")
    kinds: dict[OrganizationId, OrganizationKind] = {
        row.id: row.kind for row in connection.execute(select(organization_table.c.id, organization_table.c.kind))
    }
    known = {_place(each): each for each in read(connection)}
    for relation in relations:
        _require_sense(relation, kinds)
        old = known.get(_place(relation))
        if old == relation:
            continue
        if old is None:
            connection.execute(insert(table).values(to_row(relation)))
        else:
            same = (
                (table.c.institute == relation.institute)
                & (table.c.enterprise == relation.enterprise)
                & table.c.since.is_not_distinct_from(relation.since)
            )
            connection.execute(update(table).where(same).values(until=relation.until))
        known[_place(relation)] = relation
        yield Change(old=old, new=relation)
    for earlier, later in pairwise(sorted(known.values(), key=_place)):
        if _pair(earlier) == _pair(later) and earlier.overlaps(later):
            raise RecordRefused(
                "service relation",
                f"{later.institute} serves {later.enterprise} {later.span}",
                f"it already serves it {earlier.span}: end one on the day on which the other begins, or leave one out",
            )


def _require_sense(relation: ServiceRelation, kinds: dict[OrganizationId, OrganizationKind]) -> None:
    key = f"{relation.institute} serves {relation.enterprise} {relation.span}"
    if relation.since is not None and relation.until is not None and relation.until <= relation.since:
        raise RecordRefused("service relation", key, "it ends before it begins: `until` is the first day without it")
    for name, kind in (
        (relation.institute, OrganizationKind.INSTITUTE),
        (relation.enterprise, OrganizationKind.ENTERPRISE),
    ):
        if kinds.get(name) is not kind:
            found = "not registered" if name not in kinds else f"registered as {kinds[name].value}"
            raise RecordRefused(
                "service relation", key, f"{name} is {found}: an institute serves an enterprise; name the {kind.value}"
            )


def _pair(relation: ServiceRelation) -> tuple[str, str]:
    return (relation.institute, relation.enterprise)


def _place(relation: ServiceRelation) -> tuple[str, str, int]:
    return (*_pair(relation), 0 if relation.since is None else relation.since.toordinal())
