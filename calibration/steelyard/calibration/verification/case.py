"""Everything that one instrument is judged by at one moment, in one value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta

from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.assessment import ErrorEstimate
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.due_date import DueDates, add_months, legal_date, valid_until
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.law import Law
from steelyard.calibration.verification.lots import FailedLot
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.standing import Standing
from steelyard.calibration.verification.work_orders import Evidence
from steelyard.contracts.identifiers import InstrumentId

_DAY_NS = 86_400 * 1_000_000_000
_FRESH_DAYS = 31
"""Age of the newest observation up to which a record counts as going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReference:
    """The `reference` of a pair failed by `event`: what was concluded from it is looked at again."""

    reference: InstrumentId
    event: VerificationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instrument at `at_ns` (UTC ns), on the legal date `today`.

    `estimates` are what is known of the error: one from all evidence and, under mandatory control where its owner made
    checks of his own, one without them: his checks may accuse, they never clear. `seal` is the evidence of an opening
    that a counter showed. `longest_period_months` is how far the owner's policy lets evidence lengthen a voluntary
    interval, `state_since` from when on the state holds, `came_back` since when a device that was stored is in use
    again, `lost_reference` that the reference of its pair failed, `lot` a failed batch whose order it carries.
    """

    law: Law
    standing: Standing
    at_ns: int
    today: date
    settings: CalibrationSettings
    state: DeviceState = DeviceState.IN_USE
    estimates: tuple[ErrorEstimate, ...] = ()
    seal: Evidence | None = None
    longest_period_months: int | None = None
    state_since: date | None = None
    came_back: date | None = None
    lost_reference: LostReference | None = None
    lot: FailedLot | None = None

    @property
    def instrument(self) -> InstrumentId:
        """Whose case it is."""
        return self.law.instrument

    @property
    def mandatory(self) -> bool:
        """Whether the law, not the owner, sets the period today."""
        return self.law.on(self.today).mandatory

    @property
    def estimate(self) -> ErrorEstimate | None:
        """What all evidence says of the error."""
        return self.estimates[0] if self.estimates else None

    def day_of(self, t_ns: int) -> date:
        """The legal date of an instant."""
        return legal_date(t_ns, self.settings.utc_offset_minutes)


def dates_of(case: Case) -> DueDates:
    """All dates of an instrument, by the law and by what is known of its error."""
    found = [one for one in (_recommended(case, estimate) for estimate in case.estimates) if one is not None]
    return dates_with(case, min(found, default=None))


def dates_with(case: Case, recommended: date | None) -> DueDates:
    """The dates where evidence suggests `recommended`.

    Evidence can only bring a mandatory date forward; a voluntary one it may also put back, up to the policy's longest
    interval. A scrapped instrument has no dates; one that is stored, under repair or out of service is due for nothing
    until it comes back, and a repair ends the period.
    """
    verdict = case.standing.verdict
    event = None if verdict is None else verdict.event
    nothing = DueDates(statutory=None, recommended=None, due=None, valid_until=None, last_event=event)
    if case.state in {DeviceState.SCRAPPED, DeviceState.UNDER_REPAIR} or case.standing.failed:
        return nothing
    statutory = case.standing.statutory
    dates = replace(
        nothing, statutory=statutory, due=statutory, valid_until=None if statutory is None else valid_until(statutory)
    )
    if case.state is not DeviceState.IN_USE:
        return replace(dates, due=None)
    if recommended is None:
        return dates
    due = statutory
    if due is None or recommended < due:
        due = recommended
    elif case.longest_period_months is not None and verdict is not None:
        due = min(recommended, add_months(verdict.event.completed, case.longest_period_months))
    return replace(dates, recommended=recommended, due=due)


def crossing_day(estimate: ErrorEstimate, limit: float) -> float | None:
    """Days from now until P(outside the MPE in use) passes `limit`; 0 if it has, None if not within the forecast."""
    days, values = estimate.forecast.days, estimate.forecast.probability
    if values[0] > limit:
        return 0.0
    for i in range(1, len(days)):
        if values[i] > limit:
            share = (limit - values[i - 1]) / (values[i] - values[i - 1])
            return days[i - 1] + share * (days[i] - days[i - 1])
    return None


def _recommended(case: Case, estimate: ErrorEstimate) -> date | None:
    """The date that evidence suggests: when P passes its limit because of a proven drift, or of what is seen already.

    Growing uncertainty alone recommends nothing: no evidence, no date. For a voluntary instrument whose policy allows
    a longer interval, an in-service record without a crossing suggests the end of the forecast where that lies beyond
    the agreed date: a forecast that ends before says nothing against it. A record that has ended lengthens nothing.
    """
    settings = case.settings
    day = crossing_day(estimate, settings.out_of_tolerance_limit)
    if day is not None and ((day == 0.0 and _seen(estimate, settings)) or estimate.drift_significant):
        return case.today + timedelta(days=math.floor(day))
    voluntary = case.law.on(case.today).regime is Regime.VOLUNTARY
    fresh = case.at_ns - estimate.last_observation_ns <= _FRESH_DAYS * _DAY_NS
    if case.longest_period_months is not None and voluntary and estimate.in_service and fresh:
        if day is not None:
            return case.today + timedelta(days=math.floor(day))
        end = case.today + timedelta(days=settings.horizon_days)
        agreed = case.standing.statutory
        return end if agreed is None or end > agreed else None
    return None


def _seen(estimate: ErrorEstimate, settings: CalibrationSettings) -> bool:
    """Whether the instrument was seen at work so wrong that it was too likely outside when it was last observed.

    What a certificate shows is a fact of its own (`standing`), and what an authorized body passed is not recalled.
    """
    if not estimate.in_service:
        return False
    seen = estimate.probability_when_observed
    return estimate.probability_out_of_tolerance > 0.5 if seen is None else seen > settings.out_of_tolerance_limit
