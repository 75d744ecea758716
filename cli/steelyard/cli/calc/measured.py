"""Columns of measured values: as the decimal numbers that were written, or as positive ones."""

from __future__ import annotations

from decimal import Decimal

from steelyard.cli.calc.csv_files import Columns
from steelyard.cli.errors import CommandError


def decimals(columns: Columns, name: str) -> list[Decimal]:
    """A column as exact decimal numbers: 1000000000000.4 is that, and not the binary number next to it."""
    columns.numbers(name)  # says with line and column what is no finite number
    return [Decimal(text) for text in columns.texts(name)]


def positive_numbers(columns: Columns, name: str) -> list[float]:
    """A column as numbers above zero. Raises CommandError with line and column otherwise."""
    found = columns.numbers(name)
    for number, line in zip(found, columns.lines, strict=True):
        if not number > 0.0:
            raise CommandError(f"{columns.source}: line {line}, column {name!r}: {number:g}: must be positive")
    return found


def by_group(columns: Columns, group: str, name: str) -> dict[str, list[Decimal]]:
    """The decimal numbers of a column by the names in another, in the order of their first appearance."""
    groups: dict[str, list[Decimal]] = {}
    for label, value in zip(columns.texts(group), decimals(columns, name), strict=True):
        groups.setdefault(label, []).append(value)
    return groups
