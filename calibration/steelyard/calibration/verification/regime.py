"""Under which law an instrument stands: regime, statutory period, MPE, service date."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from steelyard.calibration.catalogue.words import MANDATORY, Regime
from steelyard.calibration.errors import LegalDataError
from steelyard.calibration.mpe import Confidence, MaximumPermissibleError
from steelyard.contracts.identifiers import ChannelId, InstrumentId

__all__ = ["MANDATORY", "CatalogueReference", "Confidence", "LegalStatus", "Regime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueReference:
    """Where the regime, period and MPE of an instrument come from: `document` with its edition, e.g. "JJG 539-2016"."""

    document: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalStatus:
    """The legal data of one instrument.

    `channel` is the quantity that the law controls (for an energy meter the power whose relative error is that of the
    energy); `period_months` calendar months, None only for FIRST_SCRAP; `service_date` the day it was put into use;
    `range_low`, `range_high` its measuring range in `mpe.unit`. For VOLUNTARY instruments, `longest_period_months` is
    how far the owner's policy lets good evidence lengthen the interval (None: not at all).
    """

    instrument: InstrumentId
    regime: Regime
    channel: ChannelId
    mpe: MaximumPermissibleError
    period_months: int | None
    catalogue: CatalogueReference
    service_date: date | None = None
    range_low: float | None = None
    range_high: float | None = None
    longest_period_months: int | None = None

    def __post_init__(self) -> None:
        """Refuse legal data that contradict themselves."""
        if self.regime is Regime.FIRST_SCRAP:
            if self.period_months is not None:
                raise LegalDataError("period_months", self.period_months, "first_scrap has no period; leave it out")
        elif self.period_months is None or not 1 <= self.period_months <= 1200:
            raise LegalDataError("period_months", self.period_months, "give 1 to 1200 calendar months")
        if self.longest_period_months is not None:
            if self.regime is not Regime.VOLUNTARY:
                raise LegalDataError(
                    "longest_period_months", self.longest_period_months, "only a voluntary interval may be lengthened"
                )
            if self.period_months is None or self.longest_period_months < self.period_months:
                raise LegalDataError("longest_period_months", self.longest_period_months, "give at least period_months")
        if (self.range_low is None) != (self.range_high is None):
            raise LegalDataError("range_low", (self.range_low, self.range_high), "give both ends of the range, or none")
        if self.range_low is not None and self.range_high is not None:
            finite = math.isfinite(self.range_low) and math.isfinite(self.range_high)
            if not finite or self.range_low >= self.range_high:
                raise LegalDataError("range_high", self.range_high, f"give a number above {self.range_low!r}")

    @property
    def mandatory(self) -> bool:
        """Whether the law, not the owner, sets the period."""
        return self.regime in MANDATORY
