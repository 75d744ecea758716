"""Devices over time: whose they are, where they hang, in which state they are. What is entered is never deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import insert, select

from steelyard.calibration.verification.device_states import StateEntry, state_on
from steelyard.calibration.verification.devices import DeviceState
from steelyard.contracts.devices import FIRST_DAY, Ownership, Placement, Position, held_on, span_text
from steelyard.contracts.registry import Instrument
from steelyard.storage.errors import RecordNotFound, RecordRefused
from steelyard.storage.records import schema, spans
from steelyard.storage.records.audit import add_audit
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.database import take_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from sqlalchemy import Connection

    from steelyard.calibration.verification.audit import AuditEntry
    from steelyard.contracts.identifiers import InstrumentId, PositionId
    from steelyard.storage.records.database import Database
    from steelyard.storage.records.registry import Registration

_LOCK = "devices"
Span = TypeVar("Span", Ownership, Placement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of an `ownership`, a `placement` or a `device_state`, in words for the audit trail."""

    kind: str
    instrument: InstrumentId
    old: str | None
    new: str


class DeviceRepository:
    """Owners, positions and states of devices. The registry writes them; people set states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def positions(self) -> Sequence[Position]:
        """Return all positions by id."""
        table = schema.position
        with self._database.read() as connection:
            return [from_row(Position, row) for row in connection.execute(select(table).order_by(table.c.id))]

    def position(self, position: PositionId) -> Position | None:
        """Return one position."""
        table = schema.position
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == position)).one_or_none()
        return None if row is None else from_row(Position, row)

    def ownerships(self, instrument: InstrumentId | None = None) -> Sequence[Ownership]:
        """Return whose all devices were and are, or one, by device and day."""
        with self._database.read() as connection:
            return spans.read(connection, Ownership, instrument)

    def placements(self, instrument: InstrumentId | None = None) -> Sequence[Placement]:
        """Return where all devices hung and hang, or one, by device and day."""
        with self._database.read() as connection:
            return spans.read(connection, Placement, instrument)

    def states(self, instrument: InstrumentId | None = None) -> Sequence[StateEntry]:
        """Return the states of all devices, or of one, by device and day; of one day the last entered counts."""
        with self._database.read() as connection:
            return read_states(connection, instrument)

    def set_state(self, entry: StateEntry, audit: AuditEntry) -> bool:
        """Store a state and its audit entry in one transaction; False, and nothing stored, if it is entered already.

        Raises:
            RecordNotFound: if there is no such instrument.
            RecordRefused: if the device was scrapped before that day.
        """
        with self._database.write("device state", entry.instrument) as connection:
            found = select(schema.instrument.c.id).where(schema.instrument.c.id == entry.instrument)
            if connection.execute(found).one_or_none() is None:
                raise RecordNotFound("instrument", entry.instrument)
            take_turns(connection, _LOCK)
            if _put_state(connection, entry) is None:
                return False
            add_audit(connection, audit)
            return True


def read_states(connection: Connection, instrument: InstrumentId | None = None) -> list[StateEntry]:
    """Return state entries by device, day and order of entry."""
    table = schema.device_state
    query = select(table).order_by(table.c.instrument, table.c.since, table.c.number)
    if instrument is not None:
        query = query.where(table.c.instrument == instrument)
    return [from_row(StateEntry, row) for row in connection.execute(query)]


def require_same_serial(connection: Connection, instrument: Instrument) -> None:
    """Refuse another serial number under an id that is in use: it would inherit the other device's certificates.

    Raises:
        RecordRefused: with both numbers.
    """
    query = select(schema.instrument.c.serial).where(schema.instrument.c.id == instrument.id)
    registered = connection.execute(query).scalar_one_or_none()
    if registered and registered != instrument.serial:
        raise RecordRefused(
            "instrument",
            instrument.id,
            f"its serial number is {registered!r}, not {instrument.serial!r}",
            field="instrument.serial",
            value=instrument.serial,
            remedy="register the new device under a new id at the same position",
        )


def with_owners(
    connection: Connection, instruments: Sequence[Instrument], ownerships: Sequence[Ownership], day: date
) -> Iterator[Instrument]:
    """Return `instruments`, and with their new owner those others of which only the `ownerships` are given."""
    yield from instruments
    named = {each.id for each in instruments}
    newest = {each.instrument: each for each in sorted(ownerships, key=lambda each: each.since) if each.since <= day}
    for ownership in newest.values():
        if ownership.instrument in named or ownership.until is not None:
            continue
        table = schema.instrument
        row = connection.execute(select(table).where(table.c.id == ownership.instrument)).one_or_none()
        if row is None:
            raise RecordNotFound("instrument", ownership.instrument)
        yield replace(from_row(Instrument, row), organization=ownership.organization)


def apply(connection: Connection, registration: Registration, day: date) -> Iterator[Change]:
    """Store whose the devices are, where they hang and in which state they are; yield what changed.

    Raises:
        RecordRefused: if two spans of a device overlap, an owner is to begin or end after `day`, the owner of `day` is
        not the instrument's organization, or something comes after a device was scrapped.
    """
    take_turns(connection, _LOCK)
    concerned = {each.instrument for each in registration.ownerships}
    new = [each for each in registration.instruments if _is_new(connection, each)]
    for instrument in new:
        _begin(connection, instrument, owned=instrument.id not in concerned)
    for ownership in _by_day(registration.ownerships):
        _require_begun(ownership, day)
        yield from _put_span(connection, ownership)
    for instrument in registration.instruments:
        if instrument.id not in concerned:
            yield from _sell(connection, instrument, day)
    _require_owners(connection, concerned, day)
    for placement in _by_day(registration.placements):
        yield from _put_span(connection, placement)
    for entry in registration.states:
        before = _put_state(connection, entry)
        if before is not None:
            yield Change(kind="device_state", instrument=entry.instrument, old=before, new=_state_text(entry))


def _is_new(connection: Connection, instrument: Instrument) -> bool:
    table = schema.device_state
    return connection.execute(select(table.c.number).where(table.c.instrument == instrument.id)).first() is None


def _begin(connection: Connection, instrument: Instrument, *, owned: bool) -> None:
    """A new device is in use and its organization's from the beginning, as far as nothing else is said."""
    entry = StateEntry(instrument=instrument.id, state=DeviceState.IN_USE, since=FIRST_DAY)
    connection.execute(insert(schema.device_state).values(to_row(entry)))
    if owned:
        ownership = Ownership(instrument=instrument.id, organization=instrument.organization, since=FIRST_DAY)
        connection.execute(insert(schema.ownership).values(to_row(ownership)))


