"""An MPE from what people write into a cell of a spreadsheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import FORMS, Absolute, AnyOf, Linear, OfSpan, Relative, limits_at, parse_mpe_text


def rule(text, unit="kg", span=10.0):
    return parse_mpe_text(text, unit=unit, span=span).rule


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("±0.5 kg", "kg", Absolute(limit=0.5)),
        ("±0.5kg", "kg", Absolute(limit=0.5)),
        ("±0.5", "kg", Absolute(limit=0.5)),
        ("+-0.5 kg", "kg", Absolute(limit=0.5)),
        ("+/-0.5 kg", "kg", Absolute(limit=0.5)),
        ("± 500 g", "kg", Absolute(limit=0.5)),
        ("±５００ ｇ", "kg", Absolute(limit=0.5)),
        ("＋－0.5 千克", "kg", Absolute(limit=0.5)),
        ("±5e-3 kg", "kg", Absolute(limit=0.005)),
        ("0..+0.5 kg", "kg", Absolute(limit=0.5, lower_limit=0.0)),
        ("-0.5..0 kg", "kg", Absolute(limit=0.0, lower_limit=0.5)),
        ("0 to +0.5 kg", "kg", Absolute(limit=0.5, lower_limit=0.0)),
        ("-0.2..+0.5 kPa", "kPa", Absolute(limit=0.5, lower_limit=0.2)),
        ("-0.2 kPa..+0.5 kPa", "kPa", Absolute(limit=0.5, lower_limit=0.2)),
        ("-200..+500 Pa", "kPa", Absolute(limit=0.5, lower_limit=0.2)),
        ("+0.10/-0.15 °C", "Cel", Absolute(limit=0.10, lower_limit=0.15)),
        ("+0.10 ℃ －0.15 ℃", "Cel", Absolute(limit=0.10, lower_limit=0.15)),
        ("-4..+1 %", "km", Relative(percent=1.0, lower_percent=4.0)),
        ("−4％～+1％", "km", Relative(percent=1.0, lower_percent=4.0)),
        ("±1 %", "kg", Relative(percent=1.0)),
        ("±1 % of value", "%", Relative(percent=1.0)),
        ("±1%示值", "kg", Relative(percent=1.0)),
        ("±3 %RH", "%", Absolute(limit=3.0)),
        ("±1.6 % FS", "kg", OfSpan(percent=1.6, span=10.0)),
        ("±1.6 %FS", "kg", OfSpan(percent=1.6, span=10.0)),
        ("±1.6％F.S.", "kg", OfSpan(percent=1.6, span=10.0)),
        ("±1.6 % of span", "kg", OfSpan(percent=1.6, span=10.0)),
        ("±(0.15+0.002|t|) °C", "Cel", Linear(constant=0.15, slope=0.002)),
        ("±( 0.15 + 0.002·|t| ) ℃", "Cel", Linear(constant=0.15, slope=0.002)),
        ("±5 µmol/mol or ±10 %", "umol/mol", AnyOf(rules=(Absolute(limit=5.0), Relative(percent=10.0)))),
        ("±5 或 ±10％", "umol/mol", AnyOf(rules=(Absolute(limit=5.0), Relative(percent=10.0)))),
    ],
)
def test_what_people_write_is_understood(text, unit, expected):
    found = parse_mpe_text(text, unit=unit, span=10.0)
    assert found.rule == expected
    assert (found.unit, found.limit_unit) == (unit, unit)
    assert text.strip() in found.source


def test_without_a_measurands_unit_the_limits_say_it():
    assert parse_mpe_text("±0.5 t", unit=None, span=None).unit == "t"


def test_a_class_of_a_table():
    # OIML R 76-1:2006, table 6, class III: 0.5 e up to 500 e.
    found = parse_mpe_text("table=oiml-r76 class=III e=0.1", unit="kg", span=None)
    assert limits_at(found, 50.0) == (-0.05, 0.05)
    assert limits_at(parse_mpe_text("table = oiml-r76; class = III; e = 0.1; unit = t", unit=None, span=None), 1.0)
    quoted = 'table=fr-2007-water-in-service class="Q3 below 16 m3/h" Q3=2.5'
    assert parse_mpe_text(quoted, unit="m3", span=None).table.accuracy_class == "Q3 below 16 m3/h"
    gauge = parse_mpe_text("table=en-837 class=1.6", unit="bar", span=10.0)
    assert limits_at(gauge, 3.0).upper == pytest.approx(0.16)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_messages_show_is_understood(form):
    unit = "Cel" if "°C" in form else "kg"
    assert parse_mpe_text(form, unit=unit, span=10.0).unit == unit


@pytest.mark.parametrize(
    ("text", "unit", "span", "words"),
    [
        ("", "kg", 10.0, "no limits"),
        ("good", "kg", 10.0, "no limits"),
        ("±", "kg", 10.0, "no limits"),
        ("±0,5 kg", "kg", 10.0, "comma"),
        ("±1,000 g", "kg", 10.0, "comma"),
        ("±0，5 kg", "kg", 10.0, "comma"),
        ("0.5 kg", "kg", 10.0, "one side only"),
        ("+0.5 kg", "kg", 10.0, "one side only"),
        ("±0 kg", "kg", 10.0, "one side may be zero"),
        ("0..0 kg", "kg", 10.0, "one side may be zero"),
        ("0.1..0.5 kg", "kg", 10.0, "enclose zero"),
        ("+0.5..-0.5 kg", "kg", 10.0, "enclose zero"),
        ("±0.5 furlong", "kg", 10.0, "'furlong'"),
        ("±0.5 bar", "kg", 10.0, "pressure"),
        ("-1 g..+1 kg", "kg", 10.0, "one unit"),
        ("±1.6 % FS", "kg", None, "span is not known"),
        ("±1.6 % FS", "kg", -1.0, "span"),
        ("±1 %", None, 10.0, "unit of the measurand"),
        ("±0.5", None, 10.0, "unit of the measurand"),
        ("±3 %", "%", 10.0, "% of value"),
        ("±(0.1+0.002|t|) %", "kg", 10.0, "in a unit"),
        ("±(0.1+0.002|t|) K", "Cel", 10.0, "another unit"),
        ("±1e999 kg", "kg", 10.0, "finite"),
        ("table=oiml-r76 class=III", "kg", 10.0, "e: is missing"),
        ("table=oiml-r67 class=III e=1", "kg", 10.0, "did you mean 'oiml-r76'"),
        ("table=oiml-r76 class=V e=1", "kg", 10.0, "I, II, III, IIII"),
        ("table=oiml-r76 class=III e=1kg", "kg", 10.0, "without a unit"),
        ("table=oiml-r76 class=III e=1 e=2", "kg", 10.0, "once"),
        ("table=oiml-r76 III e=1", "kg", 10.0, "key=value"),
        ('table=oiml-r76 class="III e=1', "kg", 10.0, "quotation"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_what_is_wrong(text, unit, span, words):
    with pytest.raises(MpeError) as caught:
        parse_mpe_text(text, unit=unit, span=span)
    assert words in str(caught.value)


@given(
    st.text(max_size=30) | st.text(alphabet="±+-0123456789.,% kgFS()|t/~eortable=", max_size=30),
    st.none() | st.sampled_from(["kg", "%", "Cel"]),
    st.none() | st.floats(),
)
def test_any_text_is_an_mpe_or_an_mpe_error(text, unit, span):
    try:
        found = parse_mpe_text(text, unit=unit, span=span)
    except MpeError:
        return
    assert found.source
