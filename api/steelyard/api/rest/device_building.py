"""From records of devices over time to the shapes of the interface."""

from __future__ import annotations

from datetime import date

from steelyard.api.desk import Desk, FleetItem
from steelyard.api.history import newest_evidence_ns
from steelyard.api.instants import DAY_NS, rfc3339
from steelyard.api.positions import PositionItem, place_shown
from steelyard.api.principals import Principal
from steelyard.api.rest import building, device_shapes
from steelyard.calibration.verification.device_states import state_on
from steelyard.contracts.devices import FIRST_DAY, held_on


def detail(desk: Desk, item: FleetItem, reader: Principal) -> device_shapes.InstrumentDetail:
    """Return an instrument's shape with its name plate, state, owner and position, as `reader` may see them."""
    held, devices, today = item.instrument, desk.records.devices, desk.today()
    entries = devices.states(held.id)
    now = state_on(entries, today)
    owner = held_on(devices.ownerships(held.id), today)
    place = held_on(devices.placements(held.id), today)
    position = None if place is None else devices.position(place.position)
    if position is None or not place_shown(position, reader, desk.sight(reader)):
        place = None
    newest_ns = newest_evidence_ns(desk, item)
    return device_shapes.InstrumentDetail(
        **building.instrument(item).model_dump(),
        maker=held.maker,
        model=held.model,
        type_approval=held.type_approval,
        batch=held.batch,
        range_low=held.range_low,
        range_high=held.range_high,
        unit=held.unit,
        scale_interval=held.scale_interval,
        parameters=dict(held.parameters or {}),
        use=held.use,
        put_into_use=held.put_into_use,
        state=now.state,
        state_since=_known(now.since),
        states=[
            device_shapes.StateShape(
                state=one.state, since=_known(one.since), why=one.why if one.since >= item.since else ""
            )
            for one in entries
        ],
        owner_since=None if owner is None else _known(owner.since),
        position=None if place is None else place.position,
        position_since=None if place is None else _known(place.since),
        newest_evidence=None if newest_ns is None else rfc3339(newest_ns),
        evidence_age_days=None if newest_ns is None else max(0, (desk.clock.now_ns() - newest_ns) // DAY_NS),
    )


def position(item: PositionItem) -> device_shapes.PositionShape:
    """Return a position's shape."""
    held = item.position
    return device_shapes.PositionShape(
        id=held.id,
        organization=held.organization,
        name=held.name,
        region=held.region,
        use=held.use,
        instrument=None if item.now is None else item.now.id,
    )


def position_detail(item: PositionItem) -> device_shapes.PositionDetail:
    """Return a position's shape with its devices."""
    return device_shapes.PositionDetail(
        **position(item).model_dump(),
        devices=[
            device_shapes.PlacedShape(
                instrument=each.instrument.id,
                name=each.instrument.name,
                serial=each.instrument.serial,
                since=_known(each.placement.since),
                until=each.placement.until,
            )
            for each in item.devices
        ],
    )


def _known(day: date | None) -> date | None:
    return None if day is None or day <= FIRST_DAY else day
