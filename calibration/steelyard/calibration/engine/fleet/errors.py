"""What can be wrong with a fleet's data.

FleetError (ValueError)
├── HistoryError      calibrations that cannot have happened so, or too few of them
├── ParameterError    parameters of drift that no instrument can have
└── DetectionError    a chart for sudden changes that cannot work
"""

from __future__ import annotations

_SHOWN = 120


class FleetError(ValueError):
    """Data that cannot be used; names the field, shows the value, says the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = repr(value)
        super().__init__(f"{field}: {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class HistoryError(FleetError):
    """Calibrations that cannot have happened so, or too few of them."""


class ParameterError(FleetError):
    """Parameters of drift that no instrument can have."""


class DetectionError(FleetError):
    """A chart for sudden changes that cannot work."""
