"""Products and quotients of named numbers, in place of a number: ``"1.6 q3 / r"``, ``"0.5 range_high"``."""

from __future__ import annotations

from collections.abc import Mapping

from steelyard.calibration.errors import CatalogueError


def product(text: str, numbers: Mapping[str, float], field: str) -> float:
    """The value of `text`: numbers and names, multiplied; what follows a ``/`` divides.

    Raises CatalogueError for a name that `numbers` lack, a text that says nothing, a division by zero.
    """
    value, dividing, factors = 1.0, False, 0
    for word in text.split():
        if word == "/" and factors and not dividing:
            dividing = True
            continue
        factor = _value(word, numbers, text, field)
        if dividing and factor == 0.0:
            raise CatalogueError(field, text, f"divides by {word}, which is zero; correct it")
        value = value / factor if dividing else value * factor
        dividing, factors = False, factors + 1
    if dividing or not factors:
        raise CatalogueError(field, text, 'must be a number or a product like "1.6 q3 / r"')
    return value


def names_in(text: str) -> tuple[str, ...]:
    """The names that a product speaks of, each once, in their order."""
    return tuple(dict.fromkeys(word for word in text.split() if word != "/" and not _is_number(word)))


def _value(word: str, numbers: Mapping[str, float], text: str, field: str) -> float:
    if word in numbers:
        return numbers[word]
    if _is_number(word):
        return float(word)
    raise CatalogueError(field, text, f"there is no {word!r} here; there are {', '.join(numbers) or 'none'}")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
