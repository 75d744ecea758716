"""A rule at one point. Numbers only: a fleet's observations are judged one by one, thousands a second.

`arrays` says the same for whole arrays; a property test holds the two to each other, digit by digit.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.rules import (
    BORDER,
    Absolute,
    AnyOf,
    Case,
    Cases,
    Elementary,
    Linear,
    Nominal,
    OfSpan,
    Piecewise,
    Range,
    Reciprocal,
    Relative,
    Rule,
    Sum,
)

SAME_NOMINAL = 1e-6
"""Relative: how near a value must be to a nominal one to be it."""

Pair = tuple[float, float]


def limits_of_rule(rule: Rule, points: Mapping[str, float], variable: str) -> Pair | None:
    """Lower and upper limit at a point, or None where the rule says nothing; `variable` is the main one.

    Raises MpeError for a variable that the rule asks for and `points` lack.
    """
    match rule:
        case AnyOf(rules=rules):
            # A rule that says nothing here leaves it to the others.
            said = [pair for one in rules if (pair := limits_of_rule(one, points, variable)) is not None]
            return (min(pair[0] for pair in said), max(pair[1] for pair in said)) if said else None
        case Sum():
            found = _sum(rule, points)
        case Piecewise():
            return _in_zone(rule, points, variable)
        case Cases(cases=cases):
            return _in_case(cases, points, variable)
        case _:
            found = _elementary(rule, points, variable)
    return found if found is not None and math.isfinite(found[0]) and math.isfinite(found[1]) else None


def value_at(points: Mapping[str, float], variable: str) -> float:
    """The value of a variable. Raises MpeError if it is not given."""
    value = points.get(variable)
    if value is None:
        raise MpeError(variable, None, "is missing; the limits depend on it")
    return value


def silence(rule: Rule, variable: str) -> str:
    """Where a rule says something, for the message that it says nothing here."""
    match rule:
        case Piecewise(zones=zones, start=start, variable=other):
            of = "" if other is None else f" of {other}"
            return f"the zones{of} reach from {start:g} to {zones[-1].up_to}"
        case Sum(parts=(part,)):
            return silence(part.rule, part.variable)
        case Cases(cases=cases):
            names = sorted({name for case in cases for name in case.where}, key=lambda name: (name != variable, name))
            reach = [f"{name} from {low:g} to {high:g}" for name in names for low, high in [_reach(cases, name)]]
            return f"the zones reach: {', '.join(reach)}"
        case _:
            return "the rule permits no error here; choose a test point inside its range"


def _elementary(rule: Elementary, points: Mapping[str, float], variable: str) -> Pair | None:
    match rule:
        case Absolute(limit=limit, lower_limit=lower):
            return _sides(limit, lower, 1.0, 1.0)
        case OfSpan(percent=percent, span=span, lower_percent=lower):
            return _sides(percent, lower, span, 100.0)
        case Relative(percent=percent, lower_percent=lower):
            return _sides(percent, lower, abs(value_at(points, variable)), 100.0)
        case _:
            width = _width(rule, abs(value_at(points, variable)))
            return None if width is None else (-width, width)


def _width(rule: Linear | Reciprocal | Nominal, magnitude: float) -> float | None:
    match rule:
        case Linear(constant=constant, slope=slope):
            return constant + slope * magnitude
        case Reciprocal(constant=constant, coefficient=coefficient, reference=reference, most=most):
            width = math.inf if magnitude == 0.0 else constant + coefficient * reference / magnitude
            return width if most is None else min(width, most)
        case Nominal(points=nominal):
            at = min(bisect_left(nominal, magnitude * (1.0 - SAME_NOMINAL), key=lambda p: p[0]), len(nominal) - 1)
            return nominal[at][1] if abs(nominal[at][0] - magnitude) <= SAME_NOMINAL * magnitude else None


def _sides(upper: float, lower: float | None, size: float, per: float) -> Pair:
    # A difference, since the opposite of nothing would be written -0.
    return 0.0 - (upper if lower is None else lower) * size / per, upper * size / per


def _sum(rule: Sum, points: Mapping[str, float]) -> Pair | None:
    lower, upper = 0.0, 0.0
    for part in rule.parts:
        term = limits_of_rule(part.rule, points, part.variable)
        if term is None:
            return None
        lower, upper = lower + term[0], upper + term[1]
    return lower, upper


def _in_case(cases: tuple[Case, ...], points: Mapping[str, float], variable: str) -> Pair | None:
    for case in cases:
        if all(_within(name, case.where[name], points) for name in _known_first(case.where, points)):
            found = limits_of_rule(case.rule, points, variable)
            if found is not None:
                return found
    return None


def _in_zone(rule: Piecewise, points: Mapping[str, float], variable: str) -> Pair | None:
    magnitude = abs(value_at(points, variable if rule.variable is None else rule.variable))
    if not magnitude >= rule.start - BORDER * rule.start:
        return None
    for zone in rule.zones:
        if zone.up_to is None:
            return limits_of_rule(zone.rule, points, variable)
        margin = BORDER * zone.up_to
        if magnitude <= zone.up_to + margin if zone.inclusive else magnitude < zone.up_to - margin:
            return limits_of_rule(zone.rule, points, variable)
    return None


def _known_first(where: Mapping[str, tuple[Range, ...]], points: Mapping[str, float]) -> list[str]:
    """A variable is needed only where the others do not decide."""
    return sorted(where, key=lambda name: (name not in points, name))


def _within(name: str, ranges: tuple[Range, ...], points: Mapping[str, float]) -> bool:
    value = value_at(points, name)
    return any(
        (low is None or value >= low - BORDER * abs(low)) and (high is None or value <= high + BORDER * abs(high))
        for low, high in ranges
    )


def _reach(cases: tuple[Case, ...], name: str) -> Pair:
    ranges = [each for case in cases for each in case.where.get(name, ((None, None),))]
    return (
        min(-math.inf if low is None else low for low, _ in ranges),
        max(math.inf if high is None else high for _, high in ranges),
    )
