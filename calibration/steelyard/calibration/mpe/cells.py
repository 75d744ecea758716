"""An MPE from a cell of a spreadsheet: what people write, or a class table named by key and value."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping
from typing import Final, NamedTuple

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe.class_table import ClassTable
from steelyard.calibration.mpe.rules import Absolute, AnyOf, Linear, OfSpan, Relative, Rule
from steelyard.calibration.mpe.specification import MaximumPermissibleError
from steelyard.calibration.mpe.stating import parse_mpe
from steelyard.calibration.mpe.table_files import builtin_tables
from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import UNITS, convert, unit_named

FORMS: Final = (
    "±0.5 kg",
    "0..+0.5 kg",
    "-4..+1 %",
    "+0.10/-0.15 °C",
    "±1.6 % FS",
    "±(0.15+0.002|t|) °C",
    "±5 or ±10 %",
    "table=oiml-r76 class=III e=1",
)
"""What can be written, for messages and pages."""

_NUMBER = r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
_BOTH = re.compile(rf"±\s*{_NUMBER}\s*(.*)")
_LINEAR = re.compile(rf"±\s*\(\s*{_NUMBER}\s*\+\s*{_NUMBER}\s*[·⋅*×]?\s*\|\s*[^|()]+\|\s*\)\s*(.*)")
_RANGE = re.compile(rf"([+-]?)\s*{_NUMBER}\s*([^0-9+~.]*?)\s*(?:\.\.+|~|\bto\b|至|到)\s*([+-]?)\s*{_NUMBER}\s*(.*)")
_SIDES = re.compile(rf"\+\s*{_NUMBER}\s*([^0-9+/-]*?)\s*/?\s*-\s*{_NUMBER}\s*(.*)")
_ALTERNATIVES = re.compile(r"\bor\b|或")
_OF_SPAN = re.compile(r"%\s*(?:of\s+)?(?:f\.?s\.?|full\s*scale|span|满?量程)|(?:f\.?s\.?)\s*%", re.IGNORECASE)
_OF_VALUE = re.compile(r"%\s*(?:of\s+)?(?:value|reading|rdg\.?|读数|示值)", re.IGNORECASE)
_IN_PERCENT = re.compile(r"%\s*(?:abs|rh|lel|vol)\.?", re.IGNORECASE)
_NAMES = ("table", "class", "unit", "circumstance")


class _Sides(NamedTuple):
    """Magnitudes as written, and the text after them that says of what they are."""

    lower: float
    upper: float
    tail: str
    slope: float | None = None


def parse_mpe_text(
    text: str, *, unit: str | None, span: float | None, tables: Mapping[str, ClassTable] | None = None
) -> MaximumPermissibleError:
    """An MPE from one of `FORMS`; full-width characters and spaces are forgiven.

    A number without a unit is in `unit`, "%" is of the value, "% FS" of `span`; a limit in another unit of the same
    kind is converted. For a measurand in % it must be said whether "%" is of the value ("% of value") or a difference
    ("%RH", "%abs").

    Args:
        text: the cell.
        unit: UCUM code of the measurand; None: that of the limits.
        span: upper less lower end of the measuring range, in `unit`; None: not known.
        tables: class tables by id; None: the built-in ones.

    Raises:
        MpeError: says what is wrong and shows the forms.
    """
    written = _plain(text)
    if re.match(r"table\s*=", written):
        return _from_table(text, written, unit, span, builtin_tables() if tables is None else tables)
    if re.search(r"[0-9]\s?,\s?[0-9]", written):
        raise _refused(text, "a comma may part decimals or thousands: write 0.5 or 1000")
    sides = [_sides(text, each.strip()) for each in _ALTERNATIVES.split(written)]
    measurand = unit or next((code for each in sides if (code := _unit_of(text, each.tail)) is not None), None)
    if measurand is None:
        raise _refused(text, "the unit of the measurand is missing here; give it beside, or in the limits")
    rules = tuple(_rule(text, each, measurand, span) for each in sides)
    rule = rules[0] if len(rules) == 1 else AnyOf(rules=rules)
    try:
        return MaximumPermissibleError(unit=measurand, rule=rule, source=f"as written: {text.strip()}")
    except MpeError as error:
        raise _refused(text, f"{error.field} is {error.value!r}: {error.remedy}") from error


def _plain(text: str) -> str:
    """The same with one character for each sign: full-width forms, minus signs, ± typed as two or three."""
    plain = unicodedata.normalize("NFKC", text.replace("º", "°")).replace("−", "-").strip()
    return re.sub(r"\+\s*/?\s*-(?=\s*[0-9(])", "±", plain)


def _sides(text: str, written: str) -> _Sides:
    if (match := _LINEAR.fullmatch(written)) is not None:
        constant, slope, tail = match.groups()
        return _Sides(float(constant), float(constant), tail.strip(), float(slope))
    if (match := _BOTH.fullmatch(written)) is not None:
        return _Sides(float(match[1]), float(match[1]), match[2].strip())
    if (match := _RANGE.fullmatch(written)) is not None:
        low_sign, low, first, high_sign, high, last = match.groups()
        lower, upper = float(f"{low_sign}{low}"), float(f"{high_sign}{high}")
        if not lower <= 0.0 <= upper:
            raise _refused(text, "the limits must enclose zero, the lower one first")
        return _Sides(abs(lower), upper, _one_tail(text, first, last))
    if (match := _SIDES.fullmatch(written)) is not None:
        return _Sides(float(match[3]), float(match[1]), _one_tail(text, match[2], match[4]))
    if re.fullmatch(rf"[+-]?\s*{_NUMBER}.*", written):
        raise _refused(text, "one number says one side only: write ± before it, or both limits")
    raise _refused(text, "these are no limits")


def _one_tail(text: str, first: str, last: str) -> str:
    if first.strip() and first.strip() != last.strip():
        raise _refused(text, f"the limits are in {first.strip()!r} and {last.strip()!r}; write one unit, at the end")
    return last.strip()


def _unit_of(text: str, tail: str) -> str | None:
    """The unit that stands after limits, None where none does or they are in percent of something."""
    if not tail or tail == "%" or _OF_SPAN.fullmatch(tail) or _OF_VALUE.fullmatch(tail):
        return None
    if _IN_PERCENT.fullmatch(tail):
        return "%"
    try:
        return unit_named(tail, "unit").code
    except UnitError as error:
        raise _refused(text, f"{tail!r}: {error.remedy}") from error


def _rule(text: str, sides: _Sides, unit: str, span: float | None) -> Rule:
    lower = None if sides.lower == sides.upper else sides.lower
    if sides.slope is None and _OF_SPAN.fullmatch(sides.tail):
        if span is None:
            raise _refused(text, "the span is not known here: give the measuring range, or the limits in a unit")
        return OfSpan(percent=sides.upper, span=span, lower_percent=lower)
    relative = sides.tail == "%" or _OF_VALUE.fullmatch(sides.tail) is not None
    if relative and sides.slope is not None:
        raise _refused(text, "write a limit that rises with the value in a unit, not in %")
    if sides.tail == "%" and unit == "%":
        raise _refused(text, 'for a measurand in % write "% of value" or "%abs"')
    if relative:
        return Relative(percent=sides.upper, lower_percent=lower)
    code = _unit_of(text, sides.tail) or unit
    if sides.slope is not None and UNITS[code].offset != UNITS[unit].offset:
        raise _refused(text, f"|t| is in another unit than the instrument's, {unit}; write the limits in that")
    try:
        high, low = (convert(each, code, unit, difference=True) for each in (sides.upper, sides.lower))
    except UnitError as error:
        raise _refused(text, str(error)) from error
    if sides.slope is not None:
        return Linear(constant=high, slope=sides.slope)
    return Absolute(limit=high, lower_limit=None if lower is None else low)


def _from_table(
    text: str, written: str, unit: str | None, span: float | None, tables: Mapping[str, ClassTable]
) -> MaximumPermissibleError:
    data: dict[str, object] = {}
    try:
        words = shlex.split(re.sub(r"\s*=\s*", "=", re.sub(r"[;,、]", " ", written)))
    except ValueError as error:
        raise _refused(text, "a quotation mark is not closed") from error
    for word in words:
        key, sign, value = word.partition("=")
        if not (key and sign and value) or key in data:
            raise _refused(text, f"{word!r}: write key=value, each key once, values with spaces in quotation marks")
        data[key] = value if key in _NAMES else _number(text, key, value)
    table = tables.get(str(data.get("table")))
    if unit is not None:
        data.setdefault("unit", unit)
    if table is not None and "span" in table.parameters and span is not None:
        data.setdefault("span", span)
    try:
        return parse_mpe(data, "mpe", tables=tables)
    except MpeError as error:
        raise MpeError(error.field, error.value, f"{error.remedy} (in {text.strip()!r})") from error


def _number(text: str, key: str, value: str) -> float:
    if re.fullmatch(_NUMBER, value) is None:
        raise _refused(text, f"{key}={value}: give a number, without a unit")
    return float(value)


def _refused(text: str, what: str) -> MpeError:
    return MpeError("mpe", text, f"{what}; the forms are {', '.join(FORMS)}")
