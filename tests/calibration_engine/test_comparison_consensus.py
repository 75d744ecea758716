"""Consensus values: the data set of Kacker 2004 with R's metafor beside it, enumeration, invariances."""

import itertools
import math

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy.special import chdtri

from steelyard.calibration.engine.comparisons.consensus import METHODS, consensus, degrees_of_equivalence
from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.largest_subset import largest_consistent_subset

# R. N. Kacker, Metrologia 41 (2004) 132-136, table 1, first row: nine laboratories, values and variances.
VALUES = [61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9]
VARIANCES = [0.2025, 1.21, 0.09, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225]
UNCERTAINTIES = [math.sqrt(variance) for variance in VARIANCES]
TABLE = "laboratory,value,standard_uncertainty\n" + "\n".join(
    f"L{number},{value},{u!r}" for number, (value, u) in enumerate(zip(VALUES, UNCERTAINTIES, strict=True), start=1)
)


@pytest.mark.parametrize(
    ("method", "printed", "tolerance"),
    [
        ("paule-mandel", 0.8399, 6e-5),
        ("cochran", 1.1837, 6e-5),
        ("two-step-cochran", 0.9352, 6e-5),
        # His 0.5359 agrees with nobody's calculation in the third digit; metafor has 0.5367.
        ("dersimonian-laird", 0.5359, 1e-3),
    ],
)
def test_between_laboratory_deviations_of_kacker(method, printed, tolerance):
    found = consensus(VALUES, UNCERTAINTIES, method)
    assert found.between_laboratory_standard_deviation == pytest.approx(printed, abs=tolerance)


# R package metafor, rma(method = "PM" | "DL" | "FE"), as statsmodels keeps them in its tests (results_meta.py).
METAFOR = {
    "paule-mandel": (0.705395309224248, 62.4076199113286, 0.338030602684471),
    "mandel-paule": (0.705395309224248, 62.4076199113286, 0.338030602684471),
    "dersimonian-laird": (0.288049246973751, 62.3901386044504, 0.245749668040304),
    "weighted-mean": (0.0, 62.5833970939982, 0.107845705498231),
}


@pytest.mark.parametrize("method", METAFOR)
def test_consensus_of_metafor(method):
    variance, value, uncertainty = METAFOR[method]
    found = consensus(VALUES, UNCERTAINTIES, method)
    assert found.between_laboratory_standard_deviation**2 == pytest.approx(variance, abs=1e-11)
    assert found.value == pytest.approx(value, abs=2e-11)
    assert found.standard_uncertainty == pytest.approx(uncertainty, abs=1e-11)
    assert found.chi_square == pytest.approx(24.801897741835, abs=1e-9)
    assert found.p_value == pytest.approx(0.00167935146372742, abs=1e-12)
    assert found.heterogeneity == pytest.approx(0.67744403741711, abs=1e-11)
    assert not found.consistent


def test_knapp_and_hartungs_uncertainty_of_metafor():
    found = consensus(VALUES, UNCERTAINTIES, "dersimonian-laird")
    assert found.knapp_hartung_standard_uncertainty == pytest.approx(0.29477605699879, abs=1e-11)


@pytest.mark.parametrize("method", METAFOR)
def test_the_command_answers_the_same(method):
    variance, value, uncertainty = METAFOR[method]
    answer = calc("compare", TABLE, "--method", method)
    assert answer["value"] == pytest.approx(value, abs=1e-9)
    assert answer["standard_uncertainty"] == pytest.approx(uncertainty, abs=1e-9)
    assert answer["between_laboratory_standard_deviation"] == pytest.approx(math.sqrt(variance), abs=1e-9)
    assert answer["chi_square"] == pytest.approx(24.8018977, abs=1e-7)
    assert answer["consistent"] is False
    assert [each["laboratory"] for each in answer["laboratories"]] == [f"L{number}" for number in range(1, 10)]


def test_the_equation_of_paule_and_mandel_holds_and_so_does_the_modified_one():
    # R. C. Paule and J. Mandel, J. Res. NBS 87 (1982) 377-385, heat of vaporization of cadmium.
    x, u = np.array([27.044, 26.022, 26.340, 26.787, 26.796]), np.sqrt(np.array([3, 76, 464, 3, 14]) * 1e-3)
    for method, wanted in (("paule-mandel", 4.0), ("modified-mandel-paule", 5.0)):
        found = consensus(x, u, method)
        weights = 1.0 / (u**2 + found.between_laboratory_standard_deviation**2)
        assert float(weights @ (x - found.value) ** 2) == pytest.approx(wanted, rel=1e-12)


