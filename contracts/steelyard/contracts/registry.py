"""What is registered: organizations, gateways, instruments and their channels."""

from __future__ import annotations

from dataclasses import dataclass
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
