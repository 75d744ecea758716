"""A class table: the MPE of a kind of instrument, by accuracy class and phase, with where it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.tolerances.errors import RuleError, TableError
from steelyard.calibration.engine.tolerances.parsing import Plain, parse_rule, product, resolved
from steelyard.calibration.engine.tolerances.rules import (
    Floats,
    PermissibleErrors,
    arrays_of,
    permissible_errors,
    value_of,
)


class Phase(StrEnum):
    """When in an instrument's life its error is judged."""

    FIRST = "first"
    SUBSEQUENT = "subsequent"
    IN_USE = "in_use"


class Confidence(StrEnum):
    """How well a fact is known: read in a source, secondary, recalled."""

    HIGH = "H"
    MEDIUM = "M"
    LOW = "L"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`document`, `edition`, `clause` that a table was taken from, and the `confidence` in it."""

    document: str
    edition: str
    clause: str
    confidence: Confidence


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
    rule: Plain
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

    `class_parameters` by class and name; `phase_factors` multiply entries without phases of their own; the first
    entry that fits a point holds; `checks` are points with known limits.
    """

    id: str
    title: str
    source: Source
    variable: str
    unit: str
    limit_unit: str
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

        Raises TableError for an unknown class or circumstance, a phase the table says nothing of, parameters that are
        missing, unknown or not positive; RuleError for a missing variable.
        """
        given = self._given(accuracy_class, {} if parameters is None else parameters)
        entries = self._fitting(accuracy_class, phase, circumstance)
        arrays = arrays_of(points)
        main = value_of(arrays, self.variable) if self.variable in arrays else next(iter(arrays.values()), None)
        if main is None:
            raise RuleError(self.variable, None, "is missing; the table depends on it")
        lower, upper = np.full(main.shape, np.nan), np.full(main.shape, np.nan)
        covered = np.zeros(main.shape, dtype=np.bool_)
        for entry in entries:
            here = self._inside(entry, arrays, given, ~covered)
            if not np.any(here):
                continue
            rule = parse_rule(resolved(entry.rule, given))
            found = permissible_errors(rule, arrays, self.variable)
            factor = 1.0 if entry.phases else self.phase_factors[phase]
            here &= found.covered
            lower, upper = np.where(here, found.lower * factor, lower), np.where(here, found.upper * factor, upper)
            covered = covered | here
        return PermissibleErrors(lower=lower, upper=upper, covered=covered)

    def confidence_of(self, accuracy_class: str, phase: Phase, circumstance: str | None = None) -> Confidence:
        """The lowest confidence of the entries that hold for a class and phase."""
        order = list(Confidence)
        return max((e.confidence for e in self._fitting(accuracy_class, phase, circumstance)), key=order.index)

    def _given(self, accuracy_class: str, parameters: Mapping[str, float]) -> dict[str, float]:
        if accuracy_class not in self.classes:
            raise TableError("class", accuracy_class, f"{self.id} has {', '.join(self.classes)}")
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise TableError(f"parameters.{name}", value, f"{self.id} has no such parameter; it has {known}")
            if not (math.isfinite(value) and value > 0.0):
                raise TableError(f"parameters.{name}", value, "must be a positive finite number")
        for name, meaning in self.parameters.items():
            if name not in parameters:
                raise TableError(f"parameters.{name}", None, f"is missing; give the {meaning}")
        return {**parameters, **self.class_parameters.get(accuracy_class, {})}

    def _fitting(self, accuracy_class: str, phase: Phase, circumstance: str | None) -> list[Entry]:
        known = {e.circumstance for e in self.entries if e.circumstance is not None}
        if circumstance is not None and circumstance not in known:
            raise TableError("circumstance", circumstance, f"{self.id} has {', '.join(sorted(known)) or 'none'}")
        found = [
            entry
            for entry in self.entries
            if (not entry.classes or accuracy_class in entry.classes)
            and (phase in entry.phases if entry.phases else phase in self.phase_factors)
            and (entry.circumstance is None or entry.circumstance == circumstance)
        ]
        if not found and circumstance is None and known:
            raise TableError("circumstance", None, f"is missing; {self.id} has {', '.join(sorted(known))}")
        if not found:
            raise TableError("phase", str(phase), f"{self.id} says nothing of it for class {accuracy_class}")
        return found

    @staticmethod
    def _inside(
        entry: Entry, arrays: Mapping[str, Floats], given: Mapping[str, float], left: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which of the points `left` the entry speaks of; a variable is needed only where the others do not decide."""
        inside = left
        for variable in sorted(entry.where, key=lambda name: name not in arrays):
            if not np.any(inside):
                break
            values = value_of(arrays, variable)
            within = np.zeros(values.shape, dtype=np.bool_)
            for low, high in entry.where[variable]:
                within |= (values >= _end(low, given, variable, -1.0)) & (values <= _end(high, given, variable, 1.0))
            inside = inside & within
        return inside


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


def _end(written: float | str, given: Mapping[str, float], field: str, outwards: float) -> float:
    """An end of a range, wider by a last digit: 3 x 0.1 e must not lie beyond 0.3 e."""
    end = product(written, given, field) if isinstance(written, str) else written
    return end + outwards * 1e-12 * abs(end) if math.isfinite(end) else end
