"""What /api/v1 takes and gives of devices over time: states, owners, positions. Days are legal dates."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from steelyard.api.rest.shapes import Given, InstrumentShape, Taken
from steelyard.api.rest.values import Day, Said
from steelyard.calibration.verification.devices import DeviceState
from steelyard.contracts.devices import Use


class StateShape(Given):
    """A state of a device and the first day of it; null: from the beginning."""

    state: DeviceState
    since: date | None
    why: str


class InstrumentDetail(InstrumentShape):
    """An instrument with its name plate, state, owner and position."""

    maker: str | None
    model: str | None
    type_approval: str | None
    batch: str | None
    range_low: float | None = Field(description="In `unit`, like `range_high` and `scale_interval`.")
    range_high: float | None
    unit: str | None = Field(description="UCUM code.")
    scale_interval: float | None
    parameters: dict[str, float | str] = Field(description="Those of its kind's class table.")
    use: Use | None
    put_into_use: date | None
    state: DeviceState = Field(description="Today's.")
    state_since: date | None = Field(description="Null: from the beginning.")
    states: list[StateShape] = Field(description="All that were entered, the oldest first.")
    owner_since: date | None = Field(
        description="Null: from the beginning. A buyer sees the certificates of before, and no readings."
    )
    position: str | None = Field(description="At which it hangs today; null: at none.")
    position_since: date | None
    newest_evidence: str | None = Field(description="When its error was last observed; null: never.")
    evidence_age_days: int | None = Field(description="Whole days since then.")


class NewState(Taken):
    """The state of a device from a legal date on."""

    state: DeviceState
    since: Day = Field(description="The first day, today at the latest.")
    why: Annotated[Said, StringConstraints(max_length=1000)] = Field(description="Kept in the history.")


class PlacedShape(Given):
    """A device at a position, from `since` (null: from the beginning) until `until` (null: no end is known)."""

    instrument: str
    name: str
    serial: str
    since: date | None
    until: date | None = Field(description="The first day without it.")


class PositionShape(Given):
    """A place where a device can hang."""

    id: str
    organization: str
    name: str
    region: str = Field(description="Decides which supervisor sees what hangs there.")
    use: Use
    instrument: str | None = Field(description="Which hangs there today, of those that you may see.")


class PositionList(Given):
    """The positions that you may see."""

    items: list[PositionShape]


class PositionDetail(PositionShape):
    """A position with the devices that hung there, the oldest first."""

    devices: list[PlacedShape]


class SeriesPart(Given):
    """What one device of a position measured, as columns of one length; `value` null where missing."""

    instrument: str
    unit: str
    start: str
    end: str
    t: list[str]
    value: list[float | None]
    status: list[int]


class PositionReadings(Given):
    """The readings of a position: one part for each device that hung there, in the order of time."""

    position: str
    channel: str
    start: str
    end: str
    parts: list[SeriesPart]
