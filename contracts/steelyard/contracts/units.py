"""Units by their UCUM codes: the closed list, what one is in another, and what people write for them.

A code that is not here is refused, because a misread unit is a wrong value with a good signature. Sources: The Unified
Code for Units of Measure (UCUM), case-sensitive codes and the conventional millimetre of mercury; SI Brochure, 9th
edition, for symbols; NIST SP 811:2008, appendix B.8, for pound-force per square inch and kilogram-force per square
centimetre.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from steelyard.contracts.errors import UnitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit.

    `code` is the UCUM code, `symbol` what people read (SI Brochure, 9th edition), `quantity_kind` what it measures: two
    units of one kind can be converted into each other. A value x in this unit is `factor` x + `offset` in the
    coherent unit of its kind; only units of temperature have an offset.
    """

    code: str
    symbol: str
    quantity_kind: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _units(quantity_kind: str, *units: tuple[str, str, Fraction | str | int]) -> list[Unit]:
    return [
        Unit(code=code, symbol=symbol, quantity_kind=quantity_kind, factor=Fraction(factor))
        for code, symbol, factor in units
    ]


_HOUR: Final = Fraction(3600)
_PSI: Final = Fraction("0.45359237") * Fraction("9.80665") / Fraction("0.0254") ** 2

UNITS: dict[str, Unit] = {
    unit.code: unit
    for unit in (
        *_units("dimensionless", ("1", "", 1), ("%", "%", "1e-2"), ("[ppm]", "ppm", "1e-6")),
        *_units("voltage", ("V", "V", 1), ("mV", "mV", "1e-3"), ("uV", "µV", "1e-6"), ("kV", "kV", 1000)),
        *_units("current", ("A", "A", 1), ("mA", "mA", "1e-3"), ("uA", "µA", "1e-6")),
        *_units("power", ("W", "W", 1), ("kW", "kW", 1000), ("MW", "MW", "1e6")),
        *_units("reactive_power", ("var", "var", 1), ("kvar", "kvar", 1000)),
        *_units("apparent_power", ("V.A", "V·A", 1), ("kV.A", "kV·A", 1000)),
        *_units(
            "energy",
            ("J", "J", 1),
            ("W.h", "W·h", _HOUR),
            ("kW.h", "kW·h", 1000 * _HOUR),
            ("MW.h", "MW·h", 1_000_000 * _HOUR),
            ("GJ", "GJ", "1e9"),
        ),
        *_units("reactive_energy", ("kvar.h", "kvar·h", 1000 * _HOUR)),
        *_units("apparent_energy", ("kV.A.h", "kV·A·h", 1000 * _HOUR)),
        *_units("frequency", ("Hz", "Hz", 1), ("kHz", "kHz", 1000), ("MHz", "MHz", "1e6")),
        *_units("plane_angle", ("deg", "°", Fraction(math.pi) / 180), ("rad", "rad", 1)),
        *_units("electric_charge", ("A.h", "A·h", _HOUR)),
        Unit(code="Cel", symbol="°C", quantity_kind="temperature", factor=Fraction(1), offset=Fraction("273.15")),
        *_units("temperature", ("K", "K", 1)),
        *_units("resistance", ("Ohm", "Ω", 1), ("mOhm", "mΩ", "1e-3"), ("kOhm", "kΩ", 1000)),
        *_units(
            "pressure",
            ("Pa", "Pa", 1),
            ("kPa", "kPa", 1000),
            ("MPa", "MPa", "1e6"),
            ("bar", "bar", "1e5"),
            ("mbar", "mbar", 100),
            ("[psi]", "psi", _PSI),
            ("kgf/cm2", "kgf/cm²", "98066.5"),
            ("mm[Hg]", "mmHg", "133.322"),
        ),
        *_units("mass", ("kg", "kg", 1), ("g", "g", "1e-3"), ("mg", "mg", "1e-6"), ("t", "t", 1000)),
        *_units("length", ("m", "m", 1), ("mm", "mm", "1e-3"), ("um", "µm", "1e-6"), ("km", "km", 1000)),
        *_units(
            "time", ("s", "s", 1), ("ms", "ms", "1e-3"), ("min", "min", 60), ("h", "h", _HOUR), ("d", "d", 24 * _HOUR)
        ),
        *_units("volume", ("m3", "m³", 1), ("L", "L", "1e-3"), ("mL", "mL", "1e-6")),
        *_units(
            "volume_flow",
            ("m3/h", "m³/h", 1 / _HOUR),
            ("L/min", "L/min", Fraction(1, 60_000)),
            ("L/h", "L/h", 1 / (1000 * _HOUR)),
        ),
        *_units("mass_flow", ("kg/h", "kg/h", 1 / _HOUR), ("t/h", "t/h", 1000 / _HOUR)),
        *_units("conductivity", ("S/m", "S/m", 1), ("mS/cm", "mS/cm", "0.1"), ("uS/cm", "µS/cm", "1e-4")),
        *_units("amount_fraction", ("umol/mol", "µmol/mol", "1e-6")),
        *_units("mass_concentration", ("g/L", "g/L", 1), ("mg/L", "mg/L", "1e-3"), ("mg/m3", "mg/m³", "1e-6")),
        *_units("force", ("N", "N", 1), ("kN", "kN", 1000)),
        *_units("speed", ("m/s", "m/s", 1), ("km/h", "km/h", 1000 / _HOUR)),
    )
}

