"""Scenario files: read strictly, refused with the place and the remedy, written without loss."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.firmware_sim.demo import demo_scenario
from steelyard.firmware_sim.durations import NS_PER_DAY, format_duration
from steelyard.firmware_sim.errors import ScenarioError, SimError
from steelyard.firmware_sim.scenario import (
    ErrorTerm,
    Fault,
    Jump,
    Measurand,
    Measurands,
    Process,
    Scenario,
    SimulatedInstrument,
    Site,
    Smooth,
    Steps,
    Story,
)
from steelyard.firmware_sim.scenario_file import dump_scenario, load_scenario
from steelyard.firmware_sim.world import World

START = "start = 2026-01-01T00:00:00Z"


def test_scenario_read_back_is_the_one_written(five: Scenario) -> None:
    assert load_scenario(dump_scenario(five)) == five


def test_demonstration_read_back_is_the_one_written() -> None:
    scenario = demo_scenario(1_700_000_000_123_456_789, 1_763_700_000_123_456_789, {"hengyuan": 15_020})
    assert load_scenario(dump_scenario(scenario)) == scenario


amounts = st.floats(-1e6, 1e6)
shares = st.floats(0, 1)
durations = st.integers(1, 3_000 * NS_PER_DAY).map(format_duration)
names = st.from_regex(r"\A[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?\Z")
smooth = st.builds(
    Smooth,
    level=amounts,
    daily=shares,
    weekly=shares,
    yearly=shares,
    wander=shares,
    wander_period=durations,
    trend_per_day=amounts,
)
steps = st.builds(Steps, low=st.floats(0, 10), high=st.floats(11, 20), hold=durations, idle=shares)
terms = st.builds(
    ErrorTerm,
    offset=amounts,
    drift_per_year=amounts,
    drift_from=durations,
    wander=shares,
    wander_period=durations,
    jumps=st.lists(st.builds(Jump, at=durations, size=amounts), max_size=2).map(tuple),
)
measurands = st.builds(
    Measurand, zero=terms, span=terms, noise=shares, resolution=st.none() | st.floats(1e-6, 10)
)  # fmt: skip


def late_faults(ids: list[str]) -> st.SearchStrategy[Fault]:
    return st.builds(
        Fault,
        instrument=st.sampled_from(ids),
        kind=st.just("late"),
        begin=durations,
        share=shares,
        delay=durations,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Scenarios that use every key of the file."""
    sites = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    processes = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    ids = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    instruments = [
        SimulatedInstrument(
            id=name,
            profile="weighing_indicator",
            site=draw(st.sampled_from(sites)),
            unit=number + 1,
            process=draw(st.sampled_from(processes)),
            tare=draw(amounts),
            seal_openings=draw(st.integers(0, 65_535)),
            measurand=Measurands(load=draw(st.none() | measurands)),
            story=draw(
                st.none()
                | st.builds(
                    Story, label=st.just("drift"), channel=st.just("gross"), test_point=amounts, mpe=st.floats(0.1, 9)
                )
            ),
        )
        for number, name in enumerate(ids)
    ]
    moment = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
    return Scenario(
        title=draw(st.text(st.characters(codec="utf-8"), max_size=30)),
        start=moment.replace(tzinfo=UTC),
        seed=draw(st.integers(-(2**40), 2**40)),
        judged_at=draw(st.none() | durations),
        noise_bucket=draw(durations),
        sites=tuple(Site(id=name, port=15_000 + number) for number, name in enumerate(sites)),
        processes=tuple(
            Process(id=name, load=draw(smooth | steps), temperature=draw(st.none() | smooth)) for name in processes
        ),
        instruments=tuple(instruments),
        faults=tuple(draw(st.lists(late_faults(ids), max_size=2))),
    )  # fmt: skip


@pytest.mark.slow
@given(scenarios())
def test_any_scenario_read_back_is_the_one_written(scenario: Scenario) -> None:
    assert load_scenario(dump_scenario(scenario)) == scenario


def test_start_in_another_zone_is_the_same_instant(five_text: str, five: Scenario, start_ns: int) -> None:
    elsewhere = load_scenario(five_text.replace("2026-01-01T00:00:00Z", "2026-01-01T08:00:00+08:00"))
    assert elsewhere.start_ns == five.start_ns == start_ns
    assert load_scenario(dump_scenario(elsewhere)).start_ns == start_ns


