"""The organizations and instruments of the tests' world."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.mpe import Absolute, MaximumPermissibleError, OfSpan, Relative
from steelyard.calibration.verification.regime import Regime
from steelyard.contracts.identifiers import InstrumentKind
from steelyard.contracts.registry import Organization, OrganizationKind, ServiceRelation

NS = 1_000_000_000
DAY = 86_400 * NS
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * NS
TODAY = NOW.date()

ORGANIZATIONS = [
    Organization(id="hengyuan", name="Hengyuan Chemical", kind=OrganizationKind.ENTERPRISE, region="cn-zj-hangzhou"),
    Organization(id="linjiang", name="Linjiang Grain", kind=OrganizationKind.ENTERPRISE, region="cn-zj-ningbo"),
    Organization(id="taihu", name="Taihu Brewery", kind=OrganizationKind.ENTERPRISE, region="cn-js-wuxi"),
    Organization(
        id="provincial", name="Provincial Metrology Institute", kind=OrganizationKind.INSTITUTE, region="cn-zj"
    ),
    Organization(id="supervision", name="Market Supervision", kind=OrganizationKind.SUPERVISOR, region="cn-zj"),
]

SERVED = [ServiceRelation(institute="provincial", enterprise=each) for each in ("hengyuan", "linjiang", "taihu")]


@dataclass(frozen=True)
class Device:
    id: str
    organization: str
    name: str
    kind: InstrumentKind
    profile: str
    location: str
    accuracy_class: str
    channels: tuple[tuple[str, str, str, float, float], ...]  # id, quantity, unit, resolution, value now
    mpe: MaximumPermissibleError
    regime: Regime
    months: int
    document: str
    verified: date
    error: float
    expanded: float
    limit: float
    rate: float = 0.0
    error_unit: str = ""
    jump: float = 0.0


_POWER = (
    ("power_total", "active_power", "W", 0.1, 48_212.4),
    ("voltage_l1", "voltage", "V", 0.1, 229.8),
    ("current_l1", "current", "A", 0.01, 70.21),
    ("frequency", "frequency", "Hz", 0.01, 50.01),
    ("energy_import", "active_energy", "kW.h", 0.01, 182_344.61),
)
_METER = MaximumPermissibleError(unit="W", rule=Relative(percent=1.0), source="JJG 596-2012, class 1")
_GAUGE = MaximumPermissibleError(unit="kPa", rule=OfSpan(percent=0.5, span=1600.0), source="JJG 882-2019, class 0.5")
_PT100 = MaximumPermissibleError(unit="Cel", rule=Absolute(limit=0.6), source="IEC 60751, class B at 150 °C")
_SCALE = MaximumPermissibleError(unit="kg", rule=Absolute(limit=10.0), source="OIML R 76, class III, e = 10 kg")


def _meter(number: int, error: float, verified: date, jump: float = 0.0) -> Device:
    return Device(
        f"em-h-0{number}", "hengyuan", f"Feeder meter {number}", InstrumentKind("electricity_meter"), "sdm630",
        f"Substation, feeder {number}", "1", _POWER, _METER, Regime.PERIODIC, 72, "JJG 596-2012", verified,
        error, 0.16, 1.0, error_unit="%", jump=jump,
    )  # fmt: skip


def _pressure(name: str, org: str, title: str, place: str, error: float, rate: float, verified: date) -> Device:
    return Device(
        name, org, title, InstrumentKind("pressure_transmitter"), "pressure_transmitter", place, "0.5",
        (("pressure", "pressure", "kPa", 0.1, 812.6), ("sensor_temperature", "temperature", "Cel", 0.1, 31.2),
         ("seal", "seal_openings", "1", 1.0, 0.0)),
        _GAUGE, Regime.PERIODIC, 12, "JJG 882-2019", verified, error, 0.9, 8.0, rate, "kPa",
    )  # fmt: skip


def _thermometer(name: str, org: str, place: str, error: float, verified: date) -> Device:
    return Device(
        name, org, f"Thermometer {name[-2:]}", InstrumentKind("resistance_thermometer"), "pt100_transmitter",
        place, "B",
        (("temperature", "temperature", "Cel", 0.01, 148.37), ("seal", "seal_openings", "1", 1.0, 0.0)),
        _PT100, Regime.VOLUNTARY, 24, "JJG 229-2010", verified, error, 0.11, 0.6, 0.01, "Cel",
    )  # fmt: skip


def _scale(name: str, org: str, title: str, place: str, error: float, verified: date) -> Device:
    return Device(
        name, org, title, InstrumentKind("digital_indicating_scale"), "weighing_indicator", place, "III",
        (("gross", "mass", "kg", 10.0, 18_640.0), ("net", "mass", "kg", 10.0, 18_640.0),
         ("zero", "mass", "kg", 1.0, 0.0), ("seal", "seal_openings", "1", 1.0, 0.0)),
        _SCALE, Regime.PERIODIC, 12, "JJG 539-2016", verified, error, 1.8, 10.0, 0.3, "kg",
    )  # fmt: skip


DEVICES = [
    _meter(1, 0.12, date(2024, 3, 12)),
    _meter(2, -0.21, date(2023, 9, 4)),
    _meter(3, 1.42, date(2024, 3, 12), jump=1.5),
    _pressure("pt-h-01", "hengyuan", "Steam pressure 1", "Boiler house, line 1", 0.7, 0.4, date(2026, 4, 2)),
    _pressure("pt-h-02", "hengyuan", "Steam pressure 2", "Boiler house, line 2", 6.8, 7.3, date(2026, 1, 14)),
    _thermometer("tt-h-01", "hengyuan", "Reactor 1, jacket", 0.06, date(2026, 2, 20)),
    _thermometer("tt-h-02", "hengyuan", "Reactor 2, jacket", -0.09, date(2025, 10, 8)),
    _scale("ws-l-01", "linjiang", "Truck scale 1", "Gate north", 1.1, date(2026, 6, 30)),
    _scale("ws-l-02", "linjiang", "Truck scale 2", "Gate south", -2.4, TODAY - timedelta(days=345)),
    _scale("ws-l-03", "linjiang", "Hopper scale", "Silo 4", 0.8, date(2026, 8, 18)),
    _thermometer("tt-l-01", "linjiang", "Dryer 1, outlet", 0.11, date(2026, 5, 11)),
    _pressure("pt-l-01", "linjiang", "Air pressure", "Compressor room", -1.2, -0.2, date(2026, 3, 3)),
    _thermometer("tt-t-01", "taihu", "Kettle", 0.02, date(2026, 5, 11)),
    _thermometer("tt-i-01", "provincial", "Laboratory 3, bath", 0.01, date(2026, 9, 1)),
]  # fmt: skip

GATEWAYS = ["hengyuan", "linjiang", "taihu", "provincial"]
