"""Positions and what hung at them, as far as somebody may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from steelyard.api.desk import Desk, FleetItem
from steelyard.api.errors import Missing
from steelyard.api.principals import Principal, in_region
from steelyard.contracts.devices import Placement, Position, held_on
from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import InstrumentId, OrganizationId, parse_position_id
from steelyard.contracts.registry import Instrument, OrganizationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A device at a position, from one day to another."""

    instrument: Instrument
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionItem:
    """A position and the devices that hung there and that somebody may see, the oldest first."""

    position: Position
    devices: tuple[Placed, ...]
    now: Instrument | None


def positions(desk: Desk, principal: Principal) -> list[PositionItem]:
    """Return the positions that the principal may see, by id: of the organizations, or in the region, that it sees."""
    visible = desk.instruments(principal)
    sight = desk.sight(principal)
    placements = desk.records.devices.placements()
    own = principal.organization
    supervises = own.kind is OrganizationKind.SUPERVISOR
    return [
        _item(desk, each, placements, visible)
        for each in desk.records.devices.positions()
        if (in_region(each.region, own.region) if supervises else each.organization in sight)
    ]


def position(desk: Desk, principal: Principal, name: str) -> PositionItem:
    """Return one position.

    Raises:
        Missing: there is none of this name that the principal may see.
    """
    try:
        wanted = parse_position_id(name)
    except IdentifierError:
        wanted = None
    for item in positions(desk, principal) if wanted is not None else ():
        if item.position.id == wanted:
            return item
    raise Missing(
        "There is no position of this name that you may see.",
        field="position",
        value=name,
        remedy="Check the name; the list of positions shows them all.",
    )


def place_shown(position: Position, principal: Principal, sight: Collection[OrganizationId]) -> bool:
    """Return whether the principal, who sees a device, sees where it hangs: not at a former owner's."""
    return principal.organization.kind is OrganizationKind.SUPERVISOR or position.organization in sight


def span_ns(desk: Desk, item: FleetItem, placement: Placement, start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return the part of start <= t < end in which a device hung there and is shown; empty where there is none."""
    since_ns = max(desk.legal_day_ns(placement.since), item.since_ns, start_ns)
    until_ns = end_ns if placement.until is None else min(desk.legal_day_ns(placement.until), end_ns)
    return since_ns, until_ns


def _item(
    desk: Desk, position: Position, placements: Sequence[Placement], visible: dict[InstrumentId, Instrument]
) -> PositionItem:
    devices = tuple(
        sorted(
            (
                Placed(instrument=visible[each.instrument], placement=each)
                for each in placements
                if each.position == position.id and each.instrument in visible
            ),
            key=lambda placed: (placed.placement.since, placed.instrument.id),
        )
    )
    now = held_on([placed.placement for placed in devices], desk.today())
    return PositionItem(position=position, devices=devices, now=None if now is None else visible[now.instrument])
