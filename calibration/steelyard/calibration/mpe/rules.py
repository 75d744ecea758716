"""The language of maximum permissible errors (MPE): rules that give a lower and an upper limit of the error at a point.

Sign convention: error = indication - reference, so that the upper limit is positive or zero and the lower one negative
or zero; not both are zero. Rules state magnitudes; `lower…` is given only where it differs from the upper one. A point
is a value for each variable; a rule speaks of the main variable unless it names another.

Rules are frozen and hold nothing but numbers: what a class table leaves open (e, Q1, span) is put in before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from steelyard.calibration.errors import MpeError

BORDER: Final = 1e-12
"""Relative: a value that lies this near to a border lies on it, so that 3 x 0.1 is not beyond 0.3."""

Range = tuple[float | None, float | None]
"""A closed range of a variable, from low to high; None: without end."""


class Absolute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="absolute"):
    """The same limit everywhere. `limit` and `lower_limit` in the unit of the limits."""

    limit: float
    lower_limit: float | None = None


class Relative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="relative"):
    """In proportion to the value. `percent` and `lower_percent` of its magnitude."""

    percent: float
    lower_percent: float | None = None


class OfSpan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="of_span"):
    """In proportion to the measuring span. `percent` of `span`, which is in the unit of the measurand."""

    percent: float
    span: float
    lower_percent: float | None = None


class Linear(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="linear"):
    """`constant` + `slope` x |value|, as IEC 60751 has it for resistance thermometers."""

    constant: float
    slope: float


class Reciprocal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reciprocal"):
    """`constant` + `coefficient` x `reference` / |value|, at most `most` (heat meters: wider at low flow)."""

    constant: float
    coefficient: float
    reference: float
    most: float | None = None


class Nominal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="nominal"):
    """A limit for each nominal value and none between. `points` of (nominal value, limit), values rising."""

    points: tuple[tuple[float, float], ...]


class AnyOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="any_of"):
    """Conforming to one of the rules suffices: the widest limit holds (JJG 915: 5 umol/mol or 10 %)."""

    rules: tuple[Rule, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One term of a sum: a rule, and the variable that it speaks of."""

    variable: str
    rule: Rule


class Sum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sum"):
    """The limits of the parts of a combined instrument, added."""

    parts: tuple[Part, ...]


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One zone of the measuring range, from the zone before it up to `up_to` (None, in the last zone: without end).

    `inclusive` says whether `up_to` itself belongs to this zone (OIML R 76: yes; OIML R 49: no).
    """

    rule: Rule
    up_to: float | None = None
    inclusive: bool = True


class Piecewise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="piecewise"):
    """Another rule in each zone of a magnitude, from `start` upwards, zones in rising order.

    `variable` is the quantity whose magnitude chooses the zone, such as the flow at which a volume was measured; None:
    the main variable.
    """

    zones: tuple[Zone, ...]
    start: float = 0.0
    variable: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that holds where each variable of `where` lies in one of its closed ranges, in the variables' units."""

    rule: Rule
    where: Mapping[str, tuple[Range, ...]] = {}

    def __post_init__(self) -> None:
        """An end at infinity is none: JSON has no infinity."""
        bounded = {name: tuple((_end(low), _end(high)) for low, high in self.where[name]) for name in self.where}
        msgspec.structs.force_setattr(self, "where", bounded)


class Cases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="cases"):
    """The lines of a table: the first case that fits a point holds, so that a border belongs to the line above."""

    cases: tuple[Case, ...]


Elementary = Absolute | Relative | OfSpan | Linear | Reciprocal | Nominal
Rule = Elementary | AnyOf | Sum | Piecewise | Cases
RULE_TYPES: Final = (
    "absolute",
    "relative",
    "of_span",
    "linear",
    "reciprocal",
    "nominal",
    "any_of",
    "sum",
    "piecewise",
    "cases",
)
"""What may stand as `type` in JSON and TOML."""


def check_rule(rule: Rule, field: str) -> None:
    """Refuse a rule that permits nothing or everything, with MpeError that names the place below `field`."""
    match rule:
        case AnyOf(rules=rules):
            _some(f"{field}.rules", rules)
            for number, one in enumerate(rules):
                check_rule(one, f"{field}.rules[{number}]")
        case Sum(parts=parts):
            _some(f"{field}.parts", parts)
            for number, part in enumerate(parts):
                _named(f"{field}.parts[{number}].variable", part.variable)
                check_rule(part.rule, f"{field}.parts[{number}].rule")
        case Piecewise(zones=zones, start=start, variable=variable):
            if variable is not None:
                _named(f"{field}.variable", variable)
            _check_zones(zones, start, field)
        case Cases(cases=cases):
            _some(f"{field}.cases", cases)
            for number, one_case in enumerate(cases):
                _check_ranges(one_case.where, f"{field}.cases[{number}].where")
                check_rule(one_case.rule, f"{field}.cases[{number}].rule")
        case _:
            _check_elementary(rule, field)


def scaled(rule: Rule, factor: float) -> Rule:
    """The rule whose limits are `factor` times as wide at every point; `factor` positive."""
    match rule:
        case AnyOf(rules=rules):
            return AnyOf(rules=tuple(scaled(one, factor) for one in rules))
        case Sum(parts=parts):
            return Sum(parts=tuple(Part(variable=each.variable, rule=scaled(each.rule, factor)) for each in parts))
        case Piecewise(zones=zones, start=start, variable=variable):
            wider = tuple(Zone(up_to=z.up_to, rule=scaled(z.rule, factor), inclusive=z.inclusive) for z in zones)
            return Piecewise(zones=wider, start=start, variable=variable)
        case Cases(cases=cases):
            return Cases(cases=tuple(Case(where=each.where, rule=scaled(each.rule, factor)) for each in cases))
        case _:
            return _scaled_elementary(rule, factor)


