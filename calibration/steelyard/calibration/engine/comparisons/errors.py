"""What cannot be calculated.

ComparisonError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class ComparisonError(EngineError):
    """A comparison that has no answer as it is put."""
