"""Units are a closed list of UCUM codes."""

import re
from pathlib import Path

import pytest

from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import UNITS, parse_unit


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
