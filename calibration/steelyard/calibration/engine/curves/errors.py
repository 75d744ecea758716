"""What can be wrong with a calibration curve.

CurveError (ValueError)
├── DataError            observations or uncertainties that cannot be
├── ModelChoiceError     a model that does not fit the data or the start values
├── SingularDesignError  the data do not determine every parameter
├── ExtrapolationError   a value outside the range of the calibration
└── InversionError       no x, or more than one, belongs to a y
"""

from __future__ import annotations

_SHOWN = 80


class CurveError(ValueError):
    """A curve that cannot be fitted or used; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = repr(value) if isinstance(value, str) else str(value)
        super().__init__(f"{field}: {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class DataError(CurveError):
    """Observations or uncertainties that cannot be."""


class ModelChoiceError(CurveError):
    """A model that does not fit the data or the start values."""


class SingularDesignError(CurveError):
    """The data do not determine every parameter."""


class ExtrapolationError(CurveError):
    """A value outside the range of the calibration."""


class InversionError(CurveError):
    """No x, or more than one, belongs to a y."""
