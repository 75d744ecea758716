"""What keeps a Monte Carlo calculation from an answer.

MonteCarloError    a setting out of range, trials without a value, correlations that the distributions cannot have
"""

from __future__ import annotations


class MonteCarloError(ValueError):
    """A Monte Carlo calculation that cannot be made; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy
