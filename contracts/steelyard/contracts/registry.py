"""What is registered: organizations and who serves whom, gateways, instruments and their channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from steelyard.contracts.devices import Use
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
    """A device as its name plate says, and how it is read; `kind` is a name of the catalogue.

    `organization` is its owner today. `gateway` and `profile` are None for a device that nothing reads. `range_low`,
    `range_high` and `scale_interval` (e) are in `unit`, a UCUM code; `parameters` are those of its kind's class table
    (dn, q3, r, qmax …); `use` None is not known. Its legal standing, its owners, positions and states are kept beside
    it.
    """

    id: InstrumentId
    organization: OrganizationId
    gateway: GatewayId | None = None
    name: str
    kind: InstrumentKind
    profile: str | None = None
    serial: str
    location: str
    accuracy_class: str
    maker: str | None = None
    model: str | None = None
    type_approval: str | None = None
    batch: str | None = None
    range_low: float | None = None
    range_high: float | None = None
    unit: str | None = None
    scale_interval: float | None = None
    parameters: Mapping[str, float | str] | None = None
    use: Use | None = None
    put_into_use: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One quantity of an instrument. `unit` is a UCUM code; `resolution` the step of its indication, in that unit."""

    instrument: InstrumentId
    id: ChannelId
    quantity: str
    unit: str
    resolution: float