def test_two_laboratories_by_hand():
    # x = 1, 3 with u = 1, 2: weights 4/5 and 1/5, value 1.4, u 2 / sqrt(5), chi-squared 4/5.
    found = consensus([1.0, 3.0], [1.0, 2.0])
    assert found.value == pytest.approx(1.4)
    assert found.standard_uncertainty == pytest.approx(2.0 / math.sqrt(5.0))
    assert found.chi_square == pytest.approx(0.8)
    assert found.birge_ratio == pytest.approx(math.sqrt(0.8))
    assert found.consistent


def test_degrees_of_equivalence_know_that_a_laboratory_is_in_the_mean():
    # Cox 2002, eq. 6: u^2(d) = u^2(x) - u^2(x_ref), + for one that is left out.
    found = degrees_of_equivalence([1.0, 3.0, 9.0], [1.0, 2.0, 1.0], 1.4, 2.0 / math.sqrt(5.0), [True, True, False])
    assert found.deviation == pytest.approx([-0.4, 1.6, 7.6])
    assert found.standard_uncertainty**2 == pytest.approx([0.2, 3.2, 1.8])
    answer = calc("compare", TABLE, "--method", "weighted-mean")["laboratories"][0]
    assert answer["degree_of_equivalence"] == pytest.approx(61.0 - 62.5833970939982)
    assert answer["degree_of_equivalence_standard_uncertainty"] ** 2 == pytest.approx(0.2025 - 0.107845705498231**2)


def enumerated(x, u, significance=0.05):
    """Every subset, largest first (Cox 2007, clause 5)."""
    x, w = np.asarray(x), 1.0 / np.asarray(u) ** 2
    for size in range(len(x), 1, -1):
        found = []
        for subset in map(list, itertools.combinations(range(len(x)), size)):
            mean = float(w[subset] @ x[subset]) / float(w[subset].sum())
            found.append((float(w[subset] @ (x[subset] - mean) ** 2), subset))
        chi, subset = min(found)
        if chi <= chdtri(size - 1, significance):
            return chi, subset
    return None


def test_the_largest_consistent_subset_of_kackers_data():
    chi, subset = enumerated(VALUES, UNCERTAINTIES)
    found = largest_consistent_subset(VALUES, UNCERTAINTIES)
    assert np.flatnonzero(found.member).tolist() == subset == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found.consensus.chi_square == pytest.approx(chi)
    answer = calc("compare", TABLE, "--method", "largest-consistent-subset")
    assert answer["consistent"] is True
    assert [each["laboratory"] for each in answer["laboratories"] if not each["included"]] == ["L1"]


laboratories = st.lists(st.tuples(st.floats(-5.0, 5.0), st.floats(0.1, 3.0)), min_size=2, max_size=9)


@given(laboratories)
@settings(max_examples=examples(60))
def test_the_search_finds_what_enumeration_finds(results):
    x, u = zip(*results, strict=True)
    expected = enumerated(x, u)
    if expected is None:
        with pytest.raises(ComparisonError, match="no two"):
            largest_consistent_subset(x, u)
        return
    found = largest_consistent_subset(x, u)
    assert int(found.member.sum()) == len(expected[1])
    assert found.consensus.chi_square == pytest.approx(expected[0], rel=1e-9, abs=1e-12)


def test_a_hundred_laboratories_are_searched_at_once():
    random = np.random.default_rng(4)
    x = random.standard_normal(100)
    x[:8] += 12.0
    found = largest_consistent_subset(x, np.ones(100))
    assert not found.member[:8].any()
    assert found.member.sum() >= 88


@given(laboratories, st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.sampled_from(sorted(METHODS)))
def test_unit_and_zero_do_not_matter(results, scale, shift, method):
    x, u = (np.array(column) for column in zip(*results, strict=True))
    plain, moved = consensus(x, u, method), consensus((x + shift) * scale, u * scale, method)
    assert moved.value == pytest.approx((plain.value + shift) * scale, rel=1e-9, abs=1e-9 * scale)
    assert moved.standard_uncertainty == pytest.approx(plain.standard_uncertainty * scale, rel=1e-6)
    assert moved.chi_square == pytest.approx(plain.chi_square, rel=1e-6, abs=1e-9)


@given(laboratories, st.randoms(), st.sampled_from(sorted(METHODS)))
def test_the_order_of_laboratories_does_not_matter(results, random, method):
    shuffled = list(results)
    random.shuffle(shuffled)
    first, second = (consensus(*map(list, zip(*each, strict=True)), method) for each in (results, shuffled))
    assert second.value == pytest.approx(first.value, rel=1e-9, abs=1e-12)
    assert second.standard_uncertainty == pytest.approx(first.standard_uncertainty, rel=1e-9)


