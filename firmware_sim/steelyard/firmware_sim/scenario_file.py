"""Scenario files: TOML read strictly, and written so that reading gives back the same scenario."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from steelyard.contracts.toml import convert, parse_toml
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_check import check_scenario

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
    tables: dict[str, Any] = msgspec.to_builtins(scenario, builtin_types=(datetime,))
    lines = [f"{_key(key)} = {_inline(value)}" for key, value in tables.items() if not isinstance(value, (list, tuple))]
    for key, value in tables.items():
        if isinstance(value, (list, tuple)):
            for item in value:
                lines += ["", f"[[{_key(key)}]]", *_table(item, key)]
    return "\n".join(lines) + "\n"


def _table(table: dict[str, Any], path: str) -> list[str]:
    """The lines of a table: plain values first, then its sub-tables, whose own sub-tables stand inline."""
    lines = [f"{_key(key)} = {_inline(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict) and value:
            inner = f"{path}.{_key(key)}"
            if all(isinstance(part, dict) for part in value.values()):
                for name, part in value.items():
                    lines += [f"[{inner}.{_key(name)}]"]
                    lines += [f"{_key(k)} = {_inline(v)}" for k, v in part.items()]
            else:
                lines += [f"[{inner}]", *(f"{_key(k)} = {_inline(v)}" for k, v in value.items())]
    return lines


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)


def _inline(value: object) -> str:
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    raise ScenarioError("dump", value, "has no TOML form")


def _text(value: str) -> str:
    # A TOML basic string is escaped as a JSON string is, but for DEL (TOML 1.0.0, String).
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _array(value: Iterable[object]) -> str:
    return "[" + ", ".join(_inline(item) for item in value) + "]"


def _inline_table(value: dict[str, object]) -> str:
    return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }" if value else "{}"


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),  # before int, of which it is a kind
    (int, str),
    (float, repr),
    (str, _text),
    (datetime, _instant),
    ((list, tuple), _array),
    (dict, _inline_table),
)
