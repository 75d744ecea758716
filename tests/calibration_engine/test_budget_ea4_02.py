"""EA-4/02 M:2022, supplement: tolerances are half of the last printed digit. U there is k u with k = 2 for 95.45 %."""

import math

import pytest
from calibration_engine.workbench import calc

from steelyard.calibration.engine.budget.evaluation import Budget, evaluate_budget
from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.quantities import certified, constant, distributed, observed
from steelyard.calibration.engine.distributions.bounded import Rectangular, Trapezoidal, Triangular
from steelyard.calibration.engine.montecarlo.simulation import simulate


def test_s2_weight_of_10_kg() -> None:
    answer = calc(
        "budget",
        """
        model = "m_X = m_S + dm_D + dm + dm_C + dB"
        coverage_probability = 0.9545
        [quantities]
        m_S = { value = 10000.005, expanded_uncertainty = 0.045, coverage_factor = 2, unit = "g" }
        dm_D = { distribution = "rectangular", value = 0, half_width = 0.015, unit = "g" }
        dm = { observations = [0.01, 0.03, 0.02], pooled_standard_deviation = 0.025, unit = "g" }
        dm_C = { distribution = "rectangular", lower = -0.010, upper = 0.010, unit = "g" }
        dB = { distribution = "rectangular", value = 0, half_width = 0.010, unit = "g" }
        """,
    )["outputs"]["m_X"]
    assert answer["value"] == pytest.approx(10000.025, abs=0.0005)
    assert answer["standard_uncertainty"] == pytest.approx(0.0293, abs=0.00005)
    assert answer["expanded_uncertainty"] == pytest.approx(0.059, abs=0.0005)
    assert answer["contributions"]["m_S"] == pytest.approx(0.0225, abs=0.00005)
    assert answer["contributions"]["dm"] == pytest.approx(0.0144, abs=0.00005)
    assert answer["degrees_of_freedom"] is None
    assert answer["stated"] == "(10000.025 ± 0.059)"
    assert answer["unit"] == "g"


def test_s2_weight_of_10_kg_as_gum_workbench_evaluates_it() -> None:
    """Metrodata's example file S02.smu: Ustd = 0.0291465131827805, Neff = 122.

    It gives a certificate and a pooled deviation 50 degrees of freedom each, and pools the three observations into the
    latter: s^2 = (50 * 25^2 + 2 * 10^2) / 52 mg^2.
    """
    pooled = math.sqrt((50.0 * 0.025**2 + 2.0 * 0.010**2) / 52.0)
    quantities = {
        "m_S": certified(10000.005, 0.045, coverage_factor=2.0, degrees_of_freedom=50.0),
        "dm_D": distributed(Rectangular(lower=-0.015, upper=0.015)),
        "dm": observed([0.01, 0.03, 0.02], pooled_standard_deviation=pooled, degrees_of_freedom=52.0),
        "dm_C": distributed(Rectangular(lower=-0.010, upper=0.010)),
        "dB": distributed(Rectangular(lower=-0.010, upper=0.010)),
    }
    model = parse_model("m_X = m_S + dm_D + dm + dm_C + dB", quantities=list(quantities))
    found = evaluate_budget(Budget(model=model, quantities=quantities, fixed_coverage_factor=2.0)).outputs[0]
    assert found.standard_uncertainty == pytest.approx(0.0291465131827805, abs=1e-12)
    assert found.degrees_of_freedom == pytest.approx(122.0, abs=0.5)
    assert found.expanded_uncertainty == pytest.approx(0.058, abs=0.0005)


def test_s3_standard_resistor_of_10_kilohm() -> None:
    quantities = {
        "R_S": certified(10000.053, 0.005, coverage_factor=2.0),
        "dR_D": distributed(Rectangular(lower=0.010, upper=0.030)),
        "dR_TS": distributed(Rectangular(lower=-0.00275, upper=0.00275)),
        "r_C": distributed(Triangular(lower=1.0 - 1e-6, upper=1.0 + 1e-6)),
        "r": observed([1.0000104, 1.0000107, 1.0000106, 1.0000103, 1.0000105]),
        "dR_TX": distributed(Rectangular(lower=-0.0055, upper=0.0055)),
    }
    model = parse_model("R_X = (R_S + dR_D + dR_TS)*r_C*r - dR_TX", quantities=list(quantities))
    found = evaluate_budget(Budget(model=model, quantities=quantities, fixed_coverage_factor=2.0)).outputs[0]
    # Published, and the result fields of GUM Workbench's example file.
    assert found.value == pytest.approx(10000.178, abs=0.0005)
    assert found.value == pytest.approx(10000.1780007665, abs=1e-9)
    assert found.standard_uncertainty == pytest.approx(0.00833, abs=0.000005)
    assert found.standard_uncertainty == pytest.approx(0.00832800405259282, abs=1e-8)
    assert found.expanded_uncertainty == pytest.approx(0.017, abs=0.0005)


