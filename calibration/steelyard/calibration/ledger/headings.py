"""Which column means what: headings in English or Chinese, with case, spaces and units in brackets forgiven."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.ledger.cells import plain
from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import unit_named

_SEARCHED_ROWS = 20
"""How far down the headings may stand, below titles."""
_BRACKETED = re.compile(r"[(\[【〔](?P<inside>[^()\[\]【】〔〕]*)[)\]】〕]")
_YEARS = frozenset({"年", "years", "year", "a"})

_SHEETS = {
    "instruments": "instruments instrument devices 器具 计量器具 仪器 设备 台账 器具台账 计量器具台账 设备台账",
    "events": "events event verifications 检定 检定记录 检定台账 校准记录 检定校准记录 事件 证书 证书台账",
}


class FaultLike(Protocol):
    """Why a cell's text cannot be known."""

    @property
    def value(self) -> str:
        """What stands there."""
        ...

    @property
    def remedy(self) -> str:
        """What to do about it."""
        ...


class LedgerRow(Protocol):
    """A row: its number, its cells' texts, and by place those that cannot be known."""

    @property
    def number(self) -> int:
        """As the spreadsheet shows it."""
        ...

    @property
    def cells(self) -> Sequence[str]:
        """Texts, "" for an empty cell."""
        ...

    @property
    def faults(self) -> Mapping[int, FaultLike]:
        """Place from 0 -> fault."""
        ...


class LedgerMerge(Protocol):
    """Cells that were made one; rows from 1, columns from 0."""

    @property
    def reference(self) -> str:
        """As the spreadsheet writes it: B3:B5."""
        ...

    @property
    def first_row(self) -> int:
        """The first row that it covers."""
        ...

    @property
    def last_row(self) -> int:
        """The last row."""
        ...

    @property
    def first_column(self) -> int:
        """The first column."""
        ...

    @property
    def last_column(self) -> int:
        """The last column."""
        ...


class LedgerTable(Protocol):
    """What a ledger is read from; `steelyard.storage.tables.Table` is one."""

    @property
    def name(self) -> str:
        """The sheet's or the file's."""
        ...

    @property
    def rows(self) -> Sequence[LedgerRow]:
        """Those that hold something, headings and titles among them."""
        ...

    @property
    def merged(self) -> Sequence[LedgerMerge]:
        """Merged cells."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWords:
    """A column: its name, the headings that mean it (separated by spaces), a note on what to write in it."""

    name: str
    words: str
    note: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadedColumn:
    """Where a column stands in a sheet; `unit` is the UCUM code that its heading has in brackets."""

    place: int
    heading: str
    unit: str | None = None
    in_years: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """The heading row of a sheet: what its columns mean, and the headings that mean nothing here."""

    row: int
    columns: Mapping[str, HeadedColumn]
    ignored: tuple[str, ...]


def sheet_meant(name: str) -> str | None:
    """``instruments`` or ``events``, if a sheet of this name is one."""
    key = _key(name)
    return next((meant for meant, words in _SHEETS.items() if key in map(_key, words.split())), None)


def find_headings(table: LedgerTable, columns: Sequence[ColumnWords]) -> Headings:
    """The row among the first of a sheet that has the most of these columns.

    Raises LedgerError where a required column is missing, or two columns mean the same.
    """
    known = {_key(word): column.name for column in columns for word in (column.name, *column.words.split())}
    best: LedgerRow | None = None
    most = 0
    for row in table.rows[:_SEARCHED_ROWS]:
        count = len({known[key] for cell in row.cells if (key := _key(cell)) in known})
        if count > most:
            best, most = row, count
    required = [column.name for column in columns if column.required]
    if best is None:
        raise LedgerError(f"{table.name}: headings", "", f"give a heading row with {', '.join(required)}")
    found: dict[str, HeadedColumn] = {}
    ignored = []
    for place, cell in enumerate(best.cells):
        name = known.get(_key(cell))
        if name is None:
            ignored += [cell] if cell else []
        elif name in found:
            both = f"{found[name].heading}, {cell}"
            raise LedgerError(f"{table.name}: headings", both, f"both columns mean {name}; rename or delete one")
        else:
            found[name] = _headed(place, cell)
    for name in required:
        if name not in found:
            there = ", ".join(cell for cell in best.cells if cell)
            raise LedgerError(f"{table.name}: column {name}", there, "is missing among these headings; add it")
    return Headings(row=best.number, columns=found, ignored=tuple(ignored))


def _headed(place: int, heading: str) -> HeadedColumn:
    unit, in_years = None, False
    for match in _BRACKETED.finditer(heading.translate(_HALF_WIDTH)):
        inside = match["inside"].strip()
        in_years = in_years or inside.casefold() in _YEARS
        try:
            unit = unit_named(inside).code
        except UnitError:
            continue
    return HeadedColumn(place=place, heading=heading, unit=unit, in_years=in_years)


# Only the brackets: folding the rest would take ℃ and º from whoever names units.
_HALF_WIDTH = str.maketrans({"（": "(", "）": ")", "［": "[", "］": "]"})


def _key(heading: str) -> str:
    text = _BRACKETED.sub("", plain(heading)).casefold()
    return "".join(letter for letter in text if letter.isalnum())
