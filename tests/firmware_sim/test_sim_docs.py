"""What the documentation says is so."""

import re
from pathlib import Path
from typing import get_args

import pytest

from steelyard.contracts.profile import parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.firmware_sim.scenario import Fault, RegisterFault, ReplyFault, ValueFault
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.spoiled import FLOOD_FRAMES
from steelyard.firmware_sim.world import World

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "write-a-scenario.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "firmware-sim.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml(?: continue)?\n(.*?)```", HOW_TO, re.DOTALL)
DEVICES = ("pt100_transmitter", "weighing_indicator", "pressure_transmitter", "reference_gauge")


def _rows(columns: int) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in REFERENCE.splitlines()]
    return [row for row in rows if len(row) == columns]


@pytest.mark.parametrize("upto", range(1, len(BLOCKS) + 1))
def test_scenario_of_the_how_to_runs_after_each_step(upto: int) -> None:
    scenario = load_scenario("\n".join(BLOCKS[:upto]), "how-to")
    assert World(scenario).instruments[0] == "pt-1"


def test_how_to_shows_every_kind_of_table() -> None:
    scenario = load_scenario("\n".join(BLOCKS), "how-to")
    assert all((scenario.sites, scenario.processes, scenario.instruments, scenario.pairs, scenario.faults))


def test_reference_names_every_fault() -> None:
    kinds = {*get_args(ValueFault), *get_args(RegisterFault), *get_args(ReplyFault)}
    section = REFERENCE.split("## Faults")[1].split("## ")[0]
    assert kinds <= set(re.findall(r"`(\w+)`", section))
    assert f"{FLOOD_FRAMES} replies" in section
    assert Fault.__struct_encode_fields__[2] == "from"


@pytest.mark.parametrize("device", DEVICES)
def test_reference_has_the_register_map_of_the_profile(device: str) -> None:
    profile = parse_profile(builtin(device).read_text(encoding="utf-8"), device)
    documented = [row[1:] for row in _rows(7) if row[0] == f"`{device}`"]
    assert documented == [
        [
            f"`{c.id}`",
            str(c.register),
            c.type,
            str(c.scale),
            c.unit,
            "" if c.not_available is None else str(c.not_available),
        ]
        for c in profile.channels
    ]
    (head,) = (row[1:] for row in _rows(4) if row[0] == f"`{device}`")
    assert head == [str(round(profile.probe.low + 0.5)), f"0{profile.channels[0].function}", profile.word_order]
