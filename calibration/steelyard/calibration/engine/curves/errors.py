"""What can be wrong with a calibration curve.

CurveError (EngineError)
├── DataError            observations or uncertainties that cannot be
├── ModelChoiceError     a model that does not fit the data or the start values
├── SingularDesignError  the data do not determine every parameter
├── ExtrapolationError   a value outside the range of the calibration
└── InversionError       no x, or more than one, belongs to a y
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError, shortened


class CurveError(EngineError):
    """A curve that cannot be fitted or used; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return shortened(repr(value) if isinstance(value, str) else str(value), 80)


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
