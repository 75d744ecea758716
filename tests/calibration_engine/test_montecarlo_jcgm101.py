"""JCGM 101:2008, clause 9. Tolerances: half of the last printed digit, or the scatter of the trials if more."""

import math

import numpy as np
import pytest
from calibration_engine.workbench import calc

from steelyard.calibration.engine.budget.correlation import Coefficient, correlate
from steelyard.calibration.engine.budget.evaluation import Budget, evaluate_budget
from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.quantities import Quantity, distributed, known
from steelyard.calibration.engine.distributions.bounded import Arcsine, CurvilinearTrapezoid, Rectangular
from steelyard.calibration.engine.distributions.unbounded import StudentT
from steelyard.calibration.engine.montecarlo.adaptive import numerical_tolerance, simulate_adaptively
from steelyard.calibration.engine.montecarlo.simulation import simulate
from steelyard.calibration.engine.montecarlo.validation import validate

SUM = "Y = X1 + X2 + X3 + X4"


def rectangular(standard_deviation: float) -> Quantity:
    half_width = standard_deviation * math.sqrt(3.0)
    return distributed(Rectangular(lower=-half_width, upper=half_width))


def test_9_2_2_four_normals() -> None:
    quantities = {f"X{index}": known(0.0, 1.0) for index in range(1, 5)}
    model = parse_model(SUM, quantities=list(quantities))
    gum = evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0]
    assert (gum.value, gum.standard_uncertainty) == (0.0, 2.0)
    assert gum.low == pytest.approx(-3.92, abs=0.005)
    assert gum.high == pytest.approx(3.92, abs=0.005)
    drawn = simulate(model, quantities, trials=1_000_000, seed=922).outputs[0]
    assert drawn.value == pytest.approx(0.0, abs=0.01)
    assert drawn.standard_uncertainty == pytest.approx(2.0, abs=0.01)
    assert drawn.intervals.symmetric == pytest.approx((-3.92, 3.92), abs=0.02)
    assert drawn.intervals.shortest == pytest.approx((-3.92, 3.92), abs=0.10)


def test_9_2_2_four_normals_adaptively_by_the_workbench() -> None:
    quantities = {f"X{index}": "{ value = 0, standard_uncertainty = 1 }" for index in range(1, 5)}
    tables = "\n".join(f"{name} = {table}" for name, table in quantities.items())
    document = f'model = "{SUM}"\n[quantities]\n{tables}\n[monte_carlo]\nadaptive = true\ndigits = 2\nseed = 7\n'
    answer = calc("budget", document)["monte_carlo"]
    assert answer["converged"] is True
    drawn = answer["outputs"]["Y"]
    assert drawn["trials"] == answer["trials"] >= 100_000
    assert drawn["standard_uncertainty"] == pytest.approx(2.0, abs=0.05)
    assert drawn["symmetric_interval"] == pytest.approx([-3.92, 3.92], abs=0.05)
    assert drawn["validation"]["valid"] is True
    assert drawn["validation"]["tolerance"] == 0.05  # table 2: delta = 0.05 for n_dig = 2


def test_9_2_3_four_rectangulars() -> None:
    quantities = {f"X{index}": rectangular(1.0) for index in range(1, 5)}
    model = parse_model(SUM, quantities=list(quantities))
    drawn = simulate(model, quantities, trials=1_000_000, seed=923).outputs[0]
    # Table 3: the analytic interval is 2 sqrt(3) [2 - (3/5)^(1/4)] = 3.88.
    assert drawn.intervals.symmetric[1] == pytest.approx(2.0 * math.sqrt(3.0) * (2.0 - 0.6**0.25), abs=0.02)
    assert drawn.intervals.symmetric == pytest.approx((-3.88, 3.88), abs=0.02)


