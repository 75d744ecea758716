"""A device's states over time: in use, stored, under repair, out of service, scrapped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from steelyard.calibration.catalogue.words import DeviceState
from steelyard.contracts.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """A device is in `state` since a legal date, until another entry says otherwise; `why` as people wrote it."""

    instrument: InstrumentId
    state: DeviceState
    since: date
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateNow:
    """The state on a day. `came_back` is the day since which a device that was out of use is in use again."""

    state: DeviceState
    since: date | None
    came_back: date | None = None


IN_USE = StateNow(state=DeviceState.IN_USE, since=None)
"""Of a device of which no state is on record."""


def states_on(entries: Iterable[StateEntry], day: date) -> dict[InstrumentId, StateNow]:
    """The state on `day` of each device that has an entry."""
    of_device: dict[InstrumentId, list[StateEntry]] = {}
    for one in entries:
        of_device.setdefault(one.instrument, []).append(one)
    return {name: state_on(found, day) for name, found in of_device.items()}


def state_on(entries: Iterable[StateEntry], day: date) -> StateNow:
    """The state on `day`, from one device's entries in the order of their entry: of one day the last counts."""
    so_far = sorted((one for one in entries if one.since <= day), key=lambda one: one.since)
    by_day = list({one.since: one for one in so_far}.values())
    if not by_day:
        return IN_USE
    since = by_day[-1].since
    earlier = len(by_day) - 1
    while earlier > 0 and by_day[earlier - 1].state is by_day[-1].state:
        earlier -= 1
        since = by_day[earlier].since
    state = by_day[-1].state
    back = since if state is DeviceState.IN_USE and earlier > 0 else None
    return StateNow(state=state, since=since, came_back=back)
