"""What cannot be calculated.

ComparisonError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations


class ComparisonError(ValueError):
    """A comparison that has no answer as it is put."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}" if value is None else f"{field}: {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy
