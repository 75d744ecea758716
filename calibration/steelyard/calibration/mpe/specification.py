"""The maximum permissible error of one instrument: a rule for each phase of its life, and where it comes from.

It is kept as JSON (`encode_mpe`, `decode_mpe`) and is whole in itself: what a class table says is put in when it is
laid down (`stating.parse_mpe`), so that a new edition of the table moves nothing that was laid down before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.arrays import PermissibleErrors, permissible_errors
from steelyard.calibration.mpe.pointwise import limits_of_rule, silence
from steelyard.calibration.mpe.rules import Rule, check_rule, variables_of
from steelyard.calibration.mpe.words import Confidence, Phase
from steelyard.contracts.units import UNITS, convert

MAIN = "value"
"""What the main variable can always be called."""


class Limits(NamedTuple):
    """The errors between which an instrument conforms, in `limit_unit`; `lower` <= 0 <= `upper`, not both 0."""

    lower: float
    upper: float


class TableReference(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"accuracy_class": "class"}
):
    """The class table that limits were taken from, for showing: nothing is looked up in it again."""

    id: str
    accuracy_class: str
    parameters: dict[str, float] = {}
    circumstance: str | None = None
    confidence: Confidence | None = None


class MaximumPermissibleError(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instrument's MPE.

    `unit` is the UCUM code of the measurand, `limit_unit` that of the limits ("%": of the measurand; left out:
    `unit`), `source` the document, edition and clause. `rule` holds in every phase that `phases` does not name; in use
    its limits are `in_use_factor` >= 1 times as wide (often 2, not always). `variable` is what rules call their main
    variable, and `rule_unit` the unit that it has in them (left out: `unit`). `table` is the class table behind it.
    """

    unit: str
    source: str
    rule: Rule | None = None
    in_use_factor: float = 1.0
    phases: dict[Phase, Rule] = {}
    limit_unit: str = ""
    variable: str = MAIN
    rule_unit: str = ""
    table: TableReference | None = None

    def __post_init__(self) -> None:
        """Fill in the units that are left out; refuse a rule that permits nothing or everything."""
        for name in ("limit_unit", "rule_unit"):
            if not getattr(self, name):
                msgspec.structs.force_setattr(self, name, self.unit)
        if not (math.isfinite(self.in_use_factor) and self.in_use_factor >= 1.0):
            raise MpeError("in_use_factor", self.in_use_factor, "give a factor of 1 or more")
        if self.rule is None and not self.phases:
            raise MpeError("rule", None, "is missing; give it, or the rules of the phases")
        if self.rule is not None:
            check_rule(self.rule, "rule")
        for phase, rule in self.phases.items():
            check_rule(rule, f"phases.{phase}")
        if not self.variable.strip():
            raise MpeError("variable", self.variable, "name the main variable, or leave it out")
        for name in ("limit_unit", "rule_unit"):
            code = getattr(self, name)
            kinds = {UNITS[each].quantity_kind if each in UNITS else each for each in (self.unit, code)}
            if len(kinds) > 1 and (name, code) != ("limit_unit", "%"):
                raise MpeError(name, code, f"give a unit of the same kind as {self.unit!r}")

    def rule_in(self, phase: Phase) -> tuple[Rule, float]:
        """The rule of a phase and the factor of its limits. Raises MpeError where nothing is said of the phase."""
        own = self.phases.get(phase)
        if own is not None:
            return own, 1.0
        if self.rule is None:
            raise MpeError("phase", str(phase), f"the limits speak of {', '.join(self.phases)} only; see {self.source}")
        return self.rule, self.in_use_factor if phase is Phase.IN_USE else 1.0

    @property
    def error_units(self) -> tuple[str, ...]:
        """The units that an error of this instrument may be stated in: the limits', the measurand's, % of the value."""
        return tuple(dict.fromkeys((self.limit_unit, self.unit, "%")))

    @property
    def error_units_text(self) -> str:
        """The same for a sentence: `mg, kg or % of the test point`."""
        units = [unit for unit in self.error_units if unit != "%"]
        return f"{', '.join(units)} or % of the test point" if units else "%"

    @property
    def origin(self) -> str:
        """The source for people, with class and parameters where a table stands behind it."""
        if self.table is None:
            return self.source
        given = [f"{name} = {value:g}" for name, value in self.table.parameters.items()]
        words = [self.source, f"class {self.table.accuracy_class}", self.table.circumstance, *given]
        return ", ".join(word for word in words if word)

    @property
    def others(self) -> frozenset[str]:
        """The variables beside the main one that the limits may depend on, such as the flow."""
        rules = [*self.phases.values()] if self.rule is None else [self.rule, *self.phases.values()]
        return frozenset[str]().union(*(variables_of(rule, self.variable) for rule in rules)) - {MAIN, self.variable}


