"""A ledger that people keep in a spreadsheet: rows of text in, devices and events out, and every row that is not right.

Pure: no file is opened here. `steelyard.storage.tables` makes the rows.
"""

from steelyard.calibration.ledger.cells import day as parse_day
from steelyard.calibration.ledger.events import EVENT_COLUMNS
from steelyard.calibration.ledger.headings import ColumnWords, LedgerTable, sheet_meant
from steelyard.calibration.ledger.instruments import INSTRUMENT_COLUMNS
from steelyard.calibration.ledger.problems import RowProblem
from steelyard.calibration.ledger.reading import Ledger, read_ledger

__all__ = [
    "EVENT_COLUMNS",
    "INSTRUMENT_COLUMNS",
    "ColumnWords",
    "Ledger",
    "LedgerTable",
    "RowProblem",
    "parse_day",
    "read_ledger",
    "sheet_meant",
]
