"""What can go wrong in calibration.

CalibrationError
├── MpeError             a maximum permissible error that says nothing, or not for this test point
├── CatalogueError       a kind of instrument that the catalogue does not have, or that its file does not say
├── LegalDataError       an instrument's legal data or event contradicts itself
├── LedgerError          a sheet of a ledger lacks a column, or a cell of it cannot be read
├── ObservationError     an error observation or reference pair that cannot be used
├── WorkOrderError
│   ├── TransitionRefused    the table has no such step, or not for this role or person
│   ├── OrderExists          an open order for this instrument and trigger is already there
│   └── OrderChanged         somebody else moved the order meanwhile
└── CalibrationSettingsError a setting that is unknown or out of range
"""

from __future__ import annotations


class CalibrationError(ValueError):
    """A refusal that names the field, shows the value and says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}" if value is None else f"{field}: {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class MpeError(CalibrationError):
    """A maximum permissible error says nothing, or nothing for this test point."""


class CatalogueError(CalibrationError):
    """The catalogue has no such kind, or the kind's file lacks or contradicts what is asked."""


class LegalDataError(CalibrationError):
    """An instrument's legal data or one of its events contradicts itself."""


class LedgerError(CalibrationError):
    """A sheet of a ledger lacks a column, or a cell of it cannot be read."""


class ObservationError(CalibrationError):
    """An error observation or a reference pair cannot be used."""


class WorkOrderError(CalibrationError):
    """A work order cannot be changed like this."""


class TransitionRefused(WorkOrderError):
    """The table of transitions has no such step, or not for this role or this person."""


class OrderExists(WorkOrderError):
    """An open order for this instrument and trigger exists: the new evidence belongs to it."""


class OrderChanged(WorkOrderError):
    """The stored order is no longer the one that the change was made from."""


class CalibrationSettingsError(CalibrationError):
    """A setting is unknown, missing or out of its range."""
