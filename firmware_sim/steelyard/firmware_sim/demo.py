"""The demonstration's world: twenty-one instruments, three of which have something to tell.

pt-h-02 drifts towards its maximum permissible error and would cross it about 60 days after the judged instant, em-h-03
has jumped out of its class, ws-l-02 is merely due (which its certificate says, not its error); all others are quiet.

All processes are slow. Two instruments of a pair are read milliseconds apart, which on a clock 900,000 times too fast
is up to an hour: within `SKEW_S` the shared quantity moves by less than `SKEW_SHARE` of the maximum permissible error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.durations import NS_PER_DAY, format_duration
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import (
    ErrorTerm,
    Jump,
    Measurand,
    Measurands,
    Pair,
    Process,
    Scenario,
    SimulatedInstrument,
    Site,
    Smooth,
    Steps,
    Story,
    StoryLabel,
)

SKEW_S = 2_700.0
SKEW_SHARE = 0.05

METER_POINT_W = 40_000.0
METER_MPE = 0.01
"""Class 1 at reference load (JJG 596-2012), as a ratio."""
PRESSURE_POINT_MPA = 0.8
PRESSURE_MPE_MPA = 0.008
"""0.5 % of the span 0 to 1.6 MPa (JJG 882-2019, class 0.5)."""
LOAD_POINT_KG = 1_500.0
LOAD_MPE_KG = 2.0
"""In use twice the 1.0 e of verification, e = 1 kg (OIML R 76-1:2006, 3.5.1 and 3.5.2)."""

JUMP_RATIO = 0.015
JUMP_DAYS_BEFORE = 40
DRIFT_NOW = 0.85
"""The drifting transmitter's error when judged, over its MPE."""
DRIFT_CROSSES_AFTER_DAYS = 60
DRIFT_PER_DAY = (1.0 - DRIFT_NOW) / DRIFT_CROSSES_AFTER_DAYS
SHORTEST_HISTORY_DAYS = 60

_SEED = 20_241_121
_YEAR_DAYS = 365.25
_HENGYUAN, _LINJIANG, _PROVINCIAL = "hengyuan", "linjiang", "provincial"


def demo_scenario(start_ns: int, now_ns: int, ports: Mapping[str, int] | None = None) -> Scenario:
    """The demonstration's scenario.

    Args:
        start_ns: where the simulated history begins, UTC nanoseconds (kept to the microsecond).
        now_ns: where it ends and the stories are judged.
        ports: TCP ports of the sites hengyuan, linjiang and provincial; without, the operating system chooses.

    Raises:
        ScenarioError: if the history is shorter than `SHORTEST_HISTORY_DAYS`: there would be no room for the stories.
    """
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start_ns // 1_000)
    history_ns = (now_ns - start_ns) // 1_000 * 1_000
    if history_ns < SHORTEST_HISTORY_DAYS * NS_PER_DAY:
        raise ScenarioError("now_ns", now_ns, f"the history must be {SHORTEST_HISTORY_DAYS} days long at least")
    ports = ports or {}
    return Scenario(
        title="Two enterprises and an institute",
        start=start,
        seed=_SEED,
        judged_at=format_duration(history_ns),
        sites=tuple(Site(id=site, port=ports.get(site, 0)) for site in (_HENGYUAN, _LINJIANG, _PROVINCIAL)),
        processes=_processes(),
        instruments=(
            *_meters(history_ns),
            *_pressures(history_ns),
            *_thermometers(),
            *_scales(),
        ),
        pairs=_pairs(),
    )


