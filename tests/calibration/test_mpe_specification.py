"""An instrument's MPE: limits by point and phase, units, JSON, and what earlier versions stored."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import (
    Absolute,
    AnyOf,
    Case,
    Cases,
    Limits,
    Linear,
    MaximumPermissibleError,
    Nominal,
    OfSpan,
    Part,
    Phase,
    Piecewise,
    Reciprocal,
    Relative,
    Sum,
    Zone,
    decode_mpe,
    encode_mpe,
    limits_at,
    limits_over,
)


def mpe(rule, *, in_use_factor=1.0):
    return MaximumPermissibleError(unit="kg", rule=rule, source="test", in_use_factor=in_use_factor)


def test_the_phases_of_an_instruments_life():
    # JJG 692-2010: a pressure within 0.4 kPa first, 0.5 kPa later.
    cuff = MaximumPermissibleError(
        unit="kPa", source="JJG 692-2010", rule=Absolute(limit=0.5), phases={Phase.FIRST: Absolute(limit=0.4)}
    )
    assert limits_at(cuff, 20.0, phase=Phase.FIRST) == (-0.4, 0.4)
    assert limits_at(cuff, 20.0) == limits_at(cuff, 20.0, phase=Phase.IN_USE) == (-0.5, 0.5)
    # OIML R 76-1:2006, 3.5.2: in service twice.
    scale = mpe(Absolute(limit=0.5), in_use_factor=2.0)
    assert limits_at(scale, 1.0, phase=Phase.IN_USE) == (-1.0, 1.0)


def test_limits_for_instruments_in_use_say_nothing_of_verification():
    meter = MaximumPermissibleError(
        unit="%", source="arrete du 6 mars 2007, 5", phases={Phase.IN_USE: Absolute(limit=4.0)}
    )
    assert limits_at(meter, 1.0, phase=Phase.IN_USE) == (-4.0, 4.0)
    with pytest.raises(MpeError, match="phase: 'subsequent': the limits speak of in_use only"):
        limits_at(meter, 1.0)


def test_a_water_meter_errs_by_its_flow():
    # OIML R 49-1:2013, class 2 up to 30 degC: 5 % for Q1 <= Q < Q2, 2 % for Q2 <= Q <= Q4.
    zones = (
        Zone(up_to=0.04, rule=Relative(percent=5.0), inclusive=False),
        Zone(up_to=3.125, rule=Relative(percent=2.0)),
    )
    meter = MaximumPermissibleError(
        unit="m3", source="OIML R 49-1:2013", rule=Piecewise(variable="flow", start=0.025, zones=zones)
    )
    assert limits_at(meter, {"value": 0.1, "flow": 0.039}) == pytest.approx((-0.005, 0.005))
    assert limits_at(meter, {"value": 0.1, "flow": 0.04}) == pytest.approx((-0.002, 0.002))
    assert meter.others == {"flow"}
    with pytest.raises(MpeError, match="flow: is missing"):
        limits_at(meter, 0.1)
    with pytest.raises(MpeError, match=r"zones of flow reach from 0\.025 to 3\.125"):
        limits_at(meter, {"value": 0.1, "flow": 0.02})


def test_the_main_variable_goes_by_both_its_names():
    scale = MaximumPermissibleError(
        unit="kg",
        source="t",
        variable="load",
        rule=Cases(cases=(Case(where={"load": ((0.0, 5.0),)}, rule=Absolute(limit=1)),)),
    )
    assert limits_at(scale, 5.0) == limits_at(scale, {"value": 5.0}) == limits_at(scale, {"load": 5.0}) == (-1.0, 1.0)
    assert scale.others == frozenset()
    with pytest.raises(MpeError, match="the zones reach: load from 0 to 5"):
        limits_at(scale, 5.1)


def test_a_rule_may_be_in_another_unit_than_the_instrument():
    # OIML R 111-1:2004, table 1: 20 kg of class F1 within 100 mg; the table is in grams.
    weight = MaximumPermissibleError(
        unit="kg", rule_unit="g", limit_unit="mg", source="OIML R 111-1", rule=Nominal(points=((20_000.0, 100.0),))
    )
    assert limits_at(weight, 20.0) == (-100.0, 100.0)
    assert limits_over(weight, {"value": [20.0, 10.0]}).covered.tolist() == [True, False]
    assert weight.error_units == ("mg", "kg", "%")
    assert weight.error_units_text == "mg, kg or % of the test point"
    for name in ("rule_unit", "limit_unit"):
        with pytest.raises(MpeError, match=f"{name}: 'L': give a unit of the same kind as 'kg'"):
            MaximumPermissibleError(unit="kg", source="t", rule=Absolute(limit=1.0), **{name: "L"})


def test_limits_without_a_unit_of_their_own_have_the_measurands():
    assert mpe(Absolute(limit=1.0)).limit_unit == "kg"


def test_a_taximeter_may_err_more_against_its_owner():
    # JJG 517: distance -4 % to +1 %.
    assert limits_at(mpe(Relative(percent=1.0, lower_percent=4.0)), 10.0) == pytest.approx((-0.4, 0.1))


def test_either_of_two_limits_suffices_where_the_rule_says_so():
    # JJG 915: 5 umol/mol or 10 %.
    alarm = mpe(AnyOf(rules=(Absolute(limit=5.0), Relative(percent=10.0))))
    assert limits_at(alarm, 30.0).upper == 5.0
    assert limits_at(alarm, 100.0).upper == pytest.approx(10.0)


def test_one_side_may_be_nothing():
    assert limits_at(mpe(Absolute(limit=0.5, lower_limit=0.0)), 1.0) == (0.0, 0.5)
    assert limits_at(mpe(Relative(percent=0.0, lower_percent=2.0)), 10.0) == (-0.2, 0.0)


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
        (Absolute(limit=0.0, lower_limit=0.0), "rule.limit"),
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


def test_an_mpe_without_any_rule_is_refused():
    with pytest.raises(MpeError, match="rule: is missing"):
        MaximumPermissibleError(unit="kg", source="t")


positive = st.floats(1e-6, 1e6)
some = st.tuples(st.just(0.0) | positive, st.none() | st.just(0.0) | positive).filter(lambda s: s[0] or s[1])
leaves = st.one_of(
    some.map(lambda s: Absolute(limit=s[0], lower_limit=s[1])),
    some.map(lambda s: Relative(percent=s[0], lower_percent=s[1])),
    st.builds(OfSpan, percent=positive, span=positive),
    st.builds(Linear, constant=positive, slope=st.floats(0.0, 10.0)),
    st.builds(Reciprocal, constant=positive, coefficient=positive, reference=positive, most=st.none() | positive),
    st.builds(Nominal, points=st.tuples(st.tuples(positive, positive))),
)
names = st.sampled_from(["value", "flow"])


@st.composite
def zones(draw, inside):
    ends = sorted(draw(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=4, unique=True)))
    found = [Zone(up_to=end, rule=draw(inside), inclusive=draw(st.booleans())) for end in ends]
    if draw(st.booleans()):
        found.append(Zone(up_to=None, rule=draw(inside)))
    return Piecewise(zones=tuple(found), variable=draw(st.none() | names))


@st.composite
def lines(draw, inside):
    low, high = sorted((draw(st.floats(-1e3, 1e3)), draw(st.floats(-1e3, 1e3))))
    ends = draw(st.sampled_from([(low, high), (None, high), (low, None), (-math.inf, high)]))
    return Cases(cases=(Case(where={draw(names): (ends,)}, rule=draw(inside)), Case(rule=draw(inside))))


rules = st.recursive(
    leaves,
    lambda inside: st.one_of(
        st.builds(AnyOf, rules=st.lists(inside, min_size=1, max_size=3).map(tuple)),
        st.builds(Sum, parts=st.lists(st.builds(Part, variable=names, rule=inside), min_size=1, max_size=3).map(tuple)),
        zones(inside),
        lines(inside),
    ),
    max_leaves=5,
)
specifications = st.builds(
    MaximumPermissibleError,
    unit=st.sampled_from(["kg", "MPa", "%"]),
    rule=rules,
    source=st.text(max_size=20),
    in_use_factor=st.floats(1.0, 4.0),
    phases=st.dictionaries(st.sampled_from(Phase), rules, max_size=2),
    limit_unit=st.sampled_from(["", "%"]),
    variable=st.sampled_from(["value", "load"]),
)


@given(specifications)
def test_what_is_stored_comes_back_the_same(specification):
    assert decode_mpe(encode_mpe(specification)) == specification


@given(specifications, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from(Phase))
def test_limits_enclose_zero_and_are_those_of_the_arrays(specification, value, flow, phase):
    found = limits_over(specification, {"value": [value], "flow": [flow]}, phase=phase)
    try:
        limits = limits_at(specification, {"value": value, "flow": flow}, phase=phase)
    except MpeError:
        assert not found.covered[0]
        return
    assert limits.lower <= 0.0 <= limits.upper
    assert limits.lower < limits.upper
    assert limits == (found.lower[0], found.upper[0])
    assert isinstance(limits, Limits)


@given(specifications, st.floats(-1e6, 1e6))
def test_use_never_narrows_what_holds_at_verification(specification, value):
    if Phase.IN_USE in specification.phases or Phase.SUBSEQUENT in specification.phases:
        return
    try:
        limits = limits_at(specification, {"value": value, "flow": value})
    except MpeError:
        return
    in_use = limits_at(specification, {"value": value, "flow": value}, phase=Phase.IN_USE)
    assert in_use.lower <= limits.lower
    assert in_use.upper >= limits.upper


# Rows of the column `mpe` as databases hold them since the first version, with a limit that each must go on giving.
STORED = {
    '{"unit":"W","rule":{"type":"relative","percent":1.0,"lower_percent":null},'
    '"source":"JJG 596-2012, class 1, reference load","in_use_factor":1.0}': (10_000.0, (-100.0, 100.0)),
    '{"unit":"MPa","rule":{"type":"of_span","percent":0.5,"span":1.6,"lower_percent":null},'
    '"source":"JJG 882-2019, class 0.5","in_use_factor":1.0}': (0.8, (-0.008, 0.008)),
    '{"unit":"Cel","rule":{"type":"linear","constant":0.3,"slope":0.005},'
    '"source":"IEC 60751:2022, class B","in_use_factor":1.0}': (100.0, (-0.8, 0.8)),
    '{"unit":"kg","rule":{"type":"piecewise","zones":['
    '{"up_to":500.0,"rule":{"type":"absolute","limit":0.5,"lower_limit":null},"inclusive":true},'
    '{"up_to":2000.0,"rule":{"type":"absolute","limit":1.0,"lower_limit":null},"inclusive":true},'
    '{"up_to":null,"rule":{"type":"absolute","limit":1.5,"lower_limit":null},"inclusive":true}],"start":0.0},'
    '"source":"OIML R 76-1:2006, 3.5.1, class III, e = 1 kg","in_use_factor":2.0}': (501.0, (-1.0, 1.0)),
    '{"unit":"umol/mol","rule":{"type":"any_of","rules":[{"type":"absolute","limit":5.0,"lower_limit":null},'
    '{"type":"relative","percent":10.0,"lower_percent":null}]},'
    '"source":"JJG 915-2008","in_use_factor":1.0}': (100.0, (-10.0, 10.0)),
    '{"unit":"km","rule":{"type":"relative","percent":1.0,"lower_percent":4.0},'
    '"source":"JJG 517-2016","in_use_factor":1.0}': (10.0, (-0.4, 0.1)),
}


@pytest.mark.parametrize("text", STORED)
def test_what_earlier_versions_stored_is_read_and_means_the_same(text):
    specification = decode_mpe(text)
    value, limits = STORED[text]
    assert limits_at(specification, value) == pytest.approx(limits)
    in_use = json.loads(text)["in_use_factor"]
    assert limits_at(specification, value, phase=Phase.IN_USE) == pytest.approx(tuple(in_use * np.array(limits)))
    assert decode_mpe(encode_mpe(specification)) == specification


@pytest.mark.parametrize("text", ["", "{}", '{"unit":"kg"}', '{"unit":"kg","rule":{"type":"eval"},"source":""}',
                                  '{"unit":"kg","rule":{"type":"absolute","limit":-1.0},"source":""}'])  # fmt: skip
def test_text_that_is_no_mpe_is_refused(text):
    with pytest.raises(MpeError):
        decode_mpe(text)
