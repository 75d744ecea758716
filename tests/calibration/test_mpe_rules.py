"""The language of limits: evaluation at points and over arrays, strict parsing, tables of one's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import (
    Confidence,
    Phase,
    builtin_tables,
    load_tables,
    permissible_errors,
)
from steelyard.calibration.mpe.plain import names_in, parse_rule, product, resolved
from steelyard.calibration.mpe.pointwise import limits_of_rule
from steelyard.calibration.mpe.rules import scaled


def limits(rule, *values):
    found = permissible_errors(parse_rule(rule, "test"), {"value": list(values)})
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
        },
        "test",
    )
    found = permissible_errors(rule, {"flow": 3.0, "temperature": [0.0, 10.0]})
    assert found.upper.tolist() == [2.0, 3.0]
    with pytest.raises(MpeError, match="temperature"):
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
    found = permissible_errors(parse_rule(ZONES, "test"), {"value": [0.9, 1.0, 1.99, 2.0, -5.0, 5.1]})
    assert found.covered.tolist() == [False, True, True, True, True, False]
    assert found.upper[1:5] == pytest.approx([1.0, 1.0, 0.2, 0.5])
    assert np.isnan(found.upper[[0, 5]]).all()


def test_a_limit_of_nothing_is_no_limit():
    rule = parse_rule({"type": "relative", "percent": 1.0}, "test")
    assert permissible_errors(rule, {"value": 0.0}).covered.tolist() is False


magnitude = st.floats(1e-3, 1e3)
sides = st.tuples(st.just(0.0) | magnitude, st.none() | st.just(0.0) | magnitude).filter(lambda s: s[0] or s[1])
elementary = st.one_of(
    st.builds(lambda s: {"type": "absolute", "limit": s[0], "lower_limit": s[1]}, sides),
    st.builds(lambda s: {"type": "relative", "percent": s[0], "lower_percent": s[1]}, sides),
    st.builds(lambda s, n: {"type": "of_span", "percent": s[0], "span": n, "lower_percent": s[1]}, sides, magnitude),
    st.builds(lambda a, b: {"type": "linear", "constant": a, "slope": b}, magnitude, st.floats(0.0, 10.0)),
    st.builds(
        lambda a, b, c, most: {"type": "reciprocal", "constant": a, "coefficient": b, "reference": c, "most": most},
        magnitude,
        st.floats(0.0, 10.0),
        magnitude,
        st.none() | magnitude,
    ),
    st.builds(
        lambda values, limit: {"type": "nominal", "points": [[each, limit] for each in sorted(values)]},
        st.sets(st.integers(1, 50), min_size=1),
        magnitude,
    ),
)
variables = st.sampled_from(["value", "flow", "temperature"])
ends = st.lists(st.floats(1.0, 1e3), min_size=1, max_size=4, unique=True).map(sorted)


@st.composite
def piecewise(draw, inside):
    up_to = draw(ends)
    zones = [
        {"up_to": end, "rule": draw(inside), "inclusive": draw(st.booleans())}
        for end in [*up_to[:-1], draw(st.sampled_from([up_to[-1], None]))]
    ]
    start = draw(st.sampled_from([0.0, 0.5]))
    return {"type": "piecewise", "zones": zones, "start": start, "variable": draw(st.none() | variables)}


@st.composite
def cases(draw, inside):
    found = []
    for _ in range(draw(st.integers(1, 3))):
        ranges = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).map(sorted)
        where = st.dictionaries(variables, st.lists(ranges | st.just([-math.inf, 5.0]), min_size=1, max_size=2))
        found.append({"where": draw(where), "rule": draw(inside)})
    return {"type": "cases", "cases": found}


rules = st.recursive(
    elementary,
    lambda inside: st.one_of(
        st.builds(lambda parts: {"type": "any_of", "rules": parts}, st.lists(inside, min_size=1, max_size=3)),
        st.builds(
            lambda parts: {"type": "sum", "parts": parts},
            st.lists(st.fixed_dictionaries({"variable": variables, "rule": inside}), min_size=1, max_size=3),
        ),
        piecewise(inside),
        cases(inside),
    ),
    max_leaves=6,
)
near = st.one_of(st.floats(-2e3, 2e3), st.integers(-50, 50).map(float), st.just(0.0))
points = st.lists(st.tuples(near, near, near), min_size=1, max_size=5)


def at(point):
    return dict(zip(("value", "flow", "temperature"), point, strict=True))


@given(rules, points)
def test_arrays_and_points_read_the_same_rule_alike(rule, several):
    parsed = parse_rule(rule, "test")
    found = permissible_errors(parsed, {name: [at(p)[name] for p in several] for name in at(several[0])})
    for index, point in enumerate(several):
        pair = limits_of_rule(parsed, at(point), "value")
        if pair is None or pair[0] == pair[1]:
            assert not found.covered[index]
            assert np.isnan(found.upper[index])
        else:
            assert (found.lower[index], found.upper[index]) == pair
            assert pair[0] <= 0.0 <= pair[1]


@given(st.lists(rules, min_size=1, max_size=3), points)
def test_any_of_is_never_narrower_than_any_of_its_rules(several, where):
    widest = parse_rule({"type": "any_of", "rules": several}, "test")
    for point in where:
        whole = limits_of_rule(widest, at(point), "value")
        for one in several:
            part = limits_of_rule(parse_rule(one, "test"), at(point), "value")
            if part is not None:
                assert whole is not None
                assert whole[0] <= part[0]
                assert whole[1] >= part[1]


@given(rules, points, st.floats(1.0, 4.0))
def test_a_scaled_rule_is_wider_by_its_factor_everywhere(rule, several, factor):
    parsed = parse_rule(rule, "test")
    for point in several:
        one, wider = (limits_of_rule(each, at(point), "value") for each in (parsed, scaled(parsed, factor)))
        assert (one is None) == (wider is None)
        if one is not None and wider is not None:
            assert wider == pytest.approx((one[0] * factor, one[1] * factor), rel=1e-12)


@given(elementary, magnitude, st.sampled_from([2.0**-10, 2.0**10]))
def test_another_unit_scales_the_limits(rule, value, factor):
    by_unit = {"limit", "lower_limit", "span", "constant", "reference", "most"}
    other = {k: v * factor if k in by_unit and v is not None else v for k, v in rule.items()}
    if rule["type"] == "nominal":
        other["points"] = [[factor * nominal, factor * limit] for nominal, limit in rule["points"]]
    if rule["type"] == "reciprocal":
        other["coefficient"] = rule["coefficient"] * factor
    expected = [factor * each for each in limits(rule, value)[0]]
    assert limits(other, value * factor)[0] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("absolute", "rule"),
        ({"type": "wrong"}, "rule.type"),
        ({"limit": 1.0}, "rule.type"),
        ({"type": "absolute"}, "rule.limit"),
        ({"type": "absolute", "limit": -1.0}, "rule.limit"),
        ({"type": "absolute", "limit": math.nan}, "rule.limit"),
        ({"type": "absolute", "limit": True}, "rule.limit"),
        ({"type": "absolute", "limit": 1.0, "lower_limit": -1.0}, "rule.lower_limit"),
        ({"type": "absolute", "limit": 0.0}, "rule.limit"),
        ({"type": "absolute", "limit": 0.0, "lower_limit": 0.0}, "rule.limit"),
        ({"type": "absolute", "limit": 1.0, "limits": 2.0}, "rule.limits"),
        ({"type": "relative", "percent": math.inf}, "rule.percent"),
        ({"type": "of_span", "percent": 1.0}, "rule.span"),
        ({"type": "of_span", "percent": 1.0, "span": -5.0}, "rule.span"),
        ({"type": "linear", "constant": 1.0, "slope": -1.0}, "rule.slope"),
        ({"type": "reciprocal", "constant": 1.0, "coefficient": 1.0, "reference": 0.0}, "rule.reference"),
        ({"type": "any_of", "rules": []}, "rule.rules"),
        ({"type": "any_of", "rules": [{"type": "absolute", "limit": 0}]}, "rule.rules[0].limit"),
        ({"type": "nominal", "points": [[2.0, 1.0], [1.0, 1.0]]}, "rule.points[1]"),
        ({"type": "nominal", "points": [[1.0]]}, "rule.points[0]"),
        ({"type": "nominal", "points": []}, "rule.points"),
        ({"type": "sum", "parts": [{"rule": {"type": "absolute", "limit": 1.0}}]}, "rule.parts[0].variable"),
        (
            {"type": "sum", "parts": [{"variable": " ", "rule": {"type": "absolute", "limit": 1.0}}]},
            "rule.parts[0].variable",
        ),
        ({"type": "piecewise", "zones": [{"up_to": 1.0, "rules": {}}]}, "rule.zones[0].rules"),
        ({"type": "piecewise", "zones": []}, "rule.zones"),
        (ZONES | {"start": -1.0}, "rule.start"),
        (ZONES | {"variable": ""}, "rule.variable"),
        (
            ZONES | {"zones": [*ZONES["zones"], {"up_to": 4.0, "rule": ZONES["zones"][0]["rule"]}]},
            "rule.zones[2].up_to",
        ),
        (
            ZONES | {"zones": [{"up_to": 4.0, "rule": {"type": "absolute", "limit": 1}, "inclusive": 1}]},
            "rule.zones[0].inclusive",
        ),
        ({"type": "cases", "cases": []}, "rule.cases"),
        (
            {"type": "cases", "cases": [{"where": {"flow": [[2.0, 1.0]]}, "rule": {"type": "absolute", "limit": 1}}]},
            "rule.cases[0].where.flow",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(rule, field):
    with pytest.raises(MpeError) as caught:
        parse_rule(rule, "test")
    assert caught.value.field == f"test: {field}"


def test_an_unknown_type_is_refused_with_those_that_there_are():
    with pytest.raises(MpeError, match="'wrong': give one of absolute, relative, of_span"):
        parse_rule({"type": "any_of", "rules": [{"type": "wrong"}]}, "test")


def test_one_side_may_be_nothing():
    assert limits({"type": "absolute", "limit": 0.5, "lower_limit": 0.0}, 7.0) == [(0.0, 0.5)]
    assert limits({"type": "relative", "percent": 0.0, "lower_percent": 2.0}, 50.0) == [(-1.0, 0.0)]
    assert not math.copysign(1.0, limits({"type": "absolute", "limit": 0.5, "lower_limit": 0.0}, 7.0)[0][0]) < 0.0


def test_a_zone_is_chosen_by_another_quantity():
    # OIML R 49-1:2013, class 2 up to 30 degC: 5 % of the volume from Q1 below Q2, 2 % from Q2 to Q4.
    rule = parse_rule(
        {
            "type": "piecewise",
            "variable": "flow",
            "start": 0.025,
            "zones": [
                {"up_to": 0.04, "rule": {"type": "relative", "percent": 5.0}, "inclusive": False},
                {"up_to": 3.125, "rule": {"type": "relative", "percent": 2.0}},
            ],
        },
        "test",
    )
    found = permissible_errors(rule, {"value": 10.0, "flow": [0.02, 0.025, 0.039, 0.04, 3.125, 3.2]})
    assert found.upper.tolist() == pytest.approx([math.nan, 0.5, 0.5, 0.2, 0.2, math.nan], nan_ok=True)
    with pytest.raises(MpeError, match="flow: is missing"):
        permissible_errors(rule, {"value": 10.0})


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_product_of_decimals_is_not_beyond_its_border(inclusive):
    # 3 x 0.1 is 0.30000000000000004 in binary numbers, 0.3 on paper.
    rule = {
        "type": "piecewise",
        "zones": [
            {"up_to": 0.3, "rule": {"type": "absolute", "limit": 1.0}, "inclusive": inclusive},
            {"up_to": 0.6, "rule": {"type": "absolute", "limit": 2.0}},
        ],
    }
    border = 1.0 if inclusive else 2.0
    assert [pair[1] for pair in limits(rule, 3 * 0.1, 0.3, 0.1 + 0.2, 6 * 0.1)] == [border, border, border, 2.0]
    assert [limits_of_rule(parse_rule(rule, "test"), {"value": v}, "value")[1] for v in (3 * 0.1, 6 * 0.1)] == [
        border,
        2.0,
    ]


def test_a_value_that_is_none_is_refused():
    with pytest.raises(MpeError, match="value"):
        permissible_errors(parse_rule({"type": "relative", "percent": 1.0}, "test"), {"value": [1.0, math.nan]})


def test_numbers_may_be_products_of_parameters():
    given_ = {"e": 0.002, "n1": 500.0}
    assert product("n1 e", given_, "x") == 1.0
    assert product("0.5 e", given_, "x") == 0.001
    rule = {"type": "piecewise", "zones": [{"up_to": "n1 e", "rule": {"type": "absolute", "limit": "0.5 e"}}]}
    assert names_in(rule) == {"n1", "e"}
    assert limits(resolved(rule, given_), 1.0) == [(-0.001, 0.001)]
    with pytest.raises(MpeError, match="no parameter 'f'"):
        resolved({"type": "absolute", "limit": "0.5 f"}, given_)
    with pytest.raises(MpeError, match="product"):
        product(" ", given_, "x")
    with pytest.raises(MpeError, match="largest"):
        product("1e300 1e300", given_, "x")
    assert product("1.5 e", {"e": 0.1}, "x") == 0.15


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
        (("", "= ="), "not TOML"),
        (("[[table]]", "[[tables]]"), "tables"),
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
        (('"k e"', "-1.0"), "entry[0]: rule.limit"),
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
    with pytest.raises(MpeError) as caught:
        load_tables(text, "own.toml")
    assert said in str(caught.value)


def test_a_table_stands_once():
    with pytest.raises(MpeError, match="stands twice"):
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
    with pytest.raises(MpeError) as caught:
        table.permissible_errors(
            asked["accuracy_class"],
            asked["phase"],
            asked["points"],
            parameters=asked["parameters"],
            circumstance=asked["circumstance"],
        )
    assert caught.value.field == field
