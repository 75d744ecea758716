"""What a registry file says of devices over time: positions, owners, placements, states.

    [[position]]    id, organization, name, region, use
    [[ownership]]   instrument, organization, since, until
    [[placement]]   instrument, position, since, until

An `[[instrument]]` says the same of itself by `owner`, `position` with `since`, `state` with `state_since`. Days are
legal dates; `until` is the first day on which something holds no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.devices import DeviceState
from steelyard.contracts.devices import Ownership, Placement, Position, Use, overlap, span_text
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import (
    InstrumentId,
    parse_instrument_id,
    parse_organization_id,
    parse_position_id,
)


class PositionTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[position]]``; without `region` it lies in that of its organization."""

    id: str
    organization: str
    name: str
    region: str | None = None
    use: Use = Use.NONE


class OwnershipTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[ownership]]``."""

    instrument: str
    organization: str
    since: date
    until: date | None = None


class PlacementTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[placement]]``."""

    instrument: str
    position: str
    since: date
    until: date | None = None


def position(table: PositionTable, regions: dict[str, str], source: str) -> Position:
    """Return a position; `regions` are those of the file's organizations.

    Raises:
        SettingsError: if it has no region, and its organization is not in the file.
    """
    where = f"{source}: position '{table.id}'"
    region = table.region or regions.get(table.organization)
    if not region:
        raise SettingsError(f"{where}.region", table.region, "say in which region it lies, such as cn-zj-hangzhou")
    return Position(
        id=parse_position_id(table.id, f"{source}: position.id"),
        organization=parse_organization_id(table.organization, f"{where}.organization"),
        name=table.name,
        region=region,
        use=table.use,
    )


def ownerships(tables: Sequence[OwnershipTable], source: str) -> tuple[Ownership, ...]:
    """Return the owners that the file dates.

    Raises:
        SettingsError: if a span ends before it begins, or two of one instrument overlap.
    """
    found = tuple(
        Ownership(
            instrument=parse_instrument_id(table.instrument, f"{source}: ownership.instrument"),
            organization=parse_organization_id(table.organization, f"{source}: ownership.organization"),
            since=table.since,
            until=table.until,
        )
        for table in tables
    )
    _require_sense(found, f"{source}: ownership")
    return found


def placements(tables: Sequence[PlacementTable], own: Sequence[Placement], source: str) -> tuple[Placement, ...]:
    """Return where devices hang: what the tables say, and what instruments say of themselves (`own`).

    Raises:
        SettingsError: if a span ends before it begins, or two of one instrument overlap.
    """
    found = [
        Placement(
            instrument=parse_instrument_id(table.instrument, f"{source}: placement.instrument"),
            position=parse_position_id(table.position, f"{source}: placement.position"),
            since=table.since,
            until=table.until,
        )
        for table in tables
    ]
    found += [each for each in own if each not in found]
    _require_sense(found, f"{source}: placement")
    return tuple(found)


def placement_of(instrument: InstrumentId, name: str | None, since: date | None) -> Placement | None:
    """Return where an instrument says that it hangs.

    Raises:
        SettingsError: if it says since when and not where, or where and not since when.
    """
    if name is None:
        if since is not None:
            raise SettingsError("since", since.isoformat(), "say at which `position` it hangs since then")
        return None
    if since is None:
        raise SettingsError("since", since, f"say from which day on it hangs at '{name}'")
    return Placement(instrument=instrument, position=parse_position_id(name), since=since)


def state_of(instrument: InstrumentId, state: DeviceState | None, since: date | None, source: str) -> StateEntry | None:
    """Return the state that an instrument says it is in.

    Raises:
        SettingsError: if it says since when and not which, or which and not since when.
    """
    if state is None:
        if since is not None:
            raise SettingsError("state_since", since.isoformat(), "say in which `state` it is since then")
        return None
    if since is None:
        raise SettingsError("state_since", since, f"say from which day on it is {state.value}")
    return StateEntry(instrument=instrument, state=state, since=since, why=source)


def _require_sense(spans: Sequence[Ownership | Placement], where: str) -> None:
    for number, later in enumerate(spans):
        if later.until is not None and later.until <= later.since:
            raise SettingsError(
                f"{where} of '{later.instrument}'.until",
                later.until.isoformat(),
                "give a day after `since`: the first without it",
            )
        for earlier in spans[:number]:
            if earlier.instrument != later.instrument or not overlap(earlier, later):
                continue
            if (earlier.until is None and earlier.since < later.since) or (
                later.until is None and later.since < earlier.since
            ):
                continue  # the later one ends it
            raise SettingsError(
                f"{where} of '{later.instrument}'",
                span_text(later),
                f"stands in this file already {span_text(earlier)}: end one on the day on which the other begins",
            )
