"""What can be wrong with a fleet's data.

FleetError (EngineError)
├── HistoryError      calibrations that cannot have happened so, or too few of them
├── ParameterError    parameters of drift that no instrument can have
└── DetectionError    a chart for sudden changes that cannot work
"""

from __future__ import annotations

from steelyard.calibration.engine.errors import EngineError, shortened


class FleetError(EngineError):
    """Data that cannot be used; names the field, shows the value, says the remedy."""

    @staticmethod
    def shown(value: object) -> str:
        """How a value is written in the message."""
        return shortened(repr(value))


class HistoryError(FleetError):
    """Calibrations that cannot have happened so, or too few of them."""


class ParameterError(FleetError):
    """Parameters of drift that no instrument can have."""


class DetectionError(FleetError):
    """A chart for sudden changes that cannot work."""
