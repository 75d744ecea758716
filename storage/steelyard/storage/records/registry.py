"""What is registered: organizations, relations, gateways, positions, instruments, channels, legal data, pairs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.work_orders import TERMINAL
from steelyard.contracts.devices import Ownership, Placement, Position
from steelyard.contracts.keys import PublicKey
from steelyard.contracts.registry import Channel, Gateway, Instrument, Organization, ServiceRelation
from steelyard.storage.records import devices, schema, service_relations
from steelyard.storage.records.audit import add_audit
from steelyard.storage.records.columns import from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Table

    from steelyard.contracts.identifiers import GatewayId, InstrumentId, OrganizationId
    from steelyard.storage.records.columns import Record
    from steelyard.storage.records.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is to be registered. Channels of one instrument are kept in the order in which they stand here.

    An instrument without `ownerships` belongs to its organization: from the beginning when it is new, else from the day
    of registration on.
    """

    organizations: Sequence[Organization] = ()
    service_relations: Sequence[ServiceRelation] = ()
    gateways: Sequence[Gateway] = ()
    positions: Sequence[Position] = ()
    instruments: Sequence[Instrument] = ()
    channels: Sequence[Channel] = ()
    legal_statuses: Sequence[LegalStatus] = ()
    reference_pairs: Sequence[ReferencePair] = ()
    ownerships: Sequence[Ownership] = ()
    placements: Sequence[Placement] = ()
    states: Sequence[StateEntry] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """Who registers, as the audit trail will say. `at_ns` UTC ns; `today` the legal date where it is not UTC's."""

    who: str
    role: str
    why: str
    at_ns: int
    today: date | None = None

    @property
    def day(self) -> date:
        """The legal date of the registration."""
        return self.today or datetime.fromtimestamp(self.at_ns // 1_000_000_000, UTC).date()


class RegistryRepository:
    """The registry; also `calibration.ports.RegistryPort`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def apply(self, registration: Registration, registrar: Registrar) -> int:
        """Register or correct everything in `registration` in one transaction; returns how many objects changed.

        What is registered already and the same stays untouched and leaves no audit entry; what is not named stays as it
        is.

        Raises:
            RecordRefused: if something refers to what is not registered, an institute would serve an enterprise twice
            on one day, another serial number stands under a registered id, or a device would have two owners, positions
            or a life after its end; nothing is changed then.
        """
        with self._database.write("registration", registrar.why) as connection:
            changes = list(_apply(connection, registration, registrar))
            add_audit(connection, *changes)
        return len(changes)

    def organizations(self) -> Sequence[Organization]:
        """Return all organizations by id."""
        return self._all(Organization, schema.organization)

    def service_relations(self) -> Sequence[ServiceRelation]:
        """Return who serves whom, ended relations and those to come too, by institute, enterprise and beginning."""
        with self._database.read() as connection:
            return service_relations.read(connection)

    def gateways(self) -> Sequence[Gateway]:
        """Return all gateways by id."""
        return self._all(Gateway, schema.gateway)

    def instruments(self) -> Sequence[Instrument]:
        """Return all instruments by id."""
        return self._all(Instrument, schema.instrument)

    def channels(self) -> Sequence[Channel]:
        """Return all channels by instrument, each one's in the order of its registration."""
        query = select(schema.channel).order_by(schema.channel.c.instrument, schema.channel.c.place)
        with self._database.read() as connection:
            return [from_row(Channel, row) for row in connection.execute(query)]

    def channels_of(self, instrument: InstrumentId) -> Sequence[Channel]:
        """Return one instrument's channels in the order of their registration."""
        table = schema.channel
        query = select(table).where(table.c.instrument == instrument).order_by(table.c.place)
        with self._database.read() as connection:
            return [from_row(Channel, row) for row in connection.execute(query)]

    def legal_statuses(self) -> Sequence[LegalStatus]:
        """Return the legal data of all instruments that have any."""
        return self._all(LegalStatus, schema.legal_status)

    def reference_pairs(self) -> Sequence[ReferencePair]:
        """Return all reference pairs."""
        return self._all(ReferencePair, schema.reference_pair)

    def device_states(self) -> Sequence[StateEntry]:
        """Return the states of all devices by device and day; of one day the last entered counts."""
        with self._database.read() as connection:
            return devices.read_states(connection)

    def organization(self, organization: OrganizationId) -> Organization | None:
        """Return one organization."""
        return self._one(Organization, schema.organization, organization)

    def gateway(self, gateway: GatewayId) -> Gateway | None:
        """Return one gateway."""
        return self._one(Gateway, schema.gateway, gateway)

    def instrument(self, instrument: InstrumentId) -> Instrument | None:
        """Return one instrument."""
        return self._one(Instrument, schema.instrument, instrument)

    def legal_status(self, instrument: InstrumentId) -> LegalStatus | None:
        """Return one instrument's legal data."""
        return self._one(LegalStatus, schema.legal_status, instrument)

    def _all(self, kind: type[Record], table: Table) -> list[Record]:
        with self._database.read() as connection:
            return [from_row(kind, row) for row in connection.execute(select(table).order_by(*table.primary_key))]

    def _one(self, kind: type[Record], table: Table, key: str) -> Record | None:
        (column,) = table.primary_key
        with self._database.read() as connection:
            row = connection.execute(select(table).where(column == key)).one_or_none()
        return None if row is None else from_row(kind, row)


def _apply(connection: Connection, registration: Registration, registrar: Registrar) -> Iterator[AuditEntry]:
    """Store what differs, in the order in which one refers to another, and yield an audit entry for each."""
    places: dict[str, int] = {}
    for record in registration.organizations:
        yield from _put(connection, schema.organization, to_row(record), registrar)
    for change in service_relations.apply(connection, registration.service_relations):
        yield AuditEntry(
            at_ns=registrar.at_ns,
            who=registrar.who,
            role=registrar.role,
            action="register" if change.old is None else "correct",
            object_kind="service_relation",
            object_id=f"{change.new.institute}/{change.new.enterprise}",
            old=None if change.old is None else change.old.span,
            new=change.new.span,
            why=registrar.why,
        )
    for gateway in registration.gateways:
        yield from _put(connection, schema.gateway, to_row(gateway), registrar)
    for position in registration.positions:
        yield from _put(connection, schema.position, to_row(position), registrar)
    for instrument in devices.with_owners(connection, registration.instruments, registration.ownerships, registrar.day):
        devices.require_same_serial(connection, instrument)
        yield from _put(connection, schema.instrument, to_row(instrument), registrar)
        yield from _hand_over(connection, instrument, registrar)
    for step in devices.apply(connection, registration, registrar.day):
        yield AuditEntry(
            at_ns=registrar.at_ns,
            who=registrar.who,
            role=registrar.role,
            action="register" if step.old is None else "correct",
            object_kind=step.kind,
            object_id=step.instrument,
            old=step.old,
            new=step.new,
            why=registrar.why,
        )
    for channel in registration.channels:
        place = places[channel.instrument] = places.get(channel.instrument, -1) + 1
        yield from _put(connection, schema.channel, {**to_row(channel), "place": place}, registrar)
    for legal_status in registration.legal_statuses:
        yield from _put(connection, schema.legal_status, to_row(legal_status), registrar)
    for pair in registration.reference_pairs:
        yield from _put(connection, schema.reference_pair, to_row(pair), registrar)


def _hand_over(connection: Connection, instrument: Instrument, registrar: Registrar) -> Iterator[AuditEntry]:
    """Open orders go with their instrument: what is to be done is its new owner's business. Ended ones stay."""
    table = schema.work_order
    foreign = (
        (table.c.instrument == instrument.id)
        & (table.c.organization != instrument.organization)
        & table.c.state.not_in(sorted(TERMINAL))
    )
    for order, owner in connection.execute(select(table.c.id, table.c.organization).where(foreign)).all():
        change = update(table).where(table.c.id == order)
        connection.execute(
            change.values(
                organization=instrument.organization, updated_ns=registrar.at_ns, revision=table.c.revision + 1
            )
        )
        yield AuditEntry(
            at_ns=registrar.at_ns,
            who=registrar.who,
            role=registrar.role,
            action="hand_over",
            object_kind="work_order",
            object_id=order,
            old=owner,
            new=instrument.organization,
            why=registrar.why,
        )


def _put(connection: Connection, table: Table, new: dict[str, Any], registrar: Registrar) -> Iterator[AuditEntry]:
    """Insert or update one row, unless it is there as it should be."""
    same = [column == new[column.name] for column in table.primary_key]
    found = connection.execute(select(table).where(*same)).one_or_none()
    old = None if found is None else dict(found._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    if old == new:
        return
    connection.execute(insert(table).values(new) if old is None else update(table).where(*same).values(new))
    yield AuditEntry(
        at_ns=registrar.at_ns,
        who=registrar.who,
        role=registrar.role,
        action="register" if old is None else "correct",
        object_kind=table.name,
        object_id="/".join(new[column.name] for column in table.primary_key),
        old=None if old is None else _shown({name: value for name, value in old.items() if value != new[name]}),
        new=_shown(new if old is None else {name: value for name, value in new.items() if value != old[name]}),
        why=registrar.why,
    )


def _shown(row: dict[str, Any]) -> str:
    return msgspec.json.encode(row, enc_hook=_key_text).decode()


def _key_text(value: object) -> str:
    if isinstance(value, PublicKey):
        return value.text
    raise TypeError(f"{type(value).__name__} has no text for the audit trail")
