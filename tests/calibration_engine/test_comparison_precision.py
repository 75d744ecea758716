"""Repeatability and reproducibility: ISO 5725-2, examples and tables of critical values."""

import math

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.outlier_tests import (
    cochran,
    cochran_limit,
    grubbs,
    grubbs_limit,
    grubbs_two,
    mandel_h,
    mandel_h_limit,
    mandel_k,
    mandel_k_limit,
)
from steelyard.calibration.engine.comparisons.precision import precision

# ISO 5725-2:1994, annex B.1: sulfur content of coal in per cent, eight laboratories, levels 1 and 2.
SULFUR = {
    1: {
        "1": ["0.71", "0.71", "0.70", "0.71"], "2": ["0.69", "0.67", "0.68"], "3": ["0.66", "0.65", "0.69"],
        "4": ["0.67", "0.65", "0.66"], "5": ["0.70", "0.69", "0.66", "0.71", "0.69"], "6": ["0.73", "0.74", "0.73"],
        "7": ["0.71", "0.71", "0.69"], "8": ["0.70", "0.65", "0.68"],
    },
    2: {
        "1": ["1.20", "1.18", "1.23", "1.21"], "2": ["1.22", "1.21", "1.22"], "3": ["1.28", "1.31", "1.30"],
        "4": ["1.23", "1.18", "1.20"], "5": ["1.31", "1.22", "1.22", "1.24"], "6": ["1.39", "1.36", "1.37"],
        "7": ["1.20", "1.26", "1.26"], "8": ["1.24", "1.22", "1.30"],
    },
}  # fmt: skip
# Table B.6: mean, s_r, s_R.
SULFUR_ANSWERS = {1: (0.690, 0.015, 0.026), 2: (1.252, 0.029, 0.061)}
CREOSOTE_PAIRS = [
    (24.28, 24.00), (20.40, 19.91), (19.30, 19.70), (20.30, 20.30), (20.53, 20.88), (18.56, 16.58), (19.70, 20.50),
    (21.10, 20.78), (21.66, 20.71),
]  # fmt: skip


def rows(groups):
    return "laboratory,value\n" + "\n".join(f"{name},{value}" for name, values in groups.items() for value in values)


def as_numbers(groups):
    return {name: [float(value) for value in values] for name, values in groups.items()}


@pytest.mark.parametrize("level", SULFUR)
def test_sulfur_in_coal(level):
    mean, repeatability, reproducibility = SULFUR_ANSWERS[level]
    found = precision(as_numbers(SULFUR[level]))
    assert found.mean == pytest.approx(mean, abs=5e-4)
    assert found.repeatability_standard_deviation == pytest.approx(repeatability, abs=5e-4)
    assert found.reproducibility_standard_deviation == pytest.approx(reproducibility, abs=5e-4)
    answer = calc("compare", rows(SULFUR[level]), "--method", "iso5725-2")
    assert answer["mean"] == pytest.approx(mean, abs=5e-4)
    assert answer["repeatability_standard_deviation"] == pytest.approx(repeatability, abs=5e-4)
    assert answer["reproducibility_standard_deviation"] == pytest.approx(reproducibility, abs=5e-4)
    assert answer["between_laboratory_standard_deviation"] ** 2 == pytest.approx(
        answer["reproducibility_standard_deviation"] ** 2 - answer["repeatability_standard_deviation"] ** 2
    )


def test_creosote_by_the_formulas_of_clause_7():
    # ISO 5725-2:1994, annex B.3, level 5, all nine laboratories: s_r^2 = sum w^2 / 2p, s_L^2 = s_d^2 / 2 - s_r^2 / 2.
    groups = {str(number): pair for number, pair in enumerate(CREOSOTE_PAIRS, start=1)}
    found = precision(groups)
    pairs = np.array(CREOSOTE_PAIRS)
    ranges, means = np.ptp(pairs, axis=1), pairs.mean(axis=1)
    repeatability = math.sqrt(float(ranges @ ranges) / 18.0)
    assert found.repeatability_standard_deviation == pytest.approx(repeatability)
    between = math.sqrt(means.var(ddof=1) - repeatability**2 / 2.0)
    assert found.between_laboratory_standard_deviation == pytest.approx(between)
    assert found.repeatability_limit == pytest.approx(2.8 * repeatability)
    # Laboratory 6 differs most within, laboratory 1 most from the others.
    tests = {test.name: test for test in found.tests}
    assert tests["cochran"].laboratories == ("6",)
    assert tests["grubbs-largest"].laboratories == ("1",)
    assert [cell.laboratory for cell in found.cells if abs(cell.h) > found.h_limits.straggler] == ["1"]
    assert [cell.laboratory for cell in found.cells if (cell.k or 0.0) > found.k_limits.outlier] == ["6"]


