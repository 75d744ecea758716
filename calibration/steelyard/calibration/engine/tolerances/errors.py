"""What is wrong with a tolerance.

ToleranceError (ValueError)
├── RuleError      a rule that cannot be, or that says nothing at a point
└── TableError     a class table that cannot be read, or that has no such class, phase or parameter
"""

from __future__ import annotations

_SHOWN = 120


class ToleranceError(ValueError):
    """A tolerance that cannot be used; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        super().__init__(f"{field}: {remedy}" if value is None else f"{field}: {shown}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class RuleError(ToleranceError):
    """A rule cannot be, or says nothing at a point."""


class TableError(ToleranceError):
    """A class table cannot be read, or lacks what is asked of it."""
