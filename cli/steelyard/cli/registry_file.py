"""registry.toml: who is there, which instruments they have, under which law, and what is known from past certificates.

    [[organization]]  id, name, kind, region, serves
    [[serves]]        institute, enterprise, since, until
    [[gateway]]       id, organization, public_key
    [[instrument]]    id, gateway, name, profile, serial, location, accuracy_class
    [instrument.legal]       regime, channel, period_months, service_date, catalogue, confidence, range_low, range_high
    [instrument.legal.mpe]   unit, source, in_use_factor, rule = { type = "relative", percent = 1.0 }
                             or table, class, unit and the table's parameters
    [[pair]]          instrument, channel, reference_instrument, reference_channel, expanded_uncertainty, …
    [[event]]         id, instrument, kind, completed, decision, performed_by, certificate, limited_to, supersedes,
                      items
    [[event.point]]   test_point, unit, as_found, as_left, expanded_uncertainty, coverage_factor

An instrument's kind and channels come from its profile. The file's text in, frozen types out: nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from steelyard.calibration.catalogue import Catalogue, builtin_catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.mpe import Confidence, parse_mpe
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.regime import CatalogueReference, LegalStatus, Regime
from steelyard.contracts.errors import ContractError, SettingsError
from steelyard.contracts.identifiers import (
    ChannelId,
    GatewayId,
    InstrumentId,
    OrganizationId,
    parse_channel_id,
    parse_gateway_id,
    parse_instrument_id,
    parse_instrument_kind,
    parse_organization_id,
)
from steelyard.contracts.keys import PublicKey
from steelyard.contracts.profile import Profile
from steelyard.contracts.registry import (
    Channel,
    Gateway,
    Instrument,
    Organization,
    OrganizationKind,
    ServiceRelation,
)
from steelyard.contracts.toml import convert, parse_toml
from steelyard.storage.records.registry import Registration


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
    channel: str
    mpe: dict[str, object]
    catalogue: str
    confidence: Confidence
    period_months: int | None = None
    service_date: date | None = None
    range_low: float | None = None
    range_high: float | None = None
    longest_period_months: int | None = None


class InstrumentTable(_Table, frozen=True):
    """``[[instrument]]``."""

    id: str
    gateway: str
    name: str
    profile: str
    serial: str
    location: str
    accuracy_class: str
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
    """``[[event.point]]``: errors and uncertainty in `unit`."""

    test_point: float
    unit: str
    as_found: float | None = None
    as_left: float | None = None
    expanded_uncertainty: float | None = None
    coverage_factor: float = 2.0


class EventTable(_Table, frozen=True, rename={"points": "point"}):
    """``[[event]]``: a past certificate; `items` names all instruments of one certificate for many."""

    id: str
    instrument: str
    kind: EventKind
    completed: date
    decision: Decision
    performed_by: str
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
    },
):
    """The whole file."""

    organizations: tuple[OrganizationTable, ...] = ()
    serves: tuple[ServesTable, ...] = ()
    gateways: tuple[GatewayTable, ...] = ()
    instruments: tuple[InstrumentTable, ...] = ()
    pairs: tuple[PairTable, ...] = ()
    events: tuple[EventTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFile:
    """What the file says, in the project's types."""

    registration: Registration
    events: tuple[VerificationEvent, ...]
    items: Mapping[str, tuple[InstrumentId, ...]]
    """By event, all instruments of a certificate for many."""


def parse_registry(
    text: str, source: str, profile_of: Callable[[str], Profile], *, catalogue: Catalogue | None = None
) -> RegistryFile:
    """Read a registry file's text.

    Args:
        text: TOML.
        source: the file's name, for messages.
        profile_of: gives the profile that an instrument's `profile` names; raises ContractError if it cannot.
        catalogue: of the kinds that profiles name; None: the one that comes with Steelyard.

    Raises:
        ContractError: naming the file, the entry, the value and the remedy.
    """
    tables = convert(parse_toml(text, source), RegistryTables, source)
    return resolve_registry(tables, source, profile_of, catalogue=catalogue)


