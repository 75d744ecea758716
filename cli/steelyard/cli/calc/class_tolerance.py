"""A tolerance by accuracy class: `[tolerance]` in a document, looked up in the class tables."""

from __future__ import annotations

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import Phase, builtin_tables, load_tables
from steelyard.cli.calc.documents import Table, read_text, source_name
from steelyard.cli.errors import CommandError


def class_tolerance(asked: Table) -> Limits:
    """The maximum permissible error as limits of the error, or of the value where `nominal` is given.

    Keys: `table`, `class`, `phase` (first), `circumstance`, `[tolerance.at]`, `[tolerance.parameters]`, `nominal`,
    `file` with tables of one's own. Raises CommandError that names the field.
    """
    file = asked.optional_text("file")
    name, accuracy_class = asked.text("table"), asked.text("class")
    phase = Phase(asked.choice("phase", [str(each) for each in Phase], "first"))
    circumstance = asked.optional_text("circumstance")
    at, parameters = _numbers(asked, "at"), _numbers(asked, "parameters")
    nominal = asked.optional_number("nominal")
    asked.finish()
    try:
        tables = builtin_tables() | ({} if file is None else load_tables(read_text(file), source_name(file)))
        if name not in tables:
            raise asked.fault("table", f"there are {', '.join(sorted(tables))}")
        table = tables[name]
        if not at:
            raise asked.fault("at", f"is missing; write the table [{asked.field('at')}] with {table.variable}")
        found = table.permissible_errors(accuracy_class, phase, at, parameters=parameters, circumstance=circumstance)
    except MpeError as error:
        raise CommandError(f"{asked.source}: {asked.path}.{error}") from error
    if not bool(found.covered):
        raise asked.fault("at", f"{table.id} says nothing of this point for class {accuracy_class}")
    if nominal is not None and table.limit_unit != table.unit:
        raise asked.fault("nominal", f"the limits are in {table.limit_unit}, not in {table.unit}; give errors instead")
    middle = 0.0 if nominal is None else nominal
    try:
        return Limits(lower=middle + float(found.lower), upper=middle + float(found.upper))
    except ConformanceError as error:
        raise asked.fault("nominal", error.remedy) from error


def _numbers(asked: Table, key: str) -> dict[str, float]:
    table = asked.optional_table(key)
    return {} if table is None else {name: table.number(name) for name in table.keys()}  # noqa: SIM118 - Table has no iterator
