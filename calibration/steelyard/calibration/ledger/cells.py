"""Texts of single cells: numbers, dates, instants, periods, identifiers, owners, parameters.

Each function takes a cell's text and raises LedgerError for what it cannot read; nothing is guessed.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import NamedTuple

from steelyard.calibration.errors import LedgerError
from steelyard.contracts.errors import UnitError
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.units import convert, unit_named

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?P<separator>[ ,'’])\d{3}(?:(?P=separator)\d{3})*(?:\.\d*)?", re.ASCII)
_NO_NUMBER = re.compile(r"[+-]?(?:nan|inf(?:inity)?|∞)", re.IGNORECASE)
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_DATES = (
    re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _TIME, re.ASCII),
    re.compile(r"(\d{4})\s*(年)\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?" + _TIME, re.ASCII),
    re.compile(r"(\d{4})()(\d{2})(\d{2})", re.ASCII),
)
_DAY_OR_MONTH_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", re.ASCII)
_MONTHS = re.compile(r"(\d{1,4})\s*(个月|月|months?|mo|年|years?|a)?", re.ASCII | re.IGNORECASE)
_YEARS = frozenset({"年", "year", "years", "a"})
_SEPARATORS = re.compile(r"[;,、\n]")
_PERIOD = re.compile(r"^(?P<owner>.*?)\s*(?P<start>\d{4}[^\s~]*?\d)?\s*(?:\.\.|~|至)\s*(?P<end>\d{4}\S*)?$", re.DOTALL)
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_LONGEST_IDENTIFIER = 100
_WITH_UNIT = re.compile(r"(?P<number>[+\-\u2212]?[\d.][\d., ]*?(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s.,+-].*)")
_NAMED_NUMBER = re.compile(r"(?P<name>[A-Za-z_]+)\s*(?P<told>[+-]?\.?\d.*)")


class Quantity(NamedTuple):
    """A number as it stands in its cell, and the UCUM code of the unit behind it (None: a number alone)."""

    value: float
    unit: str | None


def plain(text: str) -> str:
    """A text without what only looks different: full-width characters, no-break spaces, invisible characters."""
    if text.isascii():
        return text.strip()
    folded = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf").strip()


def as_text(text: str) -> str:
    """A text that may be a number to a spreadsheet: 1001.0 is 1001."""
    told = plain(text)
    return told.partition(".")[0] if re.fullmatch(r"\d+\.0+", told, re.ASCII) else told


def number(text: str, field: str) -> float:
    """A finite number; thousands may be separated as English and Chinese do (1,234.5), or by spaces."""
    told = plain(text).replace("\N{MINUS SIGN}", "-")
    if _GROUPED.fullmatch(told):
        told = re.sub(r"[ ,'’]", "", told)
    if _NUMBER.fullmatch(told):
        value = float(told)
        if math.isfinite(value):
            return value
    if _NO_NUMBER.fullmatch(told):
        remedy = "give a finite number, or leave the cell empty where nothing is known"
    elif "," in told:
        remedy = "write the decimal sign as a point, and no separators but those of thousands"
    else:
        remedy = "give a number alone; its unit has a column of its own"
    raise LedgerError(field, text, remedy)


def quantity(text: str, field: str) -> Quantity:
    """A number, perhaps with its unit in the same cell, as people write it: ``20kg``, ``0.1 MPa``, ``1.5%``."""
    match = _WITH_UNIT.fullmatch(plain(text.replace("º", "°")))
    if match is not None:
        try:
            unit = unit_named(match["unit"]).code
        except UnitError:
            return Quantity(number(text, field), None)
        return Quantity(number(match["number"], field), unit)
    return Quantity(number(text, field), None)


def day(text: str, field: str) -> date:
    """A calendar date; the time of day that a spreadsheet may have added is left out."""
    told = plain(text)
    for form in _DATES:
        match = form.fullmatch(told)
        if match is None:
            continue
        try:
            found = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            raise LedgerError(field, text, "there is no such day; correct the date") from None
        if not _EARLIEST_YEAR <= found.year <= _LATEST_YEAR:
            raise LedgerError(field, text, f"give a date from {_EARLIEST_YEAR} to {_LATEST_YEAR}")
        return found
    if _DAY_OR_MONTH_FIRST.fullmatch(told):
        remedy = "nobody knows whether day or month comes first; write the year first, as 2026-03-15"
    elif told.isdecimal():
        remedy = "format the cell as a date, or write the date as 2026-03-15"
    else:
        remedy = "write the date as 2026-03-15, 2026/3/15 or 2026年3月15日"
    raise LedgerError(field, text, remedy)


def instant_ns(text: str, field: str, *, utc_offset_minutes: int) -> int:
    """An instant in ISO 8601 as UTC nanoseconds; without an offset it is legal time."""
    try:
        told = datetime.fromisoformat(plain(text))
    except ValueError:
        remedy = "write the instant as 2026-03-15T10:30:00 (legal time) or 2026-03-15T10:30:00+08:00"
        raise LedgerError(field, text, remedy) from None
    if told.tzinfo is None:
        told = told.replace(tzinfo=timezone(timedelta(minutes=utc_offset_minutes)))
    try:
        return (told - _EPOCH) // timedelta(microseconds=1) * 1000
    except OverflowError:
        raise LedgerError(field, text, "there is no such instant; correct it") from None


def months(text: str, field: str, *, in_years: bool = False) -> int:
    """A period in calendar months; `in_years` says what a bare number is."""
    told = plain(text).removesuffix(".0")
    match = _MONTHS.fullmatch(told)
    if match is None:
        raise LedgerError(field, text, "give whole calendar months, such as 12")
    years = match[2].lower() in _YEARS if match[2] else in_years
    return int(match[1]) * (12 if years else 1)


def identifier(text: str, field: str) -> InstrumentId:
    """An instrument's identifier as its owner writes it: any short text. Registered systems have a stricter grammar."""
    told = as_text(text)
    if re.fullmatch(r"\d(?:\.\d+)?[eE]\+\d+", told):
        remedy = "a spreadsheet keeps 15 digits of a number: format the cell as text and type the digits again"
        raise LedgerError(field, text, remedy)
    if not told or len(told) > _LONGEST_IDENTIFIER or not told.isprintable():
        raise LedgerError(field, text, f"use 1 to {_LONGEST_IDENTIFIER} characters on one line")
    return InstrumentId(told)