# ISO 5725-2:1994, table 6 (1 %, 5 %).
MANDEL_H = {
    3: (1.15, 1.15), 4: (1.49, 1.42), 5: (1.72, 1.57), 6: (1.87, 1.66), 7: (1.98, 1.71), 8: (2.06, 1.75),
    9: (2.13, 1.78), 10: (2.18, 1.80), 15: (2.32, 1.86), 20: (2.39, 1.89), 30: (2.45, 1.91),
}  # fmt: skip


@pytest.mark.parametrize("laboratories", MANDEL_H)
def test_critical_values_of_mandels_h(laboratories):
    outlier, straggler = MANDEL_H[laboratories]
    # Of 1.485 and 1.425 they print 1.49 and 1.42.
    assert mandel_h_limit(laboratories, 0.01) == pytest.approx(outlier, abs=0.0051)
    assert mandel_h_limit(laboratories, 0.05) == pytest.approx(straggler, abs=0.0051)


@pytest.mark.parametrize(
    ("laboratories", "replicates", "outlier", "straggler"),
    # ISO 5725-2:1994, tables 7 (k at 1 %) and 8 (k at 5 %).
    [(3, 2, 1.71, 1.65), (10, 2, 2.32, 1.90), (8, 3, 1.96, 1.67)],
)
def test_critical_values_of_mandels_k(laboratories, replicates, outlier, straggler):
    assert mandel_k_limit(laboratories, replicates, 0.01) == pytest.approx(outlier, abs=0.0051)
    assert mandel_k_limit(laboratories, replicates, 0.05) == pytest.approx(straggler, abs=0.0051)


@pytest.mark.parametrize(
    ("laboratories", "replicates", "outlier", "straggler"),
    # ISO 5725-2:1994, table 4.
    [(3, 2, 0.993, 0.967), (10, 2, 0.718, 0.602), (8, 3, 0.615, 0.516)],
)
def test_critical_values_of_cochran(laboratories, replicates, outlier, straggler):
    assert cochran_limit(laboratories, replicates, 0.01) == pytest.approx(outlier, abs=0.0006)
    assert cochran_limit(laboratories, replicates, 0.05) == pytest.approx(straggler, abs=0.0006)


@pytest.mark.parametrize(
    ("laboratories", "outlier", "straggler"),
    # ISO 5725-2:1994, table 5, one largest or smallest.
    [(3, 1.155, 1.155), (5, 1.764, 1.715), (10, 2.482, 2.290), (20, 3.001, 2.709), (40, 3.381, 3.036)],
)
def test_critical_values_of_grubbs(laboratories, outlier, straggler):
    assert grubbs_limit(laboratories, 0.01) == pytest.approx(outlier, abs=0.0008)
    assert grubbs_limit(laboratories, 0.05) == pytest.approx(straggler, abs=0.0008)


@pytest.mark.parametrize("laboratories", [5, 8, 14, 23, 31, 40])
def test_critical_values_of_grubbs_for_two_are_those_of_simulation(laboratories):
    y = np.sort(np.random.default_rng(laboratories).standard_normal((60_000, laboratories)), axis=1)
    whole = y.var(axis=1) * laboratories
    ratios = [part.var(axis=1) * (laboratories - 2) / whole for part in (y[:, :-2], y[:, 2:])]
    test = grubbs_two(np.arange(float(laboratories)), largest=True)
    for limit, probability in ((test.outlier_limit, 0.01), (test.straggler_limit, 0.05)):
        # Either end: 1 % and 5 % for the two together.
        assert float(np.mean(np.minimum(*ratios) < limit)) == pytest.approx(probability, rel=0.13)


def test_tests_find_what_is_put_in():
    good = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98, 10.03]
    assert grubbs([*good, 12.0], largest=True).verdict == "outlier"
    assert grubbs([*good, 8.0], largest=False).suspects == (8,)
    assert grubbs(good, largest=True).verdict == "correct"
    pair = grubbs_two([*good, 12.0, 12.1], largest=True)
    assert (sorted(pair.suspects), pair.verdict) == ([8, 9], "outlier")
    assert cochran([0.1, 0.1, 0.1, 0.1, 0.9], 2).verdict == "outlier"
    many = grubbs_two(np.arange(50.0), largest=False)
    assert (many.straggler_limit, many.verdict) == (None, "correct")


