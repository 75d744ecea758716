"""A stored scenario means the same world in every version, down to each bit of each register."""

import json
from pathlib import Path

import pytest

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.world import World

CASES = sorted(path.parent for path in (Path(__file__).parent / "golden").glob("*/input.toml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stored_world_is_unchanged(case: Path) -> None:
    assert (case / "SOURCE.md").is_file()
    world = World(load_scenario((case / "input.toml").read_text(encoding="utf-8"), str(case)))
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    seen = {}
    for name in expected["registers"]:
        instrument, channel = name.split("/")
        device = world.device(InstrumentId(instrument))
        assert device is not None
        seen[name] = device.registers(device.profile.channel(ChannelId(channel)), expected["t_ns"])[0].hex()
    assert seen == expected["registers"]


def test_there_is_a_stored_world() -> None:
    assert CASES
