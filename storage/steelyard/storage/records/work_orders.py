"""Work orders; also `calibration.ports.WorkOrderPort`. Every change and its audit entry are one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from steelyard.calibration.errors import OrderChanged, OrderExists
from steelyard.calibration.verification.work_orders import TERMINAL, WorkOrder
from steelyard.storage.errors import RecordNotFound, RecordRefused
from steelyard.storage.records import schema
from steelyard.storage.records.audit import add_audit
from steelyard.storage.records.columns import from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection, Select

    from steelyard.calibration.verification.audit import AuditEntry
    from steelyard.contracts.identifiers import InstrumentId, OrganizationId
    from steelyard.storage.records.database import Database

_TABLE = schema.work_order
_OPEN = _TABLE.c.state.not_in(sorted(TERMINAL))


class WorkOrderRepository:
    """Work orders.

    What may follow what is the domain's business (`work_orders.TRANSITIONS`). That nobody's change is lost and no
    second open order appears is the database's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_orders(self) -> Sequence[WorkOrder]:
        """Return all orders that have not ended, oldest first."""
        return self._orders(select(_TABLE).where(_OPEN))

    def orders_of(self, instrument: InstrumentId) -> Sequence[WorkOrder]:
        """Return all orders of an instrument, ended ones too, oldest first."""
        return self._orders(select(_TABLE).where(_TABLE.c.instrument == instrument))

    def orders(self, organizations: Collection[OrganizationId] | None = None) -> Sequence[WorkOrder]:
        """Return orders, ended ones too, oldest first: all, or those for instruments of the given organizations."""
        query = select(_TABLE)
        return self._orders(query if organizations is None else query.where(_TABLE.c.organization.in_(organizations)))

    def order(self, order: str) -> WorkOrder | None:
        """Return the order with this id."""
        found = self._orders(select(_TABLE).where(_TABLE.c.id == order))
        return found[0] if found else None

    def _orders(self, query: Select[tuple[object, ...]]) -> list[WorkOrder]:
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_TABLE.c.raised_ns, _TABLE.c.id))
            return [from_row(WorkOrder, row) for row in rows]

    def add_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        """Store a new order and its audit entry.

        Raises:
            OrderExists: if its id is taken, or an open order of this instrument and trigger exists.
            RecordRefused: if its instrument or organization is not registered.
        """
        try:
            with self._database.write("work order", order.id) as connection:
                connection.execute(insert(_TABLE), to_row(order))
                add_audit(connection, audit)
        except RecordRefused as error:
            self._raise_if_taken(order, error)
            raise

    def update_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        """Replace the stored order, whose revision must be `order.revision` - 1, and store the audit entry.

        Raises:
            OrderChanged: if somebody changed the order meanwhile; nothing is stored.
            RecordNotFound: if there is no such order.
        """
        with self._database.write("work order", order.id) as connection:
            replace_order(connection, order, audit)

    def _raise_if_taken(self, order: WorkOrder, error: RecordRefused) -> None:
        """Say which of the two unique rules it was. Names of constraints differ between databases; the rows do not."""
        same = (_TABLE.c.instrument == order.instrument) & (_TABLE.c.trigger == order.trigger)
        with self._database.read() as connection:
            taken = select(_TABLE.c.id).where((_TABLE.c.id == order.id) | (same & _OPEN))
            known = connection.execute(taken).scalars().all()
        if order.id in known:
            raise OrderExists("id", order.id, "the id is taken: give the new order another") from error
        if known:
            remedy = f"order {known[0]} of {order.instrument} is open for it: let the evidence join that one"
            raise OrderExists("trigger", order.trigger.value, remedy) from error


def replace_order(connection: Connection, order: WorkOrder, audit: AuditEntry) -> None:
    """Do what `WorkOrderRepository.update_order` does, in a transaction that stores other things too."""
    expected = order.revision - 1
    unchanged = (_TABLE.c.id == order.id) & (_TABLE.c.revision == expected)
    if connection.execute(update(_TABLE).where(unchanged).values(to_row(order))).rowcount != 1:
        found = connection.execute(select(_TABLE.c.revision).where(_TABLE.c.id == order.id)).scalar()
        if found is None:
            raise RecordNotFound("work order", order.id)
        raise OrderChanged("revision", expected, f"the order is at revision {found} by now: read it again")
    add_audit(connection, audit)
