"""Class tables from TOML: the ones that come with Steelyard, and an operator's own in their place.

The format is described in docs/reference/tolerances.md.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import TypeVar

from steelyard.calibration.engine.tolerances.class_table import (
    CheckPoint,
    ClassTable,
    Confidence,
    Entry,
    Phase,
    Source,
    failed_checks,
)
from steelyard.calibration.engine.tolerances.errors import TableError
from steelyard.calibration.engine.tolerances.parsing import names_in, parse_rule, resolved

_TABLE_KEYS = {
    "id", "title", "source", "variable", "unit", "limit_unit", "classes", "parameters", "class_parameters", "phases",
    "entry", "check", "notes",
}  # fmt: skip
_ENTRY_KEYS = {"classes", "phases", "circumstance", "where", "rule", "confidence"}
_CHECK_KEYS = {"class", "phase", "circumstance", "at", "parameters", "limit", "lower", "upper", "tolerance"}
_Words = TypeVar("_Words", Phase, Confidence)


def builtin_tables() -> dict[str, ClassTable]:
    """The tables that come with Steelyard, by id."""
    folder = resources.files("steelyard.calibration.engine.tolerances") / "tables"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    found: dict[str, ClassTable] = {}
    for file in files:
        found |= load_tables(file.read_text(encoding="utf-8"), file.name)
    return found


def load_tables(text: str, source: str) -> dict[str, ClassTable]:
    """Read a TOML text with `[[table]]`, check everything in it, and its check points too; tables by id.

    An operator's table replaces a built-in one of the same id: ``{**builtin_tables(), **load_tables(text, name)}``.
    Raises TableError (or RuleError) that names the source, the table and the field.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(source, None, f"is no TOML: {error}") from error
    tables = document.get("table")
    if set(document) != {"table"} or not isinstance(tables, list):
        raise TableError(source, None, "must hold [[table]] and nothing else")
    found: dict[str, ClassTable] = {}
    for number, data in enumerate(tables):
        table = _table(data, f"{source}: table[{number}]")
        if table.id in found:
            raise TableError(f"{source}: table[{number}].id", table.id, "stands twice; keep one")
        wrong = failed_checks(table)
        if wrong:
            raise TableError(f"{source}: table[{number}].check", None, wrong[0])
        found[table.id] = table
    return found


def _table(data: Mapping[str, object], field: str) -> ClassTable:
    _known(data, _TABLE_KEYS, field)
    classes = tuple(_texts(data, "classes", field))
    if not classes:
        raise TableError(f"{field}.classes", None, "is missing; name the accuracy classes")
    origin = _mapping(data, "source", field)
    _known(origin, {"document", "edition", "clause", "confidence"}, f"{field}.source")
    source = Source(
        document=_text(origin, "document", f"{field}.source"),
        edition=_text(origin, "edition", f"{field}.source"),
        clause=_text(origin, "clause", f"{field}.source"),
        confidence=_word(Confidence, origin.get("confidence"), f"{field}.source.confidence"),
    )
    parameters = {name: str(meaning) for name, meaning in _mapping(data, "parameters", field).items()}
    class_parameters = {
        name: _numbers(values, f"{field}.class_parameters.{name}")
        for name, values in _mapping(data, "class_parameters", field).items()
    }
    table = ClassTable(
        id=_text(data, "id", field),
        title=_text(data, "title", field),
        source=source,
        variable=_text(data, "variable", field),
        unit=_text(data, "unit", field),
        limit_unit=_text(data, "limit_unit", field) if "limit_unit" in data else _text(data, "unit", field),
        classes=classes,
        parameters=parameters,
        class_parameters=class_parameters,
        phase_factors=_phase_factors(data, field),
        entries=tuple(
            _entry(each, classes, source.confidence, f"{field}.entry[{index}]")
            for index, each in enumerate(_tables(data, "entry", field))
        ),
        checks=tuple(
            _check(each, f"{field}.check[{index}]") for index, each in enumerate(_tables(data, "check", field))
        ),
    )
    _check_parameters(table, field)
    return table


def _entry(data: Mapping[str, object], classes: tuple[str, ...], confidence: Confidence, field: str) -> Entry:
    _known(data, _ENTRY_KEYS, field)
    named = tuple(_texts(data, "classes", field))
    for name in named:
        if name not in classes:
            raise TableError(f"{field}.classes", name, f"the table has {', '.join(classes)}")
    circumstance = data.get("circumstance")
    if circumstance is not None and not isinstance(circumstance, str):
        raise TableError(f"{field}.circumstance", circumstance, "must be a text")
    return Entry(
        classes=named,
        phases=tuple(_word(Phase, each, f"{field}.phases") for each in _texts(data, "phases", field)),
        circumstance=circumstance,
        where={
            variable: _ranges(ranges, f"{field}.where.{variable}")
            for variable, ranges in _mapping(data, "where", field).items()
        },
        rule=_mapping(data, "rule", field),
        confidence=_word(Confidence, data.get("confidence", str(confidence)), f"{field}.confidence"),
    )


