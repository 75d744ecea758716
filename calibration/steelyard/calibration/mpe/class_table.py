"""A class table: the MPE of a kind of instrument, by accuracy class and phase, with where it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.arrays import PermissibleErrors, permissible_errors
from steelyard.calibration.mpe.plain import parse_rule, product, resolved
from steelyard.calibration.mpe.rules import Case, Cases, Range, Rule, scaled
from steelyard.calibration.mpe.words import Confidence, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`document`, `edition`, `clause` that a table was taken from, and the `confidence` in it."""

    document: str
    edition: str
    clause: str
    confidence: Confidence

    def __str__(self) -> str:
        return f"{self.document}, {self.edition}, {self.clause}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a table.

    It holds for `classes` (empty: all) in `phases` (empty: those of the table's factors, times the factor), in a
    `circumstance` (None: any), where each variable of `where` lies in one of its closed ranges, whose ends may be
    products of parameters. `rule` is plain data, with parameters still in it.
    """

    classes: tuple[str, ...]
    phases: tuple[Phase, ...]
    circumstance: str | None
    where: Mapping[str, tuple[tuple[float | str, float | str], ...]]
    rule: Mapping[str, object]
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPoint:
    """What the table must give: limits `lower`, `upper` at a point, within `tolerance`."""

    accuracy_class: str
    phase: Phase
    circumstance: str | None
    at: Mapping[str, float]
    parameters: Mapping[str, float]
    lower: float
    upper: float
    tolerance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """`variable` that rules speak of, in `unit`; limits in `limit_unit`; `parameters` that must be given, by name.

    `unit` is a UCUM code or says in words that it is the instrument's own; `quantity` is the kind of quantity that the
    variable is (None: not told). `class_parameters` by class and name; `phase_factors` multiply entries without phases
    of their own; the first entry that fits a point holds; `checks` are points with known limits.
    """

    id: str
    title: str
    source: Source
    variable: str
    unit: str
    limit_unit: str
    quantity: str | None
    classes: tuple[str, ...]
    parameters: Mapping[str, str]
    class_parameters: Mapping[str, Mapping[str, float]]
    phase_factors: Mapping[Phase, float]
    entries: tuple[Entry, ...]
    checks: tuple[CheckPoint, ...]

    def permissible_errors(
        self,
        accuracy_class: str,
        phase: Phase,
        points: Mapping[str, ArrayLike],
        *,
        parameters: Mapping[str, float] | None = None,
        circumstance: str | None = None,
    ) -> PermissibleErrors:
        """Limits of the error at `points` (arrays by variable, broadcast), in `limit_unit`; nan where no entry fits.

        Raises MpeError for an unknown class or circumstance, a phase the table says nothing of, parameters that are
        missing, unknown or not positive, a missing variable.
        """
        rule = self.rule_for(accuracy_class, phase, parameters=parameters, circumstance=circumstance)
        return permissible_errors(rule, points, self.variable)

    def rule_for(
        self,
        accuracy_class: str,
        phase: Phase,
        *,
        parameters: Mapping[str, float] | None = None,
        circumstance: str | None = None,
    ) -> Rule:
        """What the table says of a class in a phase, with all parameters put in; raises as `permissible_errors`."""
        given = self._given(accuracy_class, {} if parameters is None else parameters)
        cases = []
        for entry in self._fitting(accuracy_class, phase, circumstance):
            rule = parse_rule(resolved(entry.rule, given), self.id)
            factor = 1.0 if entry.phases else self.phase_factors[phase]
            where = {name: _ranges(ranges, given, name) for name, ranges in entry.where.items()}
            if all(where.values()):
                cases.append(Case(where=where, rule=rule if factor == 1.0 else scaled(rule, factor)))
        if not cases:
            raise MpeError("parameters", dict(given), f"{self.id} has no range that these leave open")
        if len(cases) == 1 and not cases[0].where:
            return cases[0].rule
        return Cases(cases=tuple(cases))

    def phases_of(self, accuracy_class: str, circumstance: str | None = None) -> tuple[Phase, ...]:
        """The phases that the table speaks of for a class. Raises MpeError for an unknown class or circumstance."""
        self._require_class(accuracy_class)
        self._require_circumstance(circumstance)
        return tuple(phase for phase in Phase if self._entries(accuracy_class, phase, circumstance))

    def confidence_of(self, accuracy_class: str, phase: Phase, circumstance: str | None = None) -> Confidence:
        """The lowest confidence of the entries that hold for a class and phase."""
        order = list(Confidence)
        return max((e.confidence for e in self._fitting(accuracy_class, phase, circumstance)), key=order.index)

    def _given(self, accuracy_class: str, parameters: Mapping[str, float]) -> dict[str, float]:
        self._require_class(accuracy_class)
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise MpeError(f"parameters.{name}", value, f"{self.id} has no such parameter; it has {known}")
            if not (math.isfinite(value) and value > 0.0):
                raise MpeError(f"parameters.{name}", value, "must be a positive finite number")
        for name, meaning in self.parameters.items():
            if name not in parameters:
                raise MpeError(f"parameters.{name}", None, f"is missing; give the {meaning}")
        return {**parameters, **self.class_parameters.get(accuracy_class, {})}

    def _require_class(self, accuracy_class: str) -> None:
        if accuracy_class not in self.classes:
            raise MpeError("class", accuracy_class, f"{self.id} has {', '.join(self.classes)}")

    def _require_circumstance(self, circumstance: str | None) -> None:
        known = self._circumstances()
        if circumstance is not None and circumstance not in known:
            raise MpeError("circumstance", circumstance, f"{self.id} has {', '.join(known) or 'none'}")

    def _circumstances(self) -> list[str]:
        return sorted({entry.circumstance for entry in self.entries if entry.circumstance is not None})

    def _entries(self, accuracy_class: str, phase: Phase, circumstance: str | None) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if (not entry.classes or accuracy_class in entry.classes)
            and (phase in entry.phases if entry.phases else phase in self.phase_factors)
            and (entry.circumstance is None or entry.circumstance == circumstance)
        ]

    def _fitting(self, accuracy_class: str, phase: Phase, circumstance: str | None) -> list[Entry]:
        self._require_circumstance(circumstance)
        found = self._entries(accuracy_class, phase, circumstance)
        known = self._circumstances()
        if not found and circumstance is None and known:
            raise MpeError("circumstance", None, f"is missing; {self.id} has {', '.join(known)}")
        if not found:
            raise MpeError("phase", str(phase), f"{self.id} says nothing of it for class {accuracy_class}")
        return found


def failed_checks(table: ClassTable) -> tuple[str, ...]:
    """One sentence for each check point that the table does not reproduce; none if it is in order."""
    found = []
    for check in table.checks:
        limits = table.permissible_errors(
            check.accuracy_class,
            check.phase,
            check.at,
            parameters=check.parameters,
            circumstance=check.circumstance,
        )
        low, high = float(limits.lower), float(limits.upper)
        near = abs(low - check.lower) <= check.tolerance and abs(high - check.upper) <= check.tolerance
        if not near:
            at = ", ".join(f"{name} {value:g}" for name, value in check.at.items())
            found.append(
                f"{table.id}, class {check.accuracy_class}, {check.phase}, at {at}: "
                f"gives {low:g} to {high:g}, the check point says {check.lower:g} to {check.upper:g}"
            )
    return tuple(found)


def _ranges(
    written: tuple[tuple[float | str, float | str], ...], given: Mapping[str, float], field: str
) -> tuple[Range, ...]:
    """The ranges with their parameters put in, but those that end before they begin: Qmin may be above 0.2 Qmax."""
    ends = [tuple(product(end, given, field) if isinstance(end, str) else end for end in each) for each in written]
    return tuple((low, high) for low, high in ends if low <= high)