def _sell(connection: Connection, instrument: Instrument, day: date) -> Iterator[Change]:
    owner = held_on(spans.read(connection, Ownership, instrument.id), day)
    if owner is None or owner.organization != instrument.organization:
        new = Ownership(instrument=instrument.id, organization=instrument.organization, since=day)
        yield from _put_span(connection, new)


def _put_span(connection: Connection, given: Span) -> Iterator[Change]:
    change = spans.put(connection, given)
    if change is not None:
        yield Change(
            kind=change.kind,
            instrument=given.instrument,
            old=None if change.old is None else _span_text(change.old),
            new=_span_text(change.new),
        )


def _require_begun(ownership: Ownership, day: date) -> None:
    """The owner of an instrument is its owner today: what is to come is entered when it has come."""
    for field, value in (("since", ownership.since), ("until", ownership.until)):
        if value is not None and value > day:
            raise RecordRefused(
                "ownership",
                f"{ownership.instrument}: {_span_text(ownership)}",
                f"it is {day.isoformat()} today",
                field=f"ownership.{field}",
                value=value.isoformat(),
                remedy="register a change of owner on its day or later",
            )


def _require_owners(connection: Connection, instruments: Iterable[InstrumentId], day: date) -> None:
    table = schema.instrument
    for name in sorted(instruments):
        said = connection.execute(select(table.c.organization).where(table.c.id == name)).scalar_one_or_none()
        if said is None:
            raise RecordNotFound("instrument", name)
        owner = held_on(spans.read(connection, Ownership, name), day)
        if owner is None or owner.organization != said:
            found = "nobody" if owner is None else owner.organization
            raise RecordRefused(
                "instrument",
                name,
                f"its owner is {said!r}, but by its ownerships it is {found} on {day.isoformat()}",
                field="instrument.owner",
                value=said,
                remedy="let the ownership without `until` be that of its owner",
            )


def _put_state(connection: Connection, entry: StateEntry) -> str | None:
    """Store a state, unless it is entered already; returns what held on that day before.

    Raises:
        RecordRefused: if the device was scrapped before, or is to be scrapped before something that is on record.
    """
    known = read_states(connection, entry.instrument)
    held = [one for one in known if one.since == entry.since]
    if held and held[-1].state is entry.state:
        return None
    before = state_on((one for one in known if one.since < entry.since), entry.since)
    later = [one for one in known if one.since > entry.since]
    if before.state is DeviceState.SCRAPPED:
        since = "" if before.since is None else f" since {before.since.isoformat()}"
        _refuse_state(entry, f"it is scrapped{since}", "register a device that is used again under a new id")
    if entry.state is DeviceState.SCRAPPED and later:
        _refuse_state(entry, f"it is {_state_text(later[0])}", "nothing comes after scrapping: give a later day")
    connection.execute(insert(schema.device_state).values(to_row(entry)))
    day_before = held[-1] if held else None
    if day_before is not None:
        return _state_text(day_before)
    return before.state.value if before.since is None else f"{before.state.value} since {before.since.isoformat()}"


def _refuse_state(entry: StateEntry, reason: str, remedy: str) -> None:
    raise RecordRefused(
        "device state",
        f"{entry.instrument}: {_state_text(entry)}",
        reason,
        field="state",
        value=entry.state.value,
        remedy=remedy,
    )


def _state_text(entry: StateEntry) -> str:
    return f"{entry.state.value} since {entry.since.isoformat()}"


def _span_text(span: Ownership | Placement) -> str:
    return f"{spans.of_whom(span)} {span_text(span)}"


def _by_day(given: Sequence[Span]) -> list[Span]:
    return sorted(given, key=lambda one: (one.instrument, one.since))
