"""Rules from plain data (TOML): strict, and with products of named parameters in place of numbers.

A number may be written as a product: ``"0.5 e"``, ``"n1 e"``, ``"Q2"``. `resolved` puts numbers in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.rules import RULE_TYPES, Rule, check_rule
from steelyard.contracts.errors import ContractError
from steelyard.contracts.toml import convert

_WORDS = ("type", "variable")


class _Holder(msgspec.Struct, frozen=True):
    """So that a fault has a name to begin with."""

    rule: Rule


def resolved(data: object, parameters: Mapping[str, float], field: str = "rule") -> object:
    """The same data with products of parameters multiplied out. Raises MpeError for an unknown parameter."""
    if isinstance(data, Mapping):
        return {
            key: value if key in _WORDS else resolved(value, parameters, f"{field}.{key}")
            for key, value in data.items()
        }
    if isinstance(data, str):
        return product(data, parameters, field)
    if isinstance(data, Sequence):
        return [resolved(each, parameters, f"{field}[{index}]") for index, each in enumerate(data)]
    return data


def product(text: str, parameters: Mapping[str, float], field: str) -> float:
    """The value of a product like ``"0.5 e"``. Raises MpeError."""
    if not text.split():
        raise MpeError(field, text, 'must be a number or a product like "0.5 e"')
    value = Fraction(1)
    for factor in text.split():
        try:
            # As decimal numbers: 1.5 x 0.1 is 0.15.
            value *= Fraction(repr(parameters[factor]) if factor in parameters else factor)
        except ValueError:
            known = ", ".join(parameters) or "none"
            raise MpeError(field, text, f"there is no parameter {factor!r}; there are {known}") from None
    try:
        return float(value)
    except OverflowError:
        raise MpeError(field, text, "is beyond the largest number") from None


def names_in(data: object) -> set[str]:
    """Names of the parameters that plain data speak of."""
    if isinstance(data, Mapping):
        return set().union(*(names_in(value) for key, value in data.items() if key not in _WORDS), set())
    if isinstance(data, str):
        return {factor for factor in data.split() if not _is_number(factor)}
    if isinstance(data, Sequence):
        return set().union(*(names_in(each) for each in data), set())
    return set()


def parse_rule(data: object, where: str) -> Rule:
    """A rule from plain data without parameters; the keys are those of the rules' fields, `type` says which.

    Raises MpeError that begins with `where` and names the key, its value and the remedy.
    """
    try:
        rule = convert({"rule": data}, _Holder, where).rule
    except ContractError as error:
        remedy = f"give one of {', '.join(RULE_TYPES)}" if error.field.endswith(".type") else error.remedy
        raise MpeError(error.field, error.value, remedy) from error
    check_rule(rule, f"{where}: rule")
    return rule


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
