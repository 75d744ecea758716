"""What cannot be calculated.

StabilityError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class StabilityError(EngineError):
    """A series whose stability cannot be stated as it is asked."""