def test_microsecond_of_the_start_is_kept_exactly(five: Scenario) -> None:
    later = msgspec.structs.replace(five, start=five.start + timedelta(microseconds=1))
    assert load_scenario(dump_scenario(later)).start_ns == five.start_ns + 1_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "sed = 7", r"five.toml: sed: 7: no such key; did you mean 'seed'\?"),
        ("seed = 7", "", r"five.toml: seed: None: is missing"),
        ("energy_start = 48000.0", "energy_start = 'much'", r"five.toml: instrument\[0\].energy_start: 'much'"),
        (
            "energy_start = 48000.0",
            "energy_start = inf",
            r"five.toml: instrument\[0\].energy_start: inf: must be finite",
        ),
        (START, "start = 2026-01-01T00:00:00", r"five.toml: start: .*timezone"),
        (START, "start = soon", r"five.toml: .* not TOML"),
        ("unit = 2", "unit = 1", r"'thermometer'.unit: 1: 'meter' has this unit at the same site"),
        ("unit = 2", "unit = 248", r"'thermometer'.unit: 248: unit ids run from 1 to 247"),
        ('id = "scale"', 'id = "meter"', r"instrument.id: 'meter': stands in this scenario twice"),
        ('id = "scale"', 'id = "Scale 1"', r"id: 'Scale 1': use 1 to 63 lower-case letters"),
        ('process = "ramp"', 'process = "rampe"', r"'scale'.process: 'rampe': not one of feeder, line, ramp"),
        ('id = "hall"', 'id = "hal"', r"'meter'.site: 'hall': not one of hal"),
        ('id = "hall"', 'id = "hall"\nport = 70000', r"site 'hall'.port: 70000"),
        ("daily = 4000.0", "daily = -1.0", r"process 'feeder'.power.daily: -1.0: an amplitude is not negative"),
        ('hold = "10min"', 'hold = "0s"', r"process 'ramp'.load.hold: '0s': must be longer than 0"),
        ('hold = "10min"', 'hold = "10 min"', r"load.hold: '10 min': write a duration as"),
        ("idle = 0.0", "idle = 2.0", r"process 'ramp'.load.idle: 2.0: a share is 0 to 1"),
        ("low = 100.0", "low = 3000.0", r"load.low: 3000.0: must not be above high"),
        ('kind = "steps"', 'kind = "stairs"', r"five.toml: process\[2\].load.kind: 'stairs'"),
        ('reference = "gauge"', 'reference = "scale"', r"pair 'transmitter'.reference: 'scale': measures 'ramp'"),
        ('reference = "gauge"', 'reference = "transmitter"', r"an instrument is not its own reference"),
        ('channels = ["pressure"]', "channels = []", r"pair 'transmitter'.channels"),
        ("seal_openings = 3", "seal_openings = 70000", r"seal_openings: 70000: the counter holds"),
        ("tare = 20.0", "measurand.load.noise = -1.0", r"'scale'.measurand.load.noise: -1.0: must not be negative"),
        ("tare = 20.0", "measurand.load.resolution = 0.0", r"resolution: 0.0: must be above 0"),
        ("tare = 20.0", "measurand.load.zero.wander = -0.1", r"zero.wander: -0.1"),
        (
            "tare = 20.0",
            'story = { label = "due", channel = "gross", test_point = 1.0, mpe = 0.0 }',
            r"'scale'.story.mpe: 0.0: must be above 0",
        ),
    ],
)
def test_scenario_that_cannot_be_is_refused_with_the_place_and_the_remedy(
    five_text: str, old: str, new: str, message: str
) -> None:
    assert old in five_text
    with pytest.raises(ScenarioError, match=message):
        load_scenario(five_text.replace(old, new, 1), "five.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('profile = "sdm630"', 'profile = "sdm360"', r"profile: 'sdm360': not one of"),
        (
            'profile = "sdm630"',
            'profile = "nowhere/mine.toml"',
            r"instrument.profile: 'nowhere/mine.toml': cannot be read",
        ),
        ("wander = 500.0", "wander = 27000.0", r"process 'feeder'.power: .*import register never runs back"),
        ("wander = 500.0", "trend_per_day = 1.0", r"process 'feeder'.power: .*without a trend"),
        ("voltage = {", "pressure = {", r"process 'feeder'.voltage: None: .*add \[process.voltage\]"),
        (
            "energy_start = 48000.0",
            "measurand.load.noise = 1.0",
            r"'meter'.measurand: 'load': an instrument of kind electricity_meter has",
        ),
        ('channels = ["pressure"]', 'channels = ["gross"]', r"pair 'transmitter'.channels: 'gross'"),
        ('process = "feeder"', 'process = "ramp"', r"process 'ramp'.power: None"),
    ],
)
def test_scenario_that_does_not_fit_its_profiles_is_refused(five_text: str, old: str, new: str, message: str) -> None:
    assert old in five_text
    with pytest.raises(ScenarioError, match=message):
        World(load_scenario(five_text.replace(old, new, 1)))


def test_what_the_simulator_refuses_has_one_root() -> None:
    with pytest.raises(SimError):
        load_scenario("")