def test_9_2_4_one_dominant_rectangular() -> None:
    quantities = {f"X{index}": rectangular(1.0) for index in range(1, 4)} | {"X4": rectangular(10.0)}
    model = parse_model(SUM, quantities=list(quantities))
    gum = evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0]
    assert gum.value == pytest.approx(0.0, abs=0.05)
    assert gum.standard_uncertainty == pytest.approx(10.1, abs=0.05)
    assert gum.high == pytest.approx(19.9, abs=0.05)
    drawn = simulate(model, quantities, trials=1_000_000, seed=924).outputs[0]
    assert drawn.value == pytest.approx(0.0, abs=0.05)
    assert drawn.standard_uncertainty == pytest.approx(10.1, abs=0.05)
    assert drawn.intervals.symmetric == pytest.approx((-17.0, 17.0), abs=0.05)
    found = validate(
        standard_uncertainty=gum.standard_uncertainty,
        gum_interval=(gum.low, gum.high),
        monte_carlo_interval=drawn.intervals.symmetric,
        digits=2,
    )
    assert found.tolerance == 0.5
    assert (found.d_low, found.d_high) == (pytest.approx(2.9, abs=0.1), pytest.approx(2.9, abs=0.1))
    assert not found.valid


MASS = """
model = "dm = (m_Rc + dm_Rc)*(1 + (rho_a - rho_a0)*(1/rho_W - 1/rho_R)) - m_nom"
second_order = {second_order}
[quantities]
m_Rc = {{ value = 100000.0, standard_uncertainty = 0.050, unit = "mg" }}
dm_Rc = {{ value = 1.234, standard_uncertainty = 0.020, unit = "mg" }}
rho_a = {{ distribution = "rectangular", lower = 1.10, upper = 1.30, unit = "kg/m3" }}
rho_W = {{ distribution = "rectangular", lower = 7000, upper = 9000, unit = "kg/m3" }}
rho_R = {{ distribution = "rectangular", lower = 7950, upper = 8050, unit = "kg/m3" }}
rho_a0 = {{ value = 1.2, unit = "kg/m3" }}
m_nom = {{ value = 100000, unit = "mg" }}
[monte_carlo]
trials = 1000000
seed = 93
"""


def test_9_3_mass_calibration() -> None:
    first = calc("budget", MASS.format(second_order="false"))
    gum, drawn = first["outputs"]["dm"], first["monte_carlo"]["outputs"]["dm"]
    assert gum["value"] == pytest.approx(1.2340, abs=5e-5)
    assert gum["standard_uncertainty"] == pytest.approx(0.0539, abs=5e-5)
    assert gum["interval"] == pytest.approx([1.1285, 1.3395], abs=5e-5)
    assert gum["unit"] is None  # there is a number in the model
    assert drawn["value"] == pytest.approx(1.2341, abs=0.00015)  # exactly 1.23400
    assert drawn["standard_uncertainty"] == pytest.approx(0.0754, abs=0.0001)
    assert drawn["shortest_interval"] == pytest.approx([1.0834, 1.3825], abs=0.002)
    assert drawn["symmetric_interval"] == pytest.approx([1.0844, 1.3836], abs=0.0005)  # by quadrature
    assert drawn["validation"]["valid"] is False  # table 6
    second = calc("budget", MASS.format(second_order="true"))["outputs"]["dm"]
    assert second["value"] == pytest.approx(1.2340, abs=5e-5)
    assert second["standard_uncertainty"] == pytest.approx(0.0750, abs=5e-5)
    assert second["interval"] == pytest.approx([1.0870, 1.3810], abs=1e-4)  # printed: 1.96 times 0.0750


@pytest.mark.parametrize(
    ("x1", "r", "first_u", "u", "mean"),
    [
        (0.0, 0.0, 0.0, 50.0, 50.0),
        (0.010, 0.0, 100.0, 112.0, 150.0),
        (0.050, 0.0, 500.0, 502.0, 2550.0),
        (0.0, 0.9, 0.0, 67.0, 50.0),
        (0.010, 0.9, 100.0, 121.0, 150.0),
        (0.050, 0.9, 500.0, 505.0, 2550.0),
    ],
)
def test_9_4_comparison_loss(x1: float, r: float, first_u: float, u: float, mean: float) -> None:
    """9.4.2 and 9.4.3: dY = X1^2 + X2^2, u(x) = 0.005; results in 1e-6, "analytical" and "GUF 2" of tables 8 and 10."""
    quantities = {"X1": known(x1, 0.005), "X2": known(0.0, 0.005)}
    correlation = correlate(quantities, [Coefficient(first="X1", second="X2", coefficient=r)] if r else [])
    model = parse_model("dY = X1^2 + X2^2", quantities=list(quantities))
    first, second = (
        evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation, second_order=order))
        for order in (False, True)
    )
    assert 1e6 * first.outputs[0].standard_uncertainty == pytest.approx(first_u, abs=0.5)
    found = second.outputs[0]
    assert 1e6 * found.standard_uncertainty == pytest.approx(u, abs=0.5)
    assert found.bias is not None
    assert 1e6 * (found.value + found.bias) == pytest.approx(mean, abs=0.5)
    drawn = simulate(model, quantities, trials=400_000, correlation=correlation, seed=94).outputs[0]
    assert 1e6 * drawn.value == pytest.approx(mean, abs=2.0)
    assert 1e6 * drawn.standard_uncertainty == pytest.approx(u, abs=2.0)
    if x1 == 0.0 and r == 0.0:
        assert np.multiply(drawn.intervals.shortest, 1e6) == pytest.approx([0.0, 150.0], abs=1.0)


