"""What is wrong with a catalogue, beyond what loading refuses: every kind tried in every class, phase and use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from steelyard.calibration.catalogue.edition import Edition
from steelyard.calibration.catalogue.facts import Example, Fact
from steelyard.calibration.catalogue.kind import Catalogue, Kind
from steelyard.calibration.catalogue.words import DeviceState
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.mpe import MaximumPermissibleError, Phase, limits_at
from steelyard.contracts.devices import Use
from steelyard.contracts.units import UNITS

FIRST_REGULATION: Final = date(1955, 1, 1)
"""The state bureau of metrology was founded in that year."""
LAST_PLAUSIBLE: Final = date(2100, 1, 1)
_HAN = re.compile(r"[\u4e00-\u9fff]")


def faults(catalogue: Catalogue) -> tuple[str, ...]:
    """One sentence for each fault; none if the catalogue is in order."""
    return tuple(sentence for kind in catalogue.kinds.values() for sentence in _of_kind(kind))


def _of_kind(kind: Kind) -> Iterator[str]:
    if not _HAN.search(kind.names.zh):
        yield f"{kind.id}: names.zh: {kind.names.zh!r} is no Chinese name."
    if not kind.names.en.strip() or _HAN.search(kind.names.en):
        yield f"{kind.id}: names.en: {kind.names.en!r} is no English name."
    yield from _of_plate(kind)
    if not kind.examples:
        yield f"{kind.id}: there is no [[example]], so nothing was tried."
    for edition in kind.editions:
        yield from _of_edition(kind, edition)


def _of_plate(kind: Kind) -> Iterator[str]:
    for number, alias in enumerate(kind.aliases):
        if not alias.strip():
            remedy = f"take it out, or give what people write for {kind.names.en}"
            yield f"{kind.file}: aliases[{number}]: {alias!r} says nothing; {remedy}."
    for number, name in enumerate(kind.classes):
        if name in kind.classes[:number]:
            yield f"{kind.file}: classes[{number}]: {name!r} stands there already; keep one: {_once(kind.classes)}."
    measured = [_quantity(code) for code in (kind.unit, *kind.units)]
    for number, code in enumerate(kind.units):
        # An electricity meter is tested in energy or in power: two quantities, each with units of its own.
        if measured[number + 1] != measured[0] and measured.count(measured[number + 1]) == 1:
            choices = ", ".join(unit for unit in UNITS if _quantity(unit) == measured[0])
            said = f"measures {UNITS[code].quantity_kind}, {kind.unit} {UNITS[kind.unit].quantity_kind}"
            yield f"{kind.file}: units[{number}]: {code!r} {said}; give some of {choices}."


def _once(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _quantity(code: str) -> str:
    """What a unit measures; parts of a whole are one, whether by amount or of whatever."""
    return UNITS[code].quantity_kind.replace("amount_fraction", "dimensionless")


def _of_edition(kind: Kind, edition: Edition) -> Iterator[str]:
    where = f"{kind.id}, {edition.document}"
    if not FIRST_REGULATION <= edition.in_force <= LAST_PLAUSIBLE:
        yield f"{where}: in_force {edition.in_force} is not plausible."
    if not edition.source.strip():
        yield f"{where}: the edition has no source."
    for name, fact in named_facts(edition):
        if not fact.source.strip():
            yield f"{where}: {name} has no source."
    for state in DeviceState:
        if state not in edition.states:
            yield f"{where}: nothing is said of the state {state}."
    for number, example in enumerate(kind.examples):
        for accuracy_class in example.classes or kind.classes or (None,):
            of = f" of class {accuracy_class}" if accuracy_class else ""
            yield from _tried(edition, example, accuracy_class, f"{where}: example {number + 1}{of}")


def named_facts(edition: Edition) -> Iterator[tuple[str, Fact]]:
    """The facts of an edition with what they are called in the file."""
    groups = {
        "regime": edition.regimes,
        "mpe": edition.limits,
        "test_points": edition.regulated_points,
        "conditions": edition.environment,
        "requirement": edition.requirements,
    }
    for name, facts in groups.items():
        yield from ((f"{name}[{number}]", fact) for number, fact in enumerate(facts))
    singles = {
        "repetitions": edition.repetitions,
        "ratio": edition.ratio,
        "procedure": edition.procedure,
        "usual_uncertainty": edition.usual_uncertainty,
    }
    yield from ((name, fact) for name, fact in singles.items() if fact is not None)
    yield from ((f"states.{state}", effect) for state, effect in edition.states.items())


def _tried(edition: Edition, example: Example, accuracy_class: str | None, where: str) -> Iterator[str]:
    try:
        for use in Use:
            choice = edition.regime_for(use=use, accuracy_class=accuracy_class, parameters=example.parameters)
            if choice.missing and (example.parameters or not edition.plate.parameters):
                yield f"{where}: the regime for {use} asks for {', '.join(choice.missing)}."
        mpe = edition.mpe_for(
            accuracy_class=accuracy_class,
            parameters=example.parameters,
            unit=example.unit,
            range_low=example.range_low,
            range_high=example.range_high,
            scale_interval=example.scale_interval,
        )
    except CalibrationError as error:
        yield f"{where}: {error}."
        return
    if mpe is not None:
        yield from _limits(edition, example, accuracy_class, mpe, where)


def _limits(
    edition: Edition, example: Example, accuracy_class: str | None, mpe: MaximumPermissibleError, where: str
) -> Iterator[str]:
    try:
        points = edition.test_points_for(
            accuracy_class=accuracy_class,
            parameters=example.parameters,
            unit=example.unit,
            range_low=example.range_low,
            range_high=example.range_high,
            scale_interval=example.scale_interval,
        )
    except CalibrationError as error:
        yield f"{where}: {error}."
        return
    if not points:
        yield f"{where}: there are limits, but no test point to try them at."
    for point in points:
        at = ", ".join(f"{name} {value:g}" for name, value in point.items())
        for phase in Phase:
            try:
                lower, upper = limits_at(mpe, point, phase=phase)
            except CalibrationError as error:
                yield f"{where}: at {at}, {phase}: {error}."
                continue
            if not (math.isfinite(lower) and math.isfinite(upper) and lower <= 0.0 <= upper):
                yield f"{where}: at {at}, {phase}: the limits are {lower:g} to {upper:g}."
