"""What cannot be a distribution.

DistributionError    a parameter outside its range, with field, value and remedy
"""

from __future__ import annotations


class DistributionError(ValueError):
    """A parameter of a distribution is outside its range."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy
