"""The truth kept in a file, for scoring.

It holds the whole scenario, from which everything can be computed again, and how its stories stand. JSON, so that a
program that knows nothing of Steelyard can compare: a list `instruments` with the story's label, the true error at the
judged instant over the maximum permissible error, and the instants of crossing as RFC 3339 text.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.durations import NS_PER_SECOND
from steelyard.firmware_sim.errors import TruthFileError
from steelyard.firmware_sim.scenario import Pair, Scenario, StoryLabel
from steelyard.firmware_sim.scenario_file import dump_scenario, load_scenario
from steelyard.firmware_sim.truth import StoryTruth, Truth

FORMAT = "steelyard-truth-1"


class JudgedInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """A story as it stands at `judged_at`; see `truth.StoryTruth`, with instants as text in UTC."""

    instrument: InstrumentId
    label: StoryLabel
    channel: ChannelId
    unit: str
    test_point: float
    mpe: float
    error: float
    error_over_mpe: float
    rate_per_year: float
    out_since: datetime | None
    crosses: datetime | None


class TruthFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says."""

    format: str
    title: str
    start: datetime
    judged_at: datetime
    instruments: tuple[JudgedInstrument, ...]
    pairs: tuple[Pair, ...]
    scenario: str

    def load_scenario(self) -> Scenario:
        """The scenario, to compute any other truth with `Truth`."""
        return load_scenario(self.scenario, "truth file's scenario")


def judge(truth: Truth, at_ns: int) -> TruthFile:
    """How the scenario's stories stand at `at_ns` (UTC nanoseconds)."""
    scenario = truth.scenario
    return TruthFile(
        format=FORMAT,
        title=scenario.title,
        start=scenario.start.astimezone(UTC),
        judged_at=_instant(at_ns),
        instruments=tuple(_judged(story) for story in truth.stories(at_ns)),
        pairs=scenario.pairs,
        scenario=dump_scenario(scenario),
    )


def write_truth(path: Path, truth_file: TruthFile) -> None:
    """Write the file; a reader sees the old one or the new one, never half of it.

    Raises:
        TruthFileError: if it cannot be written.
    """
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(truth_file), indent=1))
        os.replace(beside, path)  # noqa: PTH105 - the name says that an existing file is replaced
    except OSError as error:
        raise TruthFileError(f"{path}: cannot be written ({error.strerror})") from error


def read_truth(path: Path) -> TruthFile:
    """Read the file.

    Raises:
        TruthFileError: if it is not there or not a truth file.
    """
    try:
        truth_file = msgspec.json.decode(path.read_bytes(), type=TruthFile)
    except OSError as error:
        raise TruthFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TruthFileError(f"{path}: is no truth file ({error})") from error
    if truth_file.format != FORMAT:
        raise TruthFileError(f"{path}: has the format {truth_file.format!r}, this program reads {FORMAT!r}")
    return truth_file


def _judged(story: StoryTruth) -> JudgedInstrument:
    return JudgedInstrument(
        instrument=story.instrument,
        label=story.label,
        channel=story.channel,
        unit=story.unit,
        test_point=story.test_point,
        mpe=story.mpe,
        error=story.error,
        error_over_mpe=story.error_over_mpe,
        rate_per_year=story.rate_per_year,
        out_since=None if story.out_since_ns is None else _instant(story.out_since_ns),
        crosses=None if story.crosses_ns is None else _instant(story.crosses_ns),
    )


def _instant(t_ns: int) -> datetime:
    """To the second: the truth of a story is not known more finely."""
    return datetime.fromtimestamp(t_ns // NS_PER_SECOND, tz=UTC)
