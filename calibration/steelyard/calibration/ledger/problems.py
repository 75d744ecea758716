"""What is not right in a ledger: said so that whoever keeps it finds the cell and knows what to do."""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One cell that is not right: where it is, what stands in it, what to do about it.

    `row` as the spreadsheet numbers it, `column` the heading as the sheet has it, `instrument` the identifiers in the
    row as far as they can be read. `left_out` are the rows of the sheet that are not judged for it.
    """

    sheet: str
    row: int
    column: str
    value: str
    remedy: str
    instrument: str = ""
    left_out: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The problem as one line."""
        shown = self.value if len(self.value) <= _SHOWN else f"{self.value[:_SHOWN]}…"
        who = f" ({self.instrument})" if self.instrument else ""
        return f"{self.sheet}, row {self.row}{who}, column {self.column}: {shown!r}: {self.remedy}"
