"""Numbers as text, rounded by their uncertainty.

An expanded uncertainty is given with two significant digits and its value to the same decimal place
(JCGM 100:2008, 7.2.6). An unknown uncertainty is said to be unknown, never shown as 0.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import parse_unit

COVERAGE_FACTOR = 2.0
"""k for an expanded uncertainty of about 95 % (JCGM 100:2008, 6.3.3)."""

LARGEST = 1e15
"""From here on a number is written with its power of ten."""

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def symbol(unit: str) -> str:
    """Return what people write for a UCUM code; an unknown code is shown as it is."""
    try:
        return parse_unit(unit).symbol
    except UnitError:
        return unit


def with_unit(text: str, unit: str) -> str:
    """Join a number and its unit with a space that does not break (SI Brochure, 5.4.3)."""
    sign = symbol(unit)
    return f"{text}{THIN}{sign}" if sign else text


def decimals(uncertainty: float, digits: int = 2) -> int:
    """Return the decimal places that show `uncertainty` with `digits` significant digits (may be negative)."""
    place = digits - 1 - math.floor(math.log10(abs(uncertainty)))
    # 0.0996 with two digits rounds up to 0.10: one place less then shows two digits again.
    rounded = round(abs(uncertainty), place)
    return place if math.floor(math.log10(rounded)) == math.floor(math.log10(abs(uncertainty))) else place - 1


def fixed(value: float, places: int, *, sign: bool = False) -> str:
    """Return a number with `places` decimals (negative: rounded to tens, hundreds), with a true minus sign."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= LARGEST:
        return f"{value:.4g}".replace("-", MINUS)
    places = min(max(places, -15), 12)
    number = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    if number == 0:
        number = abs(number)
    text = f"{abs(number):,f}".replace(",", THIN)
    if number < 0:
        return MINUS + text
    return f"+{text}" if sign and number > 0 else text


def significant(value: float, digits: int = 4, *, sign: bool = False) -> str:
    """Return a number with a given count of significant digits, trailing zeros dropped."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    text = fixed(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))), sign=sign)
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_with_uncertainty(value: float, expanded: float | None, unit: str, *, sign: bool = False) -> str:
    """Return ``value ± U unit``; with an unknown uncertainty the value alone.

    Args:
        value: in `unit`.
        expanded: expanded uncertainty in `unit`, or None when it is not known.
        unit: UCUM code.
        sign: whether a positive value carries its plus sign (errors do, indications do not).
    """
    if expanded is None or not math.isfinite(expanded) or expanded <= 0:
        return with_unit(significant(value, 5, sign=sign), unit)
    places = decimals(expanded)
    return with_unit(f"{fixed(value, places, sign=sign)} ± {fixed(expanded, places)}", unit)


def percent(probability: float | None) -> str:
    """Return a probability for people: no false digits, never exactly 0 % or 100 %."""
    if probability is None or not math.isfinite(probability):
        return "not known"
    share = 100 * probability
    if share < 0.1:
        return f"< 0.1{THIN}%"
    if share > 99.9:
        return f"> 99.9{THIN}%"
    return f"{share:.1f}{THIN}%" if share < 10 or share > 99 else f"{share:.0f}{THIN}%"
