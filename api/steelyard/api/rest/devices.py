"""/api/v1/positions and the states of instruments: devices over time."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import Path, Query

from steelyard.api import positions, states
from steelyard.api.errors import Missing, TooLarge
from steelyard.api.instants import rfc3339
from steelyard.api.problems import responses
from steelyard.api.rest import device_building, device_shapes, routing
from steelyard.api.rest.instruments import MAX_SERIES, End, Name, Start, span
from steelyard.api.room import Asking, Changing, RoomHere

router = routing.router("", "devices")

PositionName = Annotated[str, Path(description="The position's id.", max_length=200)]


@router.put("/instruments/{instrument}/state", responses=responses(400, 403, 404, 409, 413))
def put_state(
    room: RoomHere, principal: Changing, instrument: Name, given: device_shapes.NewState
) -> device_shapes.InstrumentDetail:
    """Say in which state a device is from a day on: its owner, or the institute that serves it.

    Of one day the last entered counts; nothing comes after `scrapped`.
    """
    states.set_state(room.desk, principal, instrument, state=given.state, since=given.since, why=given.why)
    return device_building.detail(room.desk, room.desk.instrument(principal, instrument), principal)


@router.get("/positions")
def list_positions(room: RoomHere, principal: Asking) -> device_shapes.PositionList:
    """List the positions that you may see, by id, with what hangs there today."""
    found = positions.positions(room.desk, principal)
    return device_shapes.PositionList(items=[device_building.position(each) for each in found])


@router.get("/positions/{position}", responses=responses(404))
def get_position(room: RoomHere, principal: Asking, position: PositionName) -> device_shapes.PositionDetail:
    """Return one position with the devices that hung there, the oldest first."""
    return device_building.position_detail(positions.position(room.desk, principal, position))


@router.get("/positions/{position}/readings", responses=responses(404, 413))
def get_position_readings(
    room: RoomHere,
    principal: Asking,
    position: PositionName,
    channel: Annotated[str, Query(description="The channel's id, the same at every device.", max_length=200)],
    start: Start = None,
    end: End = None,
) -> device_shapes.PositionReadings:
    """Return the readings of a position: those of each device for the days on which it hung there, joined."""
    item = positions.position(room.desk, principal, position)
    start_ns, end_ns = span(room, start, end)
    parts: list[device_shapes.SeriesPart] = []
    known, count = False, 0
    for placed in item.devices:
        device = room.desk.instrument(principal, placed.instrument.id)
        for held in room.desk.records.registry.channels_of(placed.instrument.id):
            if held.id != channel:
                continue
            known = True
            from_ns, to_ns = positions.span_ns(room.desk, device, placed.placement, start_ns, end_ns)
            if from_ns >= to_ns:
                continue
            whole = room.desk.readings.buckets(placed.instrument.id, held.id, from_ns, to_ns, 1)
            count += int(whole.count[0]) if len(whole) else 0
            if count > MAX_SERIES:
                raise TooLarge(
                    f"There are more than {MAX_SERIES} readings in this span.",
                    field="start",
                    value=rfc3339(start_ns),
                    remedy=f"Ask for a shorter span (at most {MAX_SERIES} readings).",
                )
            series = room.desk.readings.series(placed.instrument.id, held.id, from_ns, to_ns)
            parts.append(
                device_shapes.SeriesPart(
                    instrument=placed.instrument.id,
                    unit=held.unit,
                    start=rfc3339(from_ns),
                    end=rfc3339(to_ns),
                    t=[rfc3339(t) for t in series.t.tolist()],
                    value=[value if math.isfinite(value) else None for value in series.value.tolist()],
                    status=series.status.tolist(),
                )
            )
    if not known:
        raise Missing(
            "No device of this position has such a channel.",
            field="channel",
            value=channel,
            remedy="See /api/v1/instruments/…/channels of its devices.",
        )
    return device_shapes.PositionReadings(
        position=item.position.id, channel=channel, start=rfc3339(start_ns), end=rfc3339(end_ns), parts=parts
    )
