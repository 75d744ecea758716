"""Monte Carlo: joint distributions, intervals, blocks, scatter, what does not exist and what is refused."""

import math
import tracemalloc

import numpy as np
import pytest

from steelyard.calibration.engine.budget.correlation import Coefficient, correlate
from steelyard.calibration.engine.budget.model import FunctionModel, parse_model
from steelyard.calibration.engine.budget.quantities import Quantity, constant, distributed, known, observed
from steelyard.calibration.engine.distributions.bounded import Arcsine, Rectangular
from steelyard.calibration.engine.distributions.empirical import Empirical
from steelyard.calibration.engine.distributions.unbounded import Exponential, Gamma, StudentT
from steelyard.calibration.engine.montecarlo.adaptive import simulate_adaptively
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError
from steelyard.calibration.engine.montecarlo.intervals import coverage_intervals, least_trials
from steelyard.calibration.engine.montecarlo.simulation import SimulationResult, simulate


def pair(first: str, second: str, r: float) -> Coefficient:
    return Coefficient(first=first, second=second, coefficient=r)


def outputs_correlation(found: SimulationResult) -> np.ndarray:
    deviation = np.sqrt(np.diag(found.covariance))
    return found.covariance / np.outer(deviation, deviation)


def test_intervals_are_those_of_the_sorted_draws() -> None:
    # 7.7.2, 7.7.3: M = 1000, p = 0.95: q = 950, r = 25; the shortest one by trying all.
    draws = np.random.default_rng(1).exponential(1.0, 1000)
    ordered = np.sort(draws)
    widths = [ordered[r + 950] - ordered[r] for r in range(50)]
    best = int(np.argmin(widths))
    found = coverage_intervals(draws.copy(), 0.95)
    assert found.symmetric == (ordered[24], ordered[974])
    assert found.shortest == (ordered[best], ordered[best + 950])
    assert found.shortest[0] < found.symmetric[0]


def test_an_interval_needs_trials_outside_of_it() -> None:
    assert least_trials(0.95) == 200
    assert least_trials(0.99) == 1000
    with pytest.raises(MonteCarloError, match=r"monte_carlo\.trials: 199: must be 200"):
        coverage_intervals(np.arange(199.0), 0.95)


def test_the_same_seed_gives_the_same_result_and_another_another() -> None:
    quantities = {"a": known(1.0, 0.1), "b": known(2.0, 0.1, 5.0)}
    model = parse_model("y = a*b")
    first, again, other = (simulate(model, quantities, trials=5000, seed=seed).outputs[0] for seed in (3, 3, 4))
    assert first.intervals == again.intervals
    assert first.standard_uncertainty == again.standard_uncertainty
    assert first.intervals != other.intervals


