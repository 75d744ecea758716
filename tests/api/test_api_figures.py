"""Numbers and times as people read them."""

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.api import figures, instants
from steelyard.api.figures import MINUS, THIN


@pytest.mark.parametrize(
    ("value", "expanded", "unit", "expected"),
    [
        (0.51234, 0.0456, "kPa", f"0.512 ± 0.046{THIN}kPa"),
        (-0.51234, 0.0456, "kPa", f"{MINUS}0.512 ± 0.046{THIN}kPa"),
        (100.02147, 0.00079, "g", f"100.02147 ± 0.00079{THIN}g"),  # JCGM 100:2008, 7.2.2, the same number with U
        (12345.6, 120.0, "W", f"12{THIN}350 ± 120{THIN}W"),
        (1.0, 0.0999, "V", f"1.00 ± 0.10{THIN}V"),
        (20.0, 9.96, "Cel", f"20 ± 10{THIN}°C"),
        (0.42, 0.11, "1", "0.42 ± 0.11"),
    ],
)
def test_a_value_is_rounded_to_two_digits_of_its_uncertainty(value, expanded, unit, expected):
    assert figures.value_with_uncertainty(value, expanded, unit) == expected


@pytest.mark.parametrize("expanded", [None, 0.0, math.nan, math.inf])
def test_an_unknown_uncertainty_is_left_out_and_never_zero(expanded):
    assert figures.value_with_uncertainty(1.5, expanded, "V") == f"1.5{THIN}V"


def test_an_error_carries_its_sign():
    assert figures.value_with_uncertainty(0.3, 0.1, "%", sign=True) == f"+0.30 ± 0.10{THIN}%"


def test_an_unknown_unit_is_shown_as_its_code():
    assert figures.with_unit("3", "furlong") == f"3{THIN}furlong"


def test_a_rounded_zero_has_no_minus_sign():
    assert figures.fixed(-0.001, 2, sign=True) == "0.00"


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_two_significant_digits_of_any_uncertainty_are_shown(uncertainty):
    places = figures.decimals(uncertainty)
    shown = float(figures.fixed(uncertainty, places).replace(THIN, ""))
    assert shown == pytest.approx(uncertainty, rel=0.051)
    assert 10 <= round(shown * 10.0**places) <= 100


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (None, "not known"),
        (0.0, f"< 0.1{THIN}%"),
        (0.034, f"3.4{THIN}%"),
        (0.36, f"36{THIN}%"),
        (1.0, f"> 99.9{THIN}%"),
    ],
)
def test_a_probability_is_never_said_to_be_certain(probability, expected):
    assert figures.percent(probability) == expected


@given(st.integers(min_value=0, max_value=7_000_000_000_000_000_000))
def test_instants_come_back_from_datetimes_to_the_microsecond(t_ns):
    assert instants.to_ns(instants.to_datetime(t_ns)) == t_ns // 1000 * 1000


def test_instants_are_written_as_rfc_3339_in_utc():
    t_ns = instants.to_ns(datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC))
    assert instants.rfc3339(t_ns) == "2026-11-21T08:30:00.123456Z"
    assert datetime.fromisoformat(instants.rfc3339(t_ns)) == instants.to_datetime(t_ns)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "just now"), (45, "45 seconds ago"), (300, "5 minutes ago"), (200_000, "2 days ago")]
)
def test_how_long_ago_is_said_in_the_largest_unit_that_says_enough(seconds, expected):
    assert instants.ago(10**18, 10**18 + seconds * instants.NS) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 11, 21), "today"),
        (date(2026, 11, 22), "tomorrow"),
        (date(2026, 11, 20), "yesterday"),
        (date(2026, 12, 11), "in 20 days"),
        (date(2026, 11, 1), "20 days ago"),
    ],
)
def test_a_date_is_said_from_today(day, expected):
    assert instants.in_days(day, date(2026, 11, 21)) == expected
