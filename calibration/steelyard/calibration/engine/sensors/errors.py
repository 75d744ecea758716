"""What can be wrong with a sensor equation.

SensorError (EngineError)
├── RangeError        a value outside the range of the equation
└── CoefficientError  coefficients that make no sensor
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class SensorError(EngineError):
    """A sensor equation that cannot be used; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return str(value)


class RangeError(SensorError):
    """A value outside the range of the equation."""


class CoefficientError(SensorError):
    """Coefficients that make no sensor."""
