"""Class tables from TOML: the ones that come with Steelyard, and an operator's own in their place.

The format is described in docs/reference/tolerances.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import msgspec

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.class_table import CheckPoint, ClassTable, Entry, Source, failed_checks
from steelyard.calibration.mpe.plain import names_in, parse_rule, resolved
from steelyard.calibration.mpe.words import Confidence, Phase
from steelyard.contracts.errors import ContractError
from steelyard.contracts.toml import convert, parse_toml
from steelyard.contracts.units import UNITS


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt key is an error."""


class SourceText(_Strict, frozen=True):
    """``source`` of a table."""

    document: str
    edition: str
    clause: str
    confidence: Confidence


class EntryText(_Strict, frozen=True):
    """``[[table.entry]]``; `where` and `rule` may hold products of parameters and are read with them."""

    rule: dict[str, object]
    classes: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    circumstance: str | None = None
    where: dict[str, object] = {}
    confidence: Confidence | None = None


class CheckText(_Strict, frozen=True, rename={"accuracy_class": "class"}):
    """``[[table.check]]``; `limit` for both sides, or `lower` and `upper`."""

    accuracy_class: str
    at: dict[str, object]
    phase: Phase = Phase.FIRST
    circumstance: str | None = None
    parameters: dict[str, object] = {}
    limit: float | None = None
    lower: float | None = None
    upper: float | None = None
    tolerance: float | None = None


class TableText(_Strict, frozen=True):
    """``[[table]]``; `notes` are for people."""

    id: str
    title: str
    source: SourceText
    variable: str
    unit: str
    classes: tuple[str, ...]
    entry: tuple[EntryText, ...]
    limit_unit: str | None = None
    quantity: str | None = None
    parameters: dict[str, str] = {}
    class_parameters: dict[str, dict[str, object]] = {}
    phases: dict[str, object] = {}
    check: tuple[CheckText, ...] = ()
    notes: str = ""


class TablesText(_Strict, frozen=True):
    """The whole file."""

    table: tuple[TableText, ...]


def builtin_tables() -> dict[str, ClassTable]:
    """The tables that come with Steelyard, by id."""
    return dict(_builtin())


def load_tables(text: str, source: str) -> dict[str, ClassTable]:
    """Read a TOML text with `[[table]]`, check everything in it, and its check points too; tables by id.

    An operator's table replaces a built-in one of the same id: ``{**builtin_tables(), **load_tables(text, name)}``.
    Raises MpeError that names the source, the table and the field.
    """
    try:
        read = convert(parse_toml(text, source), TablesText, source)
    except ContractError as error:
        raise MpeError(error.field, error.value, error.remedy) from error
    found: dict[str, ClassTable] = {}
    for number, data in enumerate(read.table):
        field = f"{source}: table[{number}]"
        table = _table(data, field)
        if table.id in found:
            raise MpeError(f"{field}.id", table.id, "stands twice; keep one")
        wrong = failed_checks(table)
        if wrong:
            raise MpeError(f"{field}.check", table.id, wrong[0])
        found[table.id] = table
    return found


@lru_cache(maxsize=1)
def _builtin() -> Mapping[str, ClassTable]:
    """Kept: they do not change while a program runs."""
    folder = resources.files("steelyard.calibration.mpe") / "tables"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    found: dict[str, ClassTable] = {}
    for file in files:
        found |= load_tables(file.read_text(encoding="utf-8"), file.name)
    return found


def _table(data: TableText, field: str) -> ClassTable:
    for name in ("id", "title", "variable", "unit", "limit_unit"):
        if getattr(data, name) is not None:
            _require_text(f"{field}.{name}", getattr(data, name))
    for name in ("document", "edition", "clause"):
        _require_text(f"{field}.source.{name}", getattr(data.source, name))
    if not data.classes:
        raise MpeError(f"{field}.classes", [], "is empty; name the accuracy classes")
    if not data.entry:
        raise MpeError(f"{field}.entry", [], "is empty; a table without entries permits nothing")
    table = ClassTable(
        id=data.id,
        title=data.title,
        source=Source(
            document=data.source.document,
            edition=data.source.edition,
            clause=data.source.clause,
            confidence=data.source.confidence,
        ),
        variable=data.variable,
        unit=data.unit,
        limit_unit=data.unit if data.limit_unit is None else data.limit_unit,
        quantity=_quantity(data, field),
        classes=data.classes,
        parameters=data.parameters,
        class_parameters={
            name: _numbers(values, f"{field}.class_parameters.{name}") for name, values in data.class_parameters.items()
        },
        phase_factors=_phase_factors(data.phases, f"{field}.phases"),
        entries=tuple(_entry(each, data, f"{field}.entry[{index}]") for index, each in enumerate(data.entry)),
        checks=tuple(_check(each, f"{field}.check[{index}]") for index, each in enumerate(data.check)),
    )
    _check_parameters(table, field)
    return table


