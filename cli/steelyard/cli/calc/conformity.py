"""`steelyard calc conformity`: does it conform, with which probability, and what does a decision rule risk?"""

from __future__ import annotations

import argparse
import math

from steelyard.calibration.engine.conformance.assessment import ConformityQuestion, assess
from steelyard.calibration.engine.conformance.capability import uncertainty_ratio
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.guard_bands import GUARD_BAND_RULES, guard_band_factor
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.distributions.distribution import Distribution
from steelyard.cli.calc.class_tolerance import class_tolerance
from steelyard.cli.calc.conformity_report import as_json, as_text, draw
from steelyard.cli.calc.documents import Table, read_document
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.calc.quantities import read_quantity
from steelyard.cli.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument(
        "file", metavar="FILE", help="tolerance and result or risk, TOML or JSON; - reads standard input"
    )
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the question, answer it, print it."""
    document = read_document(arguments.file)
    try:
        question = read_question(document)
        found = assess(question)
    except ConformanceError as error:
        raise CommandError(f"{document.source}: {error}") from error
    if arguments.plot is not None:
        draw(arguments.plot, question, found)
    if arguments.json:
        print_json(as_json(question, found))
    else:
        print(as_text(question, found))
    return 0


def read_question(document: Table) -> ConformityQuestion:
    """What a document asks. Raises CommandError and ConformanceError that name the field."""
    classed = document.optional_table("tolerance")
    tolerance = _limits(document, -math.inf, math.inf) if classed is None else class_tolerance(classed)
    value = document.optional_number("value")
    standard_uncertainty = _standard_uncertainty(document, "")
    nu = document.optional_number("degrees_of_freedom", infinite=True, above=0.0)
    prior = _prior(document)
    measurement = _standard_uncertainty(document, "measurement_")
    target = document.optional_number("target_consumer_risk")
    acceptance = _acceptance(document, tolerance, measurement if measurement is not None else standard_uncertainty)
    document.finish()
    return ConformityQuestion(
        tolerance=tolerance,
        value=value,
        standard_uncertainty=standard_uncertainty,
        degrees_of_freedom=math.inf if nu is None else nu,
        prior=prior,
        measurement_standard_uncertainty=measurement,
        acceptance=acceptance,
        target_consumer_risk=target,
    )


def _limits(table: Table, lowest: float, highest: float) -> Limits:
    lower, upper = _limit(table, "lower", -math.inf), _limit(table, "upper", math.inf)
    try:
        return Limits(lower=lowest if lower is None else lower, upper=highest if upper is None else upper)
    except ConformanceError as error:
        raise table.fault(error.field, error.remedy) from error


def _limit(table: Table, side: str, missing: float) -> float | None:
    """One limit; None if it is left out or infinite, which says the same."""
    return None if table.raw(side) == missing else table.optional_number(side)


def _standard_uncertainty(document: Table, prefix: str) -> float | None:
    """Given as such, or as an expanded uncertainty with its coverage factor (2 if not said)."""
    name, expanded = f"{prefix}standard_uncertainty", f"{prefix}expanded_uncertainty"
    u = document.optional_number(name, above=0.0)
    wide = document.optional_number(expanded, above=0.0)
    if wide is None:
        return u
    if u is not None:
        raise document.fault(expanded, f"give {name} or {expanded}, not both")
    return wide / document.number("coverage_factor", 2.0, above=0.0)


def _prior(document: Table) -> Distribution | None:
    table = document.optional_table("prior")
    if table is None:
        return None
    distribution = read_quantity(table).distribution
    if distribution is None:
        raise document.fault("prior", "has no spread; give its standard_uncertainty or a distribution")
    return distribution


def _acceptance(document: Table, tolerance: Limits, u: float | None) -> Limits | None:
    """Limits as given, or the tolerance less a guard band: a number in its unit, or a rule's name."""
    table = document.optional_table("acceptance")
    band = document.raw("guard_band")
    if table is not None:
        if band is not None:
            raise document.fault("guard_band", "give acceptance limits or a guard_band, not both")
        limits = _limits(table, tolerance.lower, tolerance.upper)
        table.finish()
        return limits
    if band is None:
        return None
    if isinstance(band, str):
        rule = document.choice("guard_band", GUARD_BAND_RULES)
        if u is None:
            raise document.fault("guard_band", "the rule needs measurement_standard_uncertainty")
        ratio = uncertainty_ratio(tolerance, u)
        if ratio is None:
            raise document.fault("guard_band", "a rule by the test uncertainty ratio needs lower and upper")
        width = (1.0 - float(guard_band_factor(rule, ratio))) * tolerance.half_width
    else:
        width = document.number("guard_band")
    return tolerance.guarded(width) if width else tolerance
