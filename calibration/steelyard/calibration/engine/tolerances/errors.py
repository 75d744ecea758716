"""What is wrong with a tolerance.

ToleranceError (EngineError)
├── RuleError      a rule that cannot be, or that says nothing at a point
└── TableError     a class table that cannot be read, or that has no such class, phase or parameter
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError, shortened


class ToleranceError(EngineError):
    """A tolerance that cannot be used; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str | None:
        """How a value is written in the message."""
        return None if value is None else shortened(repr(value))


class RuleError(ToleranceError):
    """A rule cannot be, or says nothing at a point."""


class TableError(ToleranceError):
    """A class table cannot be read, or lacks what is asked of it."""