_SPELLINGS: Final[dict[str, str]] = {
    "%": "%LEL %RH",
    "[ppm]": "ppm PPM",
    "A": "安 安培",
    "mA": "毫安",
    "V": "伏 伏特",
    "kV": "KV 千伏",
    "mV": "毫伏",
    "W": "瓦",
    "kW": "KW Kw 千瓦",
    "MW": "兆瓦",
    "var": "Var VAR",
    "kvar": "kVar kVAR Kvar KVAR 千乏",
    "kV.A": "KVA",
    "J": "焦 焦耳",
    "kW.h": "kwh Kwh KWh KWH kWH 千瓦时",
    "MW.h": "MWH 兆瓦时",
    "kvar.h": "kVarh kVARh Kvarh KVARh",
    "kV.A.h": "KVAh",
    "Hz": "HZ hz 赫 赫兹",
    "kHz": "KHz KHZ",
    "Cel": "degC 摄氏度",
    "K": "开 开尔文",
    "deg": "º",
    "Ohm": "ohm 欧 欧姆",
    "mOhm": "mohm 毫欧",
    "kOhm": "kohm KΩ 千欧",
    "Pa": "pa 帕",
    "kPa": "KPa Kpa kpa KPA 千帕",
    "MPa": "Mpa MPA 兆帕",
    "bar": "Bar BAR 巴",
    "mbar": "mBar 毫巴",
    "[psi]": "psi PSI",
    "kgf/cm2": "Kgf/cm2 KGF/CM2 公斤力/平方厘米",
    "mm[Hg]": "mmHG 毫米汞柱",
    "kg": "Kg KG 千克 公斤",
    "g": "克",
    "mg": "毫克",
    "t": "吨",
    "m": "米",
    "mm": "MM 毫米",
    "um": "微米",
    "km": "KM Km 千米 公里",
    "s": "sec 秒",
    "ms": "毫秒",
    "min": "Min 分钟",
    "h": "hr 小时",
    "d": "天",
    "m3": "M3 立方米",
    "L": "l ℓ 升",
    "mL": "ml ML 毫升",
    "m3/h": "M3/h m3/hr 立方米/小时",
    "L/min": "l/min ℓ/min 升/分钟",
    "L/h": "l/h ℓ/h 升/小时",
    "uS/cm": "us/cm",
    "N": "牛 牛顿",
    "kN": "KN 千牛",
    "km/h": "KM/h Km/h kph 公里/小时",
}
"""What people write beside code and symbol, by code. `mpa` and `mw` are not here: milli or mega, nobody knows."""

_SEPARATORS: Final = re.compile(r"[\s·⋅•∙*×.^_-]")


def parse_unit(code: object, field: str = "unit") -> Unit:
    """Return the unit with this UCUM code or raise UnitError with the nearest known codes."""
    if isinstance(code, str):
        unit = UNITS.get(code)
        if unit is not None:
            return unit
        near = difflib.get_close_matches(code, UNITS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see the table of units in the reference"
    else:
        hint = "a unit is text"
    raise UnitError(field, code, f"no such UCUM code is registered; {hint}")


def unit_named(text: object, field: str = "unit") -> Unit:
    """The unit that a person means by `text`: its code, its symbol or a usual spelling (℃, m3/h, kWh, Mpa, 千克).

    Full-width characters, spaces and multiplication dots count as what they stand for. Raises UnitError for anything
    else, with the nearest codes: a unit that could be two is not guessed.
    """
    if not isinstance(text, str):
        raise UnitError(field, text, "a unit is text")
    if text in UNITS:
        return UNITS[text]
    spelling = _spelling(text)
    if not spelling:
        raise UnitError(field, text, "no unit stands here; give one, or 1 for a number without")
    code = _CODES.get(spelling)
    if code is not None:
        return UNITS[code]
    near = list(dict.fromkeys(_CODES[each] for each in difflib.get_close_matches(spelling, _CODES, n=3, cutoff=0.5)))
    hint = f"did you mean {' or '.join(near)}?" if near else "see the table of units in the reference"
    raise UnitError(field, text, f"no such unit is registered; {hint}")


def convert(value: float, from_code: str, to_code: str, *, difference: bool | None = None) -> float:
    """`value` in the unit `from_code`, expressed in the unit `to_code`; both are UCUM codes.

    Calculated exactly from the decimal number that `value` is written as, then rounded once: 4.6 kg is 4600 g.
    Between units with different zero points (Cel and K) `difference` must be given: True for an error, a limit or an
    uncertainty, which has no zero point, False for a temperature.

    Raises UnitError for an unknown code, for units that measure different things, and where `difference` is missing.
    """
    origin, target = parse_unit(from_code, "from_code"), parse_unit(to_code, "to_code")
    if origin.quantity_kind != target.quantity_kind:
        remedy = f"measures {origin.quantity_kind}, {to_code!r} {target.quantity_kind}; give units of one kind"
        raise UnitError("unit", from_code, remedy)
    if origin == target:
        return value
    if origin.offset != target.offset and difference is None:
        remedy = f"has another zero point than {to_code!r}; say whether the value is a difference"
        raise UnitError("unit", from_code, remedy)
    if not math.isfinite(value):
        raise UnitError("value", value, f"give a finite number to convert from {from_code!r} to {to_code!r}")
    offset = Fraction(0) if difference else origin.offset - target.offset
    return float((Fraction(Decimal(repr(float(value)))) * origin.factor + offset) / target.factor)


def _spelling(text: str) -> str:
    """`text` without what only looks different: compatibility characters, separators, the two micro signs."""
    # NFKC would make a letter o of the masculine ordinal, which people type for the degree sign.
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text.replace("º", "°")))


_CODES: Final[dict[str, str]] = {
    _spelling(each): unit.code
    for unit in UNITS.values()
    for each in (unit.code, unit.symbol, *_SPELLINGS.get(unit.code, "").split())
    if _spelling(each)
}
