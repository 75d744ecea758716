"""Units are a closed list of UCUM codes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import _SPELLINGS, UNITS, Unit, _spelling, convert, parse_unit, unit_named


def test_a_known_code_gives_its_symbol_and_kind() -> None:
    unit = parse_unit("Cel")
    assert (unit.symbol, unit.quantity_kind) == ("°C", "temperature")


def test_codes_are_case_sensitive_and_the_nearest_is_named() -> None:
    with pytest.raises(UnitError, match="did you mean MPa"):
        parse_unit("Mpa", "channel 'pressure'.unit")


@pytest.mark.parametrize("code", [None, 5, "", "furlong", "V "])
def test_anything_else_is_refused(code: object) -> None:
    with pytest.raises(UnitError, match="no such UCUM code"):
        parse_unit(code)


def test_no_code_stands_twice_and_no_symbol_means_two_units_of_one_kind() -> None:
    symbols = [(unit.quantity_kind, unit.symbol) for unit in UNITS.values()]
    assert len(symbols) == len(set(symbols))
    assert all(code == unit.code for code, unit in UNITS.items())


def test_the_reference_page_lists_exactly_the_registered_units() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/units.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (.*?) ?\| (\w+) \|$", page, re.MULTILINE)
    assert rows == [(unit.code, unit.symbol, unit.quantity_kind) for unit in UNITS.values()]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("℃", "Cel"),
        ("°C", "Cel"),
        ("ºC", "Cel"),
        ("° C", "Cel"),
        ("m³/h", "m3/h"),
        ("m3/h", "m3/h"),
        ("m^3/h", "m3/h"),
        ("㎥", "m3"),
        ("kW·h", "kW.h"),
        ("kWh", "kW.h"),
        ("kgf/cm²", "kgf/cm2"),
        ("kgf/cm^2", "kgf/cm2"),
        ("kW*h", "kW.h"),
        ("KWH", "kW.h"),
        ("%LEL", "%"),
        ("mg/L", "mg/L"),
        ("\u03bcmol/mol", "umol/mol"),  # Greek mu
        ("\u00b5mol/mol", "umol/mol"),  # micro sign
        ("Ω", "Ohm"),  # Greek omega
        ("\u2126", "Ohm"),  # ohm sign
        ("kΩ", "kOhm"),
        ("MPa", "MPa"),
        ("Mpa", "MPa"),
        ("ＭＰａ", "MPa"),
        ("mmHg", "mm[Hg]"),
        ("％", "%"),
        ("%", "%"),
        ("L", "L"),
        ("l", "L"),
        ("ℓ", "L"),
        ("㎏", "kg"),
        (" kg ", "kg"),
        ("千克", "kg"),
        ("ppm", "[ppm]"),
        ("psi", "[psi]"),
        ("1", "1"),
        ("°", "deg"),
    ],
)
def test_a_usual_spelling_names_its_unit(text: str, code: str) -> None:
    assert unit_named(text).code == code


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_code_and_symbol_name_their_own_unit(unit: Unit) -> None:
    assert unit_named(unit.code) == unit
    if unit.symbol:
        assert unit_named(unit.symbol) == unit


def test_no_spelling_means_two_units() -> None:
    meanings: dict[str, str] = {}
    for unit in UNITS.values():
        for text in (unit.code, unit.symbol, *_SPELLINGS.get(unit.code, "").split()):
            assert meanings.setdefault(_spelling(text), unit.code) == unit.code
    assert set(_SPELLINGS) <= set(UNITS)


@pytest.mark.parametrize("text", ["mpa", "mw", "furlong", "C", "kgf", None, 5])
def test_a_spelling_that_nobody_or_two_units_have_is_refused(text: object) -> None:
    with pytest.raises(UnitError):
        unit_named(text)


def test_a_refused_spelling_names_the_nearest_codes_and_the_field() -> None:
    with pytest.raises(UnitError, match=r"row 3: unit: 'mpa': .*did you mean .*MPa"):
        unit_named("mpa", "row 3: unit")
    with pytest.raises(UnitError, match="no unit stands here"):
        unit_named(" ")


# Definitions of the SI Brochure, 9th edition, tables 7 and 8, and of UCUM; psi as NIST SP 811:2008, B.8 prints it, with
# seven digits; 1 kW.h = 3.6 MJ.
@pytest.mark.parametrize(
    ("value", "origin", "target", "expected"),
    [
        (4.6, "kg", "g", 4600.0),
        (0.1, "t", "kg", 100.0),
        (0.3, "MPa", "bar", 3.0),
        (1.0, "mm[Hg]", "Pa", 133.322),
        (1.0, "kW.h", "J", 3.6e6),
        (3.6, "GJ", "MW.h", 1.0),
        (1.0, "m3/h", "L/h", 1000.0),
        (60.0, "L/min", "m3/h", 3.6),
        (36.0, "km/h", "m/s", 10.0),
        (1.0, "%", "[ppm]", 10_000.0),
        (0.5, "1", "%", 50.0),
        (1.0, "S/m", "mS/cm", 10.0),
        (1.0, "d", "min", 1440.0),
        (-2.0, "kPa", "mbar", -20.0),
    ],
)
def test_a_value_is_the_same_in_another_unit(value: float, origin: str, target: str, expected: float) -> None:
    assert convert(value, origin, target) == expected


def test_pounds_per_square_inch_as_the_guide_prints_them() -> None:
    assert convert(1.0, "[psi]", "Pa") == pytest.approx(6.894757e3, abs=5e-4)


def test_a_temperature_has_a_zero_point_and_a_difference_none() -> None:
    assert convert(20.0, "Cel", "K", difference=False) == 293.15
    assert convert(0.0, "K", "Cel", difference=False) == -273.15
    assert convert(0.3, "K", "Cel", difference=True) == 0.3
    with pytest.raises(
        UnitError, match="'Cel': has another zero point than 'K'; say whether the value is a difference"
    ):
        convert(20.0, "Cel", "K")
    assert convert(20.0, "Cel", "Cel") == 20.0


@pytest.mark.parametrize(("origin", "target"), [("kg", "L"), ("[ppm]", "umol/mol"), ("W", "V.A")])
def test_units_of_different_kinds_are_not_converted_and_both_are_named(origin: str, target: str) -> None:
    with pytest.raises(UnitError, match=re.escape(repr(origin))) as refused:
        convert(1.0, origin, target)
    assert repr(target) in str(refused.value)


_PAIRS = [(a.code, b.code) for a in UNITS.values() for b in UNITS.values() if a.quantity_kind == b.quantity_kind]


@given(value=st.floats(-1e12, 1e12), pair=st.sampled_from(_PAIRS))
def test_a_conversion_there_and_back_gives_the_value(value: float, pair: tuple[str, str]) -> None:
    origin, target = pair
    back = convert(convert(value, origin, target, difference=True), target, origin, difference=True)
    assert back == pytest.approx(value, rel=1e-15, abs=1e-300)
