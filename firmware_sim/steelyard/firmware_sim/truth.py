"""What is really the case: true values and true errors at any time, and how the stories end.

The truth is computed from the scenario, never recorded: the same scenario gives the same truth in any process, before
and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.profile import Profile
from steelyard.firmware_sim.device import Device
from steelyard.firmware_sim.durations import NS_PER_DAY, NS_PER_SECOND, SECONDS_PER_YEAR
from steelyard.firmware_sim.errors import TruthError
from steelyard.firmware_sim.scenario import Scenario, StoryLabel
from steelyard.firmware_sim.world import World

HORIZON_DAYS = 3 * 365
"""How far after the judged instant a crossing is looked for."""
_NS_PER_YEAR = int(SECONDS_PER_YEAR) * NS_PER_SECOND
_EXACT_NS = NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTruth:
    """How it stands with an instrument at the judged instant, at the story's test point.

    `error`, `mpe`, `test_point` in `unit`; `error_over_mpe` signed; `rate_per_year` of the error over the 30 days
    before (unit a year). `out_since_ns`: since when the error has exceeded the MPE without a break, None if it does
    not. `crosses_ns`: when it first will, None if not within `HORIZON_DAYS` or if it already does. UTC nanoseconds,
    to the second.
    """

    instrument: InstrumentId
    label: StoryLabel
    channel: ChannelId
    unit: str
    test_point: float
    mpe: float
    error: float
    error_over_mpe: float
    rate_per_year: float
    out_since_ns: int | None
    crosses_ns: int | None


class Truth:
    """Answers about a scenario's world; times are UTC nanoseconds."""

    def __init__(self, scenario: Scenario, profiles: Mapping[str, Profile] | None = None) -> None:
        self.scenario = scenario
        self.world = World(scenario, profiles)

    def true_value(self, instrument: InstrumentId, channel: ChannelId, t_ns: int) -> float:
        """The true value of the measurand, in the channel's unit.

        Raises:
            TruthError: for an instrument or a channel that is not there.
        """
        return self._device(instrument, channel).true_value(channel, t_ns)

    def true_error(
        self, instrument: InstrumentId, channel: ChannelId, t_ns: int, at_value: float | None = None
    ) -> float:
        """Indication less true value, without noise, rounding and faults, in the channel's unit.

        Args:
            instrument: which one.
            channel: which channel of it.
            t_ns: when.
            at_value: at which true value; the present one if None. An energy register's error does not depend on it.

        Raises:
            TruthError: for an instrument or a channel that is not there.
        """
        return self._device(instrument, channel).true_error(channel, t_ns, at_value)

    def indication(self, instrument: InstrumentId, channel: ChannelId, t_ns: int) -> float:
        """What the instrument indicates without faults: with error, noise and rounding.

        Raises:
            TruthError: for an instrument or a channel that is not there.
        """
        device = self._device(instrument, channel)
        return device.undisturbed(device.profile.channel(channel), t_ns)

    def stories(self, at_ns: int) -> tuple[StoryTruth, ...]:
        """How the stories stand at `at_ns`, in the scenario's order."""
        return tuple(self._story(i.id, at_ns) for i in self.scenario.instruments if i.story is not None)

    def _story(self, instrument: InstrumentId, at_ns: int) -> StoryTruth:
        story = next(i.story for i in self.scenario.instruments if i.id == instrument)
        if story is None:
            raise TruthError(f"{instrument}: has no story in this scenario")
        device = self._device(instrument, story.channel)

        def error(t_ns: int) -> float:
            return device.true_error(story.channel, t_ns, story.test_point)

        def out(t_ns: int) -> bool:
            return abs(error(t_ns)) > story.mpe

        now = error(at_ns)
        return StoryTruth(
            instrument=instrument,
            label=story.label,
            channel=story.channel,
            unit=device.profile.channel(story.channel).unit,
            test_point=story.test_point,
            mpe=story.mpe,
            error=now,
            error_over_mpe=now / story.mpe,
            rate_per_year=(now - error(at_ns - 30 * NS_PER_DAY)) * _NS_PER_YEAR / (30 * NS_PER_DAY),
            out_since_ns=_last_change(out, self.scenario.start_ns, at_ns) if out(at_ns) else None,
            crosses_ns=None if out(at_ns) else _first_true(out, at_ns, at_ns + HORIZON_DAYS * NS_PER_DAY),
        )

    def _device(self, instrument: InstrumentId, channel: ChannelId) -> Device:
        device = self.world.device(instrument)
        if device is None:
            raise TruthError(f"{instrument}: no such instrument; there are {', '.join(self.world.instruments)}")
        if all(candidate.id != channel for candidate in device.profile.channels):
            raise TruthError(f"{instrument}/{channel}: no such channel in profile {device.profile.id}")
        return device


def _first_true(condition: Callable[[int], bool], begin_ns: int, end_ns: int) -> int | None:
    """The first instant, to the second, at which `condition` holds, looking daily; None if it never does."""
    for t_ns in range(begin_ns, end_ns, NS_PER_DAY):
        if condition(t_ns + NS_PER_DAY):
            return _change(condition, t_ns, t_ns + NS_PER_DAY)
    return None


def _last_change(condition: Callable[[int], bool], begin_ns: int, end_ns: int) -> int:
    """Since when `condition`, which holds at `end_ns`, has held; `begin_ns` if always, looking daily."""
    t_ns = end_ns
    while t_ns > begin_ns:
        earlier = max(t_ns - NS_PER_DAY, begin_ns)
        if not condition(earlier):
            return _change(condition, earlier, t_ns)
        t_ns = earlier
    return begin_ns


def _change(condition: Callable[[int], bool], false_ns: int, true_ns: int) -> int:
    """Where between the two instants `condition` begins to hold, by bisection."""
    while true_ns - false_ns > _EXACT_NS:
        middle = (false_ns + true_ns) // 2
        if condition(middle):
            true_ns = middle
        else:
            false_ns = middle
    return true_ns
