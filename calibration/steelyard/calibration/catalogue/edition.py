"""One dated edition of a regulation: which regime a device stands under, what it may err, where it is tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from steelyard.calibration.catalogue.facts import (
    Environment,
    LimitsFact,
    Procedure,
    RegimeRule,
    RegulatedPoints,
    Repetitions,
    RequiredRatio,
    StateEffect,
    UsualUncertainty,
)
from steelyard.calibration.catalogue.limits import limits_from, needs_of
from steelyard.calibration.catalogue.plate import ACCURACY_CLASS, Given, NamePlate
from steelyard.calibration.catalogue.products import product
from steelyard.calibration.catalogue.words import CountsFrom, DeviceState, Regime
from steelyard.calibration.errors import CatalogueError
from steelyard.calibration.mpe import Confidence, MaximumPermissibleError
from steelyard.contracts.devices import Use
from steelyard.contracts.errors import ContractError
from steelyard.contracts.units import convert

MAIN = "value"
"""What the language of limits calls the measurand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeChoice:
    """The regime that an edition puts a device under.

    `period_months` are calendar months from the day that `counts_from` names (None: no period). `missing` are the
    names of what the device does not say and a rule asks for: then the shortest period of those that may hold is
    taken. `source` is the document and clause of the rule.
    """

    regime: Regime
    period_months: int | None
    counts_from: CountsFrom
    confidence: Confidence
    missing: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What one edition of a regulation says of a kind, in force from `in_force` until the next one is.

    `document` with number and year; `oiml` the recommendation that it follows ("": none). The facts are in the order of
    the file. `plate` reads what a device says of itself.
    """

    plate: NamePlate
    document: str
    in_force: date
    oiml: str
    source: str
    confidence: Confidence
    note: str
    regimes: tuple[RegimeRule, ...]
    limits: tuple[LimitsFact, ...]
    regulated_points: tuple[RegulatedPoints, ...]
    repetitions: Repetitions | None
    environment: tuple[Environment, ...]
    ratio: RequiredRatio | None
    procedure: Procedure | None
    requirements: tuple[Procedure, ...]
    usual_uncertainty: UsualUncertainty | None
    states: Mapping[DeviceState, StateEffect]

    def regime_for(
        self, *, use: Use, accuracy_class: str | None, parameters: Mapping[str, float | str]
    ) -> RegimeChoice:
        """The regime of a device that is used for `use`.

        The first rule that fits holds. Where it cannot be told which one fits, the shortest period of the rules that
        may hold is taken and `missing` says what to ask for. A device without a controlled use is voluntary, with the
        period that it would have as its recommended interval.

        Raises CatalogueError for an unknown class or parameter, and where no rule speaks of the device.
        """
        given = self.plate.read(accuracy_class=accuracy_class, parameters=parameters)
        own = [rule for rule in self.regimes if use in rule.use]
        if use is Use.NONE and not own:
            rules = list(self.regimes)
        else:
            rules = [rule for rule in self.regimes if use in rule.use or (not rule.use and use is not Use.NONE)]
        possible: list[RegimeRule] = []
        missing: list[str] = []
        for rule in rules:
            holds, lacking = given.fits(rule)
            if holds is False:
                continue
            possible.append(rule)
            missing += lacking
            if holds:
                break
        if not possible:
            remedy = f"{self.document} has no rule for this use and class; give regime and period with the device"
            raise CatalogueError(f"{self.plate.kind}: use", str(use), remedy)
        return _choice(min(possible, key=lambda rule: _months(rule, use)), use, tuple(dict.fromkeys(missing)))

    def mpe_for(
        self,
        *,
        accuracy_class: str | None,
        parameters: Mapping[str, float | str],
        unit: str | None = None,
        range_low: float | None = None,
        range_high: float | None = None,
        scale_interval: float | None = None,
    ) -> MaximumPermissibleError | None:
        """The maximum permissible error of a device; None where the regulation gives none.

        Args:
            accuracy_class: as the name plate has it; None: not given.
            parameters: of the kind, by name.
            unit: UCUM code of the range and of the measurand; None: the kind's.
            range_low: lower end of the measuring range, in `unit`.
            range_high: upper end, in `unit`.
            scale_interval: in `unit`; of a scale the verification scale interval e.

        Raises:
            CatalogueError: that names the class or parameter that is missing or unknown.
        """
        if not self.limits:
            return None
        given = self.plate.read(
            accuracy_class=accuracy_class,
            parameters=parameters,
            range_low=range_low,
            range_high=range_high,
            scale_interval=scale_interval,
        )
        own_unit = self.plate.require_unit(unit)
        lacking: tuple[str, ...] = ()
        for fact in self.limits:
            holds, missing = given.fits(fact)
            if holds is False:
                continue
            lacks = (*missing, *self._lacks(fact, given))
            if not lacks:
                return limits_from(fact, given, kind=self.plate.kind, document=self.document, unit=own_unit)
            lacking = lacking or lacks
        if lacking:
            raise self.plate.missing(lacking[0], self.document)
        remedy = f"{self.document} has no limits for this device; give them with the device"
        raise CatalogueError(f"{self.plate.kind}: mpe", accuracy_class, remedy)

    def test_points_for(
        self,
        *,
        accuracy_class: str | None,
        parameters: Mapping[str, float | str],
        unit: str | None = None,
        range_low: float | None = None,
        range_high: float | None = None,
        scale_interval: float | None = None,
    ) -> tuple[Mapping[str, float], ...]:
        """The regulated test points of a device, each a value by variable as the language of limits takes it.

        The measurand is called "value", in `unit`. Points outside the measuring range are left out. Empty where the
        edition has none, or the device does not say enough. Arguments and errors as those of `mpe_for`.
        """
        given = self.plate.read(
            accuracy_class=accuracy_class,
            parameters=parameters,
            range_low=range_low,
            range_high=range_high,
            scale_interval=scale_interval,
        )
        own_unit = self.plate.require_unit(unit)
        for rule in self.regulated_points:
            ends = ("range_low", "span") if rule.of_range else ()
            if given.fits(rule)[0] and not given.lacks(*rule.products, *rule.also.values(), *ends):
                points = sorted({point for point in self._points(rule, given, own_unit) if _inside(point, rule, given)})
                field = f"{self.plate.kind}: test_points.also"
                also = {name: product(text, given.numbers, field) for name, text in rule.also.items()}
                return tuple({rule.variable or MAIN: point, **also} for point in points)
        return ()

    def _lacks(self, fact: LimitsFact, given: Given) -> tuple[str, ...]:
        lacks = given.lacks(*needs_of(fact))
        needs_class = fact.table is not None and fact.table_class is None and given.accuracy_class is None
        return (ACCURACY_CLASS, *lacks) if needs_class else lacks

    def _points(self, rule: RegulatedPoints, given: Given, unit: str) -> Iterator[float]:
        field = f"{self.plate.kind}: test_points"
        if rule.of_range:
            numbers = given.numbers
            yield from (numbers["range_low"] + part * numbers["span"] for part in rule.of_range)
        elif rule.products:
            yield from (product(text, given.numbers, field) for text in rule.products)
        elif rule.variable is not None or rule.unit is None:
            yield from rule.values
        else:
            try:
                yield from (convert(value, rule.unit, unit, difference=False) for value in rule.values)
            except ContractError as error:
                raise CatalogueError(f"{field}: {error.field}", error.value, error.remedy) from error


def _months(rule: RegimeRule, use: Use) -> float:
    """For the comparison of rules: no period is the longest."""
    if use is Use.NONE:
        return float(rule.interval_months)
    return float("inf") if rule.period_months is None else float(rule.period_months)


def _choice(rule: RegimeRule, use: Use, missing: tuple[str, ...]) -> RegimeChoice:
    voluntary = use is Use.NONE
    return RegimeChoice(
        regime=Regime.VOLUNTARY if voluntary else rule.regime,
        period_months=rule.interval_months if voluntary else rule.period_months,
        counts_from=CountsFrom.VERIFICATION if voluntary else rule.counts_from,
        confidence=rule.confidence,
        missing=missing,
        source=rule.source,
    )


def _inside(point: float, rule: RegulatedPoints, given: Given) -> bool:
    if rule.variable is not None:
        return True
    numbers = given.numbers
    return numbers.get("range_low", float("-inf")) <= point <= numbers.get("range_high", float("inf"))
