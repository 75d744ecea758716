"""What the law says of one instrument, edition by edition: regime, period, limits by accuracy class.

A new edition of a regulation holds from the next verification: a certificate's period and limits are those of the
edition in force on the day it was completed, whatever came after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import Limits, MaximumPermissibleError, Phase, limits_at
from steelyard.calibration.verification.events import EventPoint
from steelyard.calibration.verification.regime import MANDATORY, LegalStatus, Regime
from steelyard.contracts.identifiers import InstrumentId

PERCENT = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One edition of the law for one instrument, in force from `from_day` on.

    `document` names it; `period_months` is None for FIRST_SCRAP; `counts_from_use` says that the period begins when the
    instrument is put into use, not at its verification; `mpe` by accuracy class (None: it has no class), empty where
    the regulation sets no limits.
    """

    from_day: date
    document: str
    regime: Regime
    period_months: int | None
    mpe: Mapping[str | None, MaximumPermissibleError]
    counts_from_use: bool = False

    @property
    def mandatory(self) -> bool:
        """Whether the law, not the owner, sets the period."""
        return self.regime in MANDATORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The law for one instrument of `accuracy_class`, its `editions` by date, at least one.

    `unit` is that of its test points. `second` is the name of the quantity beside the measurand on which limits depend
    (the flow of a meter). `least_uncertainty` and `largest_uncertainty` bound a plausible expanded uncertainty, in half
    widths of the MPE.
    """

    instrument: InstrumentId
    editions: tuple[Rules, ...]
    accuracy_class: str | None = None
    put_into_use: date | None = None
    range_low: float | None = None
    range_high: float | None = None
    unit: str | None = None
    second: str | None = None
    least_uncertainty: float = 1.0 / 1000.0
    largest_uncertainty: float = 10.0

    def on(self, day: date) -> Rules:
        """The edition in force on `day`; before the first, the first."""
        return next((one for one in reversed(self.editions) if one.from_day <= day), self.editions[0])

    def limits(self, point: EventPoint, *, day: date, accuracy_class: str | None, phase: Phase) -> Limits | None:
        """The limits of the error at a test point, in the point's own unit; None where the law sets none there."""
        mpe = self.on(day).mpe.get(accuracy_class)
        if mpe is None:
            return None
        try:
            found = limits_at(mpe, self._arguments(point), phase=phase)
        except MpeError:
            return None  # not a point that the regulation speaks of
        return _in_unit(found, mpe, point)

    def _arguments(self, point: EventPoint) -> Mapping[str, float]:
        arguments = {"value": point.test_point}
        if self.second is not None and point.at is not None:
            arguments[self.second] = point.at
        return arguments


def law_of(legal: LegalStatus) -> Law:
    """The law as the registry states it for one instrument."""
    rules = Rules(
        from_day=date.min,
        document=legal.catalogue.document,
        regime=legal.regime,
        period_months=legal.period_months,
        mpe={None: legal.mpe},
    )
    return Law(
        instrument=legal.instrument,
        editions=(rules,),
        put_into_use=legal.service_date,
        range_low=legal.range_low,
        range_high=legal.range_high,
        unit=legal.mpe.unit,
    )


def _in_unit(limits: Limits, mpe: MaximumPermissibleError, point: EventPoint) -> Limits | None:
    if point.unit == mpe.limit_unit:
        return limits
    if point.test_point == 0.0 or PERCENT not in {point.unit, mpe.limit_unit}:
        return None
    factor = 100.0 / abs(point.test_point) if point.unit == PERCENT else abs(point.test_point) / 100.0
    return Limits(limits.lower * factor, limits.upper * factor)


def outside(error: float, limits: Limits) -> bool:
    """Whether an error lies beyond its limits, by more than a rounding of the last digit."""
    room = 1e-9 * (limits.upper - limits.lower)
    return error > limits.upper + room or error < limits.lower - room


def in_half_widths(error: float, limits: Limits) -> float:
    """How far an error lies from the middle of its limits, in half widths: beyond 1 it is outside."""
    half = (limits.upper - limits.lower) / 2.0
    return math.inf if half == 0.0 else abs(error - (limits.upper + limits.lower) / 2.0) / half
