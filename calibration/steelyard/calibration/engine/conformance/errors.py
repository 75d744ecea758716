"""What cannot be judged.

ConformanceError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class ConformanceError(EngineError):
    """A question about conformity that has no answer as it is put."""