def test_blocks_bound_the_memory_and_keep_the_intervals() -> None:
    quantities = {"a": known(0.0, 1.0), "b": distributed(Exponential(value=1.0))}
    model = parse_model("y = a + b")
    whole = simulate(model, quantities, trials=1_000_000, seed=1).outputs[0]
    tracemalloc.start()
    in_blocks = simulate(model, quantities, trials=1_000_000, seed=1, block=100_000, chunk=10_000).outputs[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000  # a million draws of one output alone take 8 MB
    for kind in ("symmetric", "shortest"):
        one, other = getattr(whole.intervals, kind), getattr(in_blocks.intervals, kind)
        assert other == pytest.approx(one, abs=0.03)


def test_mean_and_uncertainty_of_a_linear_model_are_exact() -> None:
    quantities = {
        "a": distributed(Rectangular(lower=0.0, upper=6.0)),
        "b": distributed(StudentT(value=1.0, scale=2.0, degrees_of_freedom=3.0)),
        "c": distributed(Exponential(value=4.0)),
        "d": distributed(Gamma(shape=2.0, scale=3.0)),
        "k": constant(7.0),
    }
    found = simulate(parse_model("y = 3*a - b + c/2 - d + k"), quantities, trials=1000, seed=2).outputs[0]
    assert found.value == pytest.approx(9.0 - 1.0 + 2.0 - 6.0 + 7.0, abs=1e-9)
    assert found.standard_uncertainty == pytest.approx(math.sqrt(27.0 + 12.0 + 4.0 + 18.0), rel=1e-9)


def test_products_scatter_less_than_their_draws() -> None:
    quantities = {"a": known(1.0, 0.3), "b": distributed(Rectangular(lower=-1.0, upper=1.0))}
    model = parse_model("y = a*b + a^3/20")
    found = [simulate(model, quantities, trials=2000, seed=seed).outputs[0] for seed in range(60)]
    estimates = np.array([each.standard_uncertainty for each in found])
    plain = np.array([np.std(each.draws, ddof=1) for each in found])
    assert np.std(estimates) < 0.3 * np.std(plain)
    # Var(ab) = (1 + 0.09)/3 - 0; the cubic by quadrature over a normal.
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    cubic = (1.0 + 0.3 * nodes) ** 3 / 20.0
    weights = weights / weights.sum()
    variance = 1.09 / 3.0 + weights @ cubic**2 - (weights @ cubic) ** 2
    assert np.mean(estimates) == pytest.approx(math.sqrt(variance), rel=1e-3)


def test_correlated_normals_are_multivariate_normal() -> None:
    quantities = {"a": known(1.0, 0.1), "b": known(2.0, 0.2), "c": known(3.0, 0.3)}
    correlation = correlate(quantities, [pair("a", "b", 0.8), pair("b", "c", -0.5)])
    model = parse_model("x = a*1; y = b*1; z = c*1", outputs=["x", "y", "z"])
    found = simulate(model, quantities, trials=400_000, correlation=correlation, seed=3)
    assert outputs_correlation(found) == pytest.approx(np.array([[1, 0.8, 0], [0.8, 1, -0.5], [0, -0.5, 1]]), abs=0.01)


def test_a_singular_correlation_matrix_is_drawn_too() -> None:
    quantities = {"a": known(1.0, 0.1), "b": known(2.0, 0.2)}
    correlation = correlate(quantities, [pair("a", "b", 1.0)])
    found = simulate(parse_model("y = 2*a - b"), quantities, trials=1000, correlation=correlation, seed=3).outputs[0]
    assert found.standard_uncertainty == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("r", [-0.8, -0.3, 0.5, 0.95])
def test_quantities_of_other_distributions_have_their_stated_correlation(r: float) -> None:
    quantities: dict[str, Quantity] = {
        "a": distributed(Rectangular(lower=0.0, upper=1.0)),
        "b": distributed(Arcsine(lower=0.0, upper=1.0)),
        "c": known(1.0, 0.1, 6.0),
    }
    correlation = correlate(quantities, [pair("a", "b", r)])
    model = parse_model("x = a*1; y = b*1; z = c*1", outputs=["x", "y", "z"])
    found = simulate(model, quantities, trials=400_000, correlation=correlation, seed=5)
    expected = np.array([[1.0, r, 0.0], [r, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert outputs_correlation(found) == pytest.approx(expected, abs=0.01)
    for index, name in enumerate("abc"):
        distribution = quantities[name].distribution
        assert distribution is not None
        ends = found.outputs[index].intervals.symmetric
        assert ends == pytest.approx(tuple(distribution.quantile([0.025, 0.975])), abs=0.005)


def test_correlated_t_quantities_keep_their_own_distributions() -> None:
    quantities = {"a": known(1.0, 0.1, 4.0), "b": known(2.0, 0.2, 4.0), "c": known(0.0, 0.1, 4.0)}
    correlation = correlate(quantities, [pair("a", "b", -0.36), pair("a", "c", 0.86), pair("b", "c", -0.65)])
    model = parse_model("x = a*1; y = b*1; z = c*1", outputs=["x", "y", "z"])
    found = simulate(model, quantities, trials=400_000, correlation=correlation, seed=5)
    r = outputs_correlation(found)
    assert (r[0, 1], r[0, 2], r[1, 2]) == pytest.approx((-0.36, 0.86, -0.65), abs=0.02)
    t = StudentT(value=1.0, scale=0.1, degrees_of_freedom=4.0)
    assert found.outputs[0].intervals.symmetric == pytest.approx(tuple(t.quantile([0.025, 0.975])), abs=0.005)


def test_very_many_inputs_can_be_drawn() -> None:
    quantities = {f"x{index}": known(1.0, 0.1) for index in range(300)}
    found = simulate(parse_model("y = " + "+".join(quantities)), quantities, trials=2000, seed=1).outputs[0]
    assert found.standard_uncertainty == pytest.approx(0.1 * math.sqrt(300.0), rel=1e-9)


def test_a_correlation_that_the_distributions_cannot_have_is_refused() -> None:
    quantities = {"a": distributed(Exponential(value=1.0)), "b": distributed(Exponential(value=1.0))}
    # Two exponentials cannot be correlated below 1 - pi^2/6 = -0.645.
    correlation = correlate(quantities, [pair("a", "b", -0.7)])
    with pytest.raises(MonteCarloError, match=r"correlations: 'r\(a, b\) = -0.7'.*-0\.64"):
        simulate(parse_model("y = a + b"), quantities, trials=1000, correlation=correlation)


def test_simultaneous_observations_are_multivariate_t() -> None:
    # JCGM 102:2011, 5.3.2: n - N = 9 - 2 = 7 degrees of freedom.
    draw = np.random.default_rng(6)
    first = draw.normal(0.0, 1.0, 9)
    second = first + draw.normal(0.0, 0.5, 9)
    quantities = {"a": observed(first), "b": observed(second)}
    correlation = correlate(quantities, simultaneous=[["a", "b"]])
    model = parse_model("x = a*1; y = b*1", outputs=["x", "y"])
    found = simulate(model, quantities, trials=400_000, correlation=correlation, seed=7)
    scatter = np.cov(first, second) * 8.0 / 7.0 / 9.0
    assert found.covariance == pytest.approx(scatter * 7.0 / 5.0, rel=0.03)
    t = StudentT(value=float(first.mean()), scale=math.sqrt(scatter[0, 0]), degrees_of_freedom=7.0)
    assert found.outputs[0].intervals.symmetric == pytest.approx(tuple(t.quantile([0.025, 0.975])), abs=0.02)


def test_too_few_simultaneous_observations_have_no_joint_distribution() -> None:
    quantities = {"a": observed([1.0, 2.0]), "b": observed([1.0, 2.5])}
    correlation = correlate(quantities, simultaneous=[["a", "b"]])
    with pytest.raises(MonteCarloError, match=r"simultaneous: .*give 3 at least"):
        simulate(parse_model("y = a + b"), quantities, trials=1000, correlation=correlation)


def test_an_uncertainty_that_does_not_exist_is_not_a_number() -> None:
    # Three observations are t with two degrees of freedom: an interval, but no variance (6.4.9.4).
    quantities = {"a": observed([1.0, 1.1, 1.3])}
    found = simulate(parse_model("y = a + 0"), quantities, trials=200_000, seed=1).outputs[0]
    assert math.isnan(found.standard_uncertainty)
    distribution = quantities["a"].distribution
    assert distribution is not None
    assert found.intervals.symmetric == pytest.approx(tuple(distribution.quantile([0.025, 0.975])), rel=0.02)
    with pytest.raises(MonteCarloError, match=r"monte_carlo\.adaptive.*no variance"):
        simulate_adaptively(parse_model("y = a + 0"), quantities)


def test_given_samples_are_drawn_again() -> None:
    quantities = {"a": distributed(Empirical.of([1.0, 2.0, 4.0])), "b": constant(1.0)}
    found = simulate(parse_model("y = a*2 + b"), quantities, trials=2000, seed=1).outputs[0]
    assert set(found.draws.tolist()) == {3.0, 5.0, 9.0}


def test_complex_outputs_have_two_components() -> None:
    quantities = {"r": known(2.0, 0.01), "phi": known(0.5, 0.02)}
    found = simulate(parse_model("Z = r*exp(complex(0, phi))"), quantities, trials=100_000, seed=2)
    assert [each.name for each in found.outputs] == ["Z.re", "Z.im"]
    assert found.outputs[0].value == pytest.approx(2.0 * math.cos(0.5) * math.exp(-0.0002), abs=1e-4)


def test_a_python_function_may_branch_where_it_has_no_derivative() -> None:
    model = FunctionModel.of(lambda x: np.where(np.floor(x) > 0.0, x, 0.0))
    found = simulate(model, {"x": known(0.0, 1.0)}, trials=100_000, seed=2).outputs[0]
    assert found.intervals.symmetric[0] == 0.0


def test_trials_without_a_value_are_refused_with_the_reason() -> None:
    with pytest.raises(MonteCarloError, match=r"monte_carlo: y: nan: \d+ of 1000 trials.*sqrt of -"):
        simulate(parse_model("y = sqrt(x)"), {"x": known(1.0, 1.0)}, trials=1000)


def test_settings_out_of_range_are_refused_by_name() -> None:
    quantities = {"x": known(1.0, 0.1)}
    model = parse_model("y = x")
    with pytest.raises(MonteCarloError, match=r"monte_carlo\.trials"):
        simulate(model, quantities, trials=10)
    with pytest.raises(MonteCarloError, match="coverage_probability"):
        simulate(model, quantities, trials=1000, coverage_probability=1.0)
    with pytest.raises(MonteCarloError, match=r"monte_carlo\.seed"):
        simulate(model, quantities, trials=1000, seed=-1)
    with pytest.raises(MonteCarloError, match=r"monte_carlo\.digits"):
        simulate_adaptively(model, quantities, digits=0)
