"""One-way analysis of variance: all sets of NIST StRD, Analysis of Variance, to the certified digits."""

import math
from decimal import Decimal

import numpy as np
import pytest
from calibration_engine.strd_statistics import observed, simon_lesage
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.comparisons.analysis_of_variance import AnalysisOfVariance, analyse_variance
from steelyard.calibration.engine.comparisons.errors import ComparisonError

# Certified for SmLs01-09 alike but for the number of values: SS between 1.68, 16.08, 160.08; within 1.8, 18, 180;
# F 21, 201, 2001; R squared.
SIMON_LESAGE = [
    (1.68, 0.21, 21.0, 1.8, 4.82758620689655e-01),
    (16.08, 2.01, 201.0, 18.0, 4.71830985915493e-01),
    (160.08, 20.01, 2001.0, 180.0, 4.70712773465067e-01),
]


def exact(groups: dict[str, list[str]]) -> dict[str, list[Decimal]]:
    return {name: [Decimal(text) for text in texts] for name, texts in groups.items()}


def assert_simon_lesage(number: int, found: AnalysisOfVariance) -> None:
    between, between_mean, f, within, r_squared = SIMON_LESAGE[(number - 1) % 3]
    assert found.between_degrees_of_freedom == 8
    assert found.within_degrees_of_freedom == 9 * 20 * 10 ** ((number - 1) % 3)
    assert found.between_sum_of_squares == pytest.approx(between, rel=1e-15)
    assert found.between_mean_square == pytest.approx(between_mean, rel=1e-15)
    assert found.within_sum_of_squares == pytest.approx(within, rel=1e-15)
    assert found.within_mean_square == pytest.approx(0.01, rel=1e-15)
    assert found.f == pytest.approx(f, rel=1e-15)
    assert found.r_squared == pytest.approx(r_squared, rel=2e-15)
    assert found.residual_standard_deviation == pytest.approx(0.1, rel=1e-15)


@pytest.mark.parametrize("number", range(1, 10))
def test_simon_and_lesages_sets_have_their_certified_values(number):
    assert_simon_lesage(number, analyse_variance(exact(simon_lesage(number))))


@pytest.mark.parametrize(("name", "between", "within"), [("sirstv", 4, 20), ("atmwtag", 1, 46)])
def test_observed_sets_have_their_certified_values(name, between, within):
    data = observed(name)
    found = analyse_variance(exact(data["groups"]))
    assert (found.between_degrees_of_freedom, found.within_degrees_of_freedom) == (between, within)
    for field, certified in data["certified"].items():
        assert getattr(found, field) == pytest.approx(float(certified), rel=5e-15), field


@pytest.mark.parametrize("number", [1, 5, 7, 9])
def test_the_command_answers_simon_and_lesages_sets(number):
    rows = [f"{name},{text}" for name, texts in simon_lesage(number).items() for text in texts]
    answer = calc("compare", "laboratory,value\n" + "\n".join(rows), "--method", "anova")
    _, between_mean, f, _, _ = SIMON_LESAGE[(number - 1) % 3]
    assert answer["between_mean_square"] == pytest.approx(between_mean, rel=1e-14)
    assert answer["within_mean_square"] == pytest.approx(0.01, rel=1e-14)
    assert answer["f"] == pytest.approx(f, rel=1e-14)
    assert answer["residual_standard_deviation"] == pytest.approx(0.1, rel=1e-14)


@pytest.mark.parametrize("name", ["sirstv", "atmwtag"])
def test_the_command_answers_the_observed_sets(name):
    data = observed(name)
    rows = [f"{group},{text}" for group, texts in data["groups"].items() for text in texts]
    answer = calc("compare", "laboratory,value\n" + "\n".join(rows), "--method", "anova")
    for field, certified in data["certified"].items():
        assert answer[field] == pytest.approx(float(certified), rel=5e-15), field


groups = st.lists(st.lists(st.integers(-500, 500), min_size=1, max_size=6), min_size=2, max_size=6).filter(
    lambda found: any(len(set(each)) > 1 for each in found)
)


def named(members, shift=0, scale=1):
    return {str(number): [(value + shift) * scale for value in each] for number, each in enumerate(members)}


@given(groups, st.integers(-(10**9), 10**9), st.integers(-8, 8))
def test_a_shift_changes_nothing_and_a_scale_its_square(members, shift, power):
    plain, moved = analyse_variance(named(members)), analyse_variance(named(members, shift, 2.0**power))
    assert moved.f == plain.f
    assert moved.between_mean_square == pytest.approx(plain.between_mean_square * 4.0**power, rel=1e-15)
    assert moved.residual_standard_deviation == pytest.approx(plain.residual_standard_deviation * 2.0**power, rel=1e-15)


@given(groups, st.randoms())
def test_order_does_not_matter(members, random):
    shuffled = [list(each) for each in members]
    random.shuffle(shuffled)
    for each in shuffled:
        random.shuffle(each)
    assert analyse_variance(named(shuffled)).f == analyse_variance(named(members)).f


@given(groups)
def test_the_sums_are_those_of_the_definition(members):
    found = analyse_variance(named(members))
    values = np.concatenate([np.asarray(each, dtype=float) for each in members])
    within = sum(float(((np.asarray(each) - np.mean(each)) ** 2).sum()) for each in members)
    whole = float(((values - values.mean()) ** 2).sum())
    assert found.within_sum_of_squares == pytest.approx(within, rel=1e-9, abs=1e-9)
    assert found.between_sum_of_squares == pytest.approx(whole - within, rel=1e-9, abs=1e-6)


def test_nothing_that_varies_within_makes_f_infinite():
    found = analyse_variance({"A": [1.0, 1.0], "B": [2.0, 2.0]})
    assert math.isinf(found.f)
    assert found.p_value == 0.0
    assert math.isnan(analyse_variance({"A": [1.0, 1.0], "B": [1.0]}).f)
    assert calc("compare", "laboratory,value\nA,1\nA,1\nB,2\n", "--method", "anova")["f"] is None


@pytest.mark.parametrize(
    ("groups", "word"),
    [
        ({}, "groups"),
        ({"A": [1.0, 2.0]}, "two laboratories"),
        ({"A": [1.0, 2.0], "B": []}, "B"),
        ({"A": [1.0, math.nan], "B": [1.0]}, "A"),
        ({"A": [1.0], "B": [2.0]}, "two values"),
        ({"A": [Decimal("1e-9000"), Decimal(1)], "B": [Decimal(2)]}, "orders of magnitude"),
    ],
)
def test_bad_input_is_named(groups, word):
    with pytest.raises(ComparisonError, match=word):
        analyse_variance(groups)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("laboratory,value\nA,1\nA,2\n", ("laboratory", "two laboratories")),
        ("laboratory,value\nA,1\nB,2\n", ("value", "two values")),
        ("laboratory,value\nA,1\n,2\n", ("line 3", "'laboratory'")),
        ("laboratory,value\nA,1\nA,inf\nB,2\n", ("line 3", "'value'")),
        ("laboratory,value,value\nA,1,2\n", ("'value'", "only once")),
    ],
)
def test_the_command_names_what_it_refuses(document, words):
    message = refusal("compare", document, "--method", "anova")
    for word in words:
        assert word in message


def test_the_command_prints_the_table():
    status, out, _ = run(("calc", "compare", "-", "--method", "anova"), "laboratory,value\nA,1\nA,2\nB,4\n")
    assert status == 0
    assert "sum of squares" in out
