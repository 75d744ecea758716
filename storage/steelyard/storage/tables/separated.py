"""CSV as spreadsheets write it: UTF-8, GB18030 (Excel in China) or UTF-16; commas, semicolons or tabs."""

from __future__ import annotations

import codecs
import csv
import io
import re

from steelyard.storage.errors import TableError
from steelyard.storage.tables.rows import Table, TableRow

_SEPARATORS = (",", ";", "\t")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_separated(data: bytes, source: str, *, comment: str | None = None) -> Table:
    """Read a CSV file.

    Args:
        data: the file's bytes.
        source: its name, which becomes the table's.
        comment: what a line begins with that is left out; None: no line is.

    Raises:
        TableError: naming the file, what is wrong and the remedy.
    """
    text = _decoded(data, source)
    if comment is not None:
        # An empty line in its place, so that those below keep their numbers.
        text = re.sub(rf"^[ \t]*{re.escape(comment)}.*$", "", text, flags=re.MULTILINE)
    separator, text, skipped = _separator(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[TableRow] = []
    begins = 1 + skipped
    try:
        for fields in lines:
            cells = tuple(field.strip() for field in fields)
            if any(cells):
                rows.append(TableRow(number=begins, cells=cells))
            begins = lines.line_num + 1 + skipped
    except csv.Error as error:
        if "field limit" in str(error):
            longest = csv.field_size_limit()
            remedy = "shorten it, or close the quotation marks that open in this line or above it"
            raise TableError(f"{source}, line {begins}", f"a cell of more than {longest} characters", remedy) from error
        raise TableError(
            f"{source}, line {begins}", f"not CSV ({error})", "mend the quotation marks in this line or above it"
        ) from error
    return Table(name=source, rows=tuple(rows))


def _decoded(data: bytes, source: str) -> str:
    if data.startswith(_UTF_16):
        encodings = ["utf-16"]
    elif b"\0" in data:
        encodings = []  # no text has zeros, and GB18030 would take nearly anything
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError(source, "neither UTF-8 nor GB18030 text", "save it as CSV UTF-8, or as XLSX")


def _separator(text: str) -> tuple[str, str, int]:
    """The separator, the text to read, and how many lines of it went: Excel's own ``sep=;`` is none of the table."""
    first, _, rest = text.partition("\n")
    told = first.strip()
    if told.lower().startswith("sep=") and len(told) == len("sep=") + 1:
        return told[-1], rest, 1
    begins = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=begins.count), text, 0