def resolve_registry(
    tables: RegistryTables, source: str, profile_of: Callable[[str], Profile], *, catalogue: Catalogue | None = None
) -> RegistryFile:
    """The same from tables made by a program."""
    kinds = builtin_catalogue() if catalogue is None else catalogue
    organizations = tuple(_organization(table, source) for table in tables.organizations)
    gateways = tuple(_gateway(table, source) for table in tables.gateways)
    owner_of = {gateway.id: gateway.organization for gateway in gateways}
    instruments: list[Instrument] = []
    channels: list[Channel] = []
    legal: list[LegalStatus] = []
    for table in tables.instruments:
        where = f"{source}: instrument '{table.id}'"
        try:
            profile = profile_of(table.profile)
            instrument = _instrument(table, profile, owner_of, kinds)
            instruments.append(instrument)
            channels.extend(
                Channel(
                    instrument=instrument.id,
                    id=channel.id,
                    quantity=channel.quantity,
                    unit=channel.unit,
                    resolution=channel.resolution,
                )
                for channel in profile.channels
            )
            if table.legal is not None:
                legal.append(_legal(instrument.id, profile, table.legal))
        except (ContractError, CalibrationError) as error:
            raise SettingsError(where, table.profile, str(error)) from error
    _once(source, "organization", [each.id for each in organizations])
    _once(source, "gateway", [each.id for each in gateways])
    _once(source, "instrument", [each.id for each in instruments])
    _once(source, "event", [each.id for each in tables.events])
    items = {table.id: _items(table, source) for table in tables.events if table.items}
    events = tuple(_event(table, source) for table in tables.events)
    _numbers_once(events, items, source)
    return RegistryFile(
        registration=Registration(
            organizations=organizations,
            service_relations=_relations(tables, source),
            gateways=gateways,
            instruments=instruments,
            channels=channels,
            legal_statuses=legal,
            reference_pairs=[_pair(table, source) for table in tables.pairs],
        ),
        events=events,
        items=items,
    )


def _organization(table: OrganizationTable, source: str) -> Organization:
    return Organization(
        id=parse_organization_id(table.id, f"{source}: organization.id"),
        name=table.name,
        kind=table.kind,
        region=table.region,
    )


def _relations(tables: RegistryTables, source: str) -> list[ServiceRelation]:
    found: list[ServiceRelation] = []
    for table in tables.organizations:
        where = f"{source}: organization '{table.id}'.serves"
        if table.serves and table.kind is not OrganizationKind.INSTITUTE:
            raise SettingsError(where, table.kind.value, "an institute serves; leave it out here")
        found.extend(
            ServiceRelation(
                institute=parse_organization_id(table.id), enterprise=parse_organization_id(enterprise, where)
            )
            for enterprise in table.serves
        )
    for relation in tables.serves:
        where = f"{source}: serves '{relation.institute}', '{relation.enterprise}'"
        if relation.since is not None and relation.until is not None and relation.until <= relation.since:
            raise SettingsError(
                f"{where}.until", relation.until.isoformat(), "give a day after `since`: the first without it"
            )
        found.append(
            ServiceRelation(
                institute=parse_organization_id(relation.institute, f"{where}.institute"),
                enterprise=parse_organization_id(relation.enterprise, f"{where}.enterprise"),
                since=relation.since,
                until=relation.until,
            )
        )
    for number, later in enumerate(found):
        for earlier in found[:number]:
            same = (earlier.institute, earlier.enterprise) == (later.institute, later.enterprise)
            if same and earlier.overlaps(later):
                raise SettingsError(
                    f"{source}: {later.institute} serves {later.enterprise}",
                    later.span,
                    f"stands in this file already {earlier.span}: end one on the day on which the other begins",
                )
    return found


def _gateway(table: GatewayTable, source: str) -> Gateway:
    where = f"{source}: gateway '{table.id}'"
    return Gateway(
        id=parse_gateway_id(table.id, f"{source}: gateway.id"),
        organization=parse_organization_id(table.organization, f"{where}.organization"),
        public_key=PublicKey.parse(table.public_key, f"{where}.public_key"),
    )


