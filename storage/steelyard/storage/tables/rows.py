"""What a table is once it has been read: numbered rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFault:
    """Why nobody can know what a cell says: `value` is what stands there, `remedy` what to do about it."""

    value: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedCells:
    """Cells that were made one. `reference` as the spreadsheet writes it (B3:B5); rows from 1, columns from 0."""

    reference: str
    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row that holds something.

    `number` is the row's number as the spreadsheet shows it, or the line of a CSV file where it begins. `cells` are
    texts: of a date YYYY-MM-DD, of a date with a time ISO 8601, of a number up to 15 significant digits (1001.0 is
    1001), of a cell formatted as percent the number with a % sign, of an empty cell "". `faults` names the cells, by
    their place from 0, whose text is "" because it cannot be known.
    """

    number: int
    cells: tuple[str, ...]
    faults: Mapping[int, CellFault] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One sheet, or one CSV file: all its rows but the empty ones, headings and titles among them."""

    name: str
    rows: tuple[TableRow, ...]
    merged: tuple[MergedCells, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A file of tables: the names of all its sheets in their order, and those tables that were asked for."""

    source: str
    sheets: tuple[str, ...]
    tables: tuple[Table, ...]