def _ranges(data: object, field: str) -> tuple[tuple[float | str, float | str], ...]:
    """One closed range [low, high], or a list of them."""
    if not isinstance(data, list) or not data:
        raise TableError(field, data, "must be [low, high], or a list of such ranges")
    pairs = data if isinstance(data[0], list) else [data]
    found = []
    for pair in pairs:
        wrong = not isinstance(pair, list) or len(pair) != 2
        if wrong or any(isinstance(end, bool) or not isinstance(end, int | float | str) for end in pair):
            raise TableError(field, pair, "must be [low, high] of numbers or products of parameters")
        low, high = pair
        if not isinstance(low, str) and not isinstance(high, str) and not low <= high:
            raise TableError(field, pair, "the low end must not be above the high one")
        found.append((low, high))
    return tuple(found)


def _check(data: Mapping[str, object], field: str) -> CheckPoint:
    _known(data, _CHECK_KEYS, field)
    numbers = _numbers({k: v for k, v in data.items() if k in {"limit", "lower", "upper", "tolerance"}}, field)
    if "limit" not in numbers and not {"lower", "upper"} <= set(numbers):
        raise TableError(f"{field}.limit", None, "is missing; give it, or lower and upper")
    circumstance = data.get("circumstance")
    return CheckPoint(
        accuracy_class=_text(data, "class", field),
        phase=_word(Phase, data.get("phase", "first"), f"{field}.phase"),
        circumstance=None if circumstance is None else str(circumstance),
        at=_numbers(_mapping(data, "at", field), f"{field}.at"),
        parameters=_numbers(_mapping(data, "parameters", field), f"{field}.parameters"),
        lower=numbers.get("lower", -numbers.get("limit", math.nan)),
        upper=numbers.get("upper", numbers.get("limit", math.nan)),
        tolerance=numbers.get("tolerance", 1e-9 * abs(numbers.get("limit", numbers.get("upper", 1.0)))),
    )


def _check_parameters(table: ClassTable, field: str) -> None:
    """Every entry must make a rule for each of its classes, with parameters that the table declares."""
    for index, entry in enumerate(table.entries):
        for name in entry.classes or table.classes:
            given = dict.fromkeys(table.parameters, 1.0) | dict(table.class_parameters.get(name, {}))
            unknown = (names_in(entry.rule) | names_in([list(map(list, r)) for r in entry.where.values()])) - set(given)
            if unknown:
                remedy = f"is no parameter of the table, nor of class {name}"
                raise TableError(f"{field}.entry[{index}]", min(unknown), remedy)
            if not names_in(entry.rule) & set(table.parameters):
                parse_rule(resolved(entry.rule, given), f"{field}.entry[{index}].rule")
    if not table.phase_factors and any(not entry.phases for entry in table.entries):
        raise TableError(f"{field}.phases", None, "is missing; an entry without phases needs the table's factors")


def _phase_factors(data: Mapping[str, object], field: str) -> dict[Phase, float]:
    factors = _numbers(_mapping(data, "phases", field), f"{field}.phases")
    found = {_word(Phase, name, f"{field}.phases"): factor for name, factor in factors.items()}
    for phase, factor in found.items():
        if factor < 1.0:
            raise TableError(f"{field}.phases.{phase}", factor, "must be 1 or more")
    return found


def _known(data: Mapping[str, object], keys: set[str], field: str) -> None:
    for key in data:
        if key not in keys:
            raise TableError(
                f"{field}.{key}", data[key], f"nothing reads this key; there are {', '.join(sorted(keys))}"
            )


def _mapping(data: Mapping[str, object], key: str, field: str) -> Mapping[str, object]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise TableError(f"{field}.{key}", value, "must be a table")
    return value


def _tables(data: Mapping[str, object], key: str, field: str) -> list[Mapping[str, object]]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TableError(f"{field}.{key}", value, f"must be [[table.{key}]]")
    if key == "entry" and not value:
        raise TableError(f"{field}.{key}", None, "is missing; a table without entries permits nothing")
    return value


def _texts(data: Mapping[str, object], key: str, field: str) -> list[str]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TableError(f"{field}.{key}", value, "must be a list of texts")
    return value


def _text(data: Mapping[str, object], key: str, field: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise TableError(f"{field}.{key}", value, "must be a text that says something")
    return value


def _numbers(data: object, field: str) -> dict[str, float]:
    if not isinstance(data, dict):
        raise TableError(field, data, "must be a table of numbers")
    for key, value in data.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TableError(f"{field}.{key}", value, "must be a finite number")
    return {key: float(value) for key, value in data.items()}


def _word(kind: type[_Words], value: object, field: str) -> _Words:
    try:
        return kind(str(value))
    except ValueError:
        raise TableError(field, value, f"must be one of {', '.join(kind)}") from None
