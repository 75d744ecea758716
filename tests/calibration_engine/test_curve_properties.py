"""What must hold for every curve: units, order, exact data, agreement of the ways to one result."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from steelyard.calibration.engine.curves import linear
from steelyard.calibration.engine.curves.fit import CurveFit, fit_curve
from steelyard.calibration.engine.curves.models import Model, expression_model, line, polynomial
from steelyard.calibration.engine.curves.observations import Observations, observe
from steelyard.calibration.engine.curves.prediction import invert, predict

X = np.array([0.5, 1.1, 1.9, 3.2, 4.4, 5.1, 6.3, 7.7])
NOISE = st.lists(st.floats(-1.0, 1.0), min_size=8, max_size=8)
FACTOR = st.floats(1e-6, 1e6)
DECAY = expression_model("a*exp(-b*x) + c", ["x"])


def _observations(noise: list[float], *, uncertain_x: bool, scale_x: float = 1.0, scale_y: float = 1.0) -> Observations:
    y = 5.0 + 2.0 * X + 0.3 * np.array(noise)
    u_x = {"x": scale_x * np.linspace(0.05, 0.1, 8)} if uncertain_x else None
    return observe({"x": scale_x * X}, scale_y * y, u_y=scale_y * np.linspace(0.2, 0.4, 8), u_x=u_x)


@settings(max_examples=examples(25))
@given(noise=NOISE, scale_x=FACTOR, scale_y=FACTOR, uncertain_x=st.booleans(), degree=st.sampled_from([1, 2, 3]))
def test_scaling_the_units_scales_the_parameters(
    noise: list[float], scale_x: float, scale_y: float, uncertain_x: bool, degree: int
) -> None:
    model = polynomial(degree)
    one = fit_curve(model, _observations(noise, uncertain_x=uncertain_x))
    other = fit_curve(model, _observations(noise, uncertain_x=uncertain_x, scale_x=scale_x, scale_y=scale_y))
    factors = scale_y / scale_x ** np.arange(degree + 1)
    tolerance = 1e-6 * one.standard_uncertainties
    assert np.all(np.abs(other.values / factors - one.values) <= tolerance)
    assert other.standard_uncertainties / factors == pytest.approx(one.standard_uncertainties, rel=1e-6)
    assert other.chi_square == pytest.approx(one.chi_square, rel=1e-6, abs=1e-9)


@settings(max_examples=examples(25))
@given(noise=NOISE, order=st.permutations(range(8)), uncertain_x=st.booleans())
def test_order_of_observations_is_irrelevant(noise: list[float], order: list[int], uncertain_x: bool) -> None:
    data = _observations(noise, uncertain_x=uncertain_x)
    turned = observe(
        {"x": data.regressors["x"][order]},
        data.y[order],
        u_y=np.sqrt(data.variance_y)[order],
        u_x={"x": np.sqrt(data.variance_x["x"])[order]} if uncertain_x else None,
    )
    one, other = fit_curve(line(), data), fit_curve(line(), turned)
    assert other.values == pytest.approx(one.values, rel=1e-9)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-9)


@settings(max_examples=examples(15))
@given(scale_x=st.floats(1e-3, 1e3), scale_y=st.floats(1e-3, 1e3), noise=NOISE)
def test_scaling_the_units_scales_a_nonlinear_model(scale_x: float, scale_y: float, noise: list[float]) -> None:
    y = 9.0 * np.exp(-0.5 * X) + 1.0 + 0.05 * np.array(noise)
    one = fit_curve(DECAY, observe({"x": X}, y), start={"b": 1.0})
    other = fit_curve(DECAY, observe({"x": scale_x * X}, scale_y * y), start={"b": 1.0 / scale_x})
    assert other.values / [scale_y, 1.0 / scale_x, scale_y] == pytest.approx(one.values, rel=1e-8)
    assert other.covariance[1, 1] * scale_x**2 == pytest.approx(one.covariance[1, 1], rel=1e-7)


@settings(max_examples=examples(25))
@given(b=st.floats(0.05, 3.0), start=st.floats(0.05, 3.0), a=st.floats(-100, 100).filter(lambda a: abs(a) > 1.0))
def test_exact_data_give_back_their_parameters(a: float, b: float, start: float) -> None:
    fit = fit_curve(DECAY, observe({"x": X}, a * np.exp(-b * X) + 2.5), start={"b": start})
    assert fit.converged
    assert fit.values == pytest.approx([a, b, 2.5], rel=1e-7)


@settings(max_examples=examples(25))
@given(noise=NOISE, degree=st.sampled_from([1, 2, 3]), place=st.floats(0.5, 7.7))
def test_double_precision_agrees_with_sixty_digits(noise: list[float], degree: int, place: float) -> None:
    data = _observations(noise, uncertain_x=False)
    model = polynomial(degree)
    precise, double = linear._precise(model, data), linear._double(model, data)
    assert double.values.astype(float) == pytest.approx(precise.values.astype(float), rel=1e-8, abs=1e-8)
    assert double.inverse.astype(float) == pytest.approx(precise.inverse.astype(float), rel=1e-8)


@settings(max_examples=examples(25))
@given(noise=NOISE, place=st.floats(0.5, 7.7), uncertain_x=st.booleans())
def test_backwards_undoes_forwards(noise: list[float], place: float, uncertain_x: bool) -> None:
    fit = fit_curve(line(), _observations(noise, uncertain_x=uncertain_x))
    assert invert(fit, predict(fit, {"x": place}).y).x["x"] == pytest.approx(place, rel=1e-9)


def test_covariance_is_that_of_repeated_experiments() -> None:
    """Errors in x and y, 600 times: the stated covariance is the spread of the results."""
    generator = np.random.default_rng(2)
    u_x, u_y = np.full(8, 0.05), np.linspace(0.1, 0.2, 8)
    true = 1.0 + 2.0 * X
    fits = [
        fit_curve(
            line(),
            observe(
                {"x": X + u_x * generator.standard_normal(8)},
                true + u_y * generator.standard_normal(8),
                u_x={"x": u_x},
                u_y=u_y,
            ),
        )
        for _ in range(600)
    ]
    values = np.array([fit.values for fit in fits])
    stated = np.mean([fit.covariance for fit in fits], axis=0)
    assert np.cov(values.T) == pytest.approx(stated, rel=0.2)
    assert values.mean(axis=0) == pytest.approx([1.0, 2.0], abs=0.02)
    consistent = np.mean([bool(fit.consistent) for fit in fits])
    assert consistent == pytest.approx(0.95, abs=0.03)


def test_errors_in_x_of_a_curve_count_by_its_slope() -> None:
    """Where a curve is level, x may be uncertain without harm."""
    x = np.linspace(-1.0, 1.0, 9)
    model: Model = polynomial(2)

    def at(u_x: float) -> CurveFit:
        return fit_curve(model, observe({"x": x}, x**2, u_y=np.full(9, 0.01), u_x={"x": np.full(9, u_x)}))

    assert at(0.05).standard_uncertainties[2] > 3.0 * at(0.001).standard_uncertainties[2]
    assert at(1e-9).covariance == pytest.approx(fit_curve(model, observe({"x": x}, x**2, u_y=[0.01] * 9)).covariance)


def test_a_hundred_thousand_observations_take_a_moment() -> None:
    x = np.linspace(0.0, 10.0, 100_000)
    fit = fit_curve(polynomial(4), observe({"x": x}, 1.0 + x - x**4))
    assert fit.values == pytest.approx([1.0, 1.0, 0.0, 0.0, -1.0], abs=1e-8)


def test_a_power_of_zero_is_zero_whatever_the_exponent() -> None:
    """A flow that begins at 0: d(x^b)/db is 0 there, not 0 times infinity."""
    x = [0.0, 1.0, 2.0, 3.0, 4.0]
    model = expression_model("a*x^b", ["x"])
    fit = fit_curve(model, observe({"x": x}, [0.0, 1.0, 2.8, 5.1, 8.1]), start={"b": 1.0})
    without = fit_curve(model, observe({"x": x[1:]}, [1.0, 2.8, 5.1, 8.1]), start={"b": 1.0})
    assert fit.values == pytest.approx(without.values, rel=1e-14)
    assert "right angles" in fit.message


def test_a_function_of_two_arguments_is_polished_too() -> None:
    model = expression_model("a*atan2(x, b)", ["x"])
    fit = fit_curve(model, observe({"x": X}, 2.0 * np.arctan2(X, 1.5)), start={"b": 1.0})
    assert fit.values == pytest.approx([2.0, 1.5], rel=1e-12)
