"""/api/v1/instruments: the fleet, and everything about one instrument."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from fastapi import Path, Query

from steelyard.api import recording
from steelyard.api.errors import Invalid, Missing, TooLarge
from steelyard.api.history import events_shown, observations_shown
from steelyard.api.instants import DAY_NS, rfc3339, to_ns
from steelyard.api.live import read_live
from steelyard.api.problems import responses
from steelyard.api.rest import building, device_building, device_shapes, routing, shapes
from steelyard.api.rest.values import Instant
from steelyard.api.room import Asking, Changing, Room, RoomHere
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.registry import Channel

MAX_SERIES = 50_000
"""Readings in one answer; more is asked for in parts, or as buckets."""
MAX_ERRORS = 5_000
DEFAULT_SPAN_NS = 30 * DAY_NS

router = routing.router("/instruments", "instruments")

Name = Annotated[str, Path(description="The instrument's id.", max_length=200)]
Start = Annotated[Instant | None, Query(description="From this instant on; 30 days before `end` if left out.")]
End = Annotated[Instant | None, Query(description="Up to, and without, this instant; now if left out.")]


@router.get("")
def list_instruments(room: RoomHere, principal: Asking) -> shapes.InstrumentList:
    """List the instruments that you may see, with what is known of each; the gravest first."""
    return shapes.InstrumentList(items=[building.instrument(item) for item in room.desk.fleet(principal)])


@router.get("/{instrument}", responses=responses(404))
def get_instrument(room: RoomHere, principal: Asking, instrument: Name) -> device_shapes.InstrumentDetail:
    """Return one instrument with what is known of it, its name plate, state, owner and position."""
    return device_building.detail(room.desk, room.desk.instrument(principal, instrument), principal)


@router.get("/{instrument}/channels", responses=responses(404))
def list_channels(room: RoomHere, principal: Asking, instrument: Name) -> shapes.ChannelList:
    """List an instrument's channels: quantity, unit (UCUM) and resolution."""
    held = room.desk.instrument(principal, instrument).instrument
    channels = room.desk.records.registry.channels_of(held.id)
    return shapes.ChannelList(items=[building.channel(each) for each in channels])


@router.get("/{instrument}/live", responses=responses(404))
def list_live(room: RoomHere, principal: Asking, instrument: Name) -> shapes.LiveList:
    """Return the newest reading of each channel, with its uncertainty where it is known."""
    item = room.desk.instrument(principal, instrument)
    channels = room.desk.records.registry.channels_of(item.instrument.id)
    status = item.assessment.status if item.assessment else None
    return shapes.LiveList(items=[building.live(reading, status) for reading in read_live(room.desk, item, channels)])


@router.get("/{instrument}/readings", responses=responses(404, 413))
def get_readings(
    room: RoomHere,
    principal: Asking,
    instrument: Name,
    channel: Annotated[str, Query(description="The channel's id.", max_length=200)],
    start: Start = None,
    end: End = None,
    buckets: Annotated[
        int | None, Query(description="Summarize in at most so many equal spans.", ge=1, le=10_000)
    ] = None,
) -> shapes.ReadingsShape:
    """Return the readings of one channel: each of them, or summarized in `buckets` equal spans of time."""
    item = room.desk.instrument(principal, instrument)
    held = _channel(room, item.instrument.id, channel)
    start_ns, end_ns = span(room, start, end)
    start_ns = max(start_ns, item.since_ns)
    readings = room.desk.readings
    if start_ns >= end_ns:  # all of it was somebody else's
        return shapes.ReadingsShape(
            instrument=item.instrument.id,
            channel=held.id,
            unit=held.unit,
            kind="series" if buckets is None else "buckets",
            start=rfc3339(end_ns),
            end=rfc3339(end_ns),
            t=[],
            value=[],
        )
    if buckets is not None:
        spans = readings.buckets(item.instrument.id, held.id, start_ns, end_ns, buckets)
        return shapes.ReadingsShape(
            instrument=item.instrument.id,
            channel=held.id,
            unit=held.unit,
            kind="buckets",
            start=rfc3339(start_ns),
            end=rfc3339(end_ns),
            t=[rfc3339(t) for t in spans.start.tolist()],
            value=spans.mean.tolist(),
            minimum=spans.minimum.tolist(),
            maximum=spans.maximum.tolist(),
            count=spans.count.tolist(),
        )
    whole = readings.buckets(item.instrument.id, held.id, start_ns, end_ns, 1)
    if len(whole) and int(whole.count[0]) > MAX_SERIES:
        raise TooLarge(
            f"There are {int(whole.count[0])} readings in this span.",
            field="start",
            value=rfc3339(start_ns),
            remedy=f"Ask for a shorter span (at most {MAX_SERIES} readings), or for buckets.",
        )
    series = readings.series(item.instrument.id, held.id, start_ns, end_ns)
    return shapes.ReadingsShape(
        instrument=item.instrument.id,
        channel=held.id,
        unit=held.unit,
        kind="series",
        start=rfc3339(start_ns),
        end=rfc3339(end_ns),
        t=[rfc3339(t) for t in series.t.tolist()],
        value=[value if math.isfinite(value) else None for value in series.value.tolist()],
        status=series.status.tolist(),
    )


