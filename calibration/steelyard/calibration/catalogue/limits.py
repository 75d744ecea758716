"""Limits of a device from what its kind's file says: a class table or a rule, with the device's numbers put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from steelyard.calibration.catalogue.facts import LimitsFact
from steelyard.calibration.catalogue.plate import Given
from steelyard.calibration.catalogue.products import product
from steelyard.calibration.errors import CatalogueError, MpeError
from steelyard.calibration.mpe import MaximumPermissibleError, parse_mpe

_WORDS = ("type", "variable")
"""Keys of a rule whose text is no product."""


def needs_of(fact: LimitsFact) -> tuple[str, ...]:
    """The products of a device's numbers that the limits ask for."""
    return (*fact.parameters.values(), *_products(fact.rule), *_products(fact.phases))


def limits_from(fact: LimitsFact, given: Given, *, kind: str, document: str, unit: str) -> MaximumPermissibleError:
    """The limits of a device whose numbers and class are `given`; `unit` is the UCUM code of its measurand.

    Raises CatalogueError for whatever the language of limits refuses.
    """
    field = f"{kind}: {document}: mpe"
    numbers = given.numbers
    data: dict[str, object] = {"unit": unit}
    if fact.table is not None:
        data |= {"table": fact.table, "class": fact.table_class or given.accuracy_class}
        data |= {name: product(text, numbers, field) for name, text in fact.parameters.items()}
        if fact.circumstance is not None:
            data["circumstance"] = fact.circumstance
    else:
        data |= {"source": fact.source, "in_use_factor": fact.in_use_factor}
        if fact.unit is not None:
            data |= {"rule_unit": fact.unit, "limit_unit": fact.unit}
        if fact.rule is not None:
            data["rule"] = _resolved(fact.rule, numbers, field)
        if fact.phases:
            data["phases"] = _resolved(fact.phases, numbers, field)
    try:
        return parse_mpe(data, field)
    except MpeError as error:
        raise CatalogueError(error.field, error.value, error.remedy) from error


def _products(data: object, key: str = "") -> Iterator[str]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from _products(value, name)
    elif isinstance(data, str):
        if key not in _WORDS:
            yield data
    elif isinstance(data, Sequence):
        for value in data:
            yield from _products(value)


def _resolved(data: object, numbers: Mapping[str, float], field: str) -> object:
    if isinstance(data, Mapping):
        return {key: value if key in _WORDS else _resolved(value, numbers, field) for key, value in data.items()}
    if isinstance(data, str):
        return product(data, numbers, field)
    if isinstance(data, Sequence):
        return [_resolved(each, numbers, field) for each in data]
    return data