def encode_mpe(mpe: MaximumPermissibleError) -> str:
    """JSON text for a store."""
    return msgspec.json.encode(mpe).decode()


def decode_mpe(text: str | bytes) -> MaximumPermissibleError:
    """The inverse of `encode_mpe`, which also reads what earlier versions wrote; raises MpeError for anything else."""
    try:
        return msgspec.json.decode(text, type=MaximumPermissibleError)
    except (msgspec.MsgspecError, ValueError) as error:
        if isinstance(error.__cause__, MpeError):
            raise error.__cause__ from None
        raise MpeError("mpe", text, f"give an MPE as JSON: {error}") from error


def limits_at(
    mpe: MaximumPermissibleError, at: float | Mapping[str, float], *, phase: Phase = Phase.SUBSEQUENT
) -> Limits:
    """The limits of the error at a point, in `mpe.limit_unit`.

    Args:
        mpe: the instrument's MPE.
        at: the main variable in `mpe.unit` (an indicated value), or the variables by name: the main one as "value" or
            by its own name, the others in the units that the MPE's source gives them.
        phase: when in the instrument's life.

    Raises:
        MpeError: where the rule says nothing: outside its zones, at a value between nominal ones, for a relative rule
            at zero, for a variable that is missing, for a phase that the source is silent about.
    """
    given = dict(at) if isinstance(at, Mapping) else {MAIN: at}
    for name, value in given.items():
        if not math.isfinite(value):
            raise MpeError(name, value, "give a finite value")
    rule, factor = mpe.rule_in(phase)
    pair = limits_of_rule(rule, _named(mpe, given), mpe.variable)
    if pair is None:
        raise MpeError("value", _shown(given), silence(rule, mpe.variable))
    if pair[0] == pair[1] == 0.0:
        remedy = "the rule permits no error here; choose a test point inside its range"
        raise MpeError("value", _shown(given), remedy)
    return Limits(pair[0] * factor, pair[1] * factor)


def limits_over(
    mpe: MaximumPermissibleError, points: Mapping[str, ArrayLike], *, phase: Phase = Phase.SUBSEQUENT
) -> PermissibleErrors:
    """The limits at many points, arrays by variable that broadcast, in `mpe.limit_unit`; named as in `limits_at`.

    Raises MpeError for a missing variable, a value that is not finite, a phase that the source is silent about.
    """
    rule, factor = mpe.rule_in(phase)
    main = next((name for name in (mpe.variable, MAIN) if name in points), None)
    named = dict(points)
    if main is not None:
        values = np.asarray(points[main], dtype=np.float64)
        if mpe.rule_unit != mpe.unit:
            zero = convert(0.0, mpe.unit, mpe.rule_unit, difference=False)
            values = values * convert(1.0, mpe.unit, mpe.rule_unit, difference=True) + zero
        named |= dict.fromkeys((MAIN, mpe.variable), values)
    found = permissible_errors(rule, named, mpe.variable)
    return PermissibleErrors(lower=found.lower * factor, upper=found.upper * factor, covered=found.covered)


def _named(mpe: MaximumPermissibleError, given: dict[str, float]) -> dict[str, float]:
    """The point as rules name it: the main variable by both its names, in the unit that it has in them."""
    for name in (mpe.variable, MAIN):
        if name in given:
            value = given[name]
            if mpe.rule_unit != mpe.unit:
                value = convert(value, mpe.unit, mpe.rule_unit, difference=False)
            return given | dict.fromkeys((MAIN, mpe.variable), value)
    return given


def _shown(given: dict[str, float]) -> object:
    return given[MAIN] if list(given) == [MAIN] else given
