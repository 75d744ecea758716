"""The MPE language against the class tables it must express."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import MpeError
from steelyard.calibration.verification.classes import (
    electricity_meter,
    general_pressure_gauge,
    pressure_instrument,
    resistance_thermometer,
    weighing_instrument,
)
from steelyard.calibration.verification.mpe import (
    Absolute,
    AnyOf,
    Limits,
    Linear,
    MaximumPermissibleError,
    OfSpan,
    Piecewise,
    Relative,
    Zone,
    decode_mpe,
    encode_mpe,
    limits_at,
)


def mpe(rule, *, in_use_factor=1.0):
    return MaximumPermissibleError(unit="kg", rule=rule, source="test", in_use_factor=in_use_factor)


# OIML R 76-1:2006, Table 6: (class, load in e, MPE in e); a zone includes its upper end.
R76 = [
    ("III", 0, 0.5),
    ("III", 500, 0.5),
    ("III", 501, 1.0),
    ("III", 2_000, 1.0),
    ("III", 2_001, 1.5),
    ("III", 10_000, 1.5),
    ("II", 5_000, 0.5),
    ("II", 20_001, 1.5),
    ("I", 50_000, 0.5),
    ("I", 200_000, 1.0),
    ("I", 3_000_000, 1.5),
    ("IIII", 50, 0.5),
    ("IIII", 1_000, 1.5),
]


@pytest.mark.parametrize(("accuracy_class", "load", "expected"), R76)
def test_weighing_classes_are_those_of_r_76(accuracy_class, load, expected):
    interval = 0.002
    limits = limits_at(weighing_instrument(accuracy_class, interval=interval, unit="kg"), load * interval)
    assert limits == pytest.approx((-expected * interval, expected * interval))


def test_a_weighing_instrument_in_use_may_err_twice_as_much():
    rule = weighing_instrument("III", interval=1.0, unit="kg")
    assert limits_at(rule, 600.0, in_use=True) == (-2.0, 2.0)


def test_beyond_the_last_zone_nothing_is_permitted_or_forbidden_but_said():
    with pytest.raises(MpeError, match="zones reach from 0 to 10000"):
        limits_at(weighing_instrument("III", interval=1.0, unit="kg"), 10_001.0)


# IEC 60751: class, t in degC, tolerance in degC as printed.
@pytest.mark.parametrize(
    ("tolerance_class", "t", "expected"),
    [("AA", 0, 0.10), ("A", 100, 0.35), ("B", -200, 1.3), ("B", 100, 0.8), ("B", 600, 3.3), ("C", 0, 0.6)],
)
def test_thermometer_classes_are_those_of_iec_60751(tolerance_class, t, expected):
    assert limits_at(resistance_thermometer(tolerance_class), t).upper == pytest.approx(expected, rel=1e-12)


def test_a_pressure_class_is_a_percentage_of_span():
    # EN 837-1: class 1.6 over 0 to 10 bar; class 1.0 over -1 to 5 bar.
    assert limits_at(pressure_instrument(1.6, span=10.0, unit="bar"), 3.0).upper == pytest.approx(0.16)
    assert limits_at(pressure_instrument(1.0, span=6.0, unit="bar"), -1.0).upper == pytest.approx(0.06)


def test_a_general_gauge_is_a_class_wider_in_the_last_tenth():
    gauge = general_pressure_gauge("1.6", scale_end=10.0, unit="bar")
    assert limits_at(gauge, 8.9).upper == pytest.approx(0.16)
    assert limits_at(gauge, 9.0).upper == pytest.approx(0.25)
    assert limits_at(gauge, 10.0).upper == pytest.approx(0.25)


def test_a_meter_class_is_a_percentage_of_the_value_whatever_its_sign():
    assert limits_at(electricity_meter(1.0, unit="W"), -40_000.0) == (-400.0, 400.0)


def test_water_meter_zones_exclude_their_upper_end():
    # OIML R 49, class 2: 5 % for Q1 <= Q < Q2, 2 % for Q2 <= Q <= Q4.
    meter = mpe(
        Piecewise(
            start=0.025,
            zones=(
                Zone(up_to=0.04, rule=Relative(percent=5.0), inclusive=False),
                Zone(up_to=3.125, rule=Relative(percent=2.0)),
            ),
        )
    )
    assert limits_at(meter, 0.025).upper == pytest.approx(0.05 * 0.025)
    assert limits_at(meter, 0.04).upper == pytest.approx(0.02 * 0.04)
    with pytest.raises(MpeError, match="zones reach"):
        limits_at(meter, 0.02)


def test_a_taximeter_may_err_more_against_its_owner():
    # JJG 517: distance -4 % to +1 %.
    assert limits_at(mpe(Relative(percent=1.0, lower_percent=4.0)), 10.0) == pytest.approx((-0.4, 0.1))


def test_either_of_two_limits_suffices_where_the_rule_says_so():
    # JJG 915: 5 umol/mol or 10 %.
    alarm = mpe(AnyOf(rules=(Absolute(limit=5.0), Relative(percent=10.0))))
    assert limits_at(alarm, 30.0).upper == 5.0
    assert limits_at(alarm, 100.0).upper == pytest.approx(10.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_has_no_limits(value):
    with pytest.raises(MpeError, match="finite"):
        limits_at(mpe(Absolute(limit=1.0)), value)


def test_a_relative_limit_says_nothing_at_zero():
    with pytest.raises(MpeError, match="permits no error here"):
        limits_at(mpe(Relative(percent=1.0)), 0.0)


def zones_up_to(*ends):
    return tuple(Zone(up_to=end, rule=Absolute(limit=1.0)) for end in ends)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Absolute(limit=0.0), "rule.limit"),
        (Absolute(limit=1.0, lower_limit=-1.0), "rule.lower_limit"),
        (Relative(percent=math.inf), "rule.percent"),
        (OfSpan(percent=1.0, span=-5.0), "rule.span"),
        (Linear(constant=0.1, slope=-1.0), "rule.slope"),
        (AnyOf(rules=()), "rule.rules"),
        (Piecewise(zones=()), "rule.zones"),
        (Piecewise(zones=zones_up_to(2.0, 1.0)), "zones[1].up_to"),
        (Piecewise(zones=zones_up_to(None, 1.0)), "zones[0].up_to"),
    ],
)
def test_a_rule_that_permits_nothing_is_refused_by_name(rule, field):
    with pytest.raises(MpeError) as refused:
        mpe(rule)
    assert field in refused.value.field


@pytest.mark.parametrize("factor", [0.5, 0.0, math.nan])
def test_use_never_narrows_the_limits(factor):
    with pytest.raises(MpeError, match="in_use_factor"):
        mpe(Absolute(limit=1.0), in_use_factor=factor)


@pytest.mark.parametrize("call", [lambda: weighing_instrument("V", interval=1.0, unit="kg"),
                                  lambda: weighing_instrument("III", interval=0.0, unit="kg"),
                                  lambda: resistance_thermometer("D"),
                                  lambda: general_pressure_gauge("9", scale_end=1.0, unit="bar")])  # fmt: skip
def test_an_unknown_class_is_refused(call):
    with pytest.raises(MpeError):
        call()


positive = st.floats(1e-6, 1e6)
leaves = st.one_of(
    st.builds(Absolute, limit=positive, lower_limit=st.none() | positive),
    st.builds(Relative, percent=positive, lower_percent=st.none() | positive),
    st.builds(OfSpan, percent=positive, span=positive),
    st.builds(Linear, constant=positive, slope=st.floats(0.0, 10.0)),
)
simple = leaves | st.builds(AnyOf, rules=st.lists(leaves, min_size=1, max_size=3).map(tuple))


@st.composite
def rules(draw):
    if draw(st.booleans()):
        return draw(simple)
    ends = sorted(draw(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=4, unique=True)))
    zones = [Zone(up_to=end, rule=draw(simple), inclusive=draw(st.booleans())) for end in ends]
    if draw(st.booleans()):
        zones.append(Zone(up_to=None, rule=draw(simple)))
    return Piecewise(zones=tuple(zones))


specifications = st.builds(
    MaximumPermissibleError,
    unit=st.sampled_from(["kg", "MPa", "%"]),
    rule=rules(),
    source=st.text(max_size=20),
    in_use_factor=st.floats(1.0, 4.0),
)


@given(specifications)
def test_what_is_stored_comes_back_the_same(specification):
    assert decode_mpe(encode_mpe(specification)) == specification


@given(specifications, st.floats(-1e6, 1e6))
def test_limits_enclose_zero_and_use_widens_them(specification, value):
    try:
        limits = limits_at(specification, value)
    except MpeError:
        return
    assert limits.lower < 0.0 < limits.upper
    in_use = limits_at(specification, value, in_use=True)
    assert in_use.lower <= limits.lower
    assert in_use.upper >= limits.upper
    assert isinstance(in_use, Limits)


@pytest.mark.parametrize("text", ["", "{}", '{"unit":"kg"}', '{"unit":"kg","rule":{"type":"eval"},"source":""}',
                                  '{"unit":"kg","rule":{"type":"absolute","limit":-1.0},"source":""}'])  # fmt: skip
def test_text_that_is_no_mpe_is_refused(text):
    with pytest.raises(MpeError):
        decode_mpe(text)