def _processes() -> tuple[Process, ...]:
    feeders = tuple(
        Process(
            id=f"feeder-{number}",
            power=Smooth(level=level, daily=20.0, weekly=100.0, yearly=2_000.0, wander=1_000.0, wander_period="90d"),
            voltage=Smooth(level=230.0, daily=2.0, weekly=0.5, wander=1.5),
            frequency=Smooth(level=50.0, daily=0.01, wander=0.01, wander_period="5d"),
            power_factor=Smooth(level=0.94, daily=0.005, wander=0.01),
        )
        for number, level in ((1, 40_000.0), (2, 36_000.0), (3, 42_000.0))
    )
    lines = tuple(
        Process(
            id=name,
            pressure=Smooth(level=level, daily=0.0003, weekly=0.002, yearly=0.02, wander=0.01, wander_period="90d"),
            temperature=Smooth(level=28.0, daily=3.0, yearly=8.0),
        )
        for name, level in (("steam-header", 0.9), ("feedwater", 1.1), ("retort", 0.4))
    )
    temperatures = tuple(
        Process(id=name, temperature=Smooth(level=level, daily=daily, weekly=0.3, yearly=yearly, wander=0.4))
        for name, level, daily, yearly in (
            ("condensate", 88.0, 1.5, 1.0),
            ("flue-gas-cooler", 118.0, 2.0, 2.0),
            ("pasteurizer", 72.0, 0.4, 0.0),
            ("cold-store", 4.0, 0.6, 0.5),
            ("room-204", 23.0, 0.3, 0.5),
        )
    )
    loads = tuple(
        Process(id=name, load=Steps(low=low, high=high, hold=hold, idle=idle))
        for name, low, high, hold, idle in (
            ("goods-in", 200.0, 2_400.0, "8min", 0.4),
            ("batches", 400.0, 1_200.0, "15min", 0.2),
            ("dispatch", 150.0, 2_000.0, "6min", 0.4),
            ("laboratory-loads", 20.0, 500.0, "30min", 0.7),
        )
    )
    return (*feeders, *lines, *temperatures, *loads)


def _meters(history_ns: int) -> tuple[SimulatedInstrument, ...]:
    jump = Jump(at=format_duration(history_ns - JUMP_DAYS_BEFORE * NS_PER_DAY), size=JUMP_RATIO)
    errors: tuple[tuple[StoryLabel, float, float, tuple[Jump, ...]], ...] = (
        ("quiet", -0.0012, 0.0001, ()),
        ("quiet", 0.0018, -0.0001, ()),
        ("jump", 0.0006, 0.0001, (jump,)),
    )
    meters = []
    for number, (label, span, drift, jumps) in enumerate(errors, start=1):
        term = ErrorTerm(offset=span, drift_per_year=drift, wander=0.0002, jumps=jumps)
        meters.append(_meter(f"em-h-0{number}", number, term, noise_w=12.0, label=label, mpe=METER_MPE))
        check = ErrorTerm(offset=(0.0002, -0.0001, 0.0001)[number - 1], wander=0.00005)
        meters.append(_meter(f"em-h-0{number}c", number, check, noise_w=4.0, label="quiet", mpe=0.1 * METER_MPE))
    return tuple(meters)


def _meter(
    name: str, feeder: int, span: ErrorTerm, *, noise_w: float, label: StoryLabel, mpe: float
) -> SimulatedInstrument:
    check = name.endswith("c")
    return SimulatedInstrument(
        id=InstrumentId(name),
        profile="sdm630",
        site=_HENGYUAN,
        unit=10 * feeder + (1 if check else 0),
        process=f"feeder-{feeder}",
        energy_start=1_000.0 if check else 48_000.0 + 1_700.0 * feeder,
        measurand=Measurands(
            power=Measurand(span=span, noise=noise_w),
            voltage=Measurand(span=ErrorTerm(offset=0.0005), noise=0.05),
            current=Measurand(span=ErrorTerm(offset=-0.0004), noise=0.01),
        ),
        story=Story(label=label, channel=ChannelId("power_total"), test_point=METER_POINT_W, mpe=mpe * METER_POINT_W),
    )


def _pressures(history_ns: int) -> tuple[SimulatedInstrument, ...]:
    mpe = PRESSURE_MPE_MPA
    full = DRIFT_NOW / DRIFT_PER_DAY * NS_PER_DAY
    drift_from_ns = max(int(history_ns - full), 0)
    drifting = ErrorTerm(
        offset=mpe * (DRIFT_NOW - DRIFT_PER_DAY * (history_ns - drift_from_ns) / NS_PER_DAY),
        drift_per_year=mpe * DRIFT_PER_DAY * _YEAR_DAYS,
        drift_from=format_duration(drift_from_ns),
        wander=0.004 * mpe,
    )
    stories: tuple[tuple[str, str, str, int, ErrorTerm, StoryLabel], ...] = (
        ("h-01", _HENGYUAN, "steam-header", 41, _quiet(0.18 * mpe, 0.01 * mpe, 0.02 * mpe), "quiet"),
        ("h-02", _HENGYUAN, "feedwater", 51, drifting, "drift"),
        ("l-01", _LINJIANG, "retort", 41, _quiet(-0.15 * mpe, -0.01 * mpe, 0.02 * mpe), "quiet"),
    )
    gauges = {"h-01": 0.015, "h-02": -0.02, "l-01": 0.01}
    instruments = []
    for name, site, process, unit, zero, label in stories:
        instruments.append(
            _pressure(f"pt-{name}", "pressure_transmitter", site, process, unit, zero, 0.0002, label, mpe)
        )
        gauge = _quiet(gauges[name] * mpe, 0.0, 0.004 * mpe)
        instruments.append(
            _pressure(f"pg-{name}", "reference_gauge", site, process, unit + 1, gauge, 0.00005, "quiet", 0.2 * mpe)
        )
    return tuple(instruments)


