"""Sums of waves: sums, products and integrals agree with what they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.harmonics import Harmonics, Term

DAY = 86_400.0
numbers = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 3))
waves = st.builds(
    Term,
    constant=numbers,
    slope=st.just(0.0),
    angular_frequency=st.floats(3_600.0, 400 * DAY).map(lambda period: 2 * math.pi / period),
    phase=st.floats(0, 6.28),
)
still = st.just(0.0)
lines = st.builds(Term, constant=numbers, slope=st.floats(-1e-4, 1e-4), angular_frequency=still, phase=still)
functions = st.builds(lambda line, moving: Harmonics((line, *moving)), lines, st.lists(waves, max_size=4))
still_functions = st.builds(
    lambda level, moving: Harmonics((Term(level), *moving)), numbers, st.lists(waves, max_size=4)
)
times = st.floats(-100 * DAY, 1_000 * DAY)


@given(functions, times)
def test_antiderivative_has_the_function_as_its_slope(function: Harmonics, t: float) -> None:
    half = 2.0
    slope = (function.antiderivative(t + half) - function.antiderivative(t - half)) / (2 * half)
    # The rest of the central difference is f'' h^2 / 6, below 0.001 here; of 4e11 floats keep the fourth decimal.
    assert slope == pytest.approx(function.value(t), abs=2e-3)


@given(still_functions, functions, times)
def test_product_of_functions_is_the_product_of_their_values(a: Harmonics, b: Harmonics, t: float) -> None:
    assert a.times(b).value(t) == pytest.approx(a.value(t) * b.value(t), rel=1e-9, abs=1e-6)


@given(functions, functions, times, numbers)
def test_sum_and_scaling_act_on_the_values(a: Harmonics, b: Harmonics, t: float, factor: float) -> None:
    assert a.plus(b).value(t) == pytest.approx(a.value(t) + b.value(t), abs=1e-9)
    assert a.scaled(factor).value(t) == pytest.approx(factor * a.value(t), abs=1e-6)


@given(still_functions, times)
def test_function_stays_within_its_bounds(function: Harmonics, t: float) -> None:
    assert function.lowest - 1e-9 <= function.value(t) <= function.highest + 1e-9


@given(still_functions, times, st.floats(1.0, DAY))
def test_function_never_changes_faster_than_its_steepest(function: Harmonics, t: float, span: float) -> None:
    assert abs(function.value(t + span) - function.value(t)) <= function.steepest * span + 1e-9


def test_product_of_two_trends_is_refused() -> None:
    rising = Harmonics((Term(1.0, 0.5),))
    with pytest.raises(ScenarioError, match="trend"):
        rising.times(rising)


def test_two_waves_of_one_frequency_multiply_to_a_constant_and_a_double_wave() -> None:
    wave = Harmonics((Term(2.0, 0.0, 1e-3, 0.4),))
    product = wave.times(wave)
    # (2 cos a)^2 = 2 + 2 cos 2a: its mean is 2.
    assert product.terms[0].constant == pytest.approx(2.0)
    period = 2 * math.pi / 2e-3
    assert (product.antiderivative(period) - product.antiderivative(0.0)) / period == pytest.approx(2.0)
