"""What can be wrong with a sensor equation.

SensorError (ValueError)
├── RangeError        a value outside the range of the equation
└── CoefficientError  coefficients that make no sensor
"""

from __future__ import annotations


class SensorError(ValueError):
    """A sensor equation that cannot be used; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {value}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class RangeError(SensorError):
    """A value outside the range of the equation."""


class CoefficientError(SensorError):
    """Coefficients that make no sensor."""
