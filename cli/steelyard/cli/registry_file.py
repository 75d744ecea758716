"""registry.toml: who is there, which instruments they have, under which law, and what is known from past certificates.

    [[organization]]  id, name, kind, region, serves
    [[serves]]        institute, enterprise, since, until
    [[gateway]]       id, organization, public_key
    [[instrument]]    id, name, serial, location, accuracy_class; read: gateway, profile; not read: kind, owner, unit;
                      maker, model, type_approval, batch, range_low, range_high, scale_interval, parameters, use,
                      put_into_use; position, since; state, state_since
    [instrument.legal]       regime, channel, period_months, service_date, catalogue, confidence, range_low, range_high
    [instrument.legal.mpe]   unit, source, in_use_factor, rule = { type = "relative", percent = 1.0 }
                             or table, class, unit and the table's parameters
    [[pair]]          instrument, channel, reference_instrument, reference_channel, expanded_uncertainty, …
    [[event]]         id, instrument, kind, completed, decision, performed_by, certificate, limited_to, supersedes,
                      items
    [[event.point]]   test_point, unit, as_found, as_left, expanded_uncertainty, coverage_factor

An instrument's kind and channels come from its profile; one that nothing reads has the channel `indication`. Positions,
owners and placements are tables of `registry_devices`. The file's text in, frozen types out: nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from steelyard.calibration.catalogue import Catalogue, builtin_catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.mpe import parse_mpe
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.devices import device_of
from steelyard.calibration.verification.events import EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.regime import CatalogueReference, LegalStatus
from steelyard.cli import registry_devices
from steelyard.cli.registry_tables import (
    EventTable,
    GatewayTable,
    InstrumentTable,
    LegalTable,
    OrganizationTable,
    PairTable,
    RegistryTables,
)
from steelyard.contracts.devices import Placement
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
from steelyard.contracts.units import parse_unit
from steelyard.storage.records.registry import Registration

INDICATION = ChannelId("indication")
"""The channel of a device that nothing reads: what is observed of it has a place there."""


Given = TypeVar("Given", Placement, StateEntry)


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
    hung: list[Placement] = []
    states: list[StateEntry] = []
    for table in tables.instruments:
        where = f"{source}: instrument '{table.id}'"
        try:
            profile = None if table.profile is None else profile_of(table.profile)
            instrument = _instrument(table, profile, owner_of, kinds)
            instruments.append(instrument)
            own = _channels(instrument, table, profile)
            channels.extend(own)
            if table.legal is not None:
                legal.append(_legal(instrument.id, own, table.legal))
            hung.extend(_given(registry_devices.placement_of(instrument.id, table.position, table.since)))
            states.extend(_given(registry_devices.state_of(instrument.id, table.state, table.state_since, source)))
        except (ContractError, CalibrationError) as error:
            raise SettingsError(where, table.profile or table.kind, str(error)) from error
    _once(source, "organization", [each.id for each in organizations])
    _once(source, "gateway", [each.id for each in gateways])
    _once(source, "instrument", [each.id for each in instruments])
    _once(source, "event", [each.id for each in tables.events])
    _once(source, "position", [each.id for each in tables.positions])
    regions = {str(each.id): each.region for each in organizations}
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
            positions=[registry_devices.position(table, regions, source) for table in tables.positions],
            ownerships=registry_devices.ownerships(tables.ownerships, source),
            placements=registry_devices.placements(tables.placements, hung, source),
            states=states,
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
    table: InstrumentTable,
    profile: Profile | None,
    owner_of: dict[GatewayId, OrganizationId],
    catalogue: Catalogue,
) -> Instrument:
    gateway = None if table.gateway is None else parse_gateway_id(table.gateway)
    if gateway is not None and profile is None:
        raise SettingsError("profile", None, "a gateway reads an instrument by its profile: name it, or no gateway")
    instrument = Instrument(
        id=parse_instrument_id(table.id),
        organization=_owner(table, gateway, owner_of),
        gateway=gateway,
        name=table.name,
        # A profile may call it as people do; what is kept is the name.
        kind=parse_instrument_kind(catalogue.kind(_kind(table, profile)).id),
        profile=None if profile is None else profile.id,
        serial=table.serial,
        location=table.location,
        accuracy_class=table.accuracy_class,
        maker=table.maker,
        model=table.model,
        type_approval=table.type_approval,
        batch=table.batch,
        range_low=table.range_low,
        range_high=table.range_high,
        unit=None if table.unit is None else parse_unit(table.unit, "unit").code,
        scale_interval=table.scale_interval,
        parameters=table.parameters,
        use=table.use,
        put_into_use=table.put_into_use,
    )
    device_of(instrument)  # refuses what contradicts itself
    return instrument


def _owner(
    table: InstrumentTable, gateway: GatewayId | None, owner_of: dict[GatewayId, OrganizationId]
) -> OrganizationId:
    if gateway is not None and gateway not in owner_of:
        raise SettingsError("gateway", gateway, "no [[gateway]] of this file has this id")
    if table.owner is not None:
        return parse_organization_id(table.owner, "owner")
    if gateway is None:
        raise SettingsError("owner", None, "say whose it is: no gateway tells it")
    return owner_of[gateway]


def _kind(table: InstrumentTable, profile: Profile | None) -> str:
    if profile is None:
        if table.kind is None:
            raise SettingsError("kind", None, "say what it is: no profile tells it")
        return table.kind
    if table.kind not in {None, profile.kind}:
        raise SettingsError("kind", table.kind, f"its profile is of a {profile.kind}: leave it out, or correct one")
    return profile.kind


def _channels(instrument: Instrument, table: InstrumentTable, profile: Profile | None) -> list[Channel]:
    if profile is not None:
        return [
            Channel(
                instrument=instrument.id,
                id=channel.id,
                quantity=channel.quantity,
                unit=channel.unit,
                resolution=channel.resolution,
            )
            for channel in profile.channels
        ]
    if instrument.unit is None:
        raise SettingsError("unit", None, "say in which unit it indicates (UCUM): no profile tells it")
    # Of a device that nothing reads the step rounds nothing: 0 where nobody says it.
    step = next((each for each in (table.resolution, table.scale_interval) if each is not None), 0.0)
    return [
        Channel(instrument=instrument.id, id=INDICATION, quantity=INDICATION, unit=instrument.unit, resolution=step)
    ]


def _legal(instrument: InstrumentId, channels: list[Channel], table: LegalTable) -> LegalStatus:
    channel = _channel(channels, table.channel)
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


def _channel(channels: list[Channel], name: str | None) -> Channel:
    """The channel that the law controls: where there is one only, nobody needs to name it."""
    if name is None and len(channels) == 1:
        return channels[0]
    for channel in channels:
        if channel.id == name:
            return channel
    raise SettingsError("legal.channel", name, f"there is: {', '.join(channel.id for channel in channels)}")


def _given(one: Given | None) -> tuple[Given, ...]:
    return () if one is None else (one,)


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
            completed_at_ns=_instant(table),
            points=tuple(EventPoint(**msgspec.structs.asdict(point)) for point in table.points),
        )
    except (ContractError, CalibrationError) as error:
        raise SettingsError(f"{source}: event '{table.id}'", table.instrument, str(error)) from error


def _instant(table: EventTable) -> int | None:
    """The instant at which an event was completed, UTC ns: what happened on one day is told apart by it."""
    at = table.completed_at
    if at is None:
        return None
    if at.tzinfo is None:
        raise SettingsError("completed_at", at.isoformat(), "give its offset from UTC: 2026-03-15T10:30:00+08:00")
    if abs((at.date() - table.completed).days) > 1:
        raise SettingsError("completed_at", at.isoformat(), f"is not on {table.completed}; correct one of the two")
    return round(at.timestamp()) * 1_000_000_000


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