def _quantity(data: TableText, field: str) -> str | None:
    """The kind of the variable: what the table says, else what its unit is."""
    of_unit = UNITS[data.unit].quantity_kind if data.unit in UNITS else None
    if data.quantity is None:
        return of_unit
    kinds = sorted({unit.quantity_kind for unit in UNITS.values()})
    if data.quantity not in kinds or of_unit not in {None, data.quantity}:
        known = ", ".join(kinds) if of_unit is None else of_unit
        raise MpeError(f"{field}.quantity", data.quantity, f"give the kind of {data.unit!r}: {known}")
    return data.quantity


def _entry(data: EntryText, table: TableText, field: str) -> Entry:
    for name in data.classes:
        if name not in table.classes:
            raise MpeError(f"{field}.classes", name, f"the table has {', '.join(table.classes)}")
    return Entry(
        classes=data.classes,
        phases=data.phases,
        circumstance=data.circumstance,
        where={variable: _ranges(ranges, f"{field}.where.{variable}") for variable, ranges in data.where.items()},
        rule=data.rule,
        confidence=table.source.confidence if data.confidence is None else data.confidence,
    )


def _ranges(data: object, field: str) -> tuple[tuple[float | str, float | str], ...]:
    """One closed range [low, high], or a list of them."""
    if not isinstance(data, list) or not data:
        raise MpeError(field, data, "must be [low, high], or a list of such ranges")
    pairs = data if isinstance(data[0], list) else [data]
    found = []
    for pair in pairs:
        wrong = not isinstance(pair, list) or len(pair) != 2
        if wrong or any(isinstance(end, bool) or not isinstance(end, int | float | str) for end in pair):
            raise MpeError(field, pair, "must be [low, high] of numbers or products of parameters")
        low, high = pair
        if not isinstance(low, str) and not isinstance(high, str) and not low <= high:
            raise MpeError(field, pair, "the low end must not be above the high one")
        found.append((low, high))
    return tuple(found)


def _check(data: CheckText, field: str) -> CheckPoint:
    given = {name: getattr(data, name) for name in ("limit", "lower", "upper", "tolerance")}
    numbers = _numbers({name: value for name, value in given.items() if value is not None}, field)
    if "limit" not in numbers and not {"lower", "upper"} <= set(numbers):
        raise MpeError(f"{field}.limit", None, "is missing; give it, or lower and upper")
    upper = numbers.get("upper", numbers.get("limit", math.nan))
    lower = numbers.get("lower", -numbers.get("limit", math.nan))
    return CheckPoint(
        accuracy_class=data.accuracy_class,
        phase=data.phase,
        circumstance=data.circumstance,
        at=_numbers(data.at, f"{field}.at"),
        parameters=_numbers(data.parameters, f"{field}.parameters"),
        lower=lower,
        upper=upper,
        tolerance=numbers.get("tolerance", 1e-9 * max(abs(lower), abs(upper))),
    )


def _check_parameters(table: ClassTable, field: str) -> None:
    """Every entry must make a rule for each of its classes, with parameters that the table declares."""
    for index, entry in enumerate(table.entries):
        for name in entry.classes or table.classes:
            given = dict.fromkeys(table.parameters, 1.0) | dict(table.class_parameters.get(name, {}))
            unknown = (names_in(entry.rule) | names_in([list(map(list, r)) for r in entry.where.values()])) - set(given)
            if unknown:
                remedy = f"is no parameter of the table, nor of class {name}"
                raise MpeError(f"{field}.entry[{index}]", min(unknown), remedy)
            if not names_in(entry.rule) & set(table.parameters):
                parse_rule(resolved(entry.rule, given), f"{field}.entry[{index}]")
    if not table.phase_factors and any(not entry.phases for entry in table.entries):
        raise MpeError(f"{field}.phases", {}, "is missing; an entry without phases needs the table's factors")


def _phase_factors(data: Mapping[str, object], field: str) -> dict[Phase, float]:
    found = {}
    for name, factor in _numbers(data, field).items():
        if name not in list(Phase):
            raise MpeError(field, name, f"must be one of {', '.join(Phase)}")
        if factor < 1.0:
            raise MpeError(f"{field}.{name}", factor, "must be 1 or more")
        found[Phase(name)] = factor
    return found


def _require_text(field: str, value: str) -> None:
    if not value.strip():
        raise MpeError(field, value, "must be a text that says something")


def _numbers(data: Mapping[str, object], field: str) -> dict[str, float]:
    found = {}
    for key, value in data.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MpeError(f"{field}.{key}", value, "must be a finite number")
        found[key] = float(value)
    return found
