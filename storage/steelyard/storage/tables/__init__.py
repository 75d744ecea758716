"""Tables that people keep: CSV and XLSX bytes in, rows of text cells out; and XLSX written.

The one reader of tables. What the columns mean is for others to say (`steelyard.calibration.ledger`).
"""

from steelyard.storage.tables.reading import read_tables
from steelyard.storage.tables.rows import Book, CellFault, MergedCells, Table, TableRow
from steelyard.storage.tables.separated import read_separated
from steelyard.storage.tables.workbook import read_workbook
from steelyard.storage.tables.writing import Column, Sheet, write_workbook

__all__ = [
    "Book",
    "CellFault",
    "Column",
    "MergedCells",
    "Sheet",
    "Table",
    "TableRow",
    "read_separated",
    "read_tables",
    "read_workbook",
    "write_workbook",
]
