"""An instrument's MPE from what a register or the catalogue says: a rule written out, or a class of a table.

{unit = "MPa", source = "JJG 882-2019", rule = {type = "of_span", percent = 0.5, span = 1.6}}
{table = "oiml-r76", class = "III", e = 1, unit = "kg"}
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.class_table import ClassTable
from steelyard.calibration.mpe.rules import RULE_TYPES, Part, Rule, Sum, scaled
from steelyard.calibration.mpe.specification import MAIN, MaximumPermissibleError, TableReference
from steelyard.calibration.mpe.table_files import builtin_tables
from steelyard.calibration.mpe.words import Confidence, Phase
from steelyard.contracts.errors import ContractError
from steelyard.contracts.toml import convert
from steelyard.contracts.units import UNITS, parse_unit

_OWN_KEYS = ("table", "class", "unit", "circumstance", "in_use_factor")
"""Of a reference to a table; every other key is one of the table's parameters."""


def parse_mpe(
    data: Mapping[str, object], where: str, *, tables: Mapping[str, ClassTable] | None = None
) -> MaximumPermissibleError:
    """An MPE from plain data (TOML, JSON).

    A rule written out has `unit` and `source`, `rule` or the rules of `phases`, and what else the fields of
    `MaximumPermissibleError` are. A reference to a table has `table`, `class`, the table's parameters as further keys,
    `circumstance` where the table has any, and `unit`, which may be left out where the table is in one unit only. What
    the table says is put in here: later editions of it change nothing. A phase that the table is silent about has the
    limits of verification, in use `in_use_factor` (1) times as wide; a table for instruments in use says nothing of
    verification.

    Args:
        data: the keys.
        where: where they stand, for messages.
        tables: by id; None: the built-in ones.

    Raises:
        MpeError: beginning with `where`, with the key, its value and the remedy: the tables, classes or parameters
            that there are.
    """
    # Where it is no name, it is what an MPE that was taken from a table keeps of it.
    if "table" in data and not isinstance(data["table"], Mapping):
        return _from_table(data, where, builtin_tables() if tables is None else tables)
    try:
        found = convert(dict(data), MaximumPermissibleError, where)
        for name in ("unit", "limit_unit", "rule_unit"):
            parse_unit(getattr(found, name), f"{where}: {name}")
    except ContractError as error:
        refused = error.__cause__.__cause__ if error.__cause__ is not None else None
        if isinstance(refused, MpeError):
            raise _below(where, refused) from error
        remedy = f"give one of {', '.join(RULE_TYPES)}" if error.field.endswith(".type") else error.remedy
        raise MpeError(error.field, error.value, remedy) from error
    return found


def _from_table(data: Mapping[str, object], where: str, tables: Mapping[str, ClassTable]) -> MaximumPermissibleError:
    name = data["table"]
    if not isinstance(name, str) or name not in tables:
        raise MpeError(f"{where}: table", name, _choices(name, tables))
    table = tables[name]
    accuracy_class = _class(data, where, table)
    circumstance = data.get("circumstance")
    if circumstance is not None and not isinstance(circumstance, str):
        raise MpeError(f"{where}: circumstance", circumstance, "give a text")
    parameters = {key: _number(data[key], f"{where}: {key}", key, table) for key in data if key not in _OWN_KEYS}
    try:
        rules = {
            phase: table.rule_for(accuracy_class, phase, parameters=parameters, circumstance=circumstance)
            for phase in table.phases_of(accuracy_class, circumstance) or (Phase.SUBSEQUENT,)
        }
    except MpeError as error:
        raise _below(where, error) from error
    unit, main = _unit(data, where, table)
    verification = Phase.SUBSEQUENT if Phase.SUBSEQUENT in rules else Phase.FIRST
    base = rules.get(verification)
    in_use_factor = _in_use_factor(data, where, table, rules)
    stated = {phase: rule for phase, rule in rules.items() if rule != base}
    factor = table.phase_factors.get(Phase.IN_USE, 1.0) / table.phase_factors.get(verification, 1.0)
    if base is not None and factor >= 1.0 and stated.get(Phase.IN_USE) == scaled(base, factor):
        # The same rule, wider: the factor says it shorter.
        del stated[Phase.IN_USE]
        in_use_factor = factor
    order = list(Confidence)
    found = [table.confidence_of(accuracy_class, phase, circumstance) for phase in rules]
    try:
        return MaximumPermissibleError(
            unit=unit,
            source=str(table.source),
            rule=None if base is None else _bound(base, table, main=main),
            in_use_factor=in_use_factor,
            phases={phase: _bound(rule, table, main=main) for phase, rule in stated.items()},
            limit_unit=table.limit_unit if table.limit_unit in UNITS else unit,
            variable=table.variable if main else MAIN,
            rule_unit=table.unit if main and table.unit in UNITS else unit,
            table=TableReference(
                id=table.id,
                accuracy_class=accuracy_class,
                parameters=parameters,
                circumstance=circumstance,
                confidence=max(found, key=order.index),
            ),
        )
    except MpeError as error:
        raise _below(where, error) from error


def _class(data: Mapping[str, object], where: str, table: ClassTable) -> str:
    value = data.get("class")
    # A class that looks like a number is written as one.
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or text not in table.classes:
        raise MpeError(f"{where}: class", value, f"{table.id} has {', '.join(table.classes)}")
    return text


def _unit(data: Mapping[str, object], where: str, table: ClassTable) -> tuple[str, bool]:
    """The measurand's unit, and whether the measurand is what the table's rules speak of."""
    stated = data.get("unit", table.unit if table.unit in UNITS else None)
    if stated is None:
        raise MpeError(f"{where}: unit", None, f"is missing; give the UCUM code of the measurand ({table.title})")
    try:
        unit = parse_unit(stated, f"{where}: unit")
    except ContractError as error:
        raise MpeError(error.field, error.value, error.remedy) from error
    main = table.quantity is None or unit.quantity_kind == table.quantity
    if not main and table.limit_unit != "%":
        raise MpeError(f"{where}: unit", unit.code, f"{table.id} is about {table.quantity}; give a unit of that")
    return unit.code, main


def _in_use_factor(data: Mapping[str, object], where: str, table: ClassTable, rules: Mapping[Phase, Rule]) -> float:
    value = data.get("in_use_factor", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MpeError(f"{where}: in_use_factor", value, "give a factor of 1 or more")
    if "in_use_factor" in data and Phase.IN_USE in rules:
        raise MpeError(f"{where}: in_use_factor", value, f"{table.id} says itself what holds in use; leave it out")
    return float(value)


def _bound(rule: Rule, table: ClassTable, *, main: bool) -> Rule:
    """The rule, told what it speaks of where that is not the measurand: percent of a volume, by the flow."""
    return rule if main else Sum(parts=(Part(variable=table.variable, rule=rule),))


def _number(value: object, field: str, key: str, table: ClassTable) -> float:
    if key not in table.parameters:
        known = ", ".join(table.parameters) or "none"
        raise MpeError(field, value, f"{table.id} has no such parameter; it has {known}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MpeError(field, value, f"give the {table.parameters[key]} as a number")
    return float(value)


def _choices(name: object, tables: Iterable[str]) -> str:
    known = sorted(tables)
    near = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"


def _below(where: str, error: MpeError) -> MpeError:
    return MpeError(f"{where}: {error.field.removeprefix('parameters.')}", error.value, error.remedy)
