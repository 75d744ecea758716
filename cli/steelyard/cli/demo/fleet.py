"""The demonstration's registry: two enterprises, an institute, a supervisor, their instruments and past certificates.

What a certificate says is what a laboratory would have found: the simulated instrument's true error at that time and
point, plus an error of the laboratory's own, drawn from its stated uncertainty. The instruments themselves are the
simulator's.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from steelyard.calibration.mpe import Confidence, parse_mpe
from steelyard.calibration.verification.due_date import add_months
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.cli.registry_tables import (
    EventTable,
    GatewayTable,
    InstrumentTable,
    LegalTable,
    OrganizationTable,
    PairTable,
    PointTable,
    RegistryTables,
)
from steelyard.contracts.registry import OrganizationKind

TrueError = Callable[[str, str, int, float], float]
"""(instrument, channel, UTC ns, true value) -> true error, in the channel's unit."""

INSTITUTE = "Provincial Institute of Metrology"
COVERAGE = 2.0

ORGANIZATIONS = (
    OrganizationTable(
        id="hengyuan", name="Hengyuan Heat and Power", kind=OrganizationKind.ENTERPRISE, region="cn-zj-hangzhou"
    ),
    OrganizationTable(id="linjiang", name="Linjiang Foods", kind=OrganizationKind.ENTERPRISE, region="cn-zj-ningbo"),
    OrganizationTable(
        id="provincial",
        name=INSTITUTE,
        kind=OrganizationKind.INSTITUTE,
        region="cn-zj",
        serves=("hengyuan", "linjiang"),
    ),
    OrganizationTable(
        id="regulator", name="Market Regulation, Zhejiang", kind=OrganizationKind.SUPERVISOR, region="cn-zj"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What instruments of one kind have in common: law, test points, and the laboratory's uncertainty.

    `points` and `uncertainty` (expanded, k = 2) are in the MPE's unit; both are percent of the point when `relative`.
    """

    profile: str
    accuracy_class: str
    regime: Regime
    period_months: int
    catalogue: str
    confidence: Confidence
    channel: str
    mpe: dict[str, object]
    span: tuple[float, float]
    points: tuple[float, ...]
    uncertainty: float
    relative: bool = False


def _relative(unit: str, percent: float, source: str) -> dict[str, object]:
    return {"unit": unit, "source": source, "rule": {"type": "relative", "percent": percent}}


def _of_span(unit: str, percent: float, span: float, source: str) -> dict[str, object]:
    return {"unit": unit, "source": source, "rule": {"type": "of_span", "percent": percent, "span": span}}


METER = Kind(
    profile="sdm630",
    accuracy_class="1",
    regime=Regime.PERIODIC,
    period_months=96,
    catalogue="JJG 596-2012",
    confidence=Confidence.LOW,
    channel="power_total",
    mpe=_relative("W", 1.0, "JJG 596-2012, class 1, reference load"),
    span=(0.0, 55_000.0),
    points=(10_000.0, 25_000.0, 50_000.0),
    uncertainty=0.1,
    relative=True,
)
CHECK_METER = Kind(
    profile="sdm630",
    accuracy_class="0.2S",
    regime=Regime.PERIODIC,
    period_months=72,
    catalogue="JJG 596-2012",
    confidence=Confidence.LOW,
    channel="power_total",
    mpe=_relative("W", 0.2, "JJG 596-2012, class 0.2S, reference load"),
    span=(0.0, 55_000.0),
    points=(10_000.0, 25_000.0, 50_000.0),
    uncertainty=0.04,
    relative=True,
)
TRANSMITTER = Kind(
    profile="pressure_transmitter",
    accuracy_class="0.5",
    regime=Regime.VOLUNTARY,
    period_months=24,
    catalogue="JJG 882-2019",
    confidence=Confidence.MEDIUM,
    channel="pressure",
    mpe=_of_span("MPa", 0.5, 1.6, "JJG 882-2019, class 0.5"),
    span=(0.0, 1.6),
    points=(0.4, 0.8, 1.2),
    uncertainty=0.0012,
)
GAUGE = Kind(
    profile="reference_gauge",
    accuracy_class="0.1",
    regime=Regime.VOLUNTARY,
    period_months=24,
    catalogue="JJG 875-2019",
    confidence=Confidence.MEDIUM,
    channel="pressure",
    mpe=_of_span("MPa", 0.1, 1.6, "JJG 875-2019, class 0.1"),
    span=(0.0, 1.6),
    points=(0.4, 0.8, 1.2),
    uncertainty=0.0004,
)
THERMOMETER = Kind(
    profile="pt100_transmitter",
    accuracy_class="B",
    regime=Regime.VOLUNTARY,
    period_months=24,
    catalogue="JJG 229-2010",
    confidence=Confidence.HIGH,
    channel="temperature",
    mpe={"table": "iec-60751", "class": "B"},
    span=(-50.0, 200.0),
    points=(0.0, 50.0, 100.0),
    uncertainty=0.04,
)
SCALE = Kind(
    profile="weighing_indicator",
    accuracy_class="III",
    regime=Regime.PERIODIC,
    period_months=12,
    catalogue="JJG 539-2016",
    confidence=Confidence.HIGH,
    channel="gross",
    mpe={"table": "oiml-r76", "class": "III", "e": 1.0, "unit": "kg"},
    span=(0.0, 3000.0),
    points=(500.0, 1500.0, 3000.0),
    uncertainty=0.16,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One instrument of the fleet. `months_ago`: when it was verified, newest last; the first of them was its first."""

    id: str
    gateway: str
    name: str
    location: str
    kind: Kind
    months_ago: tuple[int, ...]
    reference: str | None = None


def _member(
    name: str, gateway: str, title: str, location: str, kind: Kind, months_ago: tuple[int, ...], reference: str = ""
) -> Member:
    return Member(
        id=name,
        gateway=gateway,
        name=title,
        location=location,
        kind=kind,
        months_ago=months_ago,
        reference=reference or None,
    )


_H, _L, _P = "gw-hengyuan", "gw-linjiang", "gw-provincial"

DUE_IN_DAYS = 20
"""How long after the first start the certificate of `DUE_INSTRUMENT` ends."""
DUE_INSTRUMENT = "ws-l-02"

FLEET = (
    _member("em-h-01", _H, "Feeder 1 meter", "Substation A", METER, (24,), "em-h-01c"),
    _member("em-h-01c", _H, "Feeder 1 check meter", "Substation A", CHECK_METER, (24,)),
    _member("em-h-02", _H, "Feeder 2 meter", "Substation A", METER, (24,), "em-h-02c"),
    _member("em-h-02c", _H, "Feeder 2 check meter", "Substation A", CHECK_METER, (24,)),
    _member("em-h-03", _H, "Feeder 3 meter", "Substation B", METER, (24,), "em-h-03c"),
    _member("em-h-03c", _H, "Feeder 3 check meter", "Substation B", CHECK_METER, (24,)),
    _member("pt-h-01", _H, "Steam header pressure", "Boiler house 1", TRANSMITTER, (24, 11), "pg-h-01"),
    _member("pg-h-01", _H, "Steam header reference gauge", "Boiler house 1", GAUGE, (24, 11)),
    _member("pt-h-02", _H, "Feedwater pressure", "Boiler house 2", TRANSMITTER, (24, 14), "pg-h-02"),
    _member("pg-h-02", _H, "Feedwater reference gauge", "Boiler house 2", GAUGE, (24, 14)),
    _member("tt-h-01", _H, "Condensate temperature", "Boiler house 1", THERMOMETER, (24, 9)),
    _member("tt-h-02", _H, "Flue gas cooler temperature", "Boiler house 2", THERMOMETER, (24, 13)),
    _member("ws-l-01", _L, "Goods-in scale", "Ramp 1", SCALE, (24, 15, 4)),
    _member("ws-l-02", _L, "Batch scale", "Mixing hall", SCALE, (23,)),
    _member("ws-l-03", _L, "Dispatch scale", "Ramp 3", SCALE, (24, 14, 6)),
    _member("tt-l-01", _L, "Pasteurizer temperature", "Line 1", THERMOMETER, (24, 12)),
    _member("tt-l-02", _L, "Cold store temperature", "Store 2", THERMOMETER, (24, 8)),
    _member("pt-l-01", _L, "Retort pressure", "Line 2", TRANSMITTER, (24, 10), "pg-l-01"),
    _member("pg-l-01", _L, "Retort reference gauge", "Line 2", GAUGE, (24, 10)),
    _member("tt-i-01", _P, "Laboratory thermometer", "Room 204", THERMOMETER, (24, 7)),
    _member("ws-i-01", _P, "Laboratory platform scale", "Room 011", SCALE, (24, 13, 3)),
)  # fmt: skip


def fleet_tables(today: date, public_keys: Mapping[str, str], true_error: TrueError) -> RegistryTables:
    """The whole registry.

    Args:
        today: the legal date of the first start; certificates are dated back from it.
        public_keys: of the gateways, by id.
        true_error: the simulator's truth.
    """
    return RegistryTables(
        organizations=ORGANIZATIONS,
        gateways=tuple(
            GatewayTable(id=gateway, organization=gateway.removeprefix("gw-"), public_key=key)
            for gateway, key in public_keys.items()
        ),
        instruments=tuple(_instrument(member, today) for member in FLEET),
        pairs=tuple(_pair(member, member.reference) for member in FLEET if member.reference is not None),
        events=tuple(event for member in FLEET for event in _events(member, today, true_error)),
    )


def completion_dates(member: Member, today: date) -> tuple[date, ...]:
    """When the instrument was verified; that of the one that is due is counted back from its due date."""
    dates = [add_months(today, -months) for months in member.months_ago]
    if member.id == DUE_INSTRUMENT:
        dates.append(add_months(today + timedelta(days=DUE_IN_DAYS), -member.kind.period_months))
    # Different days of the month, as in life; the one that is due stays where it was put.
    return tuple(day - timedelta(days=_spread(member.id, 10)) if member.id != DUE_INSTRUMENT else day for day in dates)


def _instrument(member: Member, today: date) -> InstrumentTable:
    kind = member.kind
    digest = int(hashlib.sha256(member.id.encode()).hexdigest()[:8], 16)
    return InstrumentTable(
        id=member.id,
        gateway=member.gateway,
        name=member.name,
        profile=kind.profile,
        serial=f"{digest % 10**8:08d}",
        location=member.location,
        accuracy_class=kind.accuracy_class,
        legal=LegalTable(
            regime=kind.regime,
            channel=kind.channel,
            mpe=kind.mpe,
            catalogue=kind.catalogue,
            confidence=kind.confidence,
            period_months=kind.period_months,
            service_date=completion_dates(member, today)[0],
            range_low=kind.span[0],
            range_high=kind.span[1],
        ),
    )


def _pair(member: Member, reference: str) -> PairTable:
    gauge = GAUGE if member.kind is TRANSMITTER else CHECK_METER
    # Twice the laboratory's: the reference has drifted since it was calibrated, and the piping adds its own.
    return PairTable(
        instrument=member.id,
        channel=member.kind.channel,
        reference_instrument=reference,
        reference_channel=gauge.channel,
        expanded_uncertainty=2.0 * gauge.uncertainty,
        coverage_factor=COVERAGE,
        relative=gauge.relative,
    )


def _events(member: Member, today: date, true_error: TrueError) -> list[EventTable]:
    kind = member.kind
    mandatory = kind.regime is Regime.PERIODIC
    events = []
    for number, completed in enumerate(completion_dates(member, today)):
        noon = datetime.combine(completed, time(12), UTC)
        t_ns = int(noon.timestamp()) * 10**9
        # Seeded: the same certificates at every start.
        laboratory = random.Random(f"{member.id} {number}")  # noqa: S311 - simulated measurements, nothing secret
        first = number == 0
        occasion = EventKind.FIRST_VERIFICATION if first else EventKind.SUBSEQUENT_VERIFICATION
        events.append(
            EventTable(
                id=f"{member.id}-{number + 1}",
                instrument=member.id,
                kind=occasion if mandatory else EventKind.CALIBRATION,
                completed=completed,
                decision=Decision.PASSED,
                performed_by=INSTITUTE,
                certificate=f"PIM-{completed:%Y}-{member.id.upper()}-{number + 1}",
                points=tuple(
                    _point(member, t_ns, point, laboratory, first=first, true_error=true_error) for point in kind.points
                ),
            )
        )
    return events


def _point(
    member: Member, t_ns: int, point: float, laboratory: random.Random, *, first: bool, true_error: TrueError
) -> PointTable:
    kind = member.kind
    error = true_error(member.id, kind.channel, t_ns, point)
    if kind.relative:
        error *= 100.0 / point
    found = round(error + laboratory.gauss(0.0, kind.uncertainty / COVERAGE / 2.0), 6)
    return PointTable(
        test_point=point,
        unit="%" if kind.relative else parse_mpe(kind.mpe, kind.profile).unit,
        as_found=None if first else found,
        as_left=found if first else None,
        expanded_uncertainty=kind.uncertainty,
        coverage_factor=COVERAGE,
    )


def _spread(name: str, days: int) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % days
