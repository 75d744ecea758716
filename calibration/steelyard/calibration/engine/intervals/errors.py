"""What no interval can be asked of.

IntervalError    an argument outside its range, with field, value and remedy

Data that are in order but do not suffice are no error: the result then has no interval, and a reason.
"""

from __future__ import annotations

import math

from steelyard.calibration.engine.errors import EngineError


class IntervalError(EngineError):
    """A question about a calibration interval that makes no sense as it is put."""


def require_fraction(field: str, value: float) -> None:
    """Raise IntervalError unless 0 < value < 1."""
    if not 0.0 < value < 1.0:
        raise IntervalError(field, value, "must be between 0 and 1, as 0.9")


def require_positive(field: str, value: float) -> None:
    """Raise IntervalError unless the value is finite and greater than 0."""
    if not (math.isfinite(value) and value > 0.0):
        raise IntervalError(field, value, "must be a positive finite number")
