"""What is registered: organizations and who serves whom, gateways, instruments and their channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from steelyard.contracts.identifiers import ChannelId, GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import PublicKey


class OrganizationKind(StrEnum):
    """What an organization does with instruments."""

    ENTERPRISE = "enterprise"
    INSTITUTE = "institute"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An enterprise, an institute or a supervisor.

    `region` is the administrative area, largest first: ``cn-zj-hangzhou``.
    """

    id: OrganizationId
    name: str
    kind: OrganizationKind
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRelation:
    """An institute serves an enterprise: it sees its instruments and works on its orders.

    Legal dates: `since` is the first day on which it holds, None from the beginning; `until` the first on which it
    holds no more, None while no end is known.
    """

    institute: OrganizationId
    enterprise: OrganizationId
    since: date | None = None
    until: date | None = None

    def holds(self, on: date) -> bool:
        """Return whether it holds on this legal date."""
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)

    def overlaps(self, other: ServiceRelation) -> bool:
        """Return whether there is a day on which both hold."""
        ends_before = self.until is not None and other.since is not None and self.until <= other.since
        begins_after = self.since is not None and other.until is not None and other.until <= self.since
        return not (ends_before or begins_after)

    @property
    def span(self) -> str:
        """From when to when, in words."""
        begin = "the beginning" if self.since is None else self.since.isoformat()
        return f"from {begin} on" if self.until is None else f"from {begin} until {self.until.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A device that reads instruments and signs what it read with the key whose public half stands here."""

    id: GatewayId
    organization: OrganizationId
    public_key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A measuring instrument as its name plate and its place say; `kind` is a name of the catalogue.

    Its legal standing is kept beside it, in calibration.
    """

    id: InstrumentId
    organization: OrganizationId
    gateway: GatewayId
    name: str
    kind: InstrumentKind
    profile: str
    serial: str
    location: str
    accuracy_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One quantity of an instrument. `unit` is a UCUM code; `resolution` the step of its indication, in that unit."""

    instrument: InstrumentId
    id: ChannelId
    quantity: str
    unit: str
    resolution: float