def _pressure(
    name: str,
    profile: str,
    site: str,
    process: str,
    unit: int,
    zero: ErrorTerm,
    noise: float,
    label: StoryLabel,
    mpe: float,
) -> SimulatedInstrument:
    return SimulatedInstrument(
        id=InstrumentId(name),
        profile=profile,
        site=site,
        unit=unit,
        process=process,
        seal_openings=1,
        measurand=Measurands(
            pressure=Measurand(zero=zero, noise=noise),
            temperature=Measurand(zero=ErrorTerm(offset=0.3), noise=0.1),
        ),
        story=Story(label=label, channel=ChannelId("pressure"), test_point=PRESSURE_POINT_MPA, mpe=mpe),
    )


def _thermometers() -> tuple[SimulatedInstrument, ...]:
    places = (
        ("tt-h-01", _HENGYUAN, "condensate", 61, 88.0, 0.20),
        ("tt-h-02", _HENGYUAN, "flue-gas-cooler", 62, 118.0, -0.22),
        ("tt-l-01", _LINJIANG, "pasteurizer", 61, 72.0, 0.15),
        ("tt-l-02", _LINJIANG, "cold-store", 62, 4.0, -0.18),
        ("tt-i-01", _PROVINCIAL, "room-204", 61, 23.0, 0.05),
    )
    instruments = []
    for name, site, process, unit, usual, share in places:
        mpe = 0.3 + 0.005 * usual  # IEC 60751:2022, table 3, class B
        instruments.append(
            SimulatedInstrument(
                id=InstrumentId(name),
                profile="pt100_transmitter",
                site=site,
                unit=unit,
                process=process,
                seal_openings=1,
                measurand=Measurands(
                    temperature=Measurand(zero=_quiet(share * mpe, 0.01 * mpe, 0.02 * mpe), noise=0.01)
                ),
                story=Story(label="quiet", channel=ChannelId("temperature"), test_point=usual, mpe=mpe),
            )
        )
    return tuple(instruments)


def _scales() -> tuple[SimulatedInstrument, ...]:
    places: tuple[tuple[str, str, str, int, float, float, float, StoryLabel], ...] = (
        ("ws-l-01", _LINJIANG, "goods-in", 71, 0.06, 0.0001, 0.2, "quiet"),
        ("ws-l-02", _LINJIANG, "batches", 72, -0.05, 0.00008, 0.2, "due"),
        ("ws-l-03", _LINJIANG, "dispatch", 73, 0.04, -0.0001, 0.2, "quiet"),
        ("ws-i-01", _PROVINCIAL, "laboratory-loads", 71, 0.01, 0.00002, 0.05, "quiet"),
    )
    return tuple(
        SimulatedInstrument(
            id=InstrumentId(name),
            profile="weighing_indicator",
            site=site,
            unit=unit,
            process=process,
            tare=20.0,
            seal_openings=2,
            measurand=Measurands(
                load=Measurand(
                    zero=_quiet(zero, 0.01, 0.02), span=ErrorTerm(offset=span), noise=0.02, resolution=resolution
                )
            ),
            story=Story(label=label, channel=ChannelId("gross"), test_point=LOAD_POINT_KG, mpe=LOAD_MPE_KG),
        )
        for name, site, process, unit, zero, span, resolution, label in places
    )


def _pairs() -> tuple[Pair, ...]:
    power = (ChannelId("power_total"), ChannelId("energy_import"))
    meters = tuple(
        Pair(instrument=InstrumentId(f"em-h-0{n}"), reference=InstrumentId(f"em-h-0{n}c"), channels=power)
        for n in (1, 2, 3)
    )
    pressures = tuple(
        Pair(
            instrument=InstrumentId(f"pt-{name}"),
            reference=InstrumentId(f"pg-{name}"),
            channels=(ChannelId("pressure"),),
        )
        for name in ("h-01", "h-02", "l-01")
    )
    return (*meters, *pressures)


def _quiet(offset: float, drift_per_year: float, wander: float) -> ErrorTerm:
    return ErrorTerm(offset=offset, drift_per_year=drift_per_year, wander=wander)
