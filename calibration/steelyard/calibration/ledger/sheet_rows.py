"""A row of a sheet with headings: cells by column name, and everything that is wrong with the row at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.ledger.cells import several
from steelyard.calibration.ledger.headings import HeadedColumn, Headings, LedgerMerge, LedgerRow, LedgerTable
from steelyard.calibration.ledger.problems import RowProblem
from steelyard.contracts.errors import ContractError

T = TypeVar("T")


class SheetRow:
    """One row being read. Who reads it refuses a row that has `problems`; `notes` are told without that."""

    def __init__(self, table: LedgerTable, headings: Headings, row: LedgerRow, named_by: str) -> None:
        self._table = table
        self._headings = headings
        self._row = row
        self._named_by = named_by
        cells = row.cells
        self._texts = {
            name: text
            for name, column in headings.columns.items()
            if column.place < len(cells) and (text := cells[column.place].strip())
        }
        self._told: set[str] = set()
        self.problems: list[RowProblem] = []
        self.notes: list[RowProblem] = []

    @property
    def number(self) -> int:
        """The row's number."""
        return self._row.number

    @property
    def named(self) -> str:
        """The identifiers of the instruments that the row speaks of, as far as it tells."""
        return ", ".join(several(self._texts.get(self._named_by, "")))

    def headed(self, column: str) -> HeadedColumn | None:
        """Where the column stands in this sheet, None if it has no such column."""
        return self._headings.columns.get(column)

    def text(self, column: str) -> str | None:
        """The cell's text, None if it is empty or its value cannot be known."""
        headed = self.headed(column) if self._row.faults else None
        fault = None if headed is None else self._row.faults.get(headed.place)
        if fault is None:
            return self._texts.get(column)
        self._told.add(column)
        self.refuse(column, fault.value, fault.remedy)
        return None

    def take(self, column: str, read: Callable[[str, str], T], *, required: bool = False) -> T | None:
        """The cell as `read(text, column)` makes it; None if it is empty or cannot be read."""
        text = self.text(column)
        if text is None:
            if required and column not in self._told:
                self.refuse(column, "", "is empty; every row needs it")
            return None
        try:
            return read(text, column)
        except (CalibrationError, ContractError) as error:
            self.refuse(column, text, error.remedy)
            return None

    def refuse(self, column: str, value: str, remedy: str) -> None:
        """Tell of a cell that makes the row useless, once."""
        problem = replace(self._problem(column, value, remedy), left_out=(self.number,))
        if problem not in self.problems:
            self.problems.append(problem)

    def note(self, column: str, value: str, remedy: str) -> None:
        """Tell of a cell that takes something from the row, and leaves the rest of it."""
        self._note(self._problem(column, value, remedy))

    def spare(self, consequence: str) -> None:
        """Let the row stand all the same: its problems become notes, each with what is left out for them."""
        for problem in self.problems:
            self._note(replace(problem, remedy=f"{problem.remedy}; {consequence}"))
        self.problems.clear()

    def _note(self, problem: RowProblem) -> None:
        note = replace(problem, left_out=())
        if note not in self.notes:
            self.notes.append(note)

    def _problem(self, column: str, value: str, remedy: str) -> RowProblem:
        headed = self.headed(column)
        return RowProblem(
            sheet=self._table.name,
            row=self.number,
            column=column if headed is None else headed.heading,
            value=value,
            remedy=remedy,
            instrument=self.named,
        )


def rows_below(
    table: LedgerTable, headings: Headings, named_by: str, problems: list[RowProblem]
) -> Iterator[tuple[SheetRow, bool]]:
    """The rows below the headings that hold something in a known column, each with whether it may be read.

    Rows that merged cells run through may not: one problem for each such range names them. `named_by` is the column
    that says which instruments a row speaks of.
    """
    places = {column.place: name for name, column in headings.columns.items()}
    merges = [merge for merge in table.merged if merge.last_row > headings.row and _columns(merge, places)]
    merged_rows = {number for merge in merges for number in _rows(merge, table)}
    for merge in merges:
        touched = [
            row for row in table.rows if headings.row < row.number and merge.first_row <= row.number <= merge.last_row
        ]
        touched_rows = [SheetRow(table, headings, row, named_by) for row in touched]
        names = ", ".join(row.named for row in touched_rows if row.named)
        problems.append(
            RowProblem(
                sheet=table.name,
                row=max(merge.first_row, headings.row + 1),
                column=headings.columns[_columns(merge, places)[0]].heading,
                value=merge.reference,
                remedy="merged cells; undo the merging and write the value into each row",
                instrument=names,
                left_out=tuple(row.number for row in touched),
            )
        )
    for row in table.rows:
        known = any(place in places and cell.strip() for place, cell in enumerate(row.cells)) or any(
            p in places for p in row.faults
        )
        if row.number > headings.row and known:
            yield SheetRow(table, headings, row, named_by), row.number not in merged_rows


def _columns(merge: LedgerMerge, places: dict[int, str]) -> list[str]:
    return [places[place] for place in sorted(places) if merge.first_column <= place <= merge.last_column]


def _rows(merge: LedgerMerge, table: LedgerTable) -> range:
    return range(merge.first_row, min(merge.last_row, table.rows[-1].number) + 1)
