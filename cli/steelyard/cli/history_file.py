"""Histories of calibrations as CSV: read and checked, and written back with predictions beside each row."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.fleet.backtest import Backtest
from steelyard.calibration.engine.fleet.panels import Records
from steelyard.calibration.engine.fleet.scoring import LEVELS
from steelyard.cli.errors import CommandError
from steelyard.storage.errors import TableError
from steelyard.storage.tables import Table, read_separated

COLUMNS = (
    "class",
    "instrument",
    "quantity",
    "unit",
    "previous_calibration",
    "calibration",
    "test_point",
    "as_found_error",
)
_DAYS_PER_YEAR = 365.25
_TENTHS = tuple(round(0.1 * i, 1) for i in range(1, 10))
"""Levels that are written under both their spellings, q0.10 and q0.1: readers build the name either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFile:
    """A history as it was read: the columns' names and rows' text for writing them back, and the records."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    records: Records


def read_history(path: Path) -> HistoryFile:
    """Read a history.

    Raises CommandError naming the file, the line, the column and the value that cannot be used.
    """
    try:
        read = read_separated(path.read_bytes(), str(path))
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error}") from error
    except TableError as error:
        raise CommandError(str(error)) from error
    names, numbered = _table(path, read)

    def column(name: str) -> list[tuple[int, str]]:
        at = names.index(name)
        return [(number, line[at]) for number, line in numbered]

    start = _parsed(path, "previous_calibration", column("previous_calibration"), _years)
    end = _parsed(path, "calibration", column("calibration"), _years)
    for (number, text), before, after in zip(column("calibration"), start, end, strict=True):
        if not after > before:
            raise CommandError(
                f"{path}, line {number}: calibration: {text} is not after previous_calibration: correct the dates"
            )
    records = Records(
        model=_texts(path, "class", column("class")),
        instrument=_texts(path, "instrument", column("instrument")),
        quantity=_texts(path, "quantity", column("quantity")),
        unit=np.array([text for _, text in column("unit")]),
        start=start,
        end=end,
        test_point=_parsed(path, "test_point", column("test_point"), _number),
        error=_parsed(path, "as_found_error", column("as_found_error"), _number),
    )
    return HistoryFile(names=names, rows=tuple(line for _, line in numbered), records=records)


def _table(path: Path, read: Table) -> tuple[tuple[str, ...], list[tuple[int, tuple[str, ...]]]]:
    """The header's names, and the rows with their line numbers."""
    if not read.rows:
        raise CommandError(f"{path}: is empty; give a header with {', '.join(COLUMNS)}")
    names = read.rows[0].cells
    for required in COLUMNS:
        if names.count(required) != 1:
            has = "appears more than once" if required in names else "is missing"
            raise CommandError(f"{path}: column {required} {has}; the header is {', '.join(names)}")
    numbered = [(row.number, row.cells) for row in read.rows[1:]]
    if not numbered:
        raise CommandError(f"{path}: no rows under the header: there is nothing to predict or to learn from")
    for number, line in numbered:
        if len(line) != len(names):
            raise CommandError(f"{path}, line {number}: {len(line)} fields, the header has {len(names)}")
    return names, numbered


def write_predictions(path: Path, history: HistoryFile, result: Backtest) -> None:
    """Write the rows of `history` with their predictions, whole or not at all."""
    two_digits = np.isin(LEVELS, (0.025, 0.975), invert=True)
    places = [*np.flatnonzero(two_digits), *np.flatnonzero(~two_digits)]
    header = [*history.names, "earlier_events", "mean", "standard_deviation"]
    header += [f"q{LEVELS[i]:.2f}" if two_digits[i] else f"q{LEVELS[i]:.3f}" for i in places]
    places += [int(np.argmin(np.abs(LEVELS - level))) for level in _TENTHS]
    header += [f"q{level:.1f}" for level in _TENTHS]
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for i, row in enumerate(history.rows):
                numbers = (result.mean[i], result.standard_deviation[i], *result.quantiles[i, places])
                writer.writerow([*row, int(result.earlier_events[i]), *(f"{number:.9g}" for number in numbers)])
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error}") from error


def _texts(path: Path, name: str, fields: Sequence[tuple[int, str]]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    for number, text in fields:
        if not text:
            raise CommandError(f"{path}, line {number}: {name}: is empty; give every row its {name}")
    return np.array([text for _, text in fields])


def _parsed(
    path: Path, name: str, fields: Sequence[tuple[int, str]], parse: Callable[[str], float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.empty(len(fields))
    for i, (number, text) in enumerate(fields):
        try:
            values[i] = parse(text)
        except ValueError as error:
            raise CommandError(f"{path}, line {number}: {name}: {text!r}: {error}") from error
    return values


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("give a number") from None
    if not np.isfinite(value):
        raise ValueError("give a finite number, or leave the row out")
    return value


def _years(text: str) -> float:
    """A date as years, from YYYYMMDD or YYYY-MM-DD."""
    try:
        return dt.date.fromisoformat(text).toordinal() / _DAYS_PER_YEAR
    except ValueError:
        raise ValueError("give a date as YYYYMMDD or YYYY-MM-DD") from None
