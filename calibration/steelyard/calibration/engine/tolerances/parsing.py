"""Rules from plain data (TOML, JSON): strict, and with products of named parameters in place of numbers.

A number may be written as a product: ``"0.5 e"``, ``"n1 e"``, ``"Q2"``. `resolved` puts numbers in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from steelyard.calibration.engine.tolerances.errors import RuleError
from steelyard.calibration.engine.tolerances.rules import (
    Absolute,
    AnyOf,
    Linear,
    Nominal,
    OfSpan,
    Part,
    Piecewise,
    Reciprocal,
    Relative,
    Rule,
    Sum,
    Zone,
)

Plain = Mapping[str, object]
_WORDS = ("type", "variable")


def resolved(data: object, parameters: Mapping[str, float], field: str = "rule") -> object:
    """The same data with products of parameters multiplied out. Raises RuleError for an unknown parameter."""
    if isinstance(data, Mapping):
        return {
            key: value if key in _WORDS else resolved(value, parameters, f"{field}.{key}")
            for key, value in data.items()
        }
    if isinstance(data, str):
        return product(data, parameters, field)
    if isinstance(data, Sequence):
        return [resolved(each, parameters, f"{field}[{index}]") for index, each in enumerate(data)]
    return data


def product(text: str, parameters: Mapping[str, float], field: str) -> float:
    """The value of a product like ``"0.5 e"``. Raises RuleError."""
    if not text.split():
        raise RuleError(field, text, 'must be a number or a product like "0.5 e"')
    value = 1.0
    for factor in text.split():
        if factor in parameters:
            value *= parameters[factor]
            continue
        try:
            value *= float(factor)
        except ValueError:
            known = ", ".join(parameters) or "none"
            raise RuleError(field, text, f"there is no parameter {factor!r}; there are {known}") from None
    return value


def names_in(data: object) -> set[str]:
    """Names of the parameters that plain data speak of."""
    if isinstance(data, Mapping):
        return set().union(*(names_in(value) for key, value in data.items() if key not in _WORDS), set())
    if isinstance(data, str):
        return {factor for factor in data.split() if not _is_number(factor)}
    if isinstance(data, Sequence):
        return set().union(*(names_in(each) for each in data), set())
    return set()


def parse_rule(data: object, field: str = "rule") -> Rule:
    """A rule from plain data without parameters; the keys are those of the rules' fields, `type` says which.

    Raises RuleError that names the field for an unknown type or key, a limit that is not positive, zones out of order.
    """
    if not isinstance(data, Mapping):
        raise RuleError(field, data, "must be a table with a type")
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in _PARSERS:
        raise RuleError(f"{field}.type", kind, f"must be one of {', '.join(_PARSERS)}")
    keys, parse = _PARSERS[kind]
    for key in data:
        if key not in keys and key != "type":
            raise RuleError(f"{field}.{key}", data[key], f"{kind} has no such key; it has {', '.join(keys)}")
    return parse(data, field)


def _absolute(data: Plain, field: str) -> Rule:
    return Absolute(limit=_positive(data, "limit", field), lower_limit=_optional(data, "lower_limit", field))


def _relative(data: Plain, field: str) -> Rule:
    return Relative(percent=_positive(data, "percent", field), lower_percent=_optional(data, "lower_percent", field))


def _of_span(data: Plain, field: str) -> Rule:
    return OfSpan(
        percent=_positive(data, "percent", field),
        span=_positive(data, "span", field),
        lower_percent=_optional(data, "lower_percent", field),
    )


def _linear(data: Plain, field: str) -> Rule:
    return Linear(constant=_positive(data, "constant", field), slope=_not_negative(data, "slope", field))


def _reciprocal(data: Plain, field: str) -> Rule:
    return Reciprocal(
        constant=_positive(data, "constant", field),
        coefficient=_not_negative(data, "coefficient", field),
        reference=_positive(data, "reference", field),
        most=_optional(data, "most", field),
    )


def _nominal(data: Plain, field: str) -> Rule:
    points = []
    for index, pair in enumerate(_list(data, "points", field)):
        where = f"{field}.points[{index}]"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RuleError(where, pair, "must be [nominal value, limit]")
        points.append((_number(pair[0], where), _number(pair[1], where)))
    for index, (value, limit) in enumerate(points):
        if limit <= 0.0 or (index and value <= points[index - 1][0]):
            raise RuleError(f"{field}.points[{index}]", [value, limit], "nominal values rise, limits are positive")
    return Nominal(points=tuple(points))


def _any_of(data: Plain, field: str) -> Rule:
    rules = _list(data, "rules", field)
    return AnyOf(rules=tuple(parse_rule(each, f"{field}.rules[{index}]") for index, each in enumerate(rules)))


def _sum(data: Plain, field: str) -> Rule:
    parts = []
    for index, each in enumerate(_list(data, "parts", field)):
        where = f"{field}.parts[{index}]"
        if not isinstance(each, Mapping) or set(each) != {"variable", "rule"} or not isinstance(each["variable"], str):
            raise RuleError(where, each, "must have a variable's name and a rule")
        parts.append(Part(variable=each["variable"], rule=parse_rule(each["rule"], f"{where}.rule")))
    return Sum(parts=tuple(parts))


def _piecewise(data: Plain, field: str) -> Rule:
    start = _not_negative({"start": 0.0, **data}, "start", field)
    zones, below = [], start
    listed = _list(data, "zones", field)
    for index, each in enumerate(listed):
        where = f"{field}.zones[{index}]"
        if not isinstance(each, Mapping) or not set(each) <= {"up_to", "rule", "inclusive"}:
            raise RuleError(where, each, "must have up_to, rule and, if it is false, inclusive")
        end = each.get("up_to")
        last = index == len(listed) - 1
        up_to = None if end is None and last else _number(end, f"{where}.up_to")
        if up_to is not None and not up_to > below:
            raise RuleError(f"{where}.up_to", up_to, f"zones rise; give more than {below:g}")
        below = below if up_to is None else up_to
        inclusive = each.get("inclusive", True)
        if not isinstance(inclusive, bool):
            raise RuleError(f"{where}.inclusive", inclusive, "must be true or false")
        zones.append(Zone(up_to=up_to, rule=parse_rule(each.get("rule"), f"{where}.rule"), inclusive=inclusive))
    return Piecewise(zones=tuple(zones), start=start)


_PARSERS: Final[dict[str, tuple[tuple[str, ...], Callable[[Plain, str], Rule]]]] = {
    "absolute": (("limit", "lower_limit"), _absolute),
    "relative": (("percent", "lower_percent"), _relative),
    "of_span": (("percent", "span", "lower_percent"), _of_span),
    "linear": (("constant", "slope"), _linear),
    "reciprocal": (("constant", "coefficient", "reference", "most"), _reciprocal),
    "nominal": (("points",), _nominal),
    "any_of": (("rules",), _any_of),
    "sum": (("parts",), _sum),
    "piecewise": (("zones", "start"), _piecewise),
}


def _number(value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RuleError(field, value, "must be a finite number")
    return float(value)


def _positive(data: Plain, key: str, field: str) -> float:
    number = _number(data.get(key), f"{field}.{key}")
    if number <= 0.0:
        raise RuleError(f"{field}.{key}", number, "must be greater than 0: limits are magnitudes")
    return number


def _optional(data: Plain, key: str, field: str) -> float | None:
    return None if data.get(key) is None else _positive(data, key, field)


def _not_negative(data: Plain, key: str, field: str) -> float:
    number = _number(data.get(key), f"{field}.{key}")
    if number < 0.0:
        raise RuleError(f"{field}.{key}", number, "must not be negative")
    return number


def _list(data: Plain, key: str, field: str) -> list[object]:
    value = data.get(key)
    if not isinstance(value, list | tuple) or not value:
        raise RuleError(f"{field}.{key}", value, "must be a list of one at least")
    return list(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
