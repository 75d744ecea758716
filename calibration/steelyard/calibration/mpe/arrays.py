"""Rules over arrays: a million test points are one call. `pointwise` says the same for one point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.pointwise import SAME_NOMINAL
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
    Reciprocal,
    Relative,
    Rule,
    Sum,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermissibleErrors:
    """`lower` <= 0 <= `upper` float64 of one shape, in the limits' unit; nan where `covered` is False: no rule there.

    Where `covered`, not both are 0.
    """

    lower: Floats
    upper: Floats
    covered: Flags


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Points:
    """float64 arrays of one `shape` by variable."""

    shape: tuple[int, ...]
    arrays: Mapping[str, Floats]

    def of(self, variable: str) -> Floats:
        """The values of a variable. Raises MpeError if it is not given."""
        if variable not in self.arrays:
            raise MpeError(variable, None, "is missing; the limits depend on it")
        return self.arrays[variable]


def permissible_errors(rule: Rule, points: Mapping[str, ArrayLike], variable: str = "value") -> PermissibleErrors:
    """Evaluate a rule at `points`, arrays by variable that broadcast; `variable` names the main one.

    Raises MpeError for a missing variable or a value that is not finite.
    """
    if not points:
        raise MpeError(variable, None, "is missing; the limits depend on it")
    given = _points(points)
    # A product beyond the largest number is no limit, like a quotient by zero.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        lower, upper = _limits(rule, given, variable, np.ones(given.shape, dtype=np.bool_))
    covered = np.isfinite(lower) & np.isfinite(upper) & (lower < upper)
    return PermissibleErrors(
        lower=np.where(covered, lower, np.nan), upper=np.where(covered, upper, np.nan), covered=covered
    )


def _points(points: Mapping[str, ArrayLike]) -> _Points:
    names = list(points)
    values = np.broadcast_arrays(*(np.asarray(points[name], dtype=np.float64) for name in names))
    for name, each in zip(names, values, strict=True):
        if not np.all(np.isfinite(each)):
            raise MpeError(name, float(each[~np.isfinite(each)].flat[0]), "must be a finite number")
    return _Points(shape=values[0].shape, arrays=dict(zip(names, values, strict=True)))


def _limits(rule: Rule, points: _Points, variable: str, asked: Flags) -> tuple[Floats, Floats]:
    """Lower and upper limits, nan where the rule says nothing; only those at the points `asked` are looked at."""
    match rule:
        case AnyOf(rules=rules):
            pairs = [_limits(one, points, variable, asked) for one in rules]
            # fmin, fmax: a rule that says nothing here leaves it to the others.
            return np.fmin.reduce([pair[0] for pair in pairs]), np.fmax.reduce([pair[1] for pair in pairs])
        case Sum(parts=parts):
            lower, upper = np.zeros(points.shape), np.zeros(points.shape)
            for part in parts:
                low, high = _limits(part.rule, points, part.variable, asked)
                lower, upper = lower + low, upper + high
        case Piecewise():
            return _in_zones(rule, points, variable, asked)
        case Cases(cases=cases):
            return _in_cases(cases, points, variable, asked)
        case _:
            lower, upper = _elementary(rule, points, variable)
    finite = np.isfinite(lower) & np.isfinite(upper)
    return np.where(finite, lower, np.nan), np.where(finite, upper, np.nan)


def _elementary(rule: Elementary, points: _Points, variable: str) -> tuple[Floats, Floats]:
    match rule:
        case Absolute(limit=limit, lower_limit=low):
            return _sides(limit, low, np.ones(points.shape), 1.0)
        case OfSpan(percent=percent, span=span, lower_percent=low):
            return _sides(percent, low, np.full(points.shape, span), 100.0)
        case _:
            magnitude = np.abs(points.of(variable))
    match rule:
        case Relative(percent=percent, lower_percent=low):
            return _sides(percent, low, magnitude, 100.0)
        case Linear(constant=constant, slope=slope):
            width = constant + slope * magnitude
        case Reciprocal(constant=constant, coefficient=coefficient, reference=reference, most=most):
            width = np.where(magnitude == 0.0, np.inf, constant + coefficient * reference / magnitude)
            width = width if most is None else np.minimum(width, most)
        case Nominal(points=nominal_points):
            width = _nominal(nominal_points, magnitude)
    return -width, width


def _sides(upper: float, lower: float | None, size: Floats, per: float) -> tuple[Floats, Floats]:
    # A difference, since the opposite of nothing would be written -0.
    return 0.0 - (upper if lower is None else lower) * size / per, upper * size / per


def _nominal(points: tuple[tuple[float, float], ...], magnitude: Floats) -> Floats:
    """The limit of the nominal value that each one is; nan between."""
    nominal, limit = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    at = np.clip(np.searchsorted(nominal, magnitude * (1.0 - SAME_NOMINAL)), 0, nominal.size - 1)
    return np.where(np.abs(nominal[at] - magnitude) <= SAME_NOMINAL * magnitude, limit[at], np.nan)


def _in_zones(rule: Piecewise, points: _Points, variable: str, asked: Flags) -> tuple[Floats, Floats]:
    magnitude = np.abs(points.of(variable if rule.variable is None else rule.variable))
    lower, upper = np.full(points.shape, np.nan), np.full(points.shape, np.nan)
    left = asked & (magnitude >= rule.start - BORDER * rule.start)
    for zone in rule.zones:
        if zone.up_to is None:
            here = left
        else:
            margin = BORDER * zone.up_to
            inside = magnitude <= zone.up_to + margin if zone.inclusive else magnitude < zone.up_to - margin
            here = left & inside
        if np.any(here):
            low, high = _limits(zone.rule, points, variable, here)
            lower, upper = np.where(here, low, lower), np.where(here, high, upper)
        left = left & ~here
    return lower, upper


def _in_cases(cases: tuple[Case, ...], points: _Points, variable: str, asked: Flags) -> tuple[Floats, Floats]:
    lower, upper = np.full(points.shape, np.nan), np.full(points.shape, np.nan)
    left = asked
    for case in cases:
        here = _inside(case, points, left)
        if not np.any(here):
            continue
        low, high = _limits(case.rule, points, variable, here)
        here = here & ~np.isnan(low)
        lower, upper = np.where(here, low, lower), np.where(here, high, upper)
        left = left & ~here
    return lower, upper


def _inside(case: Case, points: _Points, left: Flags) -> Flags:
    """Which of the points `left` a case speaks of; a variable is needed only where the others do not decide."""
    inside = left
    for name in sorted(case.where, key=lambda name: (name not in points.arrays, name)):
        if not np.any(inside):
            break
        values = points.of(name)
        within = np.zeros(points.shape, dtype=np.bool_)
        for low, high in case.where[name]:
            above = True if low is None else values >= low - BORDER * abs(low)
            below = True if high is None else values <= high + BORDER * abs(high)
            within |= np.logical_and(above, below)
        inside = inside & within
    return inside
