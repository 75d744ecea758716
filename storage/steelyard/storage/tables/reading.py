"""Which kind of file it is, seen from its bytes: names lie."""

from __future__ import annotations

from collections.abc import Callable

from steelyard.storage.errors import TableError
from steelyard.storage.tables.rows import Book
from steelyard.storage.tables.separated import read_separated
from steelyard.storage.tables.workbook import read_workbook

_ZIP = b"PK\x03\x04"
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
"""Excel until 2003, and every workbook with a password."""


def read_tables(
    data: bytes,
    source: str,
    *,
    wanted: Callable[[str], bool] = lambda _: True,
    progress: Callable[[str, int], None] | None = None,
) -> Book:
    """Read a file of tables: an XLSX workbook, or a CSV file as a book of one sheet with the file's name.

    Arguments are those of `read_workbook`; of a CSV file the one table is always read. Raises TableError.
    """
    if data.startswith(_ZIP):
        return read_workbook(data, source, wanted=wanted, progress=progress)
    if data.startswith(_COMPOUND_FILE):
        raise TableError(
            source,
            "an .xls file of Excel 2003 or earlier, or a workbook with a password",
            "save it as an Excel workbook (.xlsx) without a password",
        )
    if source.lower().endswith((".xlsx", ".xlsm")):
        raise TableError(source, "not an XLSX workbook", "save it as an Excel workbook (.xlsx), or name it .csv")
    table = read_separated(data, source)
    return Book(source=source, sheets=(table.name,), tables=(table,))
