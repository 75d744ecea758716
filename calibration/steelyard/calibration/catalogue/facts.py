"""The facts of a kind as its file states them, each with its source and how well it is known.

Strict: a key that nothing reads is an error. The file format is described in docs/reference/catalogue.md.
"""

from __future__ import annotations

import math
from datetime import date

import msgspec

from steelyard.calibration.catalogue.words import (
    MANDATORY,
    BeforeUse,
    CountsFrom,
    DeviceState,
    PeriodEffect,
    RatioBasis,
    Regime,
)
from steelyard.calibration.mpe import Confidence
from steelyard.contracts.devices import Use

LONGEST_PERIOD_MONTHS = 1200


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt key is an error."""


class Fact(_Strict, frozen=True, kw_only=True):
    """What every fact carries: the document and clause it is from, how well it is known, and a `note` for people."""

    source: str
    confidence: Confidence
    note: str = ""


class Condition(_Strict, frozen=True, kw_only=True, rename={"one_of": "is"}):
    """What a parameter must be: within bounds (in the parameter's unit), or one of some texts."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    one_of: tuple[str, ...] = ()

    def holds_for(self, value: float | str) -> bool:
        """Whether `value` meets every bound that is given."""
        if isinstance(value, str):
            return value in self.one_of
        return (
            not self.one_of
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


class Conditional(Fact, frozen=True, kw_only=True):
    """A fact that holds for some devices only: of these `classes` (none: all) and where each of `when` holds."""

    classes: tuple[str, ...] = ()
    when: dict[str, Condition] = {}


class RegimeRule(Conditional, frozen=True, kw_only=True):
    """``[[edition.regime]]``: the regime of the devices that it holds for; the first rule that fits is taken.

    `use` are the uses it speaks of (none: every use that the law controls). `period_months` are calendar months; a
    first_scrap has none. `recommended_months` is the interval for devices whose use nobody controls, where it is not
    the period.
    """

    regime: Regime
    period_months: int | None = None
    recommended_months: int | None = None
    counts_from: CountsFrom = CountsFrom.VERIFICATION
    use: tuple[Use, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that contradicts itself."""
        for name in ("period_months", "recommended_months"):
            months = getattr(self, name)
            if months is not None and not 1 <= months <= LONGEST_PERIOD_MONTHS:
                message = f"{name} {months}: give 1 to {LONGEST_PERIOD_MONTHS} calendar months"
                raise ValueError(message)
        if (self.period_months is None) != (self.regime is Regime.FIRST_SCRAP):
            message = "period_months: a first_scrap has none, every other regime needs it"
            raise ValueError(message)
        if self.period_months is None and self.recommended_months is None:
            message = "recommended_months: is missing; give the interval of devices whose use nobody controls"
            raise ValueError(message)
        if Use.NONE in self.use and self.regime in MANDATORY:
            message = f"regime {self.regime}: nothing is mandatory for a device without a controlled use"
            raise ValueError(message)

    @property
    def interval_months(self) -> int:
        """The interval of a device whose use nobody controls, calendar months."""
        return next(months for months in (self.recommended_months, self.period_months) if months is not None)


class LimitsFact(Conditional, frozen=True, kw_only=True, rename={"table_class": "class", "parameters": "with"}):
    """``[[edition.mpe]]``: the limits of the devices that it holds for; the first with all that it needs is taken.

    Either `table`, a class table, with `parameters` (`with`): its parameters as products of the device's; `table_class`
    (`class`) where the class is not the device's. Or `rule`, and the `phases` that have a rule of their own, with
    products in place of numbers, in `unit` (left out: the device's); `in_use_factor` as in the language of limits.
    """

    table: str | None = None
    table_class: str | None = None
    circumstance: str | None = None
    parameters: dict[str, str] = {}
    rule: dict[str, object] | None = None
    phases: dict[str, dict[str, object]] = {}
    unit: str | None = None
    in_use_factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is neither a table nor a rule, or both."""
        if (self.table is None) == (self.rule is None and not self.phases):
            message = "table: give either a class table or a rule"
            raise ValueError(message)


class RegulatedPoints(Conditional, frozen=True, kw_only=True):
    """``[[edition.test_points]]``: where the regulation has a device tested; exactly one of three forms.

    `of_range`: parts of the measuring range; `products` of the device's parameters and fields; `values` in `unit`
    (left out: whatever the device indicates in). `variable` is what they are values of (left out: the measurand),
    `also` gives further variables as products.
    """

    of_range: tuple[float, ...] = ()
    products: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    unit: str | None = None
    variable: str | None = None
    also: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse none of the forms, or two."""
        if sum(bool(form) for form in (self.of_range, self.products, self.values)) != 1:
            message = "values: give one of of_range, products, values"
            raise ValueError(message)
        if any(not 0.0 <= part <= 1.0 for part in self.of_range):
            message = "of_range: give parts of the range from 0 to 1"
            raise ValueError(message)


class Repetitions(Fact, frozen=True, kw_only=True):
    """``[edition.repetitions]``: how often the measurement at a test point is repeated, at least."""

    count: int

    def __post_init__(self) -> None:
        """Refuse what is no number of measurements."""
        if self.count < 1:
            message = f"count {self.count}: give how often it is measured, 1 or more"
            raise ValueError(message)


class Environment(Fact, frozen=True, kw_only=True):
    """``[[edition.conditions]]``: from `low` to `high`, in `unit` (UCUM), a quantity must lie during the test."""

    name: str
    unit: str
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            message = f"high {self.high!r}: give a number above low"
            raise ValueError(message)


class RequiredRatio(Fact, frozen=True, kw_only=True):
    """``[edition.ratio]``: `basis` divided by the maximum permissible error is at most `at_most`."""

    at_most: float
    basis: RatioBasis

    def __post_init__(self) -> None:
        """Refuse what asks nothing or the impossible."""
        if not 0.0 < self.at_most <= 1.0:
            message = f"at_most {self.at_most!r}: give a part of the maximum permissible error, above 0 and at most 1"
            raise ValueError(message)


class Procedure(Fact, frozen=True, kw_only=True):
    """``[edition.procedure]`` and ``[[edition.requirement]]``: a method, or what is tested beside the error."""

    text: str


class UsualUncertainty(Fact, frozen=True, kw_only=True):
    """``[edition.usual_uncertainty]``: the expanded uncertainties that are plausible, as parts of the MPE."""

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if not 0.0 < self.lowest < self.highest:
            message = f"highest {self.highest!r}: give a number above lowest, which is above 0"
            raise ValueError(message)


class StateEffect(Fact, frozen=True, kw_only=True):
    """``[edition.states.STATE]``: whether orders are raised, what becomes of the period, what is needed before use."""

    orders: bool
    period: PeriodEffect
    before_use: BeforeUse


class Parameter(_Strict, frozen=True, kw_only=True):
    """``[parameters.NAME]``: what the name plate says beside class and range.

    A number in `unit`, or one of the `choices`, each with what people write for it. `default` is a product that holds
    where the parameter is not given; then it has a source.
    """

    meaning: str
    unit: str = ""
    choices: dict[str, tuple[str, ...]] = {}
    default: str = ""
    source: str = ""
    confidence: Confidence = Confidence.LOW


class Second(_Strict, frozen=True, kw_only=True):
    """The second quantity that the limits depend on, such as the flow; `unit` a UCUM code.

    `indicated` says that the instrument measures it too, with errors of its own: a thermo-hygrometer its temperature.
    """

    name: str
    unit: str
    indicated: bool = False


class Names(_Strict, frozen=True, kw_only=True):
    """What the kind is called in Chinese and in English."""

    zh: str
    en: str


class Example(_Strict, frozen=True, kw_only=True):
    """``[[example]]``: a device that the catalogue's check tries, in each of `classes` (none: each of the kind's)."""

    unit: str
    classes: tuple[str, ...] = ()
    parameters: dict[str, float | str] = {}
    range_low: float | None = None
    range_high: float | None = None
    scale_interval: float | None = None


class EditionText(Fact, frozen=True, kw_only=True):
    """``[[edition]]``: one dated edition of the regulation."""

    document: str
    in_force: date
    oiml: str = ""
    regime: tuple[RegimeRule, ...]
    mpe: tuple[LimitsFact, ...] = ()
    test_points: tuple[RegulatedPoints, ...] = ()
    repetitions: Repetitions | None = None
    conditions: tuple[Environment, ...] = ()
    ratio: RequiredRatio | None = None
    procedure: Procedure | None = None
    requirement: tuple[Procedure, ...] = ()
    usual_uncertainty: UsualUncertainty | None = None
    states: dict[DeviceState, StateEffect]


class KindText(_Strict, frozen=True, kw_only=True):
    """A kind's whole file."""

    id: str
    names: Names
    quantity: str
    unit: str
    edition: tuple[EditionText, ...]
    aliases: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    second: Second | None = None
    classes: tuple[str, ...] = ()
    class_aliases: dict[str, str] = {}
    parameters: dict[str, Parameter] = {}
    example: tuple[Example, ...] = ()
