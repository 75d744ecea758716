"""Scores of ISO 13528: z, z', zeta, E_n."""

import math

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.scores import normalized_error, z_prime_score, z_score, zeta_score


def test_definitions():
    # ISO 13528:2022, 9.4-9.7, made-up numbers: x = 10.05, U = 0.06; x_pt = 10.00, U = 0.03 (k = 2); sigma_pt = 0.04.
    assert float(normalized_error(10.05, 0.06, 10.0, 0.03)) == pytest.approx(0.7453559924999404, abs=1e-12)
    assert float(zeta_score(10.05, 0.03, 10.0, 0.015)) == pytest.approx(1.4907119849998598, abs=1e-12)
    assert float(z_score(10.05, 10.0, 0.04)) == pytest.approx(1.25, abs=1e-9)
    assert float(z_prime_score(10.05, 10.0, 0.04, 0.03)) == pytest.approx(1.0, abs=1e-9)


def test_the_command_scores_each_laboratory():
    table = "laboratory,value,expanded_uncertainty\nA,10.05,0.06\nB,9.9,0.04\n"
    first, second = calc(
        "compare",
        table,
        "--method",
        "scores",
        "--reference",
        "10",
        "--reference-uncertainty",
        "0.015",
        "--sigma",
        "0.04",
    )["scores"]
    assert first["laboratory"] == "A"
    assert first["en"] == pytest.approx(0.7453559924999404, abs=1e-12)
    assert first["zeta"] == pytest.approx(1.4907119849998598, abs=1e-12)
    assert first["z"] == pytest.approx(1.25, abs=1e-9)
    assert first["z_prime"] == pytest.approx(0.05 / math.hypot(0.04, 0.015))
    assert second["z"] == pytest.approx(-2.5)


def test_without_uncertainties_there_is_z_alone():
    (only, _) = calc(
        "compare", "laboratory,value\nA,1\nB,2\n", "--method", "scores", "--reference", "0", "--sigma", "2"
    )["scores"]
    assert only == {"laboratory": "A", "value": 1.0, "z": 0.5, "z_prime": None, "zeta": None, "en": None}


@given(st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=8), st.floats(0.01, 100.0), st.floats(0.1, 10.0))
def test_zeta_is_twice_e_n_where_both_factors_are_two(values, u, scale):
    x = np.array(values)
    zeta = zeta_score(x, u, 1.0, 0.5)
    assert zeta == pytest.approx(2.0 * normalized_error(x, 2.0 * u, 1.0, 1.0))
    assert zeta_score(x * scale, u * scale, scale, 0.5 * scale) == pytest.approx(zeta)
    assert z_prime_score(x, 1.0, u, 0.0) == pytest.approx(z_score(x, 1.0, u))


def test_scores_broadcast_over_a_fleet():
    assert z_score(np.zeros((3, 4)), np.ones(4), 2.0).shape == (3, 4)
    # One exact value is allowed where the other is not.
    assert float(normalized_error(1.0, 0.0, 0.0, 2.0)) == 0.5


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: z_score([], 0.0, 1.0), "values"),
        (lambda: z_score([math.nan], 0.0, 1.0), "values"),
        (lambda: z_score([1.0], math.inf, 1.0), "assigned"),
        (lambda: z_score([1.0], 0.0, 0.0), "standard_deviation"),
        (lambda: z_prime_score([1.0], 0.0, 1.0, -1.0), "assigned_standard_uncertainty"),
        (lambda: zeta_score([1.0], [-1.0], 0.0, 1.0), "standard_uncertainties"),
        (lambda: zeta_score([1.0], [0.0], 0.0, 0.0), "standard_uncertainties"),
        (lambda: normalized_error([1.0], [1.0], 0.0, -1.0), "assigned_expanded_uncertainty"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(ComparisonError, match=word):
        call()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "--reference"),
        (("--reference", "1"), "--sigma"),
        (("--reference", "1", "--sigma", "0"), "--sigma"),
        (("--reference", "1", "--sigma", "1", "--reference-uncertainty", "-1"), "--reference-uncertainty"),
        (("--reference", "nan", "--sigma", "1"), "--reference"),
    ],
)
def test_the_command_names_what_it_refuses(options, word):
    assert word in refusal("compare", "laboratory,value\nA,1\nB,2\n", "--method", "scores", *options)
