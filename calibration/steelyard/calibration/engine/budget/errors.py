"""What can be wrong with an uncertainty budget.

BudgetError (EngineError)
├── ModelError          text that is no model; says line and column
├── QuantityError       an input quantity that cannot be
├── CorrelationError    correlations that no quantities can have
├── UnitError           quantities of different units are added
└── EvaluationError     a model without a value or a derivative where it is needed
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError, shortened


class BudgetError(EngineError):
    """A budget that cannot be evaluated; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return shortened(repr(value))


class ModelError(BudgetError):
    """Text that is no model."""


class QuantityError(BudgetError):
    """An input quantity that cannot be."""


class CorrelationError(BudgetError):
    """Correlations that no quantities can have."""


class UnitError(BudgetError):
    """Quantities of different units are added."""


class EvaluationError(BudgetError):
    """The model has no value, or no derivative, where it is needed."""
