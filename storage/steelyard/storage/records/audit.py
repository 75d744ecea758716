"""The audit trail: who changed what, from what to what, when and why. The database refuses to change or delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from steelyard.calibration.verification.audit import AuditEntry
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.schema import audit as audit_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from steelyard.storage.records.database import Database


def add_audit(connection: Connection, *entries: AuditEntry) -> None:
    """Store `entries` in the transaction of the change that they belong to."""
    if entries:
        connection.execute(insert(audit_table), [to_row(entry) for entry in entries])


class AuditRepository:
    """Reading the trail; and writing what changes no record (a sign-in, a refused act)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *entries: AuditEntry) -> None:
        """Store entries of acts that change no record."""
        with self._database.write("audit", "entry") as connection:
            add_audit(connection, *entries)

    def entries_of(self, object_kind: str, object_id: str) -> Sequence[AuditEntry]:
        """Return what happened to one object, oldest first."""
        same = (audit_table.c.object_kind == object_kind) & (audit_table.c.object_id == object_id)
        query = select(audit_table).where(same)
        with self._database.read() as connection:
            return [from_row(AuditEntry, row) for row in connection.execute(query.order_by(audit_table.c.number))]

    def latest(self, limit: int = 100) -> Sequence[AuditEntry]:
        """Return the youngest `limit` entries, youngest first."""
        query = select(audit_table).order_by(audit_table.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [from_row(AuditEntry, row) for row in connection.execute(query)]

    def count(self) -> int:
        """How many entries there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(audit_table)).scalar_one())
