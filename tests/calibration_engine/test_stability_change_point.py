"""Change point: the Nile at Aswan, simulation of the null distribution, invariances."""

import math
from itertools import pairwise

import numpy as np
import pytest
from calibration_engine.nile import NILE
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steelyard.calibration.engine.stability.change_point import change_point
from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.largest_contrast import (
    known_variance,
    largest_share_probability,
    neighbour_chain,
)


def test_the_nile_fell_after_1898():
    # Cobb 1978 and Hinkley, Schechtman 1987: the change after 28 values; means 1097.75 and 849.97. F of a
    # break there 75.93 (R package strucchange, breakpoint 28), which is t^2.
    found = change_point(NILE)
    assert found.index == 28
    assert found.mean_before == pytest.approx(1097.75, abs=0.005)
    assert found.mean_after == pytest.approx(849.97, abs=0.005)
    assert found.statistic**2 == pytest.approx(75.93, abs=0.005)
    assert found.p_value < 1e-10
    # Cobb's conditional distribution: nearly all of it on 1898 and its neighbours.
    assert 26 <= found.first <= 28 <= found.last <= 30
    assert found.pettitt.index == 28
    assert found.pettitt.p_value == pytest.approx(3.6e-7, rel=0.02)


def test_the_command_answers_the_nile():
    answer = calc("stability", "value\n" + "\n".join(map(str, NILE)), "--change-point")["change_point"]
    assert answer["index"] == 28
    assert answer["mean_before"] == pytest.approx(1097.75)
    assert answer["mean_after"] == pytest.approx(849.9722, abs=5e-5)
    assert answer["p_value"] < 1e-10
    assert answer["index_interval"][0] <= 28 <= answer["index_interval"][1]
    _, out, _ = run(("calc", "stability", "-", "--change-point"), "value\n" + "\n".join(map(str, NILE)))
    assert "after value 28" in out


def largest_shares(n: int, trials: int, seed: int) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal((trials, n))
    z -= z.mean(axis=1, keepdims=True)
    k = np.arange(1, n)
    explained = np.cumsum(z, axis=1)[:, :-1] ** 2 * n / (k * (n - k))
    return (explained / (z**2).sum(axis=1, keepdims=True)).max(axis=1)


@pytest.mark.parametrize("n", [5, 10, 25, 40, 120])
def test_p_values_are_those_of_simulated_series_without_a_change(n):
    shares = largest_shares(n, 40_000, seed=n)
    for probability in (0.1, 0.05, 0.01):
        share = float(np.quantile(shares, 1.0 - probability))
        # The sampling error of 1 % of 40,000 is 5 %, twice of it is allowed beside the method's 15 %.
        assert largest_share_probability(n, share) == pytest.approx(probability, rel=0.15 + 0.1 * (probability == 0.01))


@pytest.mark.parametrize("n", [4, 5, 8, 9])
def test_the_known_variance_process_is_that_of_partial_sums(n):
    z = np.random.default_rng(n).standard_normal((200_000, n))
    z -= z.mean(axis=1, keepdims=True)
    k = np.arange(1, n)
    largest = np.abs(np.cumsum(z, axis=1)[:, :-1] / np.sqrt(k * (n - k) / n)).max(axis=1)
    assert known_variance(n, 2.0) == pytest.approx(float((largest > 2.0).mean()), rel=0.03)


def test_with_two_places_the_neighbours_chain_is_exact():
    # n = 3: directions in a plane, 60 degrees apart as lines. Both exceed c^2 = 0.9 never, so that the chances add.
    single = 1.0 - 2.0 / math.pi * math.asin(math.sqrt(0.9))
    assert neighbour_chain(3, 0.9) == pytest.approx(2.0 * single, rel=1e-12)


def test_longer_series_continue_the_growth_with_the_logarithm_of_their_length():
    limit_share = 14.0 / 1200.0
    exact = known_variance(1200, 3.7494)  # the single place's probability of that share, as a normal limit
    assert largest_share_probability(1200, limit_share) == pytest.approx(exact, rel=0.02)
    assert largest_share_probability(100_000, 30.0 / 100_000) < 1e-3


def test_probability_falls_with_the_share_and_is_one_at_none():
    found = [largest_share_probability(60, share) for share in (0.0, 0.05, 0.1, 0.2, 0.5, 0.9, 1.0)]
    assert found[0] == 1.0
    assert found[-1] == 0.0
    assert all(first > second for first, second in pairwise(found))


@pytest.mark.parametrize(("size", "least"), [(3.0, 0.9), (6.0, 0.99)])
def test_the_range_of_places_holds_the_true_one_as_often_as_it_says(size, least):
    random = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        series = random.standard_normal(40)
        series[25:] += size
        found = change_point(series)
        held += found.first <= 25 <= found.last
    assert held / 400 >= least


distinct = arrays(np.float64, st.integers(4, 30), elements=st.integers(-50, 50).map(float)).filter(
    lambda y: np.ptp(y) > 0
)


@given(distinct, st.floats(0.01, 1000.0), st.floats(-1000.0, 1000.0))
def test_unit_and_zero_do_not_matter(values, scale, shift):
    plain, other = change_point(values), change_point(values * scale + shift)
    assert other.p_value == pytest.approx(plain.p_value, rel=1e-5, abs=1e-9)
    assert abs(other.change) == pytest.approx(scale * abs(plain.change), rel=1e-6) or other.index != plain.index


@given(distinct)
def test_a_series_read_backwards_has_the_same_evidence(values):
    plain, back = change_point(values), change_point(values[::-1])
    assert back.p_value == pytest.approx(plain.p_value, rel=1e-9, abs=1e-12)
    assert back.pettitt.statistic == plain.pettitt.statistic


def test_a_clean_step_has_no_chance_of_being_none():
    found = change_point([1.0] * 6 + [2.0] * 5)
    assert (found.index, found.first, found.last, found.p_value) == (6, 6, 6, 0.0)
    assert found.change == 1.0
    answer = calc("stability", "value\n1\n1\n1\n2\n2\n2\n", "--change-point")["change_point"]
    assert answer["statistic"] is None  # infinite


@pytest.mark.parametrize(
    ("values", "coverage", "word"),
    [
        ([1.0, 2.0, 3.0], 0.95, "4 observations"),
        ([1.0, 2.0, math.nan, 1.0], 0.95, r"values\[3\]"),
        ([0.1] * 8, 0.95, "all equal"),
        ([1.0, 2.0, 3.0, 5.0], 1.0, "coverage"),
    ],
)
def test_bad_input_is_named(values, coverage, word):
    with pytest.raises(StabilityError, match=word):
        change_point(values, coverage=coverage)


def test_the_command_names_a_series_that_is_too_short():
    assert "value" in refusal("stability", "value\n1\n2\n3\n", "--change-point")
