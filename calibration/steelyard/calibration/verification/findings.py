"""What is found about an instrument today: the causes of work orders and its status. A pure function of its case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from steelyard.calibration.verification import reasons
from steelyard.calibration.verification.assessment import ErrorEstimate
from steelyard.calibration.verification.case import Case, crossing_day
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.due_date import DueDates, add_months, instant_of
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.standing import Fact, FactKind
from steelyard.calibration.verification.status import InstrumentStatus, most_severe
from steelyard.calibration.verification.triggers import TRIGGERS, Trigger
from steelyard.calibration.verification.work_orders import Evidence


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

    @property
    def triggers(self) -> frozenset[Trigger]:
        """The triggers that have a cause."""
        return frozenset(finding.evidence.trigger for finding in self.found)


NOTHING = Findings(found=(), fading=frozenset())

_STATES = {
    DeviceState.SCRAPPED: InstrumentStatus.SCRAPPED,
    DeviceState.STORED: InstrumentStatus.STORED,
    DeviceState.UNDER_REPAIR: InstrumentStatus.UNDER_REPAIR,
    DeviceState.OUT_OF_SERVICE: InstrumentStatus.OUT_OF_SERVICE,
}
DOUBTS = frozenset({FactKind.PASSED_OUTSIDE, FactKind.SEAL_IN_DOUBT, FactKind.REPAIR_IN_DOUBT, FactKind.OUTLIER})
ONLY_ONCE = frozenset({Regime.FIRST_SCRAP, Regime.FIRST_LIMITED})
"""Regimes whose instruments are never verified again: inaccurate or worn out, they are replaced."""


def find(case: Case, dates: DueDates) -> Findings:
    """Everything about an instrument that asks for a work order.

    One that is scrapped, stored or out of service asks for nothing: its way back is people's. One under repair, or
    repaired, asks for the verification that lets it back into use, and for that alone.
    """
    if case.state is DeviceState.UNDER_REPAIR:
        return Findings(found=(_after_repair(case, None),), fading=frozenset())
    if case.state is not DeviceState.IN_USE:
        return NOTHING
    only_once = case.law.on(case.today).regime in ONLY_ONCE
    if case.standing.failed and only_once:
        return Findings(found=(_replace(case, reasons.failed_for_good(case)),), fading=frozenset())
    repaired = case.standing.fact(FactKind.REPAIRED)
    if repaired is not None:
        return Findings(found=(_after_repair(case, repaired),), fading=frozenset())
    if case.standing.failed:
        return NOTHING
    found = [finding for finding in (_due(case, dates),) if finding is not None]
    fading: set[Trigger] = set()
    for estimate in case.estimates:
        of_error, weak = _from_error(case, dates, estimate)
        held = {finding.evidence.trigger for finding in found}
        found += [finding for finding in of_error if finding.evidence.trigger not in held]
        fading |= weak
    found += _from_facts(case, dates, {finding.evidence.trigger for finding in found})
    found += _from_reference(case, dates)
    if case.lot is not None:
        cause = f"lot:{case.lot.batch}:{case.lot.failed}"
        found.append(_finding(case, Trigger.LOT, reasons.lot(case.lot), cause, _urgent(case, dates)))
    return Findings(found=tuple(found), fading=frozenset(fading))


def status_of(case: Case, dates: DueDates, findings: Findings) -> InstrumentStatus:
    """The most severe status that applies."""
    if case.state in _STATES:
        return _STATES[case.state]
    standing = case.standing
    rules = case.law.on(case.today)
    holding = [status for trigger in findings.triggers if (status := TRIGGERS[trigger].status) is not None]
    if standing.failed:
        holding.append(InstrumentStatus.OUT_OF_SERVICE)
    elif standing.verdict is None or standing.fact(FactKind.REPAIRED) is not None:
        holding.append(InstrumentStatus.UNVERIFIED)
    if standing.fact(FactKind.NOT_CONFIRMED) is not None:
        holding.append(InstrumentStatus.NOT_CONFIRMED)
    demanded = _demanded(dates)
    if demanded is not None and case.today >= demanded:
        ended = standing.rules.regime in ONLY_ONCE
        holding.append(InstrumentStatus.REPLACE if ended else InstrumentStatus.OVERDUE)
    elif Trigger.REPLACE in findings.triggers and rules.regime is Regime.FIRST_SCRAP:
        holding.append(InstrumentStatus.REPLACE)
    return most_severe(holding)


def is_doubtful(case: Case) -> bool:
    """Whether the newest evidence contradicts itself, what was before, or what an instrument can show."""
    standing = case.standing
    if case.state is DeviceState.SCRAPPED:
        return False
    if any(fact.kind in DOUBTS for fact in standing.facts):
        return True
    with_values = [event for event in standing.events if event.points]
    return bool(with_values) and any(one.event is with_values[-1] for one in standing.unmeant)


def _due(case: Case, dates: DueDates) -> Finding | None:
    standing = case.standing
    demanded = _demanded(dates)
    ended = _end_of_use(case, demanded)
    if ended is not None and case.today >= ended - timedelta(days=case.settings.lead_days):
        return _replace(case, reasons.period_of_use(case, ended), ended)
    untested = standing.fact(FactKind.NOT_CONFIRMED)
    if untested is not None:
        day = max(untested.event.completed, demanded or untested.event.completed)
        return _finding(
            case, Trigger.DUE, reasons.not_confirmed(case, untested), f"due:not_testable:{untested.event.id}", day
        )
    if demanded is not None:
        if ended is not None or case.today < demanded - timedelta(days=case.settings.lead_days):
            return None
        return _finding(case, Trigger.DUE, reasons.due(case, dates, demanded), f"due:{demanded.isoformat()}", demanded)
    if standing.verdict is None and (case.mandatory or case.law.put_into_use is not None):
        day = case.law.put_into_use or case.today
        if case.today >= day:
            return _finding(case, Trigger.DUE, reasons.unverified(case), "due:unverified", day)
    return None


def _end_of_use(case: Case, demanded: date | None) -> date | None:
    """When a limited period of use ends, also of an instrument of which no verification is on record."""
    rules, use = case.standing.rules, case.law.put_into_use
    if rules.regime not in ONLY_ONCE:
        return None
    if demanded is None and case.standing.verdict is None and use is not None and rules.period_months is not None:
        return add_months(use, rules.period_months)
    return demanded


def _replace(case: Case, sentence: str, day: date | None = None) -> Finding:
    verdict = case.standing.verdict
    end = day or (case.today if verdict is None else verdict.event.completed)
    cause = end.isoformat() if day is not None else "failed" if verdict is None else verdict.event.id
    return _finding(case, Trigger.REPLACE, sentence, f"replace:{cause}", end)


def _after_repair(case: Case, repaired: Fact | None) -> Finding:
    """Demanded from the day of the repair on: it is verified before it is used."""
    day = (case.state_since or case.today) if repaired is None else repaired.event.completed
    cause = "state" if repaired is None else repaired.event.id
    return _finding(case, Trigger.REPAIR, reasons.repaired(case, repaired), f"repair:{cause}", day)


def _from_facts(case: Case, dates: DueDates, held: set[Trigger]) -> list[Finding]:
    """What the events themselves show, whatever an estimate makes of them."""
    standing = case.standing
    found = []
    for kind in (FactKind.FAILED_CHECK, FactKind.PASSED_OUTSIDE):
        fact = standing.fact(kind)
        if fact is not None and Trigger.FAILED_CHECK not in held:
            sentence = reasons.found_outside(case, fact)
            if case.law.on(case.today).regime is Regime.FIRST_SCRAP:
                found.append(_replace(case, sentence))
            else:
                cause, by = f"failed_check:{fact.event.id}", _urgent(case, dates, fact.event.completed)
                found.append(_finding(case, Trigger.FAILED_CHECK, sentence, cause, by, fact))
            held = held | {Trigger.FAILED_CHECK}
    opened = standing.fact(FactKind.SEAL_OPENED)
    if case.seal is not None:
        found.append(Finding(evidence=case.seal, due_date=_urgent(case, dates)))
    elif opened is not None:
        sentence, by = reasons.seal_opened(case, opened), _urgent(case, dates, opened.event.completed)
        found.append(_finding(case, Trigger.SEAL_BROKEN, sentence, f"seal:{opened.event.id}", by))
    return found


def _from_reference(case: Case, dates: DueDates) -> list[Finding]:
    """What the fault of a reference makes doubtful, until the instrument itself has been verified since."""
    lost, verdict = case.lost_reference, case.standing.verdict
    in_service = any(estimate.in_service for estimate in case.estimates)
    if lost is None or not in_service or (verdict is not None and verdict.event.completed >= lost.event.completed):
        return []
    cause = f"review:{lost.event.id}"
    return [_finding(case, Trigger.REVIEW, reasons.lost_reference(case, lost), cause, _urgent(case, dates))]


def _finding(
    case: Case, trigger: Trigger, sentence: str, cause: str, due_date: date, fact: Fact | None = None
) -> Finding:
    at_ns = case.at_ns
    if fact is not None:
        at_ns = fact.event.completed_at_ns or instant_of(fact.event.completed, case.settings.utc_offset_minutes)
    evidence = Evidence(
        trigger=trigger,
        at_ns=at_ns,
        sentence=sentence,
        cause=cause,
        unit=None if fact is None else fact.unit,
        test_point=None if fact is None else fact.test_point,
        error=None if fact is None else fact.error,
    )
    return Finding(evidence=evidence, due_date=due_date)


def _demanded(dates: DueDates) -> date | None:
    """The statutory or agreed date; where the policy lengthened a voluntary interval, the later one.

    A date that evidence brought forward is not the law's: the finding that brought it forward raises its own order.
    """
    if dates.statutory is None or dates.due is None:
        return dates.statutory
    return max(dates.statutory, dates.due)


def _from_error(case: Case, dates: DueDates, estimate: ErrorEstimate) -> tuple[list[Finding], set[Trigger]]:
    found: list[Finding] = []
    fading: set[Trigger] = set()
    settings, today, at_ns = case.settings, case.today, case.at_ns
    epoch = "none" if dates.last_event is None else dates.last_event.completed.isoformat()
    urgent = _urgent(case, dates)
    jump = estimate.jump
    if jump is not None and abs(jump.size) >= settings.jump_fraction * _narrower_side(estimate):
        day = case.day_of(jump.t_ns)
        sentence = reasons.jump(case.instrument, estimate, jump, day)
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
            sentence = reasons.drift(case.instrument, estimate, day, limit, settings.drift_lead_days)
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
        sentence = reasons.failed_check(case.instrument, estimate)
        evidence = _evidence(Trigger.FAILED_CHECK, estimate, at_ns, sentence, f"failed_check:{epoch}")
        found.append(Finding(evidence=evidence, due_date=urgent))
    return found, fading


def _narrower_side(estimate: ErrorEstimate) -> float:
    """The nearer of the two limits of the MPE in use; half the way between them where one is zero."""
    sides = [side for side in (-estimate.mpe_lower, estimate.mpe_upper) if side > 0.0]
    return min(sides) if len(sides) == 2 else (estimate.mpe_upper - estimate.mpe_lower) / 2.0


def _urgent(case: Case, dates: DueDates, since: date | None = None) -> date:
    """The day by which something that was found is dealt with; of what happened `since`, perhaps a day long past."""
    begin = case.today if since is None else since
    soon = begin + timedelta(days=case.settings.urgent_days)
    return soon if dates.statutory is None or dates.statutory < begin else min(soon, dates.statutory)


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
