"""Alerts: what is to be sent, what was sent, to whom, and what became of it. Outbox and log in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from steelyard.storage.errors import RecordNotFound
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.schema import alert as alert_table
from steelyard.storage.records.verification import insert_new

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from steelyard.contracts.identifiers import InstrumentId, OrganizationId
    from steelyard.storage.records.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message to one recipient about one work order.

    `id` is made from what it is about, so that the same alert is not stored twice. `medium` "email" or "webhook",
    `recipient` its address. Instants are UTC nanoseconds; `next_attempt_ns` is None when it is sent or given up;
    `outcome` says how the last attempt ended, `news` what was told of the order.
    """

    id: str
    work_order: str
    instrument: InstrumentId
    organization: OrganizationId
    medium: str
    recipient: str
    subject: str
    body: str
    created_ns: int
    sent_ns: int | None = None
    attempts: int = 0
    next_attempt_ns: int | None = None
    outcome: str | None = None
    news: str | None = None


class AlertRepository:
    """The outbox and the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, alerts: Sequence[Alert]) -> int:
        """Store alerts whose id is not there yet, in one transaction; returns how many were new."""
        if not alerts:
            return 0
        with self._database.write("alert", alerts[0].id) as connection:
            return insert_new(connection, alert_table, [to_row(alert) for alert in alerts])

    def waiting(self, now_ns: int, limit: int = 100) -> Sequence[Alert]:
        """Return alerts whose next attempt is due, oldest first."""
        query = select(alert_table).where(alert_table.c.next_attempt_ns <= now_ns)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(alert_table.c.next_attempt_ns, alert_table.c.id).limit(limit))
            return [from_row(Alert, row) for row in rows]

    def attempted(self, alert: str, *, outcome: str, sent_ns: int | None, next_attempt_ns: int | None) -> None:
        """Note how an attempt ended; RecordNotFound for an unknown alert.

        Args:
            alert: its id.
            outcome: what the other side said.
            sent_ns: when it was taken, None if it was not.
            next_attempt_ns: when to try again, None if it is sent or given up.
        """
        with self._database.write("alert", alert) as connection:
            changed = update(alert_table).where(alert_table.c.id == alert)
            values = {"outcome": outcome, "sent_ns": sent_ns, "next_attempt_ns": next_attempt_ns}
            if connection.execute(changed.values(attempts=alert_table.c.attempts + 1, **values)).rowcount != 1:
                raise RecordNotFound("alert", alert)

    def log(self, organizations: Collection[OrganizationId] | None = None, limit: int = 200) -> Sequence[Alert]:
        """Return the youngest alerts, youngest first: all, or those of the given organizations."""
        query = select(alert_table)
        if organizations is not None:
            query = query.where(alert_table.c.organization.in_(organizations))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(alert_table.c.created_ns.desc(), alert_table.c.id).limit(limit))
            return [from_row(Alert, row) for row in rows]

    def of_order(self, work_order: str) -> Sequence[Alert]:
        """Return all alerts of one order, oldest first."""
        query = select(alert_table).where(alert_table.c.work_order == work_order)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(alert_table.c.created_ns, alert_table.c.id))
            return [from_row(Alert, row) for row in rows]
