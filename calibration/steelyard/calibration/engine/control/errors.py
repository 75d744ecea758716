"""What cannot be calculated.

ControlError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class ControlError(EngineError):
    """A control chart that cannot be drawn or designed as it is asked."""