def variables_of(rule: Rule, variable: str) -> frozenset[str]:
    """The variables that a rule may ask for; `variable` is the main one."""
    match rule:
        case AnyOf(rules=rules):
            return frozenset().union(*(variables_of(one, variable) for one in rules))
        case Sum(parts=parts):
            return frozenset().union(*(variables_of(part.rule, part.variable) for part in parts))
        case Piecewise(zones=zones, variable=other):
            inside = frozenset[str]().union(*(variables_of(zone.rule, variable) for zone in zones))
            return inside | {variable if other is None else other}
        case Cases(cases=cases):
            return frozenset().union(*(variables_of(each.rule, variable) | set(each.where) for each in cases))
        case Absolute() | OfSpan():
            return frozenset()
        case _:
            return frozenset({variable})


def _check_elementary(rule: Elementary, field: str) -> None:
    match rule:
        case Absolute(limit=limit, lower_limit=lower):
            _limits(f"{field}.limit", limit, f"{field}.lower_limit", lower)
        case Relative(percent=percent, lower_percent=lower):
            _limits(f"{field}.percent", percent, f"{field}.lower_percent", lower)
        case OfSpan(percent=percent, span=span, lower_percent=lower):
            _limits(f"{field}.percent", percent, f"{field}.lower_percent", lower)
            _positive(f"{field}.span", span)
        case Linear(constant=constant, slope=slope):
            _positive(f"{field}.constant", constant)
            _not_negative(f"{field}.slope", slope)
        case Reciprocal(constant=constant, coefficient=coefficient, reference=reference, most=most):
            _positive(f"{field}.constant", constant)
            _not_negative(f"{field}.coefficient", coefficient)
            _positive(f"{field}.reference", reference)
            _positive(f"{field}.most", most)
        case Nominal(points=points):
            _check_points(points, f"{field}.points")


def _scaled_elementary(rule: Elementary, factor: float) -> Elementary:
    match rule:
        case Absolute(limit=limit, lower_limit=lower):
            return Absolute(limit=limit * factor, lower_limit=_times(lower, factor))
        case Relative(percent=percent, lower_percent=lower):
            return Relative(percent=percent * factor, lower_percent=_times(lower, factor))
        case OfSpan(percent=percent, span=span, lower_percent=lower):
            return OfSpan(percent=percent * factor, span=span, lower_percent=_times(lower, factor))
        case Linear(constant=constant, slope=slope):
            return Linear(constant=constant * factor, slope=slope * factor)
        case Reciprocal(constant=constant, coefficient=coefficient, reference=reference, most=most):
            return Reciprocal(
                constant=constant * factor,
                coefficient=coefficient * factor,
                reference=reference,
                most=_times(most, factor),
            )
        case Nominal(points=points):
            return Nominal(points=tuple((value, limit * factor) for value, limit in points))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _end(value: float | None) -> float | None:
    return None if value is not None and math.isinf(value) else value


def _check_points(points: tuple[tuple[float, float], ...], field: str) -> None:
    _some(field, points)
    for number, (value, limit) in enumerate(points):
        rising = number == 0 or value > points[number - 1][0]
        if not (math.isfinite(value) and math.isfinite(limit) and limit > 0.0 and rising):
            raise MpeError(f"{field}[{number}]", [value, limit], "nominal values rise, limits are positive")


def _check_zones(zones: tuple[Zone, ...], start: float, field: str) -> None:
    _some(f"{field}.zones", zones)
    _not_negative(f"{field}.start", start)
    below = start
    for number, zone in enumerate(zones):
        end = math.inf if zone.up_to is None and number == len(zones) - 1 else zone.up_to
        if end is None or not end > below:
            raise MpeError(f"{field}.zones[{number}].up_to", zone.up_to, f"zones rise; give more than {below:g}")
        below = end
        check_rule(zone.rule, f"{field}.zones[{number}].rule")


def _check_ranges(where: Mapping[str, tuple[Range, ...]], field: str) -> None:
    for name, ranges in where.items():
        _named(field, name)
        _some(f"{field}.{name}", ranges)
        for low, high in ranges:
            if not (-math.inf if low is None else low) <= (math.inf if high is None else high):
                raise MpeError(f"{field}.{name}", [low, high], "the low end must not be above the high one")


def _limits(field: str, upper: float, lower_field: str, lower: float | None) -> None:
    _not_negative(field, upper)
    if lower is not None:
        _not_negative(lower_field, lower)
    if upper == 0.0 and not lower:
        raise MpeError(field, upper, "one side may be zero, not both: give the other limit")


def _positive(field: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0.0):
        raise MpeError(field, value, "give the limit's magnitude, a positive finite number")


def _not_negative(field: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0.0):
        raise MpeError(field, value, "give a magnitude, zero or a positive finite number")


def _some(field: str, values: tuple[object, ...]) -> None:
    if not values:
        raise MpeError(field, list(values), "give at least one")


def _named(field: str, name: str) -> None:
    if not name.strip():
        raise MpeError(field, name, "name the variable")
