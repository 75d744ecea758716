"""The tables of registry.toml as they stand in the file: strict, a misspelt key is an error."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from steelyard.calibration.mpe import Confidence
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.cli.registry_devices import OwnershipTable, PlacementTable, PositionTable
from steelyard.contracts.devices import Use
from steelyard.contracts.registry import (
    OrganizationKind,
)


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strict: a misspelt key is an error."""


class OrganizationTable(_Table, frozen=True):
    """``[[organization]]``; `serves` names the enterprises that an institute serves, from the beginning without end."""

    id: str
    name: str
    kind: OrganizationKind
    region: str
    serves: tuple[str, ...] = ()


class ServesTable(_Table, frozen=True):
    """``[[serves]]``: `since` is the first legal date, `until` the first one without it."""

    institute: str
    enterprise: str
    since: date | None = None
    until: date | None = None


class GatewayTable(_Table, frozen=True):
    """``[[gateway]]``."""

    id: str
    organization: str
    public_key: str


class LegalTable(_Table, frozen=True):
    """``[instrument.legal]``: periods in calendar months, the range in the MPE's unit, `mpe` for `parse_mpe`."""

    regime: Regime
    mpe: dict[str, object]
    catalogue: str
    confidence: Confidence
    channel: str | None = None
    period_months: int | None = None
    service_date: date | None = None
    range_low: float | None = None
    range_high: float | None = None
    longest_period_months: int | None = None


class InstrumentTable(_Table, frozen=True):
    """``[[instrument]]``: `range_low`, `range_high`, `scale_interval` and `resolution` in `unit` (UCUM)."""

    id: str
    name: str
    serial: str
    gateway: str | None = None
    profile: str | None = None
    kind: str | None = None
    owner: str | None = None
    location: str = ""
    accuracy_class: str = ""
    maker: str | None = None
    model: str | None = None
    type_approval: str | None = None
    batch: str | None = None
    range_low: float | None = None
    range_high: float | None = None
    unit: str | None = None
    scale_interval: float | None = None
    resolution: float | None = None
    parameters: dict[str, float | str] | None = None
    use: Use | None = None
    put_into_use: date | None = None
    position: str | None = None
    since: date | None = None
    state: DeviceState | None = None
    state_since: date | None = None
    legal: LegalTable | None = None


class PairTable(_Table, frozen=True):
    """``[[pair]]``: uncertainty in the channel's unit, or in % of the value when `relative`."""

    instrument: str
    channel: str
    reference_instrument: str
    reference_channel: str
    expanded_uncertainty: float
    coverage_factor: float = 2.0
    relative: bool = False


class PointTable(_Table, frozen=True):
    """``[[event.point]]``: errors and uncertainty in `unit`; `at` is the value of the second quantity, a flow say."""

    test_point: float
    unit: str
    as_found: float | None = None
    as_left: float | None = None
    expanded_uncertainty: float | None = None
    coverage_factor: float = 2.0
    at: float | None = None


class EventTable(_Table, frozen=True, rename={"points": "point"}):
    """``[[event]]``: a past certificate; `items` names all instruments of one certificate for many."""

    id: str
    instrument: str
    kind: EventKind
    completed: date
    decision: Decision
    performed_by: str
    completed_at: datetime | None = None
    certificate: str | None = None
    limited_to: str | None = None
    supersedes: str | None = None
    items: tuple[str, ...] = ()
    points: tuple[PointTable, ...] = ()


class RegistryTables(
    _Table,
    frozen=True,
    rename={
        "organizations": "organization",
        "gateways": "gateway",
        "instruments": "instrument",
        "pairs": "pair",
        "events": "event",
        "positions": "position",
        "ownerships": "ownership",
        "placements": "placement",
    },
):
    """The whole file."""

    organizations: tuple[OrganizationTable, ...] = ()
    serves: tuple[ServesTable, ...] = ()
    gateways: tuple[GatewayTable, ...] = ()
    instruments: tuple[InstrumentTable, ...] = ()
    pairs: tuple[PairTable, ...] = ()
    events: tuple[EventTable, ...] = ()
    positions: tuple[PositionTable, ...] = ()
    ownerships: tuple[OwnershipTable, ...] = ()
    placements: tuple[PlacementTable, ...] = ()
