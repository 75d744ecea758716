"""The maximum permissible error (MPE) as data: a small language, not a number.

A rule gives a lower and an upper limit of the error at an indicated value. Rules are values of the closed union
`Rule`; they are kept as JSON (`encode_mpe`, `decode_mpe`), with the document that they come from.

Sign convention: error = indication - reference, so the upper limit is positive and the lower one negative. Each rule
states its limits as magnitudes; `lower…` is given only where it differs from the upper one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from steelyard.calibration.errors import MpeError


class Limits(NamedTuple):
    """The errors between which an instrument conforms, in the unit of its measurand; `lower` < 0 < `upper`."""

    lower: float
    upper: float


class Absolute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="absolute"):
    """The same limit everywhere. `limit` and `lower_limit` in the unit of the measurand."""

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


class AnyOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="any_of"):
    """Conforming to one of the rules suffices: the widest limit holds (JJG 915: 5 umol/mol or 10 %)."""

    rules: tuple[Absolute | Relative | OfSpan | Linear, ...]


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One zone of the measuring range, from the zone before it up to `up_to` (None, in the last zone: without end).

    `inclusive` says whether `up_to` itself belongs to this zone (OIML R 76: yes; OIML R 49: no).
    """

    up_to: float | None
    rule: Absolute | Relative | OfSpan | Linear | AnyOf
    inclusive: bool = True


class Piecewise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="piecewise"):
    """Another rule in each zone of the value's magnitude, from `start` upwards, zones in rising order."""

    zones: tuple[Zone, ...]
    start: float = 0.0


Rule = Absolute | Relative | OfSpan | Linear | AnyOf | Piecewise


class MaximumPermissibleError(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instrument's MPE at verification, and by how much wider it is in use.

    `unit` is the UCUM code of the measurand, `in_use_factor` >= 1 multiplies the limits for an instrument in use
    (often 2, not always), `source` the document, edition and table.
    """

    unit: str
    rule: Rule
    source: str
    in_use_factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a rule that permits nothing or everything."""
        if not (math.isfinite(self.in_use_factor) and self.in_use_factor >= 1.0):
            raise MpeError("in_use_factor", self.in_use_factor, "give a factor of 1 or more")
        _check(self.rule, "rule")


def encode_mpe(mpe: MaximumPermissibleError) -> str:
    """JSON text for a store."""
    return msgspec.json.encode(mpe).decode()


def decode_mpe(text: str | bytes) -> MaximumPermissibleError:
    """The inverse of `encode_mpe`; raises MpeError for anything else."""
    try:
        return msgspec.json.decode(text, type=MaximumPermissibleError)
    except MpeError:
        raise
    except (msgspec.MsgspecError, ValueError) as error:
        raise MpeError("mpe", text, f"give an MPE as JSON: {error}") from error


def limits_at(mpe: MaximumPermissibleError, value: float, *, in_use: bool = False) -> Limits:
    """The limits of the error at an indicated `value` (in `mpe.unit`), at verification or in use.

    Raises MpeError where the rule says nothing: outside its zones, or a relative rule at zero.
    """
    if not math.isfinite(value):
        raise MpeError("value", value, "give a finite value")
    lower, upper = _limits(mpe.rule, value)
    factor = mpe.in_use_factor if in_use else 1.0
    if lower >= 0.0 or upper <= 0.0:
        raise MpeError("value", value, "the rule permits no error here; choose a test point inside its range")
    return Limits(lower * factor, upper * factor)


def _limits(rule: Rule, value: float) -> tuple[float, float]:
    magnitude = abs(value)
    match rule:
        case Absolute(limit=limit, lower_limit=lower):
            return -(limit if lower is None else lower), limit
        case Relative(percent=percent, lower_percent=lower):
            return -(percent if lower is None else lower) / 100.0 * magnitude, percent / 100.0 * magnitude
        case OfSpan(percent=percent, span=span, lower_percent=lower):
            return -(percent if lower is None else lower) / 100.0 * span, percent / 100.0 * span
        case Linear(constant=constant, slope=slope):
            width = constant + slope * magnitude
            return -width, width
        case AnyOf(rules=rules):
            pairs = [_limits(one, value) for one in rules]
            return min(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
        case Piecewise(zones=zones, start=start):
            if magnitude >= start:
                for zone in zones:
                    end = math.inf if zone.up_to is None else zone.up_to
                    if magnitude < end or (zone.inclusive and magnitude == end):
                        return _limits(zone.rule, value)
            raise MpeError("value", value, f"the zones reach from {start:g} to {zones[-1].up_to}")


def _check(rule: Rule, field: str) -> None:
    match rule:
        case Absolute(limit=limit, lower_limit=lower):
            _positive(f"{field}.limit", limit)
            _positive(f"{field}.lower_limit", lower)
        case Relative(percent=percent, lower_percent=lower):
            _positive(f"{field}.percent", percent)
            _positive(f"{field}.lower_percent", lower)
        case OfSpan(percent=percent, span=span, lower_percent=lower):
            _positive(f"{field}.percent", percent)
            _positive(f"{field}.span", span)
            _positive(f"{field}.lower_percent", lower)
        case Linear(constant=constant, slope=slope):
            _positive(f"{field}.constant", constant)
            if not (math.isfinite(slope) and slope >= 0.0):
                raise MpeError(f"{field}.slope", slope, "give zero or a positive number")
        case AnyOf(rules=rules):
            if not rules:
                raise MpeError(f"{field}.rules", rules, "give at least one rule")
            for number, one in enumerate(rules):
                _check(one, f"{field}.rules[{number}]")
        case Piecewise(zones=zones, start=start):
            _check_zones(zones, start, field)


def _check_zones(zones: tuple[Zone, ...], start: float, field: str) -> None:
    if not zones:
        raise MpeError(f"{field}.zones", zones, "give at least one zone")
    if not (math.isfinite(start) and start >= 0.0):
        raise MpeError(f"{field}.start", start, "give zero or a positive value")
    below = start
    for number, zone in enumerate(zones):
        end = math.inf if zone.up_to is None and number == len(zones) - 1 else zone.up_to
        if end is None or not end > below:
            raise MpeError(f"{field}.zones[{number}].up_to", zone.up_to, f"zones rise; give more than {below:g}")
        below = end
        _check(zone.rule, f"{field}.zones[{number}].rule")


def _positive(field: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0.0):
        raise MpeError(field, value, "give the limit's magnitude, a positive finite number")
