"""Scenario files: TOML read strictly, and written so that reading gives back the same scenario."""

from __future__ import annotations

from datetime import datetime

import msgspec
import tomli_w

from steelyard.contracts.toml import convert, parse_toml
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_check import check_scenario


def load_scenario(text: str, source: str = "scenario") -> Scenario:
    """Read and check a scenario.

    Args:
        text: the file's content.
        source: its name, for messages.

    Raises:
        ScenarioError: naming the file, the key, the value and the remedy; a misspelt key with the nearest right one.
    """
    scenario = convert(parse_toml(text, source, ScenarioError), Scenario, source, ScenarioError)
    try:
        check_scenario(scenario)
    except ScenarioError as error:
        raise ScenarioError(f"{source}: {error.field}", error.value, error.remedy) from error
    return scenario


def dump_scenario(scenario: Scenario) -> str:
    """Write a scenario as TOML; ``load_scenario(dump_scenario(s)) == s``."""
    return tomli_w.dumps(msgspec.to_builtins(scenario, builtin_types=(datetime,)))
