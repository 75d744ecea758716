"""Sentences that explain a finding with its numbers, for people who decide on it."""

from __future__ import annotations

import math
from datetime import date

from steelyard.calibration.verification.assessment import ErrorEstimate, Jump
from steelyard.calibration.verification.due_date import DueDates
from steelyard.calibration.verification.regime import LegalStatus, Regime
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


def due(legal: LegalStatus, dates: DueDates, estimate: ErrorEstimate | None, day: date, today: date) -> str:
    """Why an instrument is due on `day`, and what its error is likely to be."""
    event = dates.last_event
    months = f"{legal.period_months} months"
    law = "agreed interval" if legal.regime is Regime.VOLUNTARY else f"statutory period, {legal.catalogue.document}"
    last = (
        "" if event is None else f" after {_event_name(event.certificate, event.id)} of {event.completed.isoformat()}"
    )
    distance = (day - today).days
    span = "1 day" if abs(distance) == 1 else f"{abs(distance)} days"
    when = f"in {span}" if distance > 0 else "today" if distance == 0 else f"{span} ago"
    verb = "falls" if distance >= 0 else "fell"
    known = "" if estimate is None else f" {quiet(legal.instrument, estimate)}"
    return f"Verification of {legal.instrument} {verb} due on {day.isoformat()}, {when}: {months}{last} ({law}).{known}"


def unverified(legal: LegalStatus) -> str:
    """An instrument under mandatory control without any verification on record."""
    since = "" if legal.service_date is None else f" since {legal.service_date.isoformat()}"
    return (
        f"{legal.instrument} is in use{since} under mandatory control ({legal.catalogue.document}), and no completed "
        f"verification is on record."
    )


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


def _event_name(certificate: str | None, event: str) -> str:
    return f"certificate {certificate}" if certificate else f"event {event}"