def test_s3_standard_resistor_by_the_workbench() -> None:
    answer = calc(
        "budget",
        """{
        "model": "R_X = (R_S + dR_D + dR_TS)*r_C*r - dR_TX", "coverage_probability": 0.9545,
        "quantities": {
          "R_S": {"value": 10000.053, "expanded_uncertainty": 0.005, "coverage_factor": 2, "unit": "Ω"},
          "dR_D": {"distribution": "rectangular", "value": 0.020, "half_width": 0.010, "unit": "Ω"},
          "dR_TS": {"distribution": "rectangular", "value": 0, "half_width": 0.00275, "unit": "Ω"},
          "r_C": {"distribution": "triangular", "value": 1, "half_width": 1e-6},
          "r": {"observations": [1.0000104, 1.0000107, 1.0000106, 1.0000103, 1.0000105]},
          "dR_TX": {"distribution": "rectangular", "value": 0, "half_width": 0.0055, "unit": "Ω"}
        }}""",
    )["outputs"]["R_X"]
    assert answer["value"] == pytest.approx(10000.178, abs=0.0005)
    assert answer["standard_uncertainty"] == pytest.approx(0.00833, abs=0.000005)
    assert answer["expanded_uncertainty"] == pytest.approx(0.017, abs=0.0005)


def test_s4_gauge_block_of_50_mm() -> None:
    # Lengths in nm above 50 mm, temperatures in K; the product of two quantities of value 0 needs second-order terms.
    answer = calc(
        "budget",
        """
        model = '''
        l_X = l_S + dl_D + dl + dl_C - L*(alpha*dt + d_alpha*Dt) - dl_V   # (S4.2)
        '''
        second_order = true
        coverage_factor = 2
        [quantities]
        l_S = { value = 20, expanded_uncertainty = 30, coverage_factor = 2 }
        dl_D = { distribution = "rectangular", value = 0, half_width = 30 }
        dl = { value = -94, standard_uncertainty = 5.37 }
        dl_C = { distribution = "rectangular", value = 0, half_width = 32 }
        L = 50e6
        alpha = 11.5e-6
        dt = { distribution = "rectangular", value = 0, half_width = 0.05 }
        d_alpha = { distribution = "triangular", value = 0, half_width = 2e-6 }
        Dt = { distribution = "rectangular", value = 0, half_width = 0.5 }
        dl_V = { distribution = "rectangular", value = 0, half_width = 6.7 }
        """,
    )["outputs"]["l_X"]
    assert answer["value"] == pytest.approx(-74.0, abs=0.5)  # 49.999 926 mm
    assert answer["contributions"]["dt"] == pytest.approx(16.6, abs=0.05)
    assert answer["contributions"]["dl_D"] == pytest.approx(17.3, abs=0.05)
    assert answer["contributions"]["dl_C"] == pytest.approx(18.5, abs=0.05)
    assert answer["standard_uncertainty"] == pytest.approx(36.4, abs=0.05)
    assert answer["expanded_uncertainty"] == pytest.approx(73.0, abs=0.5)


def test_s9_multimeter_with_one_dominant_rectangular_contribution() -> None:
    answer = calc(
        "budget",
        """
        model = "E_X = V_iX - V_S + dV_iX - dV_S"
        monte_carlo = { trials = 1000000, seed = 9 }
        [quantities]
        V_iX = { value = 100.1, unit = "V" }
        V_S = { value = 100.0, expanded_uncertainty = 0.002, coverage_factor = 2, unit = "V" }
        dV_iX = { distribution = "rectangular", value = 0, half_width = 0.05, unit = "V" }
        dV_S = { distribution = "rectangular", value = 0, half_width = 0.011, unit = "V" }
        """,
    )
    gum, drawn = answer["outputs"]["E_X"], answer["monte_carlo"]["outputs"]["E_X"]
    assert gum["value"] == pytest.approx(0.10, abs=0.005)
    assert gum["standard_uncertainty"] == pytest.approx(0.030, abs=0.0005)
    low, high = drawn["symmetric_interval"]
    assert (high - low) / 2.0 == pytest.approx(0.05, abs=0.005)
    # S9.9 takes the distribution for the dominant rectangular one: k = 1.65.
    dominant = Rectangular(lower=-0.05, upper=0.05)
    assert float(dominant.quantile(0.975)) / dominant.standard_deviation == pytest.approx(1.65, abs=0.005)
    assert drawn["validation"]["valid"] is False


