"""Where a device hangs and whose it is, over time.

A *device* has a legal life; a *position* has a data stream; a device hangs at a position from one day to another, and
has an owner from one day to another. All days are legal dates: `since` is the first day on which something holds,
`until` the first on which it holds no more, None while no end is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from steelyard.contracts.identifiers import InstrumentId, OrganizationId, PositionId

FIRST_DAY = date(1970, 1, 1)
"""Since when something holds of which nobody knows since when; shown as "the beginning"."""


class Use(StrEnum):
    """What its indications are used for; the law controls the first four (SAMR announcement 2020 No. 42)."""

    TRADE = "trade"
    SAFETY = "safety"
    MEDICAL = "medical"
    ENVIRONMENT = "environment"
    NONE = "none"
    """For its owner's own purposes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place where a device can hang. Its `region` decides which supervisor sees the device (``cn-zj-hangzhou``)."""

    id: PositionId
    organization: OrganizationId
    name: str
    region: str
    use: Use = Use.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """A device belongs to an organization."""

    instrument: InstrumentId
    organization: OrganizationId
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A device hangs at a position."""

    instrument: InstrumentId
    position: PositionId
    since: date
    until: date | None = None


class Dated(Protocol):
    """What holds from one day to another."""

    @property
    def since(self) -> date:
        """The first day."""
        ...

    @property
    def until(self) -> date | None:
        """The first day without it."""
        ...


Held = TypeVar("Held", bound=Dated)


def holds(one: Dated, on: date) -> bool:
    """Return whether it holds on this legal date."""
    return one.since <= on and (one.until is None or on < one.until)


def overlap(one: Dated, other: Dated) -> bool:
    """Return whether there is a day on which both hold."""
    return (one.until is None or other.since < one.until) and (other.until is None or one.since < other.until)


def held_on(spans: Iterable[Held], on: date) -> Held | None:
    """Return the one that holds on this legal date."""
    return next((one for one in spans if holds(one, on)), None)


def span_text(one: Dated) -> str:
    """From when to when, in words."""
    begin = "the beginning" if one.since <= FIRST_DAY else one.since.isoformat()
    return f"from {begin} on" if one.until is None else f"from {begin} until {one.until.isoformat()}"
