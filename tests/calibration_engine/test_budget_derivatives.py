"""Derivatives by automatic differentiation are exact: against Taylor's theorem, the complex step and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.budget.jets import Jet
from steelyard.calibration.engine.budget.model import FunctionModel, parse_model
from steelyard.calibration.engine.budget.propagation import propagate

FUNCTIONS = {
    "exp(x)": 0.7, "log(x)": 0.7, "log10(x)": 0.7, "sqrt(x)": 0.7, "sin(x)": 0.7, "cos(x)": 0.7, "tan(x)": 0.7,
    "asin(x)": 0.4, "acos(x)": 0.4, "atan(x)": 0.7, "sinh(x)": 0.7, "cosh(x)": 0.7, "tanh(x)": 0.7, "abs(x)": -0.7,
    "x^2": 0.7, "x^-3": 0.7, "x^0.5": 0.7, "2^x": 0.7, "x^x": 0.7, "1/x": 0.7, "atan2(x, 1 - x)": 0.7,
    "atan2(x, -2)": 0.7, "atan2(-x, -x^2)": 0.7, "exp(sin(x)*x)/(1 + x^2)": 0.7, "sqrt(1 + x)*log(x + 2) - x": 0.7,
    "abs(exp(complex(0, x)) + 1)": 0.7, "arg(complex(x, x^2))": 0.7, "re(1/complex(x, 2))": 0.7,
    "im(sqrt(complex(x, 1)))": 0.7,
}  # fmt: skip


@pytest.mark.parametrize(("text", "x0"), FUNCTIONS.items())
def test_third_order_series_leaves_a_remainder_of_fourth_order(text: str, x0: float) -> None:
    model = parse_model(f"y = {text}", quantities=["x"])
    zero = np.zeros((1, 1))
    (jet,) = model.evaluate({"x": Jet(np.array([x0]), (np.ones((1, 1)), zero, zero))})
    assert isinstance(jet, Jet)

    def remainder(h: float) -> float:
        (at,) = model.evaluate({"x": np.array([x0 + h])})
        series = jet.value + sum(term[0] * h**power for power, term in enumerate(jet.terms, start=1))
        return float(np.abs(np.broadcast_to(at, (1,)) - series)[0])

    scale = float(max(np.abs(jet.value).max(), *(np.abs(term).max() for term in jet.terms)))
    # Halving the step takes the remainder to a sixteenth, unless it is rounding already.
    assert remainder(0.01) <= max(remainder(0.02) / 11.0, 1e-14 * scale)
    assert remainder(0.02) < 1e-4 * scale


@given(st.floats(0.2, 3.0), st.floats(0.2, 3.0))
def test_gradient_agrees_with_the_complex_step(a: float, b: float) -> None:
    def model(x: object, y: object) -> object:
        return np.exp(x * y) / (x + np.sqrt(y)) + np.sin(x) ** 3 - np.log(y) * x  # type: ignore[operator,call-overload]

    found = propagate(FunctionModel.of(model), {"x": a, "y": b}, {"x": 1.0, "y": 1.0})
    step = 1e-30
    along_x = np.imag(model(complex(a, step), b)) / step
    along_y = np.imag(model(a, complex(b, step))) / step
    assert found.sensitivity[0] == pytest.approx([along_x, along_y], rel=1e-12)


def test_second_and_third_derivatives_of_products() -> None:
    # y = x1^2 x2 x3: by hand, the second-order terms of 5.1.2, note.
    x1, x2, x3, u1, u2, u3 = 2.0, 3.0, 5.0, 0.1, 0.2, 0.3
    found = propagate(
        parse_model("y = x1^2*x2*x3"),
        {"x1": x1, "x2": x2, "x3": x3},
        {"x1": u1, "x2": u2, "x3": u3},
        second_order=True,
    )
    first = (2 * x1 * x2 * x3 * u1) ** 2 + (x1**2 * x3 * u2) ** 2 + (x1**2 * x2 * u3) ** 2
    hessian = 0.5 * (2 * x2 * x3 * u1 * u1) ** 2 + (
        (2 * x1 * x3 * u1 * u2) ** 2 + (2 * x1 * x2 * u1 * u3) ** 2 + (x1**2 * u2 * u3) ** 2
    )
    third = (x1**2 * x3) * (2 * x3) * (u1 * u2) ** 2 + (x1**2 * x2) * (2 * x2) * (u1 * u3) ** 2
    assert float(found.covariance[0, 0]) == pytest.approx(first + hessian + third, rel=1e-13)
    assert found.bias is not None
    assert float(found.bias[0]) == pytest.approx(x2 * x3 * u1**2, rel=1e-13)


def test_second_order_is_exact_for_a_quadratic_of_normals() -> None:
    # y = x^2: variance 4 m^2 u^2 + 2 u^4.
    found = propagate(parse_model("y = x^2"), {"x": 3.0}, {"x": 0.5}, second_order=True)
    assert float(found.covariance[0, 0]) == pytest.approx(4 * 9 * 0.25 + 2 * 0.0625, rel=1e-14)


@pytest.mark.parametrize("text", ["sqrt(x)", "abs(x)", "x^0.5", "x^-1", "log(x)"])
def test_where_there_is_no_derivative_none_is_made_up(text: str) -> None:
    found = propagate(parse_model(f"y = {text}"), {"x": 0.0}, {"x": 1.0})
    assert not np.isfinite(found.sensitivity[0, 0])


def test_what_has_no_rule_is_refused_by_numpy() -> None:
    model = FunctionModel.of(lambda x: np.floor(x))  # noqa: PLW0108 - the parameter's name matters
    with pytest.raises(TypeError):
        propagate(model, {"x": 1.5}, {"x": 0.1})


def test_jets_mix_with_numbers_and_arrays_on_either_side() -> None:
    jet = Jet(np.array([2.0, 4.0]), (np.ones((1, 1)),))
    array = np.array([1.0, 2.0])
    for found, values, slopes in (
        (1.0 + jet, [3.0, 5.0], [1.0, 1.0]),
        (array - jet, [-1.0, -2.0], [-1.0, -1.0]),
        (array * jet, [2.0, 8.0], [1.0, 2.0]),
        (array / jet, [0.5, 0.5], [-0.25, -0.125]),
        (jet / array, [2.0, 2.0], [1.0, 0.5]),
        (np.hypot(jet, 0.0), [2.0, 4.0], [1.0, 1.0]),
        (np.reciprocal(jet), [0.5, 0.25], [-0.25, -0.0625]),
        (np.square(-jet), [4.0, 16.0], [4.0, 8.0]),
        (3.0**jet, [9.0, 81.0], [9.0 * math.log(3.0), 81.0 * math.log(3.0)]),
    ):
        assert isinstance(found, Jet)
        assert found.value == pytest.approx(values)
        assert np.broadcast_to(found.terms[0], (1, 2))[0] == pytest.approx(slopes)


@pytest.mark.parametrize(
    ("model", "value", "sensitivity"),
    [("a^b", 8.0, 12.0), ("log10(500*a)", 3.0, 0.5 / math.log(10.0)), ("tanh(20*a)", 1.0, 20.0 / math.cosh(40.0) ** 2)],
)
def test_functions_give_what_they_are_at_round_numbers_and_far_out(model, value, sensitivity):
    found = propagate(parse_model(f"y = {model}"), {"a": 2.0, "b": 3.0}, {"a": 0.1, "b": 0.1})
    assert float(found.value[0]) == value
    assert float(found.sensitivity[0, found.inputs.index("a")]) == pytest.approx(sensitivity, rel=1e-13)
