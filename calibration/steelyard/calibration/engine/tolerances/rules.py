"""The language of maximum permissible errors (MPE), evaluated over arrays.

The same language as that of `verification.mpe`, which judges one value by the law: there JSON and exact types, here
plain numbers and arrays for a fleet. Sign convention: error = indication - reference; limits are magnitudes, with
`lower…` given only where the lower one differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.tolerances.errors import RuleError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absolute:
    """The same limit everywhere; `limit`, `lower_limit` in the limits' unit."""

    limit: float
    lower_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """In proportion to the value's magnitude; `percent`, `lower_percent` of it."""

    percent: float
    lower_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSpan:
    """In proportion to the measuring span; `percent`, `lower_percent` of `span`, which is in the value's unit."""

    percent: float
    span: float
    lower_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`constant` + `slope` x |value|."""

    constant: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reciprocal:
    """`constant` + `coefficient` x `reference` / |value|, at most `most` (heat meters: wider at low flow)."""

    constant: float
    coefficient: float
    reference: float
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominal:
    """A limit for each nominal value and none between; `points` of (nominal value, limit), values rising."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Conforming to one of the rules suffices: the widest limit holds."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One term of a sum: a rule, and the variable it depends on."""

    variable: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The limits of the parts of a combined instrument, added."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Up to `up_to` (None in the last zone: without end), which belongs to this zone if `inclusive`."""

    up_to: float | None
    rule: Rule
    inclusive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Piecewise:
    """Another rule in each zone of the value's magnitude, from `start` upwards, zones in rising order."""

    zones: tuple[Zone, ...]
    start: float = 0.0


Rule = Absolute | Relative | OfSpan | Linear | Reciprocal | Nominal | AnyOf | Sum | Piecewise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermissibleErrors:
    """`lower` < 0 < `upper` float64 of one shape, in the limits' unit; nan where `covered` is False: no rule there."""

    lower: Floats
    upper: Floats
    covered: NDArray[np.bool_]


def permissible_errors(rule: Rule, points: Mapping[str, ArrayLike], variable: str = "value") -> PermissibleErrors:
    """Evaluate a rule at `points`, arrays by variable that broadcast; `variable` names the one the rule speaks of.

    Raises RuleError for a missing variable or a value that is not finite.
    """
    arrays = arrays_of(points)
    lower, upper = _limits(rule, arrays, variable)
    covered = np.isfinite(lower) & np.isfinite(upper) & (lower < 0.0) & (upper > 0.0)
    return PermissibleErrors(
        lower=np.where(covered, lower, np.nan), upper=np.where(covered, upper, np.nan), covered=covered
    )


def arrays_of(points: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Arrays of one shape, by variable. Raises RuleError for a value that is not finite."""
    names = list(points)
    values = np.broadcast_arrays(*(np.asarray(points[name], dtype=np.float64) for name in names))
    for name, each in zip(names, values, strict=True):
        if not np.all(np.isfinite(each)):
            raise RuleError(name, float(each[~np.isfinite(each)].flat[0]), "must be a finite number")
    return dict(zip(names, values, strict=True))


def value_of(arrays: Mapping[str, Floats], variable: str) -> Floats:
    """The values of a variable. Raises RuleError if it is not given."""
    if variable not in arrays:
        raise RuleError(variable, None, "is missing; the rule depends on it")
    return arrays[variable]


def _limits(rule: Rule, arrays: Mapping[str, Floats], variable: str) -> tuple[Floats, Floats]:
    match rule:
        case Sum(parts=parts):
            pairs = [_limits(part.rule, arrays, part.variable) for part in parts]
            return np.sum([p[0] for p in pairs], axis=0), np.sum([p[1] for p in pairs], axis=0)
        case AnyOf(rules=rules):
            pairs = [_limits(one, arrays, variable) for one in rules]
            # fmin, fmax: a rule that says nothing here leaves it to the others.
            return np.fmin.reduce([p[0] for p in pairs]), np.fmax.reduce([p[1] for p in pairs])
        case Piecewise():
            return _piecewise(rule, arrays, variable)
        case _:
            return _elementary(rule, np.abs(value_of(arrays, variable)))


def _elementary(
    rule: Absolute | Relative | OfSpan | Linear | Reciprocal | Nominal, magnitude: Floats
) -> tuple[Floats, Floats]:
    match rule:
        case Absolute(limit=limit, lower_limit=low):
            return _sides(np.full_like(magnitude, limit), limit, low)
        case Relative(percent=percent, lower_percent=low):
            return _sides(percent / 100.0 * magnitude, percent, low)
        case OfSpan(percent=percent, span=span, lower_percent=low):
            return _sides(np.full_like(magnitude, percent / 100.0 * span), percent, low)
        case Linear(constant=constant, slope=slope):
            width = constant + slope * magnitude
        case Reciprocal(constant=constant, coefficient=coefficient, reference=reference, most=most):
            with np.errstate(divide="ignore"):
                width = constant + coefficient * reference / magnitude
            width = width if most is None else np.minimum(width, most)
        case Nominal(points=points):
            width = _nominal(points, magnitude)
    return -width, width


def _sides(upper: Floats, size: float, lower_size: float | None) -> tuple[Floats, Floats]:
    return -upper * (1.0 if lower_size is None else lower_size / size), upper


def _nominal(points: tuple[tuple[float, float], ...], magnitude: Floats) -> Floats:
    """The limit of the nominal value that each one is, to a part in a million; nan between."""
    nominal, limit = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    at = np.clip(np.searchsorted(nominal, magnitude * (1.0 - 1e-6)), 0, nominal.size - 1)
    return np.where(np.abs(nominal[at] - magnitude) <= 1e-6 * magnitude, limit[at], np.nan)


def _piecewise(rule: Piecewise, arrays: Mapping[str, Floats], variable: str) -> tuple[Floats, Floats]:
    magnitude = np.abs(value_of(arrays, variable))
    lower, upper = np.full_like(magnitude, np.nan), np.full_like(magnitude, np.nan)
    open_ = magnitude >= rule.start
    for zone in rule.zones:
        end = np.inf if zone.up_to is None else zone.up_to
        here = open_ & ((magnitude <= end) if zone.inclusive else (magnitude < end))
        low, high = _limits(zone.rule, arrays, variable)
        lower, upper = np.where(here, low, lower), np.where(here, high, upper)
        open_ = open_ & ~here
    return lower, upper
