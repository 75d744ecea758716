"""Algorithms A and S of ISO 13528 and ISO 5725-5, Huber's proposal 2."""

import math

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.robust import algorithm_a, algorithm_s, algorithm_s_factors, huber

# ISO 5725-5:1998, 6.4: creosote oil, cell averages and ranges of two (also in the R package metRology).
CREOSOTE = [24.14, 20.155, 19.5, 20.3, 20.705, 17.57, 20.1, 20.94, 21.185]
CREOSOTE_RANGES = [0.28, 0.49, 0.4, 0.0, 0.35, 1.98, 0.8, 0.32, 0.95]
# Copper in wholemeal flour, ug/g: Analytical Methods Committee, Analyst 114 (1989) 1693-1702; chem in R's package MASS.
COPPER = [
    2.20, 2.20, 2.4, 2.4, 2.5, 2.7, 2.8, 2.9, 3.03, 3.03, 3.10, 3.37, 3.4, 3.4, 3.4, 3.5, 3.6, 3.7, 3.7, 3.7, 3.7, 3.77,
    5.28, 28.95,
]  # fmt: skip


def table(values):
    return "laboratory,value\n" + "\n".join(f"L{number},{value}" for number, value in enumerate(values, start=1))


def test_algorithm_a_of_iso_5725_5():
    found = algorithm_a(CREOSOTE)
    assert found.mean == pytest.approx(20.412, abs=0.0005)
    assert found.standard_deviation == pytest.approx(1.07, abs=0.005)
    # Carried on until nothing changes.
    assert found.mean == pytest.approx(20.412142857142857, abs=1e-9)
    assert found.standard_deviation == pytest.approx(1.0698397029558, abs=1e-9)
    assert found.standard_uncertainty == pytest.approx(1.25 * 1.0698397029558 / 3.0, abs=1e-9)
    assert found.drawn_in == 2


def test_the_command_answers_algorithm_a():
    answer = calc("compare", table(CREOSOTE), "--method", "algorithm-a")
    assert answer["mean"] == pytest.approx(20.412142857142857, abs=1e-6)
    assert answer["standard_deviation"] == pytest.approx(1.0698397029536175, abs=1e-6)
    same = calc("compare", table(CREOSOTE), "--method", "algorithm-a", "--tuning", "1.5")
    assert same == answer


def test_huber_of_mass():
    # R package MASS, hubers(chem), k = 1.5: mu 3.205498, s 0.673652 (help page; statsmodels has 3.2054980819923693,
    # 0.67365260010478967).
    found = huber(COPPER)
    assert found.mean == pytest.approx(3.205498, abs=5e-7)
    assert found.standard_deviation == pytest.approx(0.673652, abs=1e-6)
    answer = calc("compare", table(COPPER), "--method", "huber")
    assert answer["mean"] == pytest.approx(3.205498, abs=5e-7)
    assert answer["standard_deviation"] == pytest.approx(0.673652, abs=1e-6)


def test_both_agree_but_for_the_printed_factor():
    printed, formula = algorithm_a(CREOSOTE), huber(CREOSOTE)
    # 1.134 and 1.13339: the deviation at convergence moves by a little more than their ratio.
    assert printed.standard_deviation / formula.standard_deviation == pytest.approx(1.134 / 1.13339, rel=2e-3)
    assert algorithm_a(CREOSOTE, tuning=2.0) == huber(CREOSOTE, tuning=2.0)


def test_a_wide_tuning_is_the_plain_mean_and_deviation():
    found = algorithm_a(CREOSOTE, tuning=50.0)
    assert found.mean == pytest.approx(np.mean(CREOSOTE))
    assert found.standard_deviation == pytest.approx(np.std(CREOSOTE, ddof=1))
    assert found.drawn_in == 0


# ISO 13528, table C.1; ISO 5725-5, 6.3: eta and xi; the third decimal of xi is the nearest but for two.
FACTORS = {
    1: (1.645, 1.097), 2: (1.517, 1.054), 3: (1.444, 1.039), 4: (1.395, 1.032), 5: (1.359, 1.027), 6: (1.332, 1.024),
    7: (1.310, 1.021), 8: (1.292, 1.019), 9: (1.277, 1.018), 10: (1.264, 1.017),
}  # fmt: skip


@pytest.mark.parametrize("degrees", FACTORS)
def test_factors_of_algorithm_s(degrees):
    limit, adjustment = FACTORS[degrees]
    found = algorithm_s_factors(degrees)
    assert found.limit == pytest.approx(limit, abs=0.0005)
    # Of 1.02342 and 1.01637 they print 1.024 and 1.017.
    assert found.adjustment == pytest.approx(adjustment, abs=0.001 if degrees in (6, 10) else 0.0005)


def test_algorithm_s_of_the_creosote_ranges():
    pooled = algorithm_s(CREOSOTE_RANGES, degrees_of_freedom=1)
    assert pooled == pytest.approx(0.6857548854549229, abs=1e-6)
    assert pooled / math.sqrt(2.0) == pytest.approx(0.4849019297369801, abs=1e-6)
    answer = calc("compare", table(CREOSOTE_RANGES), "--method", "algorithm-s", "--degrees-of-freedom", "1")
    assert answer["standard_deviation"] == pytest.approx(pooled)


