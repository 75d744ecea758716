"""XLSX workbooks (ECMA-376, Part 1, 18.3), streamed: what a person would see in each cell, as text."""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO
from xml.parsers import expat

from openpyxl.chartsheet import Chartsheet
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils.datetime import from_excel

from steelyard.storage.errors import TableError
from steelyard.storage.tables.rows import Book, CellFault, MergedCells, Table, TableRow

LARGEST_BYTES = 1 << 30
"""Of a workbook once unpacked: more is no ledger but a bomb."""
MOST_COLUMNS = 500
"""Of a sheet, so that one far cell in each row does not fill the memory."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ROW, _CELL, _FORMULA, _VALUE = (f"{_MAIN} {name}" for name in ("row", "c", "f", "v"))
_TEXT, _PHONETIC, _MERGED = (f"{_MAIN} {name}" for name in ("t", "rPh", "mergeCell"))
_LITERAL = re.compile(r'"[^"]*"|\\.')
"""What a number format shows as it stands."""
_DIGITS = 15
"""Significant digits that spreadsheets keep of a number."""
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_NO_VALUE = "it holds no value; open the file in the spreadsheet program and save it, or put the value in its place"
_NO_DATE = "it is formatted as a date and is none; type the date again, or format the cell as a number"
_NO_WORKBOOK = "save it as an Excel workbook (.xlsx) or as CSV UTF-8"


def read_workbook(
    data: bytes,
    source: str,
    *,
    wanted: Callable[[str], bool] = lambda _: True,
    progress: Callable[[str, int], None] | None = None,
) -> Book:
    """Read the sheets of an XLSX workbook, hidden ones and hidden rows too.

    Args:
        data: the file's bytes.
        source: its name, for messages.
        wanted: which sheets to read, by name.
        progress: is told a sheet's name and how many of its rows have been read, every thousand rows.

    Raises:
        TableError: naming the file, what is wrong and the remedy.
    """
    _check_archive(data, source)
    try:
        # What openpyxl warns of (extensions that it would not write back, dates out of range) harms no reader.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = _Reader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            reader.read()
            book = reader.wb
            try:
                tables = tuple(_table(sheet, progress) for sheet in book.worksheets if wanted(sheet.title))
                return Book(source=source, sheets=tuple(sheet.title for sheet in book.worksheets), tables=tables)
            finally:
                book.close()
    except TableError:
        raise
    # Of a damaged file openpyxl raises whatever its parsing meets: KeyError, IndexError, ParseError, BadZipFile …
    except Exception as error:
        raise TableError(source, f"not a whole XLSX workbook ({_reason(error)})", _NO_WORKBOOK) from error


def _check_archive(data: bytes, source: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, OverflowError) as error:
        raise TableError(source, f"not an XLSX workbook ({error})", _NO_WORKBOOK) from error
    if size > LARGEST_BYTES:
        raise TableError(
            source, f"{size / 1e9:.1f} GB when unpacked", f"give workbooks of at most {LARGEST_BYTES / 1e9:.1f} GB"
        )


def _table(sheet: Any, progress: Callable[[str, int], None] | None) -> Table:
    # openpyxl's own streaming reader hides which cells are merged and which formulas have no value, and takes three
    # times as long; what it knows of styles and shared texts is used.
    reader = _SheetReader(sheet, progress)
    with sheet._get_source() as xml:  # noqa: SLF001 - the only way to a sheet's XML
        reader.read(xml)
    return Table(name=sheet.title, rows=tuple(reader.rows), merged=tuple(reader.merged))


class _Reader(ExcelReader):  # type: ignore[misc]  # openpyxl has no types
    """openpyxl's own, which fails at a chart sheet without a chart: of chart sheets only the name is kept."""

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        """Keep its place and its name."""
        del rel
        self.wb._add_sheet(Chartsheet(parent=self.wb, title=sheet.name))  # noqa: SLF001 - as the method in its place


