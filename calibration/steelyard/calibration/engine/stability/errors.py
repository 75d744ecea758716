"""What cannot be calculated.

StabilityError    an argument outside its range, with field, value and remedy
"""

from __future__ import annotations


class StabilityError(ValueError):
    """A series whose stability cannot be stated as it is asked."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}" if value is None else f"{field}: {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy
