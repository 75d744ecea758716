"""Sentences that explain a finding with its numbers, for people who decide on it."""

from __future__ import annotations

import math
from datetime import date

from steelyard.calibration.verification.assessment import ErrorEstimate, Jump
from steelyard.calibration.verification.case import Case, LostReference
from steelyard.calibration.verification.device_states import StateNow
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.due_date import DueDates, valid_until
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.lots import FailedLot
from steelyard.calibration.verification.plausibility import Implausible
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.standing import Fact, FactKind
from steelyard.contracts.errors import UnitError
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.units import parse_unit

_MINUS = "\N{MINUS SIGN}"


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number for people: fixed decimals, a true minus, a plus if `sign` is asked for; never "-0"."""
    text = f"{abs(value):.{decimals}f}"
    zero = not text.strip("0.")
    if value < 0.0 and not zero:
        return f"{_MINUS}{text}"
    return f"+{text}" if sign and not zero else text


def decimals_for(uncertainty: float) -> int:
    """Decimals that show a value, usually an uncertainty, with two significant digits (JCGM 100:2008, 7.2.6)."""
    if not math.isfinite(uncertainty) or uncertainty == 0.0:
        return 3
    return min(12, max(0, 1 - math.floor(math.log10(abs(uncertainty)))))


def symbol(unit: str) -> str:
    """The symbol that people read for a UCUM code."""
    if unit == "%":
        return "%"
    try:
        return parse_unit(unit).symbol
    except UnitError:
        return unit


def percent(probability: float) -> str:
    """A probability in percent; the ends of the scale are said in words."""
    if probability < 0.001:
        return "below 0.1 %"
    if probability > 0.999:
        return "above 99.9 %"
    return f"{100.0 * probability:.{1 if probability < 0.1 or probability > 0.9 else 0}f} %"


def error_clause(estimate: ErrorEstimate) -> str:
    """`+0.0068 MPa (U = 0.0008 MPa, k = 2) at 0.80 MPa; the MPE in use is ±0.0080 MPa`."""
    unit, places = symbol(estimate.unit), decimals_for(estimate.expanded_uncertainty)
    point = number(estimate.test_point, 0 if estimate.test_point == 0.0 else decimals_for(estimate.test_point / 10.0))
    return (
        f"{number(estimate.error, places, sign=True)} {unit} "
        f"(U = {number(estimate.expanded_uncertainty, places)} {unit}, k = 2) "
        f"at {point} {symbol(estimate.test_point_unit)}; the MPE in use is {mpe_clause(estimate)}"
    )


def mpe_clause(estimate: ErrorEstimate) -> str:
    """`±0.0080 MPa`, or both limits where they differ."""
    places = max(
        decimals_for(estimate.expanded_uncertainty), decimals_for(max(-estimate.mpe_lower, estimate.mpe_upper))
    )
    lower, upper = number(estimate.mpe_lower, places, sign=True), number(estimate.mpe_upper, places, sign=True)
    if math.isclose(-estimate.mpe_lower, estimate.mpe_upper, rel_tol=1e-9):
        return f"±{number(estimate.mpe_upper, places)} {symbol(estimate.unit)}"
    return f"{lower} to {upper} {symbol(estimate.unit)}"


def due(case: Case, dates: DueDates, day: date) -> str:
    """Why an instrument is due on `day`, and what its error is likely to be."""
    rules, today = case.standing.rules, case.today
    months = f"{rules.period_months} months"
    law = "its owner's interval" if rules.regime is Regime.VOLUNTARY else f"statutory period, {rules.document}"
    last = "" if dates.last_event is None else f" after {_named(dates.last_event)}"
    observed = case.estimate is not None and case.estimate.in_service
    known = f" {quiet(case.instrument, case.estimate)}" if case.estimate is not None and observed else ""
    voluntary = rules.regime is Regime.VOLUNTARY
    back = ""
    if case.came_back is not None and case.came_back >= day:
        back = f" It is back in use since {case.came_back.isoformat()}: verify it before it is used."
    return (
        f"{'Calibration' if voluntary else 'Verification'} of {case.instrument} {_falls(day, today)}: {months}{last} "
        f"({law}), valid until {valid_until(day).isoformat()}.{back}{known}"
    )


def out_of_use(name: InstrumentId, state: StateNow) -> str:
    """Why nothing is asked of a device that is not in use."""
    since = "" if state.since is None else f" since {state.since.isoformat()}"
    if state.state is DeviceState.SCRAPPED:
        return f"{name} is scrapped{since}: it stays in the ledger, and nothing is asked of it any more."
    words = state.state.value.replace("_", " ")
    return f"{name} is {words}{since}: nothing is asked of it until it is in use again, and verified where it must be."


def period_of_use(case: Case, day: date) -> str:
    """Why an instrument of limited use is replaced."""
    rules = case.standing.rules
    use = case.law.put_into_use
    start = (
        f"being put into use on {use.isoformat()}" if rules.counts_from_use and use is not None else "its verification"
    )
    return (
        f"Replacement of {case.instrument} {_falls(day, case.today)}: it may be used for {rules.period_months} months "
        f"from {start} ({rules.document}) and is not verified again."
    )


def unverified(case: Case) -> str:
    """An instrument in use without any verification on record."""
    use = case.law.put_into_use
    since = "" if use is None else f" since {use.isoformat()}"
    under = f" under mandatory control ({case.law.on(case.today).document})" if case.mandatory else ""
    gone = case.standing.superseded
    withdrawn = f"; {_named(gone[-1])} was withdrawn" if gone else ""
    return f"{case.instrument} is in use{since}{under}, and no completed verification is on record{withdrawn}."


def not_confirmed(case: Case, fact: Fact) -> str:
    """The last attempt could not be carried out."""
    return (
        f"{case.instrument} could not be tested ({_named(fact.event)}): whether it conforms is not confirmed, and the "
        f"verification is still to be done."
    )


def repaired(case: Case, fact: Fact | None) -> str:
    """A repair ends what a verification said."""
    what = "is under repair" if fact is None else f"was repaired on {fact.event.completed.isoformat()}"
    done = "" if fact is None else " and has not been verified since"
    return f"{case.instrument} {what}{done}: it is verified before it is used again."


def failed_for_good(case: Case) -> str:
    """An instrument that is not verified twice has failed."""
    verdict = case.standing.verdict
    last = "" if verdict is None else f" its verification ({_named(verdict.event)})"
    return (
        f"{case.instrument} failed{last}; under {case.law.on(case.today).document} it is replaced, not verified again."
    )


def found_outside(case: Case, fact: Fact) -> str:
    """A check that failed, or a pass that its own values contradict."""
    event = fact.event
    value = _against_limits(case, fact)
    if fact.kind is FactKind.PASSED_OUTSIDE:
        return (
            f"{case.instrument} was passed by {_named(event)}, but the values lie outside the MPE{value}. Ask "
            f"{event.performed_by} which of the two is right; until then its conformity is in doubt."
        )
    if event.decision.value == "failed" and fact.error is None:
        return f"{case.instrument} failed its check ({_named(event)})."
    return f"{case.instrument} was found outside the MPE ({_named(event)}){value}."


def _against_limits(case: Case, fact: Fact) -> str:
    """`: an error of +1.5 kg at 2000 kg, the MPE is ±1 kg`."""
    if fact.error is None or fact.limits is None or fact.test_point is None or fact.unit is None:
        return ""
    unit, lower, upper = symbol(fact.unit), fact.limits.lower, fact.limits.upper
    both = f"±{upper:.4g}" if math.isclose(-lower, upper) else f"{lower:+.4g} to {upper:+.4g}"
    point = f"{fact.test_point:.6g} {symbol(case.law.unit or '')}".strip()
    return f": an error of {fact.error:+.6g} {unit} at {point}, the MPE is {both} {unit}".replace("-", _MINUS)


def seal_opened(case: Case, fact: Fact) -> str:
    """An opened seal that no verification since has covered."""
    when = fact.event.completed.isoformat()
    return f"The seal of {case.instrument} was opened on {when}, and no verification has passed since."


def drift(instrument: InstrumentId, estimate: ErrorEstimate, day: date, limit: float, lead_days: int) -> str:
    """Why an instrument drifts out of its MPE."""
    unit, places = symbol(estimate.unit), decimals_for(2.0 * estimate.rate_standard_uncertainty)
    expanded_rate = number(2.0 * estimate.rate_standard_uncertainty, places)
    then = probability_on(estimate, float(lead_days))
    return (
        f"The error of {instrument} is {error_clause(estimate)}. It changes by "
        f"{number(estimate.rate_per_year, places, sign=True)} {unit} a year (U = {expanded_rate} {unit}, k = 2). "
        f"The probability of being outside the MPE is {percent(estimate.probability_out_of_tolerance)} now, "
        f"passes {percent(limit)} on {day.isoformat()} and is {percent(then)} in {lead_days} days."
    )


def jump(instrument: InstrumentId, estimate: ErrorEstimate, found: Jump, day: date) -> str:
    """Why a sudden change matters. It may be the reference that changed: only a verification tells."""
    unit, places = symbol(estimate.unit), decimals_for(2.0 * found.standard_uncertainty)
    expanded = number(2.0 * found.standard_uncertainty, places)
    return (
        f"The error of {instrument} against its reference changed suddenly by {number(found.size, places, sign=True)} "
        f"{unit} (U = {expanded} {unit}, k = 2) about {day.isoformat()}. It is now {error_clause(estimate)}; the "
        f"probability of being outside it is {percent(estimate.probability_out_of_tolerance)}."
    )


def failed_check(instrument: InstrumentId, estimate: ErrorEstimate) -> str:
    """Why an in-service check counts as failed."""
    return (
        f"In-service check: the error of {instrument} is {error_clause(estimate)}; the probability of being outside it "
        f"is {percent(estimate.probability_out_of_tolerance)}, without a sudden change or a drift that explains it."
    )


def seal(instrument: InstrumentId, before: int, after: int, day: date) -> str:
    """Why a seal counter matters."""
    return (
        f"The seal counter of {instrument} rose from {before} to {after}, seen on {day.isoformat()}: "
        f"the seal was opened after the last verification."
    )


def lost_reference(case: Case, lost: LostReference) -> str:
    """A reference that failed takes its evidence with it."""
    return (
        f"{lost.reference}, the reference that {case.instrument} is compared with, failed ({_named(lost.event)}): what "
        f"was concluded about {case.instrument} from it is to be looked at again."
    )


def lot(found: FailedLot) -> str:
    """A batch with too many failures."""
    who = " ".join(part for part in (found.maker, found.model) if part)
    return (
        f"Batch {found.batch}{f' of {who}' if who else ''} ({found.kind}), {found.size} instruments: {found.failed} of "
        f"{found.sampled} sampled have failed; decide about the {len(found.left)} that still serve."
    )


def unmeant(value: Implausible) -> str:
    """A value that is asked back."""
    return (
        f"{_named(value.event)}, test point {value.point.test_point:.6g}: {value.field} {value.value:.6g} "
        f"{value.point.unit} is not plausible: {value.usual}. Check the value and its unit; it is kept out of the "
        f"estimate."
    )


def in_doubt(fact: Fact, newest: date, today: date) -> str:
    """A doubt about the newest evidence, as a question."""
    event = fact.event
    if fact.kind is FactKind.SEAL_IN_DOUBT:
        return (
            f"The seal was opened on {event.completed.isoformat()}, the day of a verification: was it before or after? "
            f"Give completed_at of both."
        )
    if fact.kind is FactKind.REPAIR_IN_DOUBT:
        return (
            f"It was repaired on {event.completed.isoformat()}, the day of a verification: was it before or after? "
            f"Give completed_at of both, or the kind after_repair."
        )
    age = (today - newest).days
    days = "1 day" if age == 1 else f"{age} days"
    if fact.kind is FactKind.OUTLIER and fact.error is not None and fact.test_point is not None:
        return (
            f"The newest error, {fact.error:+.6g} {symbol(fact.unit or '')} at {fact.test_point:.6g} "
            f"({_named(event)}, {days} ago), lies far from all before it and nothing explains it: measure again."
        )
    return f"{_named(event)} contradicts its own values: ask {event.performed_by}. The newest evidence is {days} old."


def quiet(instrument: InstrumentId, estimate: ErrorEstimate) -> str:
    """What is known about an instrument that gives no cause for an order."""
    return (
        f"The error of {instrument} is {error_clause(estimate)}; the probability of being outside it is "
        f"{percent(estimate.probability_out_of_tolerance)}."
    )


def probability_on(estimate: ErrorEstimate, day: float) -> float:
    """The forecast probability on a day between its points, by linear interpolation; beyond its end, its last."""
    days, values = estimate.forecast.days, estimate.forecast.probability
    for i in range(1, len(days)):
        if day <= days[i]:
            share = (day - days[i - 1]) / (days[i] - days[i - 1])
            return values[i - 1] + share * (values[i] - values[i - 1])
    return values[-1]


def _named(event: VerificationEvent) -> str:
    name = f"certificate {event.certificate}" if event.certificate else f"event {event.id}"
    return f"{name} of {event.completed.isoformat()}"


def _falls(day: date, today: date) -> str:
    """`falls due on 2027-01-15, in 30 days`."""
    distance = (day - today).days
    span = "1 day" if abs(distance) == 1 else f"{abs(distance)} days"
    when = f"in {span}" if distance > 0 else "today" if distance == 0 else f"{span} ago"
    return f"{'falls' if distance >= 0 else 'fell'} due on {day.isoformat()}, {when}"
