"""Error observations: the only way in which anything is known about an instrument's error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from steelyard.calibration.errors import ObservationError
from steelyard.contracts.identifiers import ChannelId, InstrumentId


class ObservationSource(StrEnum):
    """Where an error observation comes from."""

    CERTIFICATE = "certificate"
    """A verification or calibration: certificate, work-order results."""
    INTERMEDIATE_CHECK = "intermediate_check"
    REFERENCE_PAIR = "reference_pair"
    ZERO_SPAN_CHECK = "zero_span_check"
    REDUNDANCY = "redundancy"
    BALANCE = "balance"
    SELF_REPORT = "self_report"


class ObservationStage(StrEnum):
    """Whether the instrument was seen before or after it was touched, or simply at work."""

    AS_FOUND = "as_found"
    AS_LEFT = "as_left"
    IN_SERVICE = "in_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorObservation:
    """One observed error, indication - reference.

    `error` and `standard_uncertainty` in `unit`: the channel's unit, or "%" of the test point; `test_point` in the
    channel's unit. The standard uncertainty of a REFERENCE_PAIR observation is that of its random part alone; the
    reference's own stands in the `ReferencePair`, because it is the same in every observation. It is None where a
    certificate does not tell it. `event` names the verification event that an observation was taken from.
    (instrument, channel, t_ns, source, stage, test_point) is unique in a store: the same observation again changes
    nothing.
    """

    instrument: InstrumentId
    channel: ChannelId
    t_ns: int
    error: float
    standard_uncertainty: float | None
    test_point: float
    unit: str
    source: ObservationSource
    stage: ObservationStage = ObservationStage.IN_SERVICE
    event: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a number."""
        for name in ("error", "test_point"):
            if not math.isfinite(getattr(self, name)):
                raise ObservationError(name, getattr(self, name), "give a finite number")
        u = self.standard_uncertainty
        if u is not None and not (math.isfinite(u) and u > 0.0):
            raise ObservationError("standard_uncertainty", u, "give a positive number, or None when it is unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePair:
    """A calibrated channel that measures the same quantity at the same time.

    `expanded_uncertainty` (coverage factor `coverage_factor`) is that of the reference with its connection: in the
    channel's unit, or in % of the value when `relative`, which also makes the observed errors relative.
    """

    instrument: InstrumentId
    channel: ChannelId
    reference_instrument: InstrumentId
    reference_channel: ChannelId
    expanded_uncertainty: float
    coverage_factor: float = 2.0
    relative: bool = False

    def __post_init__(self) -> None:
        """A reference of unknown uncertainty is no reference."""
        for name in ("expanded_uncertainty", "coverage_factor"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ObservationError(name, value, "give a positive number")
        if self.instrument == self.reference_instrument:
            raise ObservationError("reference_instrument", self.reference_instrument, "name another instrument")

    @property
    def standard_uncertainty(self) -> float:
        """The reference's standard uncertainty: channel's unit, or % when `relative`."""
        return self.expanded_uncertainty / self.coverage_factor