def _instrument(
    table: InstrumentTable, profile: Profile, owner_of: dict[GatewayId, OrganizationId], catalogue: Catalogue
) -> Instrument:
    gateway = parse_gateway_id(table.gateway)
    owner = owner_of.get(gateway)
    if owner is None:
        raise SettingsError("gateway", gateway, "no [[gateway]] of this file has this id")
    return Instrument(
        id=parse_instrument_id(table.id),
        organization=owner,
        gateway=gateway,
        name=table.name,
        # A profile may call it as people do; what is kept is the name.
        kind=parse_instrument_kind(catalogue.kind(profile.kind).id),
        profile=profile.id,
        serial=table.serial,
        location=table.location,
        accuracy_class=table.accuracy_class,
    )


def _legal(instrument: InstrumentId, profile: Profile, table: LegalTable) -> LegalStatus:
    channel = profile.channel(ChannelId(table.channel))
    mpe = parse_mpe(table.mpe, "legal.mpe")
    if channel.unit != mpe.unit:
        raise SettingsError("legal.mpe.unit", mpe.unit, f"channel '{channel.id}' is in {channel.unit}: use that")
    return LegalStatus(
        instrument=instrument,
        regime=table.regime,
        channel=channel.id,
        mpe=mpe,
        period_months=table.period_months,
        catalogue=CatalogueReference(document=table.catalogue, confidence=table.confidence),
        service_date=table.service_date,
        range_low=table.range_low,
        range_high=table.range_high,
        longest_period_months=table.longest_period_months,
    )


def _pair(table: PairTable, source: str) -> ReferencePair:
    where = f"{source}: pair of '{table.instrument}'"
    try:
        return ReferencePair(
            instrument=parse_instrument_id(table.instrument),
            channel=parse_channel_id(table.channel),
            reference_instrument=parse_instrument_id(table.reference_instrument, "reference_instrument"),
            reference_channel=parse_channel_id(table.reference_channel, "reference_channel"),
            expanded_uncertainty=table.expanded_uncertainty,
            coverage_factor=table.coverage_factor,
            relative=table.relative,
        )
    except (ContractError, CalibrationError) as error:
        raise SettingsError(where, table.reference_instrument, str(error)) from error


def _event(table: EventTable, source: str) -> VerificationEvent:
    try:
        require_plausible_date(table.completed)
        return VerificationEvent(
            id=table.id,
            instrument=parse_instrument_id(table.instrument),
            kind=table.kind,
            completed=table.completed,
            decision=table.decision,
            performed_by=table.performed_by,
            certificate=table.certificate,
            limited_to=table.limited_to,
            supersedes=table.supersedes,
            imported_from=source,
            points=tuple(EventPoint(**msgspec.structs.asdict(point)) for point in table.points),
        )
    except (ContractError, CalibrationError) as error:
        raise SettingsError(f"{source}: event '{table.id}'", table.instrument, str(error)) from error


def _items(table: EventTable, source: str) -> tuple[InstrumentId, ...]:
    where = f"{source}: event '{table.id}'.items"
    found = tuple(parse_instrument_id(name, where) for name in table.items)
    if table.instrument not in found or len(set(found)) != len(found):
        raise SettingsError(where, ", ".join(found), f"name every instrument once, {table.instrument} among them")
    return found


def _numbers_once(
    events: Sequence[VerificationEvent], items: Mapping[str, tuple[InstrumentId, ...]], source: str
) -> None:
    """Refuse one number of one body for two events, before anything is stored; the storage asks the same again."""
    seen: dict[tuple[str, str], list[VerificationEvent]] = {}
    for event in events:
        if event.certificate is None:
            continue
        same = seen.setdefault((event.performed_by, event.certificate), [])
        for other in same:
            one_of_many = other.instrument in items.get(event.id, ()) and other.instrument != event.instrument
            if not (one_of_many and other.completed == event.completed) and event.supersedes is None:
                raise SettingsError(
                    f"{source}: event '{event.id}'.certificate",
                    event.certificate,
                    f"is that of event '{other.id}' of {event.performed_by}: correct one; or say which one supersedes "
                    "the other; or name all instruments of one certificate of one day as `items` of each",
                )
        same.append(event)


def _once(source: str, kind: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SettingsError(f"{source}: {kind}.id", name, "stands in this file twice; rename one")
        seen.add(name)
