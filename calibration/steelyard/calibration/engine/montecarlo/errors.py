"""What keeps a Monte Carlo calculation from an answer.

MonteCarloError    a setting out of range, trials without a value, correlations that the distributions cannot have
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError


class MonteCarloError(EngineError):
    """A Monte Carlo calculation that cannot be made; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return repr(value)