def test_s10_caliper_with_two_dominant_rectangular_contributions() -> None:
    # In micrometres.
    quantities = {
        "l_iX": constant(150100.0),
        "l_S": distributed(Rectangular(lower=150000.0 - 0.8, upper=150000.0 + 0.8)),
        "dt": distributed(Rectangular(lower=-2.0, upper=2.0)),
        "dl_iX": distributed(Rectangular(lower=-25.0, upper=25.0)),
        "dl_M": distributed(Rectangular(lower=-50.0, upper=50.0)),
    }
    model = parse_model("E_X = l_iX - l_S + 1.7*dt + dl_iX + dl_M", quantities=list(quantities))
    found = evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0]
    assert found.value == pytest.approx(100.0, abs=5.0)
    assert found.standard_uncertainty == pytest.approx(33.0, abs=1.0)  # EA sums rounded 15 and 29
    drawn = simulate(model, quantities, trials=1_000_000, seed=10).outputs[0].intervals.symmetric
    half = (drawn[1] - drawn[0]) / 2.0
    assert half == pytest.approx(60.0, abs=5.0)
    assert half / found.standard_uncertainty == pytest.approx(1.83, abs=0.01)
    # S10.13: k is that of the trapezoid.
    beta = (50.0 - 25.0) / (50.0 + 25.0)
    assert beta == pytest.approx(0.33, abs=0.005)
    trapezoid = Trapezoidal(lower=-75.0, upper=75.0, beta=beta)
    assert float(trapezoid.quantile(0.975)) / trapezoid.standard_deviation == pytest.approx(1.83, abs=0.005)


# Contributions as the tables print them: standard uncertainty, sensitivity, degrees of freedom, distribution;
# then u and k, U as printed.
TABLES = {
    "S5: temperature of a type N thermocouple at 1000 degC": (
        [
            (0.10, 1, None, "normal"), (1.00, 0.077, None, "normal"), (0.29, 0.077, None, "rectangular"),
            (1.15, 0.077, None, "rectangular"), (0.058, -0.407, None, "rectangular"), (0.150, 1, None, "normal"),
            (0.173, 1, None, "rectangular"), (0.577, 1, None, "rectangular"),
        ],
        (0.641, 0.001), (2.00, 0.005), (1.3, 0.05),
    ),
    "S7: step attenuator at 30 dB": (
        [
            (0.0090, 1, None, "normal"), (0.0025, 1, None, "rectangular"), (0.0011, 1, None, "arcsine"),
            (0.0200, 1, None, "arcsine"), (0.0017, 1, None, "arcsine"), (0.0003, -1, None, "arcsine"),
            (0.0003, 1, None, "rectangular"), (0.0019, -1, None, "rectangular"), (0.0020, 1, None, "normal"),
        ],
        (0.0224, 0.0001), (2.00, 0.005), (0.045, 0.0005),
    ),
    "S12: household water meter": (
        [(0.60e-3, 1, 2, "normal"), (0.68e-3, 1, None, "normal")],
        (0.91e-3, 0.005e-3), (2.28, 0.005), (2.0e-3, 0.1e-3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("example", TABLES)
def test_tables_of_contributions(example: str) -> None:
    contributions, u, k, expanded = TABLES[example]
    lines = ["coverage_probability = 0.9545", "[quantities]"]
    for number, (own, _, nu, distribution) in enumerate(contributions):
        freedom = "" if nu is None else f", degrees_of_freedom = {nu}"
        lines.append(
            f"x{number} = {{ value = 0, standard_uncertainty = {own}, distribution = '{distribution}'{freedom} }}"
        )
    model = " + ".join(f"({c})*x{number}" for number, (_, c, _, _) in enumerate(contributions))
    answer = calc("budget", "\n".join([f"model = 'y = {model}'", *lines]))["outputs"]["y"]
    assert answer["standard_uncertainty"] == pytest.approx(u[0], abs=u[1])
    assert answer["coverage_factor"] == pytest.approx(k[0], abs=k[1])
    assert answer["expanded_uncertainty"] == pytest.approx(expanded[0], abs=expanded[1])


def test_s11_temperature_block_calibrator_with_a_trapezoidal_result() -> None:
    """In mK: u = 164, and k = 1.81 of a trapezoid of β = 0.43, 0.3 degC; Monte Carlo without that assumption."""
    normal, rectangular = [15.0, 10.0], [23.0, 29.0, 58.0, 144.0, 29.0, 17.0]
    lines = ["[quantities]"]
    lines += [f"n{i} = {{ value = 0, standard_uncertainty = {own} }}" for i, own in enumerate(normal)]
    lines += [
        f"r{i} = {{ distribution = 'rectangular', value = 0, standard_uncertainty = {own} }}"
        for i, own in enumerate(rectangular)
    ]
    answer = calc(
        "budget",
        "\n".join(["model = 'y = n0 + n1 + r0 - r1 + r2 + r3 + r4 + r5'", "monte_carlo.trials = 400000", *lines]),
    )
    assert answer["outputs"]["y"]["standard_uncertainty"] == pytest.approx(164.0, abs=0.5)
    low, high = answer["monte_carlo"]["outputs"]["y"]["symmetric_interval"]
    assert 0.5 * (high - low) == pytest.approx(300.0, abs=5.0)
