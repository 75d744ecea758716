"""Measured data in CSV: a header with names, or a bare matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from steelyard.cli.calc.documents import read_bytes, source_name
from steelyard.cli.errors import CommandError
from steelyard.storage.errors import TableError
from steelyard.storage.tables import Table, read_separated


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A CSV file with a header: `rows` of texts below `names`; `lines` are the rows' line numbers in the file."""

    source: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def __contains__(self, name: str) -> bool:
        """Whether there is such a column."""
        return self._index(name) is not None

    def _index(self, name: str) -> int | None:
        """Where a column stands; another case of its letters will do where it can be no other column."""
        if name in self.names:
            return self.names.index(name)
        alike = [index for index, each in enumerate(self.names) if each.casefold() == name.casefold()]
        return alike[0] if len(alike) == 1 else None

    def texts(self, name: str) -> list[str]:
        """A column as texts. Raises CommandError if it is absent or has a gap."""
        index = self._index(name)
        if index is None:
            raise CommandError(f"{self.source}: column {name!r} is missing; there are {', '.join(self.names)}")
        for row, line in zip(self.rows, self.lines, strict=True):
            if not row[index]:
                raise CommandError(f"{self.source}: line {line}, column {name!r}: is empty; give a value")
        return [row[index] for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """A column as finite numbers. Raises CommandError with line and column otherwise."""
        return [
            _number(text, f"{self.source}: line {line}, column {name!r}")
            for text, line in zip(self.texts(name), self.lines, strict=True)
        ]

    def parts(self, name: str) -> dict[str, Columns]:
        """The rows of each value of a column, in the order of their first appearance."""
        places: dict[str, list[int]] = {}
        for place, text in enumerate(self.texts(name)):
            places.setdefault(text, []).append(place)
        found = {}
        for text, chosen in places.items():
            rows, lines = tuple(self.rows[at] for at in chosen), tuple(self.lines[at] for at in chosen)
            found[text] = replace(self, rows=rows, lines=lines)
        return found

    def optional_numbers(self, name: str) -> list[float] | None:
        """A column as finite numbers, or None if there is no such column."""
        return self.numbers(name) if name in self else None


def read_columns(source: str) -> Columns:
    """Read a CSV file with a header, or standard input for ``-``. Raises CommandError.

    Commas, semicolons or tabs separate; empty lines and lines that begin with # are left out.
    """
    name = source_name(source)
    table = _table(source)
    if not table.rows:
        raise CommandError(f"{name}: is empty; give a header line and data")
    header, *rows = table.rows
    names = header.cells
    if all(_is_number(each) for each in names):
        raise CommandError(f"{name}: line {header.number}: is a header with the columns' names missing?")
    for each in names:
        if not each or names.count(each) > 1:
            raise CommandError(f"{name}: line {header.number}: column name {each!r}: must be there, and only once")
    if not rows:
        raise CommandError(f"{name}: has a header but no data")
    for row in rows:
        if len(row.cells) != len(names):
            raise CommandError(f"{name}: line {row.number}: has {len(row.cells)} fields, the header has {len(names)}")
    return Columns(
        source=name,
        names=names,
        rows=tuple(row.cells for row in rows),
        lines=tuple(row.number for row in rows),
    )


def read_matrix(source: str, size: int | None = None) -> list[list[float]]:
    """Read a matrix without a header, square of `size` if given. Raises CommandError."""
    name = source_name(source)
    matrix = [[_number(cell, f"{name}: line {row.number}") for cell in row.cells] for row in _table(source).rows]
    if not matrix or any(len(row) != len(matrix[0]) for row in matrix):
        raise CommandError(f"{name}: must be a matrix: lines of equally many numbers")
    if size is not None and (len(matrix) != size or len(matrix[0]) != size):
        raise CommandError(f"{name}: is {len(matrix)} x {len(matrix[0])}; the data need {size} x {size}")
    return matrix


def _table(source: str) -> Table:
    try:
        return read_separated(read_bytes(source), source_name(source), comment="#")
    except TableError as error:
        raise CommandError(str(error)) from error


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise CommandError(f"{where}: {text!r}: must be a number") from None
    if not math.isfinite(number):
        raise CommandError(f"{where}: {text!r}: must be a finite number")
    return number


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
