"""The closed sets of the language of limits."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """When in an instrument's life its error is judged."""

    FIRST = "first"
    SUBSEQUENT = "subsequent"
    IN_USE = "in_use"


class Confidence(StrEnum):
    """How well a fact is known: read in a source, secondary, recalled; an operator overrides what is not HIGH."""

    HIGH = "H"
    MEDIUM = "M"
    LOW = "L"