@router.get("/{instrument}/errors", responses=responses(404))
def list_errors(room: RoomHere, principal: Asking, instrument: Name, start: Start = None) -> shapes.ErrorList:
    """List the observed errors by time, at most 5,000 at once; from the beginning if `start` is left out."""
    item = room.desk.instrument(principal, instrument)
    from_ns = to_ns(start) if start is not None else 0
    found = [o for o in observations_shown(room.desk, item) if o.t_ns >= from_ns]
    shown = found[:MAX_ERRORS]
    rest = found[MAX_ERRORS:]
    return shapes.ErrorList(
        items=[building.observation(each) for each in shown], next=rfc3339(rest[0].t_ns) if rest else None
    )


@router.get("/{instrument}/forecast", responses=responses(404))
def get_forecast(room: RoomHere, principal: Asking, instrument: Name) -> shapes.ForecastShape:
    """Return the estimated error, its limits, and the forecast; 404 while no error has been observed."""
    assessment = room.desk.instrument(principal, instrument).assessment
    shape = building.forecast(assessment) if assessment is not None else None
    if shape is None:
        raise Missing(
            "Nothing is known of this instrument's error yet.",
            field="instrument",
            value=instrument,
            remedy="Record its verification, or read a reference beside it for some days.",
        )
    return shape


@router.get("/{instrument}/events", responses=responses(404))
def list_events(room: RoomHere, principal: Asking, instrument: Name) -> shapes.EventList:
    """List an instrument's verification events by date."""
    item = room.desk.instrument(principal, instrument)
    found = events_shown(item, room.desk.records.verification.events(item.instrument.id))
    return shapes.EventList(items=[building.event(each) for each in found])


@router.post("/{instrument}/events", status_code=201, responses=responses(400, 403, 404, 409, 413))
def add_event(room: RoomHere, principal: Changing, instrument: Name, given: shapes.NewEvent) -> shapes.EventShape:
    """Record a completed event: for the order that it ends, of one's own instrument, or taken over from elsewhere."""
    event = recording.record_event(room.desk, principal, instrument, building.given_event(given))
    return building.event(event)


def _channel(room: Room, instrument: InstrumentId, name: str) -> Channel:
    for channel in room.desk.records.registry.channels_of(instrument):
        if channel.id == name:
            return channel
    raise Missing(
        "This instrument has no such channel.",
        field="channel",
        value=name,
        remedy=f"See /api/v1/instruments/{instrument}/channels.",
    )


def span(room: Room, start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """Return the span that is asked for, UTC nanoseconds, half open; 30 days up to now where nothing is said.

    Raises:
        Invalid: it ends before it begins.
    """
    end_ns = to_ns(end) if end is not None else room.desk.clock.now_ns() + 1
    start_ns = to_ns(start) if start is not None else end_ns - DEFAULT_SPAN_NS
    if start_ns >= end_ns:
        raise Invalid(
            "The span is empty: it ends before it begins.",
            field="start",
            value=rfc3339(start_ns),
            remedy="Give a start before the end.",
        )
    return start_ns, end_ns
