"""What must hold for every budget: units, order, linear models, many at once as one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from steelyard.calibration.engine.budget.correlation import Coefficient, correlate
from steelyard.calibration.engine.budget.evaluation import Budget, OutputResult, evaluate_budget
from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.propagation import propagate
from steelyard.calibration.engine.budget.quantities import Quantity, distributed, known, observed
from steelyard.calibration.engine.distributions.bounded import Rectangular, Triangular
from steelyard.calibration.engine.montecarlo.simulation import simulate

MODEL = "y = a*b/c + sqrt(b)*exp(-c/10)"
positive = st.floats(0.5, 20.0)
relative = st.floats(0.001, 0.05)


def evaluate(
    text: str, quantities: dict[str, Quantity], *pairs: Coefficient, second_order: bool = False
) -> OutputResult:
    model = parse_model(text, quantities=list(quantities))
    correlation = correlate(quantities, pairs)
    budget = Budget(model=model, quantities=quantities, correlation=correlation, second_order=second_order)
    return evaluate_budget(budget).outputs[0]


@given(positive, positive, positive, relative, st.floats(1e-6, 1e6), st.booleans())
def test_scaling_the_units_scales_the_results(
    a: float, b: float, c: float, u: float, factor: float, second_order: bool
) -> None:
    quantities = {"a": known(a, u * a, 7.0), "b": known(b, u * b), "c": known(c, u * c, 12.0)}
    pair = Coefficient(first="a", second="b", coefficient=0.4)
    small = evaluate("y = a*c + b^2/a", quantities, pair, second_order=second_order)
    scaled = {
        name: known(factor * each.estimate, factor * each.standard_uncertainty, each.degrees_of_freedom)
        for name, each in quantities.items()
    }
    large = evaluate(f"y = a*c/{factor!r} + b^2/a", scaled, pair, second_order=second_order)
    assert large.value == pytest.approx(factor * small.value, rel=1e-12)
    assert large.standard_uncertainty == pytest.approx(factor * small.standard_uncertainty, rel=1e-10)
    assert large.degrees_of_freedom == pytest.approx(small.degrees_of_freedom, rel=1e-9)


@given(st.permutations(["a", "b", "c"]), st.floats(-0.4, 0.9), st.floats(-0.4, 0.9))
def test_permuting_correlated_inputs_changes_nothing(order: list[str], r_ab: float, r_bc: float) -> None:
    quantities = {"a": known(2.0, 0.1, 5.0), "b": known(3.0, 0.2), "c": known(4.0, 0.3, 9.0)}
    pairs = [
        Coefficient(first="a", second="b", coefficient=r_ab * 0.7),
        Coefficient(first="b", second="c", coefficient=r_bc * 0.7),
    ]
    plain = evaluate(MODEL, quantities, *pairs)
    shuffled = evaluate(MODEL, {name: quantities[name] for name in order}, *reversed(pairs))
    assert shuffled.standard_uncertainty == pytest.approx(plain.standard_uncertainty, rel=1e-12)
    assert shuffled.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-9)
    assert [line.name for line in shuffled.contributions] == [line.name for line in plain.contributions]
    assert math.fsum(line.share for line in plain.contributions) == pytest.approx(1.0)


@given(st.permutations([0.3, 1.7, 2.2, 5.1, 4.4]))
def test_the_order_of_observations_is_irrelevant(order: list[float]) -> None:
    assert observed(order).standard_uncertainty == pytest.approx(observed(sorted(order)).standard_uncertainty)


def test_permuting_inputs_changes_no_draw_of_monte_carlo() -> None:
    quantities = {"a": known(2.0, 0.1), "b": known(3.0, 0.2), "c": known(4.0, 0.3, 9.0)}
    pair = Coefficient(first="c", second="a", coefficient=0.5)
    results = []
    for order in ("abc", "cba", "bca"):
        chosen = {name: quantities[name] for name in order}
        found = simulate(
            parse_model(MODEL), chosen, trials=10_000, correlation=correlate(chosen, [pair]), seed=4
        ).outputs[0]
        results.append((found.value, found.standard_uncertainty, found.intervals))
    assert results[0] == results[1] == results[2]


@settings(max_examples=examples(25))
@given(
    st.lists(st.tuples(st.floats(-5.0, 5.0), st.floats(0.1, 3.0)), min_size=1, max_size=5),
    st.floats(-0.8, 0.8),
    st.integers(0, 2**31),
)
def test_gum_and_monte_carlo_agree_where_the_model_is_linear(
    terms: list[tuple[float, float]], r: float, seed: int
) -> None:
    quantities: dict[str, Quantity] = {f"x{i}": known(0.1 * i, u) for i, (_, u) in enumerate(terms)}
    quantities["w"] = distributed(Rectangular(lower=-1.0, upper=3.0))
    quantities["t"] = distributed(Triangular(lower=2.0, upper=3.0))
    text = "y = w - t" + "".join(f" + ({c!r})*x{i}" for i, (c, _) in enumerate(terms))
    correlation = correlate(quantities, [Coefficient(first="x0", second="w", coefficient=r)])
    model = parse_model(text, quantities=list(quantities))
    gum = evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation)).outputs[0]
    drawn = simulate(model, quantities, trials=20_000, correlation=correlation, seed=seed).outputs[0]
    assert drawn.value == pytest.approx(gum.value, abs=6.0 * gum.standard_uncertainty / math.sqrt(20_000))
    assert drawn.standard_uncertainty == pytest.approx(gum.standard_uncertainty, rel=0.04)


def test_gum_and_monte_carlo_agree_in_the_covariance_of_linear_outputs() -> None:
    quantities = {"a": known(1.0, 0.3), "b": known(2.0, 0.4), "c": known(3.0, 0.5)}
    correlation = correlate(quantities, [Coefficient(first="a", second="c", coefficient=-0.7)])
    model = parse_model("y = a + b; z = 2*b - c", outputs=["y", "z"])
    gum = evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation))
    drawn = simulate(model, quantities, trials=400_000, correlation=correlation, seed=8)
    assert drawn.covariance == pytest.approx(gum.covariance, abs=0.004)


@pytest.mark.parametrize("second_order", [False, True])
def test_many_budgets_at_once_are_each_of_them_alone(second_order: bool) -> None:
    draw = np.random.default_rng(2)
    count = 2500  # more than one block of the cache
    values = {name: draw.uniform(1.0, 5.0, count) for name in "abc"}
    uncertain = {"a": draw.uniform(0.01, 0.1, count), "b": np.full(count, 0.05), "c": 0.02}
    degrees = {"a": draw.uniform(2.0, 50.0, count), "c": 7.0}
    quantities = {name: known(1.0, 0.1) for name in "abc"}
    correlation = correlate(quantities, [Coefficient(first="a", second="b", coefficient=0.3)])
    model = parse_model(f"{MODEL}; z = b - a", outputs=["y", "z"])
    found = propagate(
        model, values, uncertain, degrees_of_freedom=degrees, correlation=correlation, second_order=second_order
    )
    assert found.value.shape == (2, count)
    assert found.sensitivity.shape == (2, 3, count)
    assert found.covariance.shape == (2, 2, count)
    for index in (0, 1023, 1024, 2499):
        alone = propagate(
            model,
            {name: each[index] for name, each in values.items()},
            {"a": uncertain["a"][index], "b": 0.05, "c": 0.02},
            degrees_of_freedom={"a": degrees["a"][index], "c": 7.0},
            correlation=correlation,
            second_order=second_order,
        )
        assert found.value[:, index] == pytest.approx(alone.value)
        assert found.covariance[..., index] == pytest.approx(alone.covariance)
        assert found.degrees_of_freedom[:, index] == pytest.approx(alone.degrees_of_freedom)
        assert found.contributions[..., index] == pytest.approx(alone.contributions)


def test_one_broken_instrument_does_not_stop_a_fleet() -> None:
    found = propagate(parse_model("y = log(x) + b"), {"x": np.array([1.0, -1.0, 2.0]), "b": 1.0}, {"x": 0.1, "b": 0.2})
    assert np.isfinite(found.standard_uncertainty[0]).tolist() == [True, False, True]
    assert np.isnan(found.value[0, 1])


def test_budgets_keep_the_shape_of_their_arrays() -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    found = propagate(parse_model("y = x^2"), {"x": x}, {"x": 0.1})
    assert found.standard_uncertainty[0] == pytest.approx(0.2 * x)
    assert propagate(parse_model("y = x^2"), {"x": x[:0]}, {"x": 0.1}).value.shape == (1, 0, 3)


def test_a_model_of_constants_has_no_uncertainty() -> None:
    found = evaluate("y = 2*a", {"a": known(3.0, 0.0)})
    assert (found.value, found.expanded_uncertainty, found.degrees_of_freedom) == (6.0, 0.0, math.inf)