def end_gauge() -> dict[str, Quantity]:
    """9.5, table 10, in nm and degrees Celsius."""
    return {
        "l_s": distributed(StudentT(value=50000623.0, scale=25.0, degrees_of_freedom=18.0)),
        "D": distributed(StudentT(value=215.0, scale=6.0, degrees_of_freedom=24.0)),
        "d1": distributed(StudentT(value=0.0, scale=4.0, degrees_of_freedom=5.0)),
        "d2": distributed(StudentT(value=0.0, scale=7.0, degrees_of_freedom=8.0)),
        "alpha_s": distributed(Rectangular(lower=9.5e-6, upper=13.5e-6)),
        "theta_0": known(-0.1, 0.2),
        "Delta": distributed(Arcsine(lower=-0.5, upper=0.5)),
        "d_alpha": distributed(CurvilinearTrapezoid(lower=-1.0e-6, upper=1.0e-6, inexactness=0.1e-6)),
        "d_theta": distributed(CurvilinearTrapezoid(lower=-0.050, upper=0.050, inexactness=0.025)),
    }


def test_9_5_gauge_block() -> None:
    quantities = end_gauge()
    model = parse_model(
        "dl = l_s + D + d1 + d2 - l_s*(d_alpha*(theta_0 + Delta) + alpha_s*d_theta) - 50000000",
        quantities=list(quantities),
    )
    drawn = simulate(model, quantities, trials=1_000_000, coverage_probability=0.99, seed=95).outputs[0]
    assert drawn.value == pytest.approx(838.0, abs=0.5)
    assert drawn.standard_uncertainty == pytest.approx(36.0, abs=0.5)
    assert drawn.intervals.shortest == pytest.approx((745.0, 932.0), abs=2.5)


def test_7_9_adaptive_procedure_reaches_the_tolerance() -> None:
    quantities = {f"X{index}": rectangular(1.0) for index in range(1, 5)}
    model = parse_model(SUM, quantities=list(quantities))
    found = simulate_adaptively(model, quantities, digits=2, seed=5)
    assert found.converged is True
    assert found.trials % 10_000 == 0
    assert found.outputs[0].standard_uncertainty == pytest.approx(2.0, abs=numerical_tolerance(2.0, 2))
    assert found.outputs[0].intervals.symmetric[1] == pytest.approx(3.88, abs=numerical_tolerance(2.0, 2))


def test_7_9_adaptive_procedure_says_when_it_has_not_settled() -> None:
    quantities = {f"X{index}": rectangular(1.0) for index in range(1, 5)}
    model = parse_model(SUM, quantities=list(quantities))
    found = simulate_adaptively(model, quantities, digits=4, seed=5, largest_trials=200_000)
    assert found.converged is False
    assert found.trials == 200_000


@pytest.mark.parametrize(
    ("u", "digits", "delta"),
    [(0.00035, 2, 0.000005), (2.0, 1, 0.5), (0.0754, 2, 0.0005), (32.0, 2, 0.5), (9.96, 2, 0.5), (99.6, 1, 50.0)],
)
def test_7_9_2_numerical_tolerance(u: float, digits: int, delta: float) -> None:
    assert numerical_tolerance(u, digits) == pytest.approx(delta)
