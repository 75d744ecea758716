"""Writing XLSX: sheets with headings, notes, drop-down lists and rows."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

Value = str | int | float | dt.date | None

_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_LONGEST_TEXT = 32_767
_LISTS = "lists"
"""The hidden sheet that drop-down lists take their texts from; a list inside a cell's rule ends at 255 characters."""
_DATE = "yyyy-mm-dd"
_VALIDATED_ROWS = 10_000
_WIDEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its heading, a note on what to write, the texts that may stand in it (none: any), dates or not."""

    heading: str
    note: str | None = None
    choices: tuple[str, ...] = ()
    date: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet to be written."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Value]] = ()


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """The bytes of an XLSX workbook. A text is written as text, whatever it begins with: never as a formula."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    pages = [book.create_sheet(sheet.name) for sheet in sheets]
    lists = book.create_sheet(_LISTS)
    for page, sheet in zip(pages, sheets, strict=True):
        _write(page, sheet, lists)
    if lists.max_column == 1 and lists["A1"].value is None:
        book.remove(lists)
    lists.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(page: Any, sheet: Sheet, lists: Any) -> None:
    widths = [_width(column.heading) for column in sheet.columns]
    for place, column in enumerate(sheet.columns, start=1):
        cell = page.cell(row=1, column=place)
        _put(cell, column.heading)
        cell.font = Font(bold=True)
        if column.note is not None:
            cell.comment = Comment(column.note, "Steelyard", width=320, height=120)
        letter = get_column_letter(place)
        if column.choices:
            validation = _choices(column.choices, lists)
            validation.add(f"{letter}2:{letter}{max(_VALIDATED_ROWS, len(sheet.rows)) + 1}")
            page.add_data_validation(validation)
        if column.date:
            page.column_dimensions[letter].number_format = _DATE
    for number, row in enumerate(sheet.rows, start=2):
        for place, value in enumerate(row, start=1):
            if value is not None:
                _put(page.cell(row=number, column=place), value)
                widths[place - 1] = max(widths[place - 1], _width(str(value)))
    for place, width in enumerate(widths, start=1):
        page.column_dimensions[get_column_letter(place)].width = min(width + 3, _WIDEST)
    page.freeze_panes = "A2"
    if sheet.rows:
        page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{len(sheet.rows) + 1}"


def _put(cell: Any, value: str | float | dt.date) -> None:
    if isinstance(value, str):
        cell.value = _ILLEGAL.sub("", value)[:_LONGEST_TEXT]
        cell.data_type = "s"
        return
    cell.value = value
    if isinstance(value, dt.date):
        cell.number_format = _DATE


def _choices(choices: Sequence[str], lists: Any) -> DataValidation:
    """A drop-down list that offers without refusing other texts: there are more words than it shows."""
    place = 1 if lists["A1"].value is None else lists.max_column + 1
    for number, choice in enumerate(choices, start=1):
        _put(lists.cell(row=number, column=place), choice)
    letter = get_column_letter(place)
    cells = f"{_LISTS}!${letter}$1:${letter}${len(choices)}"
    return DataValidation(type="list", formula1=cells, allow_blank=True, showErrorMessage=False)


def _width(text: str) -> int:
    """Columns that a text takes; Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