def test_algorithm_s_is_right_for_normal_results():
    random = np.random.default_rng(8)
    deviations = random.standard_normal((20_000, 4)).std(axis=1, ddof=1)
    assert algorithm_s(deviations, degrees_of_freedom=3) == pytest.approx(1.0, abs=0.01)


def test_algorithm_a_is_right_for_normal_results():
    found = algorithm_a(np.random.default_rng(9).standard_normal(40_000))
    assert found.mean == pytest.approx(0.0, abs=0.02)
    assert found.standard_deviation == pytest.approx(1.0, abs=0.012)


def test_equal_results_have_no_deviation():
    found = algorithm_a([4.5] * 6)
    assert (found.mean, found.standard_deviation) == (4.5, 0.0)
    assert algorithm_s([0.0, 0.0, 0.0], degrees_of_freedom=2) == 0.0


def test_more_than_half_equal_results_still_have_an_answer():
    found = algorithm_a([5.0, 5.0, 5.0, 5.0, 5.1, 4.8])
    assert 4.9 < found.mean < 5.1
    assert 0.0 < found.standard_deviation < 0.2
    assert algorithm_s([0.0, 0.0, 0.0, 0.2, 0.3], degrees_of_freedom=1) > 0.0


results = st.lists(st.integers(-1000, 1000).map(lambda each: each / 16), min_size=3, max_size=25)


@given(results, st.randoms(), st.floats(1e-3, 1e3), st.integers(-1000, 1000))
def test_order_unit_and_zero_do_not_matter(values, random, scale, shift):
    shuffled = list(values)
    random.shuffle(shuffled)
    plain, moved = algorithm_a(values), algorithm_a([(value + shift) * scale for value in shuffled])
    assert moved.mean == pytest.approx((plain.mean + shift) * scale, rel=1e-9, abs=1e-6 * scale)
    assert moved.standard_deviation == pytest.approx(plain.standard_deviation * scale, rel=1e-6, abs=1e-6 * scale)


@given(st.lists(st.floats(0.0, 10.0, allow_subnormal=False), min_size=1, max_size=20), st.floats(0.01, 100.0))
def test_algorithm_s_scales(values, scale):
    plain = algorithm_s(values, degrees_of_freedom=2)
    scaled = algorithm_s([value * scale for value in values], degrees_of_freedom=2)
    assert scaled == pytest.approx(plain * scale, rel=1e-6, abs=1e-9 * scale)


def test_one_wild_result_hardly_moves_the_mean():
    clean, wild = algorithm_a(CREOSOTE[1:]), algorithm_a([1e6, *CREOSOTE[1:]])
    assert abs(wild.mean - clean.mean) < clean.standard_deviation


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: algorithm_a([]), "laboratories"),
        (lambda: algorithm_a([1.0]), "2 laboratories"),
        (lambda: algorithm_a([1.0, math.nan]), r"values\[2\]"),
        (lambda: algorithm_a([1.0, 2.0], tuning=0.0), "tuning"),
        (lambda: huber([1.0, 2.0], tuning=math.nan), "tuning"),
        (lambda: algorithm_s([], degrees_of_freedom=1), "laboratories"),
        (lambda: algorithm_s([-1.0], degrees_of_freedom=1), r"values\[1\]"),
        (lambda: algorithm_s([1.0], degrees_of_freedom=0), "degrees_of_freedom"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(ComparisonError, match=word):
        call()


@pytest.mark.parametrize(
    ("document", "options", "words"),
    [
        (table([1.0]), ("--method", "algorithm-a"), ("value", "2 laboratories")),
        (table([1.0, 2.0]), ("--method", "algorithm-a", "--tuning", "-1"), ("--tuning",)),
        (table([1.0, 2.0]), ("--method", "algorithm-s"), ("--degrees-of-freedom",)),
        (table([1.0, 2.0]), ("--method", "algorithm-s", "--degrees-of-freedom", "0"), ("--degrees-of-freedom",)),
        (table([1.0, -2.0]), ("--method", "algorithm-s", "--degrees-of-freedom", "1"), ("value[2]", "-2")),
        ("laboratory,value\nA,\nB,1\n", ("--method", "huber"), ("line 2", "'value'", "empty")),
        ("laboratory\nA\n", ("--method", "huber"), ("'value'",)),
    ],
)
def test_the_command_names_what_it_refuses(document, options, words):
    message = refusal("compare", document, *options)
    for word in words:
        assert word in message


def test_the_command_prints_what_people_read():
    for options in (("algorithm-a",), ("huber",), ("algorithm-s", "--degrees-of-freedom", "1")):
        status, out, _ = run(("calc", "compare", "-", "--method", *options), table(CREOSOTE))
        assert status == 0
        assert "robust" in out
