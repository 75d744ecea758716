"""What cannot be a distribution.

DistributionError    a parameter outside its range, with field, value and remedy
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class DistributionError(EngineError):
    """A parameter of a distribution is outside its range."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return repr(value)
