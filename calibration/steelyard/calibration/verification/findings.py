"""What is found about an instrument today: the causes of work orders, its status, its dates. A pure function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification import reasons
from steelyard.calibration.verification.assessment import ErrorEstimate, InstrumentStatus
from steelyard.calibration.verification.due_date import DueDates, legal_date
from steelyard.calibration.verification.events import Decision
from steelyard.calibration.verification.regime import LegalStatus, Regime
from steelyard.calibration.verification.work_orders import Evidence, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause for a work order: its evidence (with trigger, cause and sentence) and when the work should be done."""

    evidence: Evidence
    due_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All causes that hold, and the triggers whose cause has weakened without being gone.

    `fading` raises nothing but keeps a proposed order from being withdrawn, so that a probability near its limit does
    not raise and withdraw an order every day.
    """

    found: tuple[Finding, ...]
    fading: frozenset[Trigger]


GRAVITY: tuple[tuple[Trigger, InstrumentStatus], ...] = (
    (Trigger.SEAL_BROKEN, InstrumentStatus.SEAL_BROKEN),
    (Trigger.JUMP, InstrumentStatus.JUMPED),
    (Trigger.FAILED_CHECK, InstrumentStatus.OUT_OF_TOLERANCE_SUSPECTED),
    (Trigger.DRIFT, InstrumentStatus.DRIFTING),
    (Trigger.DUE, InstrumentStatus.DUE_SOON),
)
"""The status that each trigger gives, the gravest first; below out of service, overdue and unverified."""


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


def recommended_date(
    legal: LegalStatus,
    estimate: ErrorEstimate | None,
    today: date,
    settings: CalibrationSettings,
    *,
    agreed: date | None,
) -> date | None:
    """The date that evidence suggests: when P passes its limit because of a proven drift or what is seen already.

    Growing uncertainty alone recommends nothing: no evidence, no date. For a voluntary instrument whose policy allows
    a longer interval, an in-service record without a crossing suggests the end of the forecast where that lies beyond
    `agreed`, the date by the agreed interval: a forecast that ends before says nothing against it.
    """
    if estimate is None:
        return None
    day = crossing_day(estimate, settings.out_of_tolerance_limit)
    if day is not None and (day == 0.0 or estimate.drift_significant):
        return today + timedelta(days=math.floor(day))
    if legal.longest_period_months is not None and legal.regime is Regime.VOLUNTARY and estimate.in_service:
        if day is not None:
            return today + timedelta(days=math.floor(day))
        end = today + timedelta(days=settings.horizon_days)
        return end if agreed is None or end > agreed else None
    return None


def find(
    legal: LegalStatus,
    dates: DueDates,
    estimate: ErrorEstimate | None,
    seal: Evidence | None,
    *,
    at_ns: int,
    today: date,
    settings: CalibrationSettings,
) -> Findings:
    """Everything about an instrument that asks for a work order.

    `seal` is the evidence of a seal opened since the last passed verification. An instrument out of service asks for
    nothing: its way back is repair and a request by people.
    """
    if dates.last_event is not None and dates.last_event.decision is Decision.FAILED:
        return Findings(found=(), fading=frozenset())
    found = []
    due = _due(legal, dates, estimate, at_ns=at_ns, today=today, settings=settings)
    if due is not None:
        found.append(due)
    fading: set[Trigger] = set()
    if estimate is not None:
        error_findings, fading = _from_error(legal, dates, estimate, at_ns=at_ns, today=today, settings=settings)
        found += error_findings
    if seal is not None:
        found.append(Finding(evidence=seal, due_date=_urgent(dates, today, settings)))
    return Findings(found=tuple(found), fading=frozenset(fading))


def status_of(legal: LegalStatus, dates: DueDates, findings: Findings, today: date) -> InstrumentStatus:
    """The gravest word that holds."""
    if dates.last_event is not None and dates.last_event.decision is Decision.FAILED:
        return InstrumentStatus.OUT_OF_SERVICE
    if legal.mandatory and dates.last_event is None:
        return InstrumentStatus.UNVERIFIED
    demanded = _demanded(dates)
    if demanded is not None and today >= demanded:
        return InstrumentStatus.OVERDUE
    triggers = {finding.evidence.trigger for finding in findings.found}
    return next((status for trigger, status in GRAVITY if trigger in triggers), InstrumentStatus.VALID)


def _due(
    legal: LegalStatus,
    dates: DueDates,
    estimate: ErrorEstimate | None,
    *,
    at_ns: int,
    today: date,
    settings: CalibrationSettings,
) -> Finding | None:
    demanded = _demanded(dates)
    if demanded is not None:
        if today < demanded - timedelta(days=settings.lead_days):
            return None
        sentence = reasons.due(legal, dates, estimate, demanded, today)
        cause = f"due:{demanded.isoformat()}"
    elif legal.mandatory and dates.last_event is None and legal.service_date is not None:
        if today < legal.service_date:
            return None
        demanded, cause, sentence = legal.service_date, "due:unverified", reasons.unverified(legal)
    else:
        return None
    return Finding(
        evidence=Evidence(trigger=Trigger.DUE, at_ns=at_ns, sentence=sentence, cause=cause), due_date=demanded
    )


def _demanded(dates: DueDates) -> date | None:
    """The statutory or agreed date; where the policy lengthened a voluntary interval, the later one.

    A date that evidence brought forward is not the law's: the finding that brought it forward raises its own order.
    """
    if dates.statutory is None or dates.due is None:
        return dates.statutory
    return max(dates.statutory, dates.due)


def _from_error(
    legal: LegalStatus,
    dates: DueDates,
    estimate: ErrorEstimate,
    *,
    at_ns: int,
    today: date,
    settings: CalibrationSettings,
) -> tuple[list[Finding], set[Trigger]]:
    found: list[Finding] = []
    fading: set[Trigger] = set()
    offset = settings.utc_offset_minutes
    epoch = "none" if dates.last_event is None else dates.last_event.completed.isoformat()
    urgent = _urgent(dates, today, settings)
    jump = estimate.jump
    if jump is not None and abs(jump.size) >= settings.jump_fraction * _narrower_side(estimate):
        day = legal_date(jump.t_ns, offset)
        sentence = reasons.jump(legal.instrument, estimate, jump, day)
        evidence = _evidence(Trigger.JUMP, estimate, jump.t_ns, sentence, f"jump:{day.isoformat()}")
        found.append(Finding(evidence=evidence, due_date=urgent))
    limit = settings.out_of_tolerance_limit
    day_of_crossing = crossing_day(estimate, limit)
    ahead = estimate.error + estimate.rate_per_year * settings.drift_lead_days / 365.25
    outward = estimate.rate_per_year * (ahead - (estimate.mpe_lower + estimate.mpe_upper) / 2.0) > 0.0
    # What a jump has carried outside already is not the drift's doing.
    explained_by_jump = bool(found) and day_of_crossing == 0.0
    if estimate.drift_significant and outward and not explained_by_jump:
        if day_of_crossing is not None and day_of_crossing <= settings.drift_lead_days:
            day = today + timedelta(days=math.floor(day_of_crossing))
            sentence = reasons.drift(legal.instrument, estimate, day, limit, settings.drift_lead_days)
            evidence = _evidence(Trigger.DRIFT, estimate, at_ns, sentence, f"drift:{epoch}")
            found.append(Finding(evidence=evidence, due_date=_before_statutory(dates, day) if day > today else urgent))
        elif reasons.probability_on(estimate, float(settings.drift_lead_days)) > limit / 2.0:
            fading.add(Trigger.DRIFT)
    explained = any(finding.evidence.trigger in {Trigger.JUMP, Trigger.DRIFT} for finding in found)
    if (
        estimate.in_service
        and estimate.probability_out_of_tolerance >= settings.rejection_probability
        and not explained
    ):
        sentence = reasons.failed_check(legal.instrument, estimate)
        evidence = _evidence(Trigger.FAILED_CHECK, estimate, at_ns, sentence, f"failed_check:{epoch}")
        found.append(Finding(evidence=evidence, due_date=urgent))
    return found, fading


def _narrower_side(estimate: ErrorEstimate) -> float:
    """The nearer of the two limits of the MPE in use; half the way between them where one is zero."""
    sides = [side for side in (-estimate.mpe_lower, estimate.mpe_upper) if side > 0.0]
    return min(sides) if len(sides) == 2 else (estimate.mpe_upper - estimate.mpe_lower) / 2.0


def _urgent(dates: DueDates, today: date, settings: CalibrationSettings) -> date:
    soon = today + timedelta(days=settings.urgent_days)
    return soon if dates.statutory is None else max(today, min(soon, dates.statutory))


def _before_statutory(dates: DueDates, day: date) -> date:
    return day if dates.statutory is None else min(day, dates.statutory)


def _evidence(trigger: Trigger, estimate: ErrorEstimate, at_ns: int, sentence: str, cause: str) -> Evidence:
    return Evidence(
        trigger=trigger,
        at_ns=at_ns,
        sentence=sentence,
        cause=cause,
        unit=estimate.unit,
        test_point=estimate.test_point,
        error=estimate.error,
        standard_uncertainty=estimate.standard_uncertainty,
        mpe_lower=estimate.mpe_lower,
        mpe_upper=estimate.mpe_upper,
        rate_per_year=estimate.rate_per_year,
        probability_out_of_tolerance=estimate.probability_out_of_tolerance,
    )