@given(laboratories, st.floats(0.0, 0.99))
def test_consistent_laboratories_have_no_variance_between_them(results, share):
    x, u = map(np.array, zip(*results, strict=True))
    # Values moved together about their mean until chi-square is that share of its expectation, n - 1.
    found = consensus(x, u)
    shrunk = math.sqrt(share * (len(x) - 1.0) / max(found.chi_square, share * (len(x) - 1.0), 1e-300))
    x = found.value + (x - found.value) * shrunk
    plain = consensus(x, u)
    assert plain.chi_square < len(x) - 1.0
    for method in ("paule-mandel", "dersimonian-laird"):
        found = consensus(x, u, method)
        assert found.between_laboratory_standard_deviation == 0.0
        assert found.value == plain.value


def test_values_on_a_large_offset_keep_their_digits():
    plain = consensus(VALUES, UNCERTAINTIES, "paule-mandel")
    moved = consensus([value + 2.0**30 for value in VALUES], UNCERTAINTIES, "paule-mandel")
    assert moved.between_laboratory_standard_deviation == pytest.approx(
        plain.between_laboratory_standard_deviation, rel=1e-6
    )


def test_expanded_uncertainties_are_divided_by_their_factor():
    table = "laboratory,value,expanded_uncertainty\nA,1,2\nB,3,4\n"
    assert calc("compare", table, "--method", "weighted-mean")["value"] == pytest.approx(1.4)
    halved = calc("compare", table, "--method", "weighted-mean", "--coverage-factor", "4")
    assert halved["chi_square"] == pytest.approx(4.0 * 0.8)


def test_the_command_prints_a_table_and_a_drawing(tmp_path):
    file, picture = tmp_path / "data.csv", tmp_path / "picture.svg"
    file.write_text(TABLE)
    for method in ("weighted-mean", "largest-consistent-subset", "paule-mandel"):
        status, out, err = run(("calc", "compare", str(file), "--method", method, "--plot", str(picture)))
        assert (status, err) == (0, "")
        assert "chi-squared" in out
        assert picture.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("x", "u", "word"),
    [
        ([], [], "laboratories"),
        ([1.0], [1.0], "2 laboratories"),
        ([1.0, math.nan], [1.0, 1.0], r"values\[2\]"),
        ([1.0, 2.0], [1.0, -1.0], r"standard_uncertainties\[2\]"),
        ([1.0, 2.0], [0.0, 1.0], r"standard_uncertainties\[1\]"),
        ([1.0, 2.0], [1.0, math.inf], r"standard_uncertainties\[2\]"),
        ([1.0, 2.0], [1.0], "each of the 2"),
        ([[1.0, 2.0]], [1.0], "one result"),
    ],
)
def test_bad_results_are_named(x, u, word):
    for call in (consensus, largest_consistent_subset):
        with pytest.raises(ComparisonError, match=word):
            call(x, u)


def test_other_bad_input_is_named():
    with pytest.raises(ComparisonError, match="method"):
        consensus([1.0, 2.0], [1.0, 1.0], "mean")
    with pytest.raises(ComparisonError, match="significance"):
        consensus([1.0, 2.0], [1.0, 1.0], significance=1.0)
    with pytest.raises(ComparisonError, match="no two laboratories"):
        largest_consistent_subset([0.0, 100.0], [1.0, 1.0])
    with pytest.raises(ComparisonError, match="500 at most"):
        largest_consistent_subset(np.arange(501.0), np.ones(501))


@pytest.mark.parametrize(
    ("document", "options", "words"),
    [
        ("laboratory,value\nA,1\nB,2\n", (), ("'standard_uncertainty'",)),
        ("laboratory,value,standard_uncertainty\nA,1,-0.1\nB,2,1\n", (), ("line 2", "'standard_uncertainty'", "-0.1")),
        ("laboratory,value,standard_uncertainty\nA,1,nan\nB,2,1\n", (), ("line 2", "'standard_uncertainty'")),
        ("laboratory,value,standard_uncertainty\nA,x,1\nB,2,1\n", (), ("line 2", "'value'")),
        ("laboratory,value,standard_uncertainty\nA,1,1\n", (), ("value", "2 laboratories")),
        ("lab,value,standard_uncertainty\nA,1,1\nB,1,1\n", (), ("'laboratory'", "lab")),
        ("laboratory,value,standard_uncertainty\nA,1,1\nB,1,1\n", ("--significance", "2"), ("--significance",)),
        ("laboratory,value,standard_uncertainty\nA,1,1\nB,1,1\n", ("--coverage-factor", "0"), ("--coverage-factor",)),
    ],
)
def test_the_command_names_what_it_refuses(document, options, words):
    message = refusal("compare", document, "--method", "weighted-mean", *options)
    for word in words:
        assert word in message


def test_an_unknown_method_is_refused_with_the_list():
    message = refusal("compare", TABLE, "--method", "mean")
    assert "--method" in message
    assert "paule-mandel" in message
