"""Verification events, error observations and assessments; also `calibration.ports.VerificationPort`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from steelyard.calibration.ports import Cursor, RecordSize
from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.errors import RecordRefused
from steelyard.storage.records import schema
from steelyard.storage.records.audit import add_audit
from steelyard.storage.records.certificate_numbers import require_free_number, require_superseded
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.work_orders import replace_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from steelyard.calibration.verification.audit import AuditEntry
    from steelyard.calibration.verification.work_orders import OrderChange
    from steelyard.storage.records.database import Database


class VerificationRepository:
    """What was found out about instruments, and what follows from it. Nothing here is ever changed, only added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_event(
        self,
        event: VerificationEvent,
        audit: AuditEntry,
        observations: Collection[ErrorObservation] = (),
        *,
        items: Sequence[InstrumentId] = (),
    ) -> None:
        """Store a completed event, the observations taken from it and its audit entry in one transaction.

        Args:
            event: what was done and found.
            audit: who recorded it.
            observations: what it says about the error.
            items: all instruments of a certificate for many, this one's too; empty for a certificate of its own.

        Raises:
            RecordRefused: if its id is taken, its instrument unknown, its certificate's number another event's, or
            what it supersedes not on record.
        """
        with self._database.write("verification event", event.id) as connection:
            _insert_event(connection, event, audit, observations, items)

    def add_closing_event(
        self,
        event: VerificationEvent,
        audit: AuditEntry,
        closing: OrderChange,
        observations: Collection[ErrorObservation] = (),
        *,
        items: Sequence[InstrumentId] = (),
    ) -> None:
        """The same for the event that ends a work order: event, order and both audit entries in one transaction.

        Args:
            event: names the order as its `work_order`.
            audit: as above.
            closing: the order as it is afterwards, and who closed it.
            observations: as above.
            items: as above.

        Raises:
            OrderChanged: if somebody changed the order meanwhile; nothing is stored.
            RecordNotFound: if there is no such order.
            RecordRefused: as above, or if the event is not this order's.
        """
        if (event.work_order, event.instrument) != (closing.order.id, closing.order.instrument):
            raise RecordRefused(
                "verification event", event.id, f"it is not that of order {closing.order.id}: name the order it closes"
            )
        with self._database.write("verification event", event.id) as connection:
            replace_order(connection, closing.order, closing.audit)
            _insert_event(connection, event, audit, observations, items)

    def record_sizes(self) -> Mapping[InstrumentId, RecordSize]:
        """Return how many events and observations each instrument has that has any."""
        with self._database.read() as connection:
            events = _counts(connection, schema.verification_event)
            observations = _counts(connection, schema.error_observation)
        return {
            InstrumentId(name): RecordSize(events=events.get(name, 0), observations=observations.get(name, 0))
            for name in sorted(events.keys() | observations.keys())
        }

    def events(self, instrument: InstrumentId) -> Sequence[VerificationEvent]:
        """Return the instrument's events by completion date, then by order of entry."""
        table = schema.verification_event
        query = select(table).where(table.c.instrument == instrument).order_by(table.c.completed, table.c.number)
        with self._database.read() as connection:
            return [from_row(VerificationEvent, row) for row in connection.execute(query)]

    def event(self, event: str) -> VerificationEvent | None:
        """Return the event with this id."""
        table = schema.verification_event
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == event)).one_or_none()
        return None if row is None else from_row(VerificationEvent, row)

    def observations(self, instrument: InstrumentId) -> Sequence[ErrorObservation]:
        """Return the instrument's error observations by time, then by order of entry."""
        table = schema.error_observation
        query = select(table).where(table.c.instrument == instrument).order_by(table.c.t_ns, table.c.number)
        with self._database.read() as connection:
            return [from_row(ErrorObservation, row) for row in connection.execute(query)]

    def cursors(self) -> Mapping[str, Cursor]:
        """Return all cursors by name."""
        with self._database.read() as connection:
            found = [from_row(Cursor, row) for row in connection.execute(select(schema.cursor))]
        return {cursor.name: cursor for cursor in found}

    def append_observations(self, observations: Sequence[ErrorObservation], cursors: Sequence[Cursor]) -> int:
        """Store observations and set cursors in one transaction; returns how many observations were new."""
        with self._database.write("error observation", _first_name(observations)) as connection:
            new = insert_new(connection, schema.error_observation, [to_row(one) for one in observations])
            put(connection, schema.cursor, [to_row(cursor) for cursor in cursors])
        return new

    def save_assessments(self, assessments: Sequence[Assessment]) -> None:
        """Append assessments in one transaction."""
        if not assessments:
            return
        with self._database.write("assessment", assessments[0].instrument) as connection:
            connection.execute(insert(schema.assessment), [to_row(assessment) for assessment in assessments])

    def latest_assessments(self) -> Mapping[InstrumentId, Assessment]:
        """Return the newest assessment of each instrument that has one.

        The newest is the one stored last, whatever its time: a clock that was years ahead for one run is right again
        with the next.
        """
        table, instruments, of_one = schema.assessment, schema.instrument, schema.assessment.alias()
        # One step into the index for each instrument, however many assessments there are.
        last = select(func.max(of_one.c.number)).where(of_one.c.instrument == instruments.c.id).scalar_subquery()
        query = select(table).join(instruments, table.c.number == last).order_by(table.c.instrument)
        with self._database.read() as connection:
            found = [from_row(Assessment, row) for row in connection.execute(query)]
        return {assessment.instrument: assessment for assessment in found}

    def latest_assessment(self, instrument: InstrumentId) -> Assessment | None:
        """Return the assessment of one instrument that was stored last."""
        table = schema.assessment
        query = select(table).where(table.c.instrument == instrument).order_by(table.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else from_row(Assessment, row)

    def assessments(self, instrument: InstrumentId, from_ns: int = 0) -> Sequence[Assessment]:
        """Return the instrument's assessments from `from_ns` (UTC nanoseconds) on, oldest first."""
        table = schema.assessment
        query = select(table).where(table.c.instrument == instrument, table.c.at_ns >= from_ns)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.at_ns, table.c.number))
            return [from_row(Assessment, row) for row in rows]


def _insert_event(
    connection: Connection,
    event: VerificationEvent,
    audit: AuditEntry,
    observations: Collection[ErrorObservation],
    items: Sequence[InstrumentId],
) -> None:
    require_superseded(connection, event)
    require_free_number(connection, event, items)
    connection.execute(insert(schema.verification_event), to_row(event))
    insert_new(connection, schema.error_observation, [to_row(one) for one in observations])
    add_audit(connection, audit)


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> int:
    """Insert what is not there yet, by the table's unique constraints; returns how many rows were new."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing()
    return sum(connection.execute(statement, row).rowcount for row in rows)


def put(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows or, where the primary key is taken, replace their values."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    values = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    for row in rows:
        connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values), row)


def _counts(connection: Connection, table: Table) -> dict[str, int]:
    query = select(table.c.instrument, func.count()).group_by(table.c.instrument)
    return {row[0]: row[1] for row in connection.execute(query)}


def _first_name(observations: Sequence[ErrorObservation]) -> str:
    return f"{observations[0].instrument}/{observations[0].channel}" if observations else "(cursors only)"