def test_sets_without_spread_suspect_nobody():
    assert mandel_h([1.0, 1.0, 1.0]).tolist() == [0.0, 0.0, 0.0]
    assert mandel_k([0.0, 0.0]).tolist() == [0.0, 0.0]
    assert cochran([0.0, 0.0], 2).verdict == "correct"
    assert grubbs_two([1.0] * 5, largest=True).verdict == "correct"


cells = st.lists(st.lists(st.integers(-200, 200), min_size=1, max_size=5), min_size=2, max_size=8).filter(
    lambda found: any(len(each) > 1 for each in found)
)


@given(cells, st.randoms(), st.integers(-5, 5), st.integers(-1000, 1000))
def test_order_unit_and_zero_do_not_matter(members, random, power, shift):
    scale = 2.0**power
    groups = {f"L{number}": [float(value) for value in each] for number, each in enumerate(members)}
    names = list(groups)
    random.shuffle(names)
    plain = precision(groups)
    moved = precision({name: [(value + shift) * scale for value in groups[name]] for name in names})
    assert moved.reproducibility_standard_deviation == pytest.approx(plain.reproducibility_standard_deviation * scale)
    assert moved.mean == pytest.approx((plain.mean + shift) * scale)
    assert {cell.laboratory: pytest.approx(cell.h, abs=1e-9) for cell in plain.cells} == {
        cell.laboratory: cell.h for cell in moved.cells
    }


@given(cells)
def test_h_and_k_have_the_squares_they_must_have(members):
    found = precision({f"L{number}": values for number, values in enumerate(members)})
    h = [cell.h for cell in found.cells]
    assert sum(h) == pytest.approx(0.0, abs=1e-9)
    assert sum(each**2 for each in h) == pytest.approx(len(h) - 1.0) or set(h) == {0.0}
    k = [cell.k for cell in found.cells if cell.k is not None]
    assert sum(each**2 for each in k) == pytest.approx(len(k)) or set(k) <= {0.0}


def test_two_laboratories_and_a_single_value_are_enough():
    found = precision({"A": [1.0, 1.2], "B": [1.6]})
    assert found.h_limits is None
    assert found.k_limits is None
    assert found.tests == ()
    assert found.cells[1].standard_deviation is None
    assert found.repeatability_standard_deviation == pytest.approx(math.sqrt(0.02))
    answer = calc("compare", "laboratory,value\nA,1\nA,1.2\nB,1.6\n", "--method", "iso5725-2")
    assert answer["mandel_h_limits"] is None
    assert answer["laboratories"][1]["k"] is None


def test_laboratories_nearer_than_repeatability_have_no_variance_between_them():
    found = precision({"A": [1.0, 3.0], "B": [1.1, 2.9]})
    assert found.between_laboratory_standard_deviation == 0.0
    assert found.reproducibility_standard_deviation == found.repeatability_standard_deviation


def test_the_command_marks_stragglers_and_outliers(tmp_path):
    groups = {str(number): pair for number, pair in enumerate(CREOSOTE_PAIRS, start=1)}
    picture = tmp_path / "picture.png"
    status, out, _ = run(("calc", "compare", "-", "--method", "iso5725-2", "--plot", str(picture)), rows(groups))
    assert status == 0
    assert "2.102*" in out
    assert "2.392**" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: mandel_h([1.0]), "2 laboratories"),
        (lambda: mandel_h_limit(2, 0.05), "laboratories"),
        (lambda: mandel_k_limit(3, 1, 0.05), "replicates"),
        (lambda: cochran_limit(1, 3, 0.05), "laboratories"),
        (lambda: grubbs([1.0, 2.0], largest=True), "3 laboratories"),
        (lambda: grubbs_limit(2, 0.05), "laboratories"),
        (lambda: grubbs_two([1.0, 2.0, 3.0], largest=True), "4 laboratories"),
        (lambda: precision({"A": [1.0, 2.0]}), "two laboratories"),
        (lambda: precision({"A": [1.0], "B": [2.0]}), "two values"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(ComparisonError, match=word):
        call()


def test_the_command_names_what_it_refuses():
    assert "two laboratories" in refusal("compare", "laboratory,value\nA,1\nA,2\n", "--method", "iso5725-2")
    assert "'laboratory'" in refusal("compare", "value\n1\n2\n", "--method", "iso5725-2")
