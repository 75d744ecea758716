"""The MPE language: evaluation, strict parsing, and agreement with the law's own reading of it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.tolerances.class_table import Confidence, Phase
from steelyard.calibration.engine.tolerances.errors import RuleError, TableError, ToleranceError
from steelyard.calibration.engine.tolerances.loading import builtin_tables, load_tables
from steelyard.calibration.engine.tolerances.parsing import names_in, parse_rule, product, resolved
from steelyard.calibration.engine.tolerances.rules import permissible_errors
from steelyard.calibration.errors import MpeError
from steelyard.calibration.verification import mpe as law


def limits(rule, *values):
    found = permissible_errors(parse_rule(rule), {"value": list(values)})
    return list(zip(found.lower.tolist(), found.upper.tolist(), strict=True))


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ({"type": "absolute", "limit": 0.5}, 7.0, (-0.5, 0.5)),
        ({"type": "absolute", "limit": 0.5, "lower_limit": 0.2}, 7.0, (-0.2, 0.5)),
        ({"type": "relative", "percent": 2.0}, -50.0, (-1.0, 1.0)),
        # JJG 517: distance of a taximeter, -4 % to +1 %.
        ({"type": "relative", "percent": 1.0, "lower_percent": 4.0}, 100.0, (-4.0, 1.0)),
        ({"type": "of_span", "percent": 1.6, "span": 10.0}, 3.0, (-0.16, 0.16)),
        ({"type": "linear", "constant": 0.3, "slope": 0.005}, -100.0, (-0.8, 0.8)),
        ({"type": "reciprocal", "constant": 2.0, "coefficient": 0.02, "reference": 10.0}, 1.0, (-2.2, 2.2)),
        ({"type": "reciprocal", "constant": 2.0, "coefficient": 1.0, "reference": 10.0, "most": 5.0}, 0.0, (-5.0, 5.0)),
        ({"type": "nominal", "points": [[1.0, 0.1], [2.0, 0.3]]}, 2.0, (-0.3, 0.3)),
    ],
)
def test_elementary_rules(rule, value, expected):
    assert limits(rule, value)[0] == pytest.approx(expected)


def test_any_of_takes_the_widest_limit():
    # JJG 915: 5 umol/mol or 10 %, either suffices.
    rule = {"type": "any_of", "rules": [{"type": "absolute", "limit": 5.0}, {"type": "relative", "percent": 10.0}]}
    assert limits(rule, 20.0, 100.0) == [(-5.0, 5.0), (-10.0, 10.0)]


def test_a_rule_that_says_nothing_here_leaves_it_to_the_others():
    rule = {
        "type": "any_of",
        "rules": [{"type": "nominal", "points": [[1.0, 9.0]]}, {"type": "absolute", "limit": 5.0}],
    }
    assert limits(rule, 1.0, 2.0) == [(-9.0, 9.0), (-5.0, 5.0)]


def test_a_sum_adds_its_parts_each_by_its_own_variable():
    rule = parse_rule(
        {
            "type": "sum",
            "parts": [
                {"variable": "flow", "rule": {"type": "absolute", "limit": 1.0}},
                {"variable": "temperature", "rule": {"type": "linear", "constant": 1.0, "slope": 0.1}},
            ],
        }
    )
    found = permissible_errors(rule, {"flow": 3.0, "temperature": [0.0, 10.0]})
    assert found.upper.tolist() == [2.0, 3.0]
    with pytest.raises(RuleError, match="temperature"):
        permissible_errors(rule, {"flow": 3.0})


ZONES = {
    "type": "piecewise",
    "start": 1.0,
    "zones": [
        {"up_to": 2.0, "rule": {"type": "absolute", "limit": 1.0}, "inclusive": False},
        {"up_to": 5.0, "rule": {"type": "relative", "percent": 10.0}},
    ],
}


def test_zones_hold_from_border_to_border():
    found = permissible_errors(parse_rule(ZONES), {"value": [0.9, 1.0, 1.99, 2.0, -5.0, 5.1]})
    assert found.covered.tolist() == [False, True, True, True, True, False]
    assert found.upper[1:5] == pytest.approx([1.0, 1.0, 0.2, 0.5])
    assert np.isnan(found.upper[[0, 5]]).all()


def test_a_limit_of_nothing_is_no_limit():
    assert (
        permissible_errors(parse_rule({"type": "relative", "percent": 1.0}), {"value": 0.0}).covered.tolist() is False
    )


magnitude = st.floats(1e-3, 1e3)
optional = st.none() | magnitude
elementary = st.one_of(
    st.builds(lambda a, b: {"type": "absolute", "limit": a, "lower_limit": b}, magnitude, optional),
    st.builds(lambda a, b: {"type": "relative", "percent": a, "lower_percent": b}, magnitude, optional),
    st.builds(lambda a, s: {"type": "of_span", "percent": a, "span": s, "lower_percent": None}, magnitude, magnitude),
    st.builds(lambda a, b: {"type": "linear", "constant": a, "slope": b}, magnitude, st.floats(0.0, 10.0)),
)
any_of = st.builds(lambda rules: {"type": "any_of", "rules": rules}, st.lists(elementary, min_size=1, max_size=3))


@st.composite
def piecewise(draw):
    ends = sorted(draw(st.lists(st.floats(1.0, 1e3), min_size=1, max_size=4, unique=True)))
    zones = [
        {"up_to": end, "rule": draw(elementary | any_of), "inclusive": draw(st.booleans())}
        for end in [*ends[:-1], draw(st.sampled_from([ends[-1], None]))]
    ]
    return {"type": "piecewise", "zones": zones, "start": draw(st.sampled_from([0.0, 0.5]))}


@given(elementary | any_of | piecewise(), st.lists(st.floats(-2e3, 2e3), min_size=1, max_size=5))
def test_fleet_and_law_read_the_same_rule_alike(rule, values):
    text = json.dumps({"unit": "kg", "rule": rule, "source": "test"})
    legal = law.decode_mpe(text)
    found = permissible_errors(parse_rule(rule), {"value": values})
    for value, lower, upper, covered in zip(
        values, found.lower.tolist(), found.upper.tolist(), found.covered.tolist(), strict=True
    ):
        try:
            expected = law.limits_at(legal, value)
        except MpeError:
            assert not covered
        else:
            assert covered
            assert (lower, upper) == pytest.approx(expected, rel=1e-12)


@given(elementary, magnitude, st.sampled_from([2.0**-10, 2.0**10]))
def test_another_unit_scales_the_limits(rule, value, factor):
    by_unit = {"limit", "lower_limit", "span", "constant"}
    other = {k: v * factor if k in by_unit and v is not None else v for k, v in rule.items()}
    assert limits(other, value * factor)[0] == pytest.approx([factor * each for each in limits(rule, value)[0]])


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("absolute", "rule"),
        ({"type": "wrong"}, "rule.type"),
        ({"type": "absolute"}, "rule.limit"),
        ({"type": "absolute", "limit": -1.0}, "rule.limit"),
        ({"type": "absolute", "limit": math.nan}, "rule.limit"),
        ({"type": "absolute", "limit": True}, "rule.limit"),
        ({"type": "absolute", "limit": 1.0, "lower_limit": 0.0}, "rule.lower_limit"),
        ({"type": "absolute", "limit": 1.0, "limits": 2.0}, "rule.limits"),
        ({"type": "of_span", "percent": 1.0}, "rule.span"),
        ({"type": "linear", "constant": 1.0, "slope": -1.0}, "rule.slope"),
        ({"type": "any_of", "rules": []}, "rule.rules"),
        ({"type": "any_of", "rules": [{"type": "absolute", "limit": 0}]}, "rule.rules[0].limit"),
        ({"type": "nominal", "points": [[2.0, 1.0], [1.0, 1.0]]}, "rule.points[1]"),
        ({"type": "nominal", "points": [[1.0]]}, "rule.points[0]"),
        ({"type": "sum", "parts": [{"rule": {}}]}, "rule.parts[0]"),
        ({"type": "piecewise", "zones": [{"up_to": 1.0, "rules": {}}]}, "rule.zones[0]"),
        ({"type": "piecewise", "start": -1.0, "zones": []}, "rule.start"),
        (ZONES | {"zones": [*ZONES["zones"], {"up_to": 4.0, "rule": {}}]}, "rule.zones[2].up_to"),
        (
            ZONES | {"zones": [{"up_to": 4.0, "rule": {"type": "absolute", "limit": 1}, "inclusive": 1}]},
            "rule.zones[0].inclusive",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(rule, field):
    with pytest.raises(RuleError) as caught:
        parse_rule(rule)
    assert caught.value.field == field


def test_a_value_that_is_none_is_refused():
    with pytest.raises(RuleError, match="value"):
        permissible_errors(parse_rule({"type": "relative", "percent": 1.0}), {"value": [1.0, math.nan]})


def test_numbers_may_be_products_of_parameters():
    given_ = {"e": 0.002, "n1": 500.0}
    assert product("n1 e", given_, "x") == 1.0
    assert product("0.5 e", given_, "x") == 0.001
    rule = {"type": "piecewise", "zones": [{"up_to": "n1 e", "rule": {"type": "absolute", "limit": "0.5 e"}}]}
    assert names_in(rule) == {"n1", "e"}
    assert limits(resolved(rule, given_), 1.0) == [(-0.001, 0.001)]
    with pytest.raises(RuleError, match="no parameter 'f'"):
        resolved({"type": "absolute", "limit": "0.5 f"}, given_)
    with pytest.raises(RuleError, match="product"):
        product(" ", given_, "x")


TABLE = """
[[table]]
id = "house"
title = "house rule"
variable = "value"
unit = "V"
classes = ["x", "y"]
source = { document = "quality manual", edition = "3", clause = "4.2", confidence = "H" }
parameters = { e = "resolution" }
class_parameters = { x = { k = 1.0 }, y = { k = 2.0 } }
phases = { first = 1.0, in_use = 1.5 }
[[table.entry]]
circumstance = "indoors"
where = { value = [[-10.0, 10.0], [20.0, "100 e"]] }
rule = { type = "absolute", limit = "k e" }
[[table.entry]]
circumstance = "outdoors"
confidence = "L"
phases = ["subsequent"]
rule = { type = "relative", percent = 1.0, lower_percent = 2.0 }
[[table.check]]
class = "y"
circumstance = "indoors"
at = { value = 1.0 }
parameters = { e = 0.5 }
limit = 1.0
[[table.check]]
class = "y"
phase = "subsequent"
circumstance = "outdoors"
at = { value = 10.0 }
parameters = { e = 0.5 }
lower = -0.2
upper = 0.1
"""


def test_an_operators_table_is_read_and_replaces_a_built_in_one():
    table = load_tables(TABLE, "own.toml")["house"]
    found = table.permissible_errors(
        "y", Phase.IN_USE, {"value": [5.0, 15.0, 30.0]}, parameters={"e": 0.5}, circumstance="indoors"
    )
    assert found.upper[[0, 2]].tolist() == [1.5, 1.5]
    assert found.covered.tolist() == [True, False, True]
    assert table.confidence_of("x", Phase.SUBSEQUENT, "outdoors") == Confidence.LOW
    own = TABLE.replace('"house"', '"oiml-r76"')
    assert (builtin_tables() | load_tables(own, "own.toml"))["oiml-r76"].title == "house rule"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("", "= ="), "no TOML"),
        (("[[table]]", "[[tables]]"), "[[table]]"),
        (('id = "house"', ""), "table[0].id"),
        (('id = "house"', 'id = "house"\nidd = 1'), "table[0].idd"),
        (('classes = ["x", "y"]', "classes = []"), "table[0].classes"),
        (('classes = ["x", "y"]', "classes = [1]"), "table[0].classes"),
        (('confidence = "H"', 'confidence = "sure"'), "table[0].source.confidence"),
        (('edition = "3", ', ""), "table[0].source.edition"),
        (("in_use = 1.5", "in_use = 0.5"), "phases.in_use"),
        (("in_use = 1.5", "later = 2.0"), "table[0].phases"),
        (("first = 1.0, in_use = 1.5", ""), "table[0].phases"),
        (('"k e"', '"k f"'), "'f'"),
        (('"k e"', "-1.0"), "entry[0].rule.limit"),
        (("[-10.0, 10.0]", "[10.0, -10.0]"), "where.value"),
        (("[-10.0, 10.0]", "[1.0]"), "where.value"),
        (("limit = 1.0", "limit = 1.1"), "the check point says"),
        (("limit = 1.0\n", ""), "check[0].limit"),
        (("limit = 1.0\n", "limit = nan\n"), "check[0].limit"),
        (('phases = ["subsequent"]', 'phases = ["later"]'), "entry[1].phases"),
        (('confidence = "L"', 'classes = ["z"]'), "entry[1].classes"),
        (('circumstance = "indoors"\nwhere', "circumstance = 3\nwhere"), "entry[0].circumstance"),
        (
            ("class_parameters = { x = { k = 1.0 }, y", "class_parameters = { x = { k = true }, y"),
            "class_parameters.x.k",
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_name(change, said):
    text = TABLE + change[1] if not change[0] else TABLE.replace(*change)
    with pytest.raises(ToleranceError) as caught:
        load_tables(text, "own.toml")
    assert said in str(caught.value)


def test_a_table_stands_once():
    with pytest.raises(TableError, match="stands twice"):
        load_tables(TABLE + TABLE, "own.toml")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"accuracy_class": "z"}, "class"),
        ({"phase": Phase.SUBSEQUENT}, "phase"),
        ({"circumstance": None}, "circumstance"),
        ({"circumstance": "at sea"}, "circumstance"),
        ({"parameters": {}}, "parameters.e"),
        ({"parameters": {"e": -1.0}}, "parameters.e"),
        ({"parameters": {"e": 1.0, "f": 1.0}}, "parameters.f"),
        ({"points": {}}, "value"),
        ({"points": {"volume": 1.0}}, "value"),
        ({"points": {"value": math.inf}}, "value"),
    ],
)
def test_what_a_table_does_not_know_is_refused_by_name(changed, field):
    table = load_tables(TABLE, "own.toml")["house"]
    asked = {
        "accuracy_class": "x",
        "phase": Phase.FIRST,
        "points": {"value": 1.0},
        "parameters": {"e": 0.5},
        "circumstance": "indoors",
    } | changed
    with pytest.raises(ToleranceError) as caught:
        table.permissible_errors(
            asked["accuracy_class"],
            asked["phase"],
            asked["points"],
            parameters=asked["parameters"],
            circumstance=asked["circumstance"],
        )
    assert caught.value.field == field
