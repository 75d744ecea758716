"""The demonstration's world tells its three stories, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from steelyard.contracts.identifiers import ChannelId
from steelyard.firmware_sim.demo import (
    METER_MPE,
    METER_POINT_W,
    PRESSURE_MPE_MPA,
    SKEW_S,
    SKEW_SHARE,
    demo_scenario,
)
from steelyard.firmware_sim.durations import NS_PER_DAY, NS_PER_SECOND
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.signals import smooth_signal
from steelyard.firmware_sim.truth import StoryTruth, Truth

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * NS_PER_SECOND

INSTRUMENTS = {
    "hengyuan": "em-h-01 em-h-01c em-h-02 em-h-02c em-h-03 em-h-03c pt-h-01 pg-h-01 pt-h-02 pg-h-02 tt-h-01 tt-h-02",
    "linjiang": "ws-l-01 ws-l-02 ws-l-03 tt-l-01 tt-l-02 pt-l-01 pg-l-01",
    "provincial": "tt-i-01 ws-i-01",
}


@pytest.fixture(scope="module", params=[730, 400, 180])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """The demonstration after histories of different length."""
    return demo_scenario(NOW_NS - request.param * NS_PER_DAY, NOW_NS)


@pytest.fixture(scope="module")
def stories(scenario: Scenario) -> dict[str, StoryTruth]:
    return {story.instrument: story for story in Truth(scenario).stories(NOW_NS)}


def test_demonstration_has_its_instruments_at_their_sites(scenario: Scenario) -> None:
    found = {site.id: {i.id for i in scenario.instruments if i.site == site.id} for site in scenario.sites}
    assert found == {site: set(names.split()) for site, names in INSTRUMENTS.items()}


def test_every_instrument_has_a_story_and_is_judged_now(scenario: Scenario) -> None:
    assert all(instrument.story is not None for instrument in scenario.instruments)
    assert scenario.judged_at_ns == NOW_NS


def test_one_drifts_one_jumps_one_is_due_and_the_rest_is_quiet(stories: dict[str, StoryTruth]) -> None:
    loud = {name: story.label for name, story in stories.items() if story.label != "quiet"}
    assert loud == {"pt-h-02": "drift", "em-h-03": "jump", "ws-l-02": "due"}


def test_drifting_transmitter_is_at_085_of_its_limit_and_crosses_it_in_about_60_days(
    stories: dict[str, StoryTruth],
) -> None:
    story = stories["pt-h-02"]
    assert story.mpe == PRESSURE_MPE_MPA == pytest.approx(0.005 * 1.6)
    assert story.error_over_mpe == pytest.approx(0.85, abs=0.01)
    assert story.out_since_ns is None
    assert story.crosses_ns is not None
    assert (story.crosses_ns - NOW_NS) / NS_PER_DAY == pytest.approx(60, abs=5)


def test_drift_is_steady_once_it_has_begun(scenario: Scenario) -> None:
    truth = Truth(scenario)
    pt = next(i.id for i in scenario.instruments if i.id == "pt-h-02")
    days = [truth.true_error(pt, ChannelId("pressure"), NOW_NS - n * NS_PER_DAY, 0.8) for n in range(150)]
    steps = [later - earlier for earlier, later in zip(days[1:], days, strict=False)]
    assert min(steps) > 0
    assert max(steps) < 2 * min(steps)


def test_jumping_meter_has_left_its_class_40_days_ago(stories: dict[str, StoryTruth], scenario: Scenario) -> None:
    story = stories["em-h-03"]
    assert story.mpe == pytest.approx(METER_MPE * METER_POINT_W)
    assert story.out_since_ns is not None
    assert (NOW_NS - story.out_since_ns) / NS_PER_DAY == pytest.approx(40, abs=0.01)
    truth, channel = Truth(scenario), ChannelId("power_total")
    before = truth.true_error(story.instrument, channel, NOW_NS - 41 * NS_PER_DAY, METER_POINT_W)
    assert (story.error - before) / METER_POINT_W == pytest.approx(0.015, abs=0.0005)
    assert abs(before) < 0.35 * story.mpe


def test_all_others_stay_far_within_their_limits_all_the_time(scenario: Scenario) -> None:
    truth = Truth(scenario)
    day = scenario.start_ns
    while day < NOW_NS + 365 * NS_PER_DAY:
        for story in scenario.instruments:
            if story.story is not None and story.story.label in ("quiet", "due"):
                error = truth.true_error(story.id, story.story.channel, day, story.story.test_point)
                assert abs(error) < 0.35 * story.story.mpe, story.id
        day += 10 * NS_PER_DAY


def test_references_are_better_than_a_tenth_of_what_they_check(scenario: Scenario) -> None:
    truth = Truth(scenario)
    story = {i.id: i.story for i in scenario.instruments}
    for pair in scenario.pairs:
        judged = story[pair.instrument]
        assert judged is not None
        error = truth.true_error(pair.reference, judged.channel, NOW_NS, judged.test_point)
        assert abs(error) < 0.1 * judged.mpe


def test_shared_quantities_hardly_move_between_the_reads_of_a_pair(scenario: Scenario) -> None:
    processes = {process.id: process for process in scenario.processes}
    instruments = {instrument.id: instrument for instrument in scenario.instruments}
    for pair in scenario.pairs:
        instrument = instruments[pair.instrument]
        process, story = processes[instrument.process], instrument.story
        assert story is not None
        shared = process.power or process.pressure
        assert shared is not None
        steepest = smooth_signal(
            shared,
            RandomStream(scenario.seed, "process", process.id, "power" if process.power else "pressure"),
        ).steepest
        assert steepest * SKEW_S < SKEW_SHARE * story.mpe, pair.instrument


def test_probabilities_of_power_factor_stay_below_one(scenario: Scenario) -> None:
    for process in scenario.processes:
        if process.power_factor is not None:
            assert smooth_signal(process.power_factor, RandomStream(0, "bound")).highest < 1.0


def test_demonstration_needs_room_for_its_stories() -> None:
    with pytest.raises(ScenarioError, match="60 days long at least"):
        demo_scenario(NOW_NS - 59 * NS_PER_DAY, NOW_NS)


def test_demonstration_listens_where_it_is_told() -> None:
    scenario = demo_scenario(NOW_NS - 730 * NS_PER_DAY, NOW_NS, {"hengyuan": 15_021, "linjiang": 15_022})
    assert {site.id: site.port for site in scenario.sites} == {"hengyuan": 15_021, "linjiang": 15_022, "provincial": 0}
    assert scenario.start == NOW - timedelta(days=730)