class _SheetReader:
    """Goes once through the XML of a sheet; `rows` and `merged` are what it finds."""

    def __init__(self, sheet: Any, progress: Callable[[str, int], None] | None) -> None:
        self.rows: list[TableRow] = []
        self.merged: list[MergedCells] = []
        self._title: str = sheet.title
        self._progress = progress
        self._shared: Sequence[str] = sheet._shared_strings  # noqa: SLF001 - openpyxl shows them in no other way
        self._styles = _Styles(sheet.parent)
        self._number = 0
        self._texts: list[str] = []
        self._faults: dict[int, CellFault] = {}
        self._place = -1
        self._type = self._style = ""
        self._formula = self._phonetic = False
        self._said: list[str] | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end

    def read(self, xml: BinaryIO) -> None:
        """Read the sheet."""
        self._parser.ParseFile(xml)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == _CELL:
            place = _REFERENCE.fullmatch(attributes.get("r", ""))
            self._place = _column(place[1]) if place else self._place + 1
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._formula, self._said = False, None
        elif name in {_VALUE, _TEXT} and not self._phonetic:
            if self._said is None:
                self._said = []
            self._parser.CharacterDataHandler = self._said.append
        elif name == _ROW:
            number = attributes.get("r", "")
            self._number = int(number) if number.isdecimal() else self._number + 1
            self._place, self._texts, self._faults = -1, [], {}
        elif name == _FORMULA:
            self._formula = True
        elif name == _PHONETIC:  # how a text is pronounced, in Japanese files
            self._phonetic = True
        elif name == _MERGED:
            merged = _merged(attributes.get("ref", ""))
            if merged is not None:
                self.merged.append(merged)

    def _end(self, name: str) -> None:
        if name in {_VALUE, _TEXT}:
            self._parser.CharacterDataHandler = None
        elif name == _PHONETIC:
            self._phonetic = False
        elif name == _CELL:
            self._keep_cell()
        elif name == _ROW:
            if any(self._texts) or self._faults:
                self.rows.append(TableRow(number=self._number, cells=tuple(self._texts), faults=self._faults))
            if self._progress is not None and self._number % 1000 == 0:
                self._progress(self._title, self._number)

    def _keep_cell(self) -> None:
        said = "".join(self._said or ())
        if not said:
            # A formula may well give a text without letters.
            if self._formula and self._type != "str":
                self._keep("", CellFault(value="formula", remedy=_NO_VALUE))
        elif self._type == "n":
            text = self._styles.shown(said, self._style)
            self._keep(text or "", None if text is not None else CellFault(value=said, remedy=_NO_DATE))
        elif self._type == "s":
            self._keep(self._shared[int(said)].strip())
        elif self._type == "e":
            self._keep("", CellFault(value=said, remedy="correct the formula, or put the value in its place"))
        elif self._type == "b":
            self._keep("TRUE" if said == "1" else "FALSE")
        else:
            self._keep(said.strip())

    def _keep(self, text: str, fault: CellFault | None = None) -> None:
        if text or fault is not None:
            if self._place >= MOST_COLUMNS:
                remedy = f"give tables of at most {MOST_COLUMNS} columns"
                raise TableError(f"{self._title}, row {self._number}", f"column {self._place + 1}", remedy)
            self._texts += [""] * (self._place + 1 - len(self._texts))
            self._texts[self._place] = text
        if fault is not None:
            self._faults[self._place] = fault


class _Styles:
    """How numbers are shown: which cells are dates, which are percent."""

    def __init__(self, book: Any) -> None:
        self._book = book
        # openpyxl works these out for its own readers, and shows them in no other way.
        self._dates: frozenset[int] = frozenset(book._date_formats)  # noqa: SLF001 - see above
        self._durations: frozenset[int] = frozenset(book._timedelta_formats)  # noqa: SLF001 - see above
        self._percent: dict[int, bool] = {}

    def shown(self, number: str, style: str) -> str | None:
        """A number as a person sees it, in one notation; None for a date that there is not."""
        try:
            value, place = float(number), int(style)
        except ValueError:
            return number
        if place in self._dates:
            try:
                return _day(from_excel(value, self._book.epoch, timedelta=place in self._durations))
            except (OverflowError, ValueError):
                return None
        # Excel's 1.5 % is a 0.015 that is shown with a sign: who reads the bare number is wrong by a factor of 100.
        if place not in self._percent:
            self._percent[place] = "%" in _LITERAL.sub("", self._layout(place))
        return f"{value * 100:.{_DIGITS}g}%" if self._percent[place] else f"{value:.{_DIGITS}g}"

    def _layout(self, place: int) -> str:
        """The number format of a style (ECMA-376, Part 1, 18.8.30)."""
        styles = self._book._cell_styles  # noqa: SLF001 - see above
        code = styles[place].numFmtId if place < len(styles) else 0
        own = self._book._number_formats  # noqa: SLF001 - see above
        if code < BUILTIN_FORMATS_MAX_SIZE:
            return str(BUILTIN_FORMATS.get(code, ""))
        return str(own[code - BUILTIN_FORMATS_MAX_SIZE]) if code - BUILTIN_FORMATS_MAX_SIZE < len(own) else ""


def _day(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _merged(reference: str) -> MergedCells | None:
    place = _REFERENCE.fullmatch(reference)
    if place is None or place[3] is None:
        return None
    return MergedCells(
        reference=reference,
        first_row=int(place[2]),
        last_row=int(place[4]),
        first_column=_column(place[1]),
        last_column=_column(place[3]),
    )


def _column(letters: str) -> int:
    """A column's place from 0."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _reason(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
