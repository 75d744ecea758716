"""Small ledgers as a reader of tables hands them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.calibration.ledger import Ledger, read_ledger
from steelyard.storage.tables import CellFault, MergedCells, Table, TableRow

ON = date(2026, 6, 1)
CHINA = 480


def sheet(
    name: str,
    headings: Sequence[str],
    *rows: Sequence[str],
    merged: Sequence[MergedCells] = (),
    faults: Mapping[tuple[int, int], CellFault] | None = None,
) -> Table:
    """A sheet with its headings in row 1; `faults` by row and place."""
    return Table(
        name=name,
        rows=tuple(
            TableRow(
                number=number,
                cells=tuple(cells),
                faults={place: fault for (row, place), fault in (faults or {}).items() if row == number},
            )
            for number, cells in enumerate([headings, *rows], start=1)
        ),
        merged=tuple(merged),
    )


INSTRUMENTS = sheet(
    "instruments",
    ["id", "kind", "unit"],
    ["ts-1", "truck_scale", "kg"],
    ["ts-2", "truck_scale", "t"],
    ["wm-1", "water_meter", "L"],
    ["pg-1", "pressure_gauge", "MPa"],
    ["rt-1", "resistance_thermometer", "Cel"],
    ["co-1", "carbon_monoxide_alarm", ""],
    ["th-1", "thermo_hygrometer", ""],
)


def read(instruments: Table, events: Table | None = None, on: date = ON) -> Ledger:
    return read_ledger(instruments, events, catalogue=builtin_catalogue(), on=on, utc_offset_minutes=CHINA)


def instruments_of(headings: str, *rows: str) -> Ledger:
    """A ledger of instruments alone; cells separated by bars."""
    return read(sheet("instruments", headings.split("|"), *(row.split("|") for row in rows)))


def events_of(headings: str, *rows: str) -> Ledger:
    """Events of INSTRUMENTS; cells separated by bars."""
    return read(INSTRUMENTS, sheet("events", headings.split("|"), *(row.split("|") for row in rows)))


def said(ledger: Ledger) -> list[tuple[int, str, str]]:
    """Row, column and value of each problem."""
    return [(problem.row, problem.column, problem.value) for problem in ledger.problems]