def several(text: str) -> list[str]:
    """The items of a cell that may name several, separated by semicolons, commas or 、."""
    return [item.strip() for item in _SEPARATORS.split(plain(text)) if item.strip()]


def parameters(text: str, field: str, units: Mapping[str, str] | None = None) -> dict[str, float | str]:
    """Named values: ``dn=20; q3=2.5; gas=natural``. Names in small letters.

    `units` are the UCUM codes of the parameters that are known, by name ("": none). Of these a value may have its unit
    in the cell, and stand behind the name alone, as on a name plate: ``DN20``.
    """
    known = {} if units is None else units
    found: dict[str, float | str] = {}
    for item in several(text):
        name, sign, told = (part.strip() for part in item.partition("="))
        plate = _NAMED_NUMBER.fullmatch(item)
        if not sign and plate is not None and plate["name"].casefold() in known:
            name, sign, told = plate["name"], "=", plate["told"]
        name = name.casefold()
        if not (name and sign and told):
            raise LedgerError(field, item, "write each parameter as name=value, with semicolons between them")
        if name in found:
            raise LedgerError(field, item, f"{name} stands here twice; keep one")
        # What begins like a number must be one: 2.5 m3/h in place of 2.5 would be a text that no rule knows.
        found[name] = _parameter(told, field, known.get(name, "")) if re.match(r"[+-]?\.?\d", told) else told
    return found


def _parameter(told: str, field: str, unit: str) -> float:
    value, own = quantity(told, field) if unit else Quantity(number(told, field), None)
    return value if own is None else convert(value, own, unit, difference=False)


def owner_on(text: str, on: date, field: str) -> str | None:
    """Whose it is on a day: a bare name, or owners with their days: ``acme 2020-01-01..2024-05-31; beta 2024-06-01..``.

    None where no owner's days hold that day. Raises LedgerError where two owners have one day.
    """
    told = plain(text)
    items = [item.strip() for item in re.split(r"[;\n]", told) if item.strip()]
    matches = [_PERIOD.fullmatch(item) for item in items]
    if len(items) == 1 and matches[0] is None:
        return items[0]
    spans: list[tuple[date, date, str]] = []
    for item, match in zip(items, matches, strict=True):
        if match is None or not match["owner"] or not (match["start"] or match["end"]):
            raise LedgerError(field, item, "write each owner with its days, as acme 2020-01-01..2024-05-31")
        start = day(match["start"], field) if match["start"] else date.min
        end = day(match["end"], field) if match["end"] else date.max
        if end < start:
            raise LedgerError(field, item, "the last day lies before the first; correct one of them")
        spans.append((start, end, match["owner"]))
    spans.sort()
    for (_, end, before), (start, _, after) in pairwise(spans):
        if start <= end:
            raise LedgerError(field, text, f"{before} and {after} both own it on {start}; end the one before the other")
    return next((owner for start, end, owner in spans if start <= on <= end), None)
