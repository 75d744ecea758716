"""What the page of an instrument says of the device: its name plate, its state, whose it is and where it hangs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from steelyard.api import states
from steelyard.api.console.pages import Fact
from steelyard.api.console.reader import Reading, check_form
from steelyard.api.desk import Desk, FleetItem
from steelyard.api.errors import Invalid
from steelyard.api.figures import with_unit
from steelyard.api.history import newest_evidence_ns
from steelyard.api.instants import ago
from steelyard.api.positions import place_shown
from steelyard.api.principals import Principal
from steelyard.api.room import RoomHere
from steelyard.api.wording import DEVICE_STATES, USES
from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.device_states import state_on
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.due_date import valid_until
from steelyard.contracts.devices import FIRST_DAY, held_on
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.registry import Instrument, Organization

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One thing that began on a day."""

    date: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A state that can be chosen in the form."""

    value: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """State, owner and position today, how they came about, and the form that changes the state (empty: no form)."""

    facts: list[Fact]
    history: list[HistoryLine]
    choices: list[Choice]
    today: str


@router.post("/instruments/{instrument}/state")
def state_form(
    room: RoomHere,
    visit: Reading,
    instrument: str,
    state: Annotated[DeviceState, Form()],
    since: Annotated[str, Form(max_length=20)] = "",
    why: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Say in which state a device is."""
    check_form(visit.principal, csrf)
    try:
        day = date.fromisoformat(since)
    except ValueError:
        raise Invalid(
            "The day cannot be read.", field="since", value=since, remedy="Give a date such as 2026-11-28."
        ) from None
    text = "".join(letter for letter in why if letter.isprintable() or letter in "\n\t").strip()
    states.set_state(room.desk, visit.principal, instrument, state=state, since=day, why=text)
    return RedirectResponse(f"/instruments/{instrument}#device-heading", status_code=303)


def device_view(
    desk: Desk, item: FleetItem, reader: Principal, sight: Mapping[OrganizationId, Organization]
) -> DeviceView:
    """Return what the page says of the device today and before."""
    held, devices, today = item.instrument, desk.records.devices, desk.today()
    entries, owners, places = devices.states(held.id), devices.ownerships(held.id), list(devices.placements(held.id))
    held_by = {each.id: each for each in devices.positions()} if places else {}
    places = [one for one in places if place_shown(held_by[one.position], reader, sight)]
    names = {each.id: f"{each.name} ({each.region})" for each in held_by.values()}
    now, owner, place = state_on(entries, today), held_on(owners, today), held_on(places, today)
    facts = [
        Fact(name="State", text=_since(DEVICE_STATES[now.state], now.since)),
        Fact(name="Owner", text=_since(item.owner.name, None if owner is None else owner.since)),
        Fact(name="Position", text="None" if place is None else _since(names[place.position], place.since)),
    ]
    lines = [
        HistoryLine(
            date=one.since.isoformat(), what=DEVICE_STATES[one.state], why=one.why if one.since >= item.since else ""
        )
        for one in entries
        if one.since > FIRST_DAY
    ]
    lines += [
        HistoryLine(
            date=one.since.isoformat(),
            # Who had it before or after is not everybody's business.
            what=f"Owner: {sight[one.organization].name if one.organization in sight else 'somebody else'}",
            why="",
        )
        for one in owners
        if one.since > FIRST_DAY and one.since >= item.since
    ]
    lines += [
        HistoryLine(date=one.since.isoformat(), what=f"Position: {names[one.position]}", why="")
        for one in places
        if one.since > FIRST_DAY and (one.until is None or one.until > item.since)
    ]
    choices = [
        Choice(value=each.value, name=DEVICE_STATES[each], here=each is now.state)
        for each in DeviceState
        if states.may_set_state(reader, held)
    ]
    return DeviceView(
        facts=facts,
        history=sorted(lines, key=lambda line: line.date, reverse=True),
        choices=choices,
        today=today.isoformat(),
    )


def validity_facts(desk: Desk, item: FleetItem, assessment: Assessment) -> list[Fact]:
    """How long the certificate holds, as printed, and how old the newest evidence is."""
    facts = []
    if assessment.statutory_due is not None:
        facts.append(Fact(name="Valid until", text=valid_until(assessment.statutory_due).isoformat()))
    newest_ns = newest_evidence_ns(desk, item)
    age = "none" if newest_ns is None else ago(newest_ns, desk.clock.now_ns())
    facts.append(Fact(name="Newest evidence", text=age))
    return facts


def device_facts(held: Instrument) -> list[Fact]:
    """What is known of a device beside its number, serial number, kind and place; what is not known is left out."""
    unit = held.unit or ""
    said: list[tuple[str, str | None]] = [
        ("Accuracy class", held.accuracy_class),
        ("Maker", held.maker),
        ("Model", held.model),
        ("Type approval", held.type_approval),
        ("Batch", held.batch),
        ("Measuring range", _range(held.range_low, held.range_high, unit)),
        ("Scale interval", None if held.scale_interval is None else with_unit(f"{held.scale_interval:g}", unit)),
        ("Use", None if held.use is None else USES[held.use]),
        ("Put into use", None if held.put_into_use is None else held.put_into_use.isoformat()),
        ("Device profile", held.profile),
        ("Gateway", held.gateway or "None: nothing reads it"),
    ]
    return [Fact(name=name, text=text) for name, text in said if text]


def _range(low: float | None, high: float | None, unit: str) -> str | None:
    return None if low is None or high is None else with_unit(f"{low:g} to {high:g}", unit)


def _since(what: str, day: date | None) -> str:
    return what if day is None or day <= FIRST_DAY else f"{what}, since {day.isoformat()}"
