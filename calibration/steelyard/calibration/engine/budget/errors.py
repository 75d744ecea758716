"""What can be wrong with an uncertainty budget.

BudgetError (ValueError)
├── ModelError          text that is no model; says line and column
├── QuantityError       an input quantity that cannot be
├── CorrelationError    correlations that no quantities can have
├── UnitError           quantities of different units are added
└── EvaluationError     a model without a value or a derivative where it is needed
"""

from __future__ import annotations

_SHOWN = 120


class BudgetError(ValueError):
    """A budget that cannot be evaluated; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = repr(value)
        super().__init__(f"{field}: {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


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
