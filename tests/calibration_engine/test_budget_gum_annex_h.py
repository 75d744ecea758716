"""JCGM 100:2008, annexes G and H and the examples of clauses 5 and 7: tolerances are half of the last printed digit."""

import math

import numpy as np
import pytest
from calibration_engine.workbench import calc

from steelyard.calibration.engine.budget.correlation import Coefficient, correlate
from steelyard.calibration.engine.budget.coverage import coverage_factor, effective_degrees_of_freedom
from steelyard.calibration.engine.budget.evaluation import Budget, BudgetResult, evaluate_budget
from steelyard.calibration.engine.budget.model import FunctionModel, parse_model
from steelyard.calibration.engine.budget.propagation import propagate
from steelyard.calibration.engine.budget.quantities import (
    Quantity,
    degrees_of_freedom_of_reliability,
    distributed,
    known,
    observed,
)
from steelyard.calibration.engine.budget.rounding import state
from steelyard.calibration.engine.distributions.bounded import Arcsine, Rectangular

# H.1: end-gauge calibration; lengths in nm, temperatures in degrees Celsius.
END_GAUGE = """
l = ls + d - ls*(d_alpha*theta + alpha_s*d_theta)
d = d0 + d1 + d2
theta = theta_bar + Delta
"""
END_GAUGE_TOML = f'''
model = """{END_GAUGE}"""
outputs = ["l", "d"]
coverage_probability = 0.99
[quantities.ls]
value = 50000623
standard_uncertainty = 25
degrees_of_freedom = 18
unit = "nm"
[quantities.d0]
value = 215
standard_uncertainty = 5.8
degrees_of_freedom = 24
unit = "nm"
[quantities.d1]
value = 0
standard_uncertainty = 3.9
degrees_of_freedom = 5
unit = "nm"
[quantities.d2]
value = 0
standard_uncertainty = 6.7
degrees_of_freedom = 8
unit = "nm"
[quantities.alpha_s]
distribution = "rectangular"
value = 11.5e-6
half_width = 2e-6
unit = "1/degC"
[quantities.d_alpha]
value = 0
standard_uncertainty = 0.58e-6
reliability = 0.10
unit = "1/degC"
[quantities.theta_bar]
value = -0.1
standard_uncertainty = 0.2
unit = "degC"
[quantities.Delta]
distribution = "arcsine"
value = 0
half_width = 0.5
unit = "degC"
[quantities.d_theta]
value = 0
standard_uncertainty = 0.029
reliability = 0.50
unit = "degC"
'''


def end_gauge() -> dict[str, Quantity]:
    return {
        "ls": known(50000623.0, 25.0, 18.0),
        "d0": known(215.0, 5.8, 24.0),
        "d1": known(0.0, 3.9, 5.0),
        "d2": known(0.0, 6.7, 8.0),
        "alpha_s": known(11.5e-6, 1.2e-6),
        "d_alpha": known(0.0, 0.58e-6, 50.0),
        "theta_bar": known(-0.1, 0.2),
        "Delta": known(0.0, 0.35),
        "d_theta": known(0.0, 0.029, 2.0),
    }


def evaluate_end_gauge(*, second_order: bool = False) -> BudgetResult:
    quantities = end_gauge()
    model = parse_model(END_GAUGE, quantities=list(quantities), outputs=["l", "d"])
    return evaluate_budget(
        Budget(model=model, quantities=quantities, coverage_probability=0.99, second_order=second_order)
    )


def test_h1_end_gauge_first_order() -> None:
    length, difference = evaluate_end_gauge().outputs
    contributions = {line.name: line.contribution for line in length.contributions}
    assert length.value == pytest.approx(50000838.0, abs=0.5)
    assert length.standard_uncertainty == pytest.approx(32.0, abs=0.5)
    assert length.standard_uncertainty**2 == pytest.approx(1002.0, abs=5.0)  # the GUM sums rounded contributions
    assert difference.standard_uncertainty == pytest.approx(9.7, abs=0.05)
    assert difference.degrees_of_freedom == pytest.approx(25.4, abs=0.05)  # the printed 25.6 is of the rounded 9.7
    assert contributions["ls"] == pytest.approx(25.0, abs=0.5)
    assert contributions["d_alpha"] == pytest.approx(2.9, abs=0.05)
    assert contributions["alpha_s"] == contributions["theta_bar"] == contributions["Delta"] == 0.0
    assert int(length.degrees_of_freedom) == 16
    assert length.coverage_factor == pytest.approx(2.92, abs=0.005)
    assert length.expanded_uncertainty == pytest.approx(93.0, abs=0.5)
    assert length.stated.text == "(50000838 ± 93)"


def test_h1_end_gauge_with_the_half_widths_of_the_text() -> None:
    # H.1.3.4 and H.1.4: unrounded, the contributions are those that are printed. U is 92.48 nm then; the printed 93 nm
    # is 2.92 times the rounded 32 nm.
    quantities = end_gauge() | {
        "alpha_s": distributed(Rectangular(lower=9.5e-6, upper=13.5e-6)),
        "d_alpha": distributed(Rectangular(lower=-1e-6, upper=1e-6), 50.0),
        "Delta": distributed(Arcsine(lower=-0.5, upper=0.5)),
        "d_theta": distributed(Rectangular(lower=-0.05, upper=0.05), 2.0),
    }
    model = parse_model(END_GAUGE, quantities=list(quantities), outputs=["l", "d"])
    found = evaluate_budget(Budget(model=model, quantities=quantities, coverage_probability=0.99)).output("l")
    contributions = {line.name: line.contribution for line in found.contributions}
    assert contributions["d_theta"] == pytest.approx(16.6, abs=0.05)
    assert contributions["d_alpha"] == pytest.approx(2.9, abs=0.05)
    assert found.standard_uncertainty == pytest.approx(32.0, abs=0.5)
    assert found.standard_uncertainty**2 == pytest.approx(1002.0, abs=1.0)
    assert found.coverage_factor * 32.0 == pytest.approx(93.0, abs=0.5)


def test_h1_end_gauge_degrees_of_freedom_from_the_printed_contributions() -> None:
    difference = np.array([5.8, 3.9, 6.7])
    nu = effective_degrees_of_freedom(9.7**2, difference**2, np.array([24.0, 5.0, 8.0]))
    assert float(nu) == pytest.approx(25.6, abs=0.05)
    contributions = np.array([25.0, 9.7, 2.9, 16.6])
    nu = effective_degrees_of_freedom(1002.0, contributions**2, np.array([18.0, 25.6, 50.0, 2.0]))
    assert float(nu) == pytest.approx(16.7, abs=0.05)
    assert float(coverage_factor(0.99, 16.7)) == pytest.approx(2.92, abs=0.005)


def test_h1_end_gauge_second_order() -> None:
    first, second = (evaluate_end_gauge(second_order=order).output("l") for order in (False, True))
    assert second.standard_uncertainty == pytest.approx(34.0, abs=0.5)
    # H.1.7: the terms of d_alpha with theta and of alpha_s with d_theta are 11.7 nm and 1.7 nm.
    added = second.standard_uncertainty**2 - first.standard_uncertainty**2
    assert math.sqrt(added) == pytest.approx(math.hypot(11.7, 1.7), abs=0.05)
    assert second.bias == 0.0


def test_h1_end_gauge_by_the_workbench() -> None:
    answer = calc("budget", END_GAUGE_TOML)
    length = answer["outputs"]["l"]
    assert length["value"] == pytest.approx(50000838.0, abs=0.5)
    assert length["standard_uncertainty"] == pytest.approx(32.0, abs=0.5)
    assert 16.0 <= length["degrees_of_freedom"] <= 17.1
    assert length["coverage_factor"] == pytest.approx(2.92, abs=0.005)
    assert length["expanded_uncertainty"] == pytest.approx(93.0, abs=0.5)
    assert length["interval"][1] - length["value"] == pytest.approx(length["expanded_uncertainty"])
    assert length["contributions"]["ls"] == pytest.approx(25.0, abs=0.5)
    assert length["contributions"]["alpha_s"] == 0.0
    assert length["unit"] == "nm"
    # Both outputs share d: r = u^2(d) / (u(l) u(d)).
    assert answer["correlation"]["l"]["d"] == pytest.approx(9.68 / 31.66, abs=0.005)
    assert answer["correlation"]["d"]["d"] == 1.0
    second = calc("budget", END_GAUGE_TOML.replace("coverage_prob", "second_order = true\ncoverage_prob"))
    assert second["outputs"]["l"]["standard_uncertainty"] == pytest.approx(34.0, abs=0.5)


# H.2: simultaneous resistance and reactance measurement, table H.2.
VOLTAGE = [5.007, 4.994, 5.005, 4.990, 4.999]
CURRENT_MA = [19.663, 19.639, 19.640, 19.685, 19.678]
PHASE = [1.0456, 1.0438, 1.0468, 1.0428, 1.0433]
IMPEDANCE_TOML = f"""
model = "R = V/I*cos(phi); X = V/I*sin(phi); Z = V/I"
outputs = ["R", "X", "Z"]
simultaneous = [["V", "I", "phi"]]
[quantities]
V = {{ observations = {VOLTAGE}, unit = "V" }}
I = {{ observations = {[each / 1000 for each in CURRENT_MA]}, unit = "A" }}
phi = {{ observations = {PHASE}, unit = "rad" }}
"""


def test_h2_inputs_and_their_correlations() -> None:
    quantities = {"V": observed(VOLTAGE), "I": observed(CURRENT_MA), "phi": observed(PHASE)}
    assert quantities["V"].estimate == pytest.approx(4.9990, abs=5e-5)
    assert quantities["V"].standard_uncertainty == pytest.approx(0.0032, abs=5e-5)
    assert quantities["I"].estimate == pytest.approx(19.6610, abs=5e-5)
    assert quantities["I"].standard_uncertainty == pytest.approx(0.0095, abs=5e-5)
    assert quantities["phi"].estimate == pytest.approx(1.04446, abs=5e-6)
    assert quantities["phi"].standard_uncertainty == pytest.approx(0.00075, abs=5e-6)
    found = correlate(quantities, simultaneous=[["V", "I", "phi"]])
    assert found is not None
    assert found.matrix[0, 1] == pytest.approx(-0.36, abs=0.005)
    assert found.matrix[0, 2] == pytest.approx(0.86, abs=0.005)
    assert found.matrix[1, 2] == pytest.approx(-0.65, abs=0.005)


def test_h2_impedance_by_the_workbench() -> None:
    answer = calc("budget", IMPEDANCE_TOML)
    printed = {"R": (127.732, 0.071), "X": (219.847, 0.295), "Z": (254.260, 0.236)}
    for name, (value, u) in printed.items():
        assert answer["outputs"][name]["value"] == pytest.approx(value, abs=5e-4)
        assert answer["outputs"][name]["standard_uncertainty"] == pytest.approx(u, abs=6e-4)
        # Any function of five simultaneous observations has four degrees of freedom.
        assert answer["outputs"][name]["degrees_of_freedom"] == pytest.approx(4.0)
        assert answer["outputs"][name]["coverage_factor"] == pytest.approx(2.776, abs=5e-4)
    assert answer["correlation"]["R"]["X"] == pytest.approx(-0.588, abs=5e-4)
    assert answer["correlation"]["R"]["Z"] == pytest.approx(-0.485, abs=5e-4)
    assert answer["correlation"]["X"]["Z"] == pytest.approx(0.993, abs=6e-4)


def test_h2_impedance_as_a_complex_quantity() -> None:
    document = IMPEDANCE_TOML.replace('R = V/I*cos(phi); X = V/I*sin(phi); Z = V/I"', 'Z = V/I*exp(complex(0, phi))"')
    answer = calc("budget", document.replace('["R", "X", "Z"]', '["Z"]'))
    assert answer["outputs"]["Z.re"]["value"] == pytest.approx(127.732, abs=5e-4)
    assert answer["outputs"]["Z.im"]["standard_uncertainty"] == pytest.approx(0.295, abs=6e-4)
    assert answer["correlation"]["Z.re"]["Z.im"] == pytest.approx(-0.588, abs=5e-4)
    # JCGM 102:2011, table 1: k_p = 2.45 for two quantities and p = 0.95.
    assert answer["complex"]["Z"]["coverage_factor"] == pytest.approx(2.45, abs=0.005)


# H.3: calibration of a thermometer, table H.6.
THERMOMETER = [21.521, 22.012, 22.512, 23.003, 23.507, 23.999, 24.513, 25.002, 25.503, 26.010, 26.511]
CORRECTION = [-0.171, -0.169, -0.166, -0.159, -0.164, -0.165, -0.156, -0.157, -0.159, -0.161, -0.160]


def test_h3_thermometer_by_propagating_the_residuals_deviation() -> None:
    theta = np.array(THERMOMETER) - 20.0
    n, sums, squares = theta.size, theta.sum(), (theta**2).sum()
    determinant = n * squares - sums**2

    # Equations (H.13a) and (H.13b): the parameters are linear in the observations.
    def line(**b: np.ndarray) -> tuple[object, object, object]:
        y1 = sum((squares - sums * t) / determinant * each for t, each in zip(theta, b.values(), strict=True))
        y2 = sum((n * t - sums) / determinant * each for t, each in zip(theta, b.values(), strict=True))
        return y1, y2, y1 + y2 * 10.0

    names = tuple(f"b{index}" for index in range(n))
    model = FunctionModel(function=line, inputs=names, outputs=("y1", "y2", "b30"))
    values = dict(zip(names, CORRECTION, strict=True))
    y1, y2, _ = (float(np.asarray(each)) for each in model.evaluate({k: np.asarray(v) for k, v in values.items()}))
    residuals = np.array(CORRECTION) - y1 - y2 * theta
    s = math.sqrt(float(residuals @ residuals) / (n - 2))
    assert s == pytest.approx(0.0035, abs=5e-5)
    found = propagate(model, values, dict.fromkeys(names, s))
    assert found.value == pytest.approx([-0.1712, 0.00218, -0.1494], abs=5e-5)
    assert found.value[1] == pytest.approx(0.00218, abs=5e-6)
    assert found.standard_uncertainty[0] == pytest.approx(0.0029, abs=5e-5)
    assert found.standard_uncertainty[1] == pytest.approx(0.00067, abs=5e-6)
    assert found.standard_uncertainty[2] == pytest.approx(0.0041, abs=5e-5)
    r = found.covariance[0, 1] / (found.standard_uncertainty[0] * found.standard_uncertainty[1])
    assert r == pytest.approx(-0.930, abs=5e-4)
    assert THERMOMETER[0] < np.mean(THERMOMETER) == pytest.approx(24.0085, abs=6e-5)


def test_h3_thermometer_prediction_by_the_workbench() -> None:
    answer = calc(
        "budget",
        """
        model = "b = y1 + y2*(t - t0)"
        correlations = [{ between = ["y1", "y2"], coefficient = -0.930 }]
        [quantities]
        y1 = { value = -0.1712, standard_uncertainty = 0.0029, degrees_of_freedom = 9 }
        y2 = { value = 0.00218, standard_uncertainty = 0.00067, degrees_of_freedom = 9 }
        t = { value = 30 }
        t0 = { value = 20 }
        """,
    )
    assert answer["outputs"]["b"]["value"] == pytest.approx(-0.1494, abs=5e-5)
    assert answer["outputs"]["b"]["standard_uncertainty"] == pytest.approx(0.0041, abs=5e-5)


# H.4: measurement of activity, table H.7: times in min, counts, lambda in 1/min.
CYCLES = [
    (243.74, 15380, 305.56, 4054, 367.37, 41432),
    (984.53, 14978, 1046.10, 3922, 1107.66, 38706),
    (1723.87, 14394, 1785.43, 4200, 1846.99, 35860),
    (2463.17, 13254, 2524.73, 3830, 2586.28, 32238),
    (3217.56, 12516, 3279.12, 3956, 3340.68, 29640),
    (3956.83, 11058, 4018.38, 3980, 4079.94, 26356),
]
DECAY = 1.25894e-4


def test_h4_radon_from_simultaneous_counting_rates() -> None:
    sample = [(c_x - c_b) / 60.0 * math.exp(DECAY * t_x) for _, _, _, c_b, t_x, c_x in CYCLES]
    standard = [(c_s - c_b) / 60.0 * math.exp(DECAY * t_s) for t_s, c_s, _, c_b, _, _ in CYCLES]
    answer = calc(
        "budget",
        f"""
        model = "A_x = A_S*m_S/m_x*R_x/R_S; R = R_x/R_S"
        outputs = ["A_x", "R"]
        simultaneous = [["R_x", "R_S"]]
        [quantities]
        A_S = {{ value = 0.1368, standard_uncertainty = 0.0018 }}
        m_S = {{ value = 5.0192, standard_uncertainty = 0.0050 }}
        m_x = {{ value = 5.0571, standard_uncertainty = 0.0010 }}
        R_x = {{ observations = {sample} }}
        R_S = {{ observations = {standard} }}
        """,
    )
    # Table H.8 and H.4.3.2: the second approach gives A_x = 0.4304 Bq/g with u = 0.0084 Bq/g.
    assert answer["outputs"]["R"]["value"] == pytest.approx(3.167, abs=5e-4)
    assert answer["outputs"]["A_x"]["value"] == pytest.approx(0.4300, abs=5e-4)
    assert answer["outputs"]["A_x"]["standard_uncertainty"] == pytest.approx(0.0083, abs=1e-4)


# H.5: analysis of variance, table H.9, in microvolts above 10 V.
DAILY_MEANS = [172.0, 116.0, 13.0, 144.0, 106.0, 31.0, 60.0, 125.0, 163.0, 41.0]
DAILY_DEVIATIONS = [60.0, 77.0, 111.0, 101.0, 67.0, 93.0, 80.0, 73.0, 88.0, 86.0]


def test_h5_grand_mean_and_between_day_deviation() -> None:
    days = observed([10.0 + 1e-6 * each for each in DAILY_MEANS])
    assert days.estimate == pytest.approx(10.000097, abs=5e-7)
    assert days.standard_uncertainty == pytest.approx(18e-6, abs=0.5e-6)
    assert days.degrees_of_freedom == 9.0
    of_means = days.standard_uncertainty * math.sqrt(10.0)
    pooled = 1e-6 * math.sqrt(np.mean(np.square(DAILY_DEVIATIONS)))
    assert of_means == pytest.approx(57e-6, abs=0.5e-6)
    assert pooled == pytest.approx(85e-6, abs=0.5e-6)
    answer = calc(
        "budget",
        f"""
        model = "s_a = sqrt(K)*s_V; F = (s_a/s_b)^2; s_B = sqrt((s_a^2 - s_b^2)/K)"
        outputs = ["s_a", "F", "s_B"]
        quantities = {{ K = 5, s_V = {of_means}, s_b = {pooled} }}
        """,
    )
    assert answer["outputs"]["s_a"]["value"] == pytest.approx(128e-6, abs=0.5e-6)
    assert answer["outputs"]["F"]["value"] == pytest.approx(2.25, abs=0.05)  # the GUM divides rounded deviations
    assert answer["outputs"]["s_B"]["value"] == pytest.approx(43e-6, abs=0.5e-6)


def test_h5_analysis_of_variance() -> None:
    # Any five observations a day that have the printed mean and deviation.
    pattern = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) / math.sqrt(2.5)
    days = [mean + s * pattern for mean, s in zip(DAILY_MEANS, DAILY_DEVIATIONS, strict=True)]
    rows = "\n".join(f"{day},{value}" for day, values in enumerate(days, start=1) for value in values)
    found = calc("compare", f"laboratory,value\n{rows}", "--method", "anova")
    assert 10.0 + 1e-6 * found["mean"] == pytest.approx(10.000097, abs=5e-7)
    assert (found["between_degrees_of_freedom"], found["within_degrees_of_freedom"]) == (9, 40)
    assert math.sqrt(found["between_mean_square"]) == pytest.approx(128.0, abs=0.5)
    assert found["residual_standard_deviation"] == pytest.approx(85.0, abs=0.5)
    assert found["f"] == pytest.approx(2.25, abs=0.05)  # the GUM divides rounded deviations
    assert found["f_95"] == pytest.approx(2.12, abs=0.005)
    assert found["f_975"] == pytest.approx(2.45, abs=0.005)
    between = calc("compare", f"laboratory,value\n{rows}", "--method", "iso5725-2")
    assert between["between_laboratory_standard_deviation"] == pytest.approx(43.0, abs=0.5)
    # H.5.2.6: if the days do not differ, all fifty are one sample, u = 13 uV; 18 uV if they do.
    assert observed(np.concatenate(days)).standard_uncertainty == pytest.approx(13.0, abs=0.5)
    assert math.sqrt(found["between_mean_square"] / 50.0) == pytest.approx(18.0, abs=0.5)


def test_5_2_2_ten_resistors_calibrated_by_one_standard() -> None:
    quantities = {f"R{index}": known(1000.0, 0.1) for index in range(10)}
    pairs = [Coefficient(first=f"R{i}", second=f"R{j}", coefficient=1.0) for i in range(10) for j in range(i + 1, 10)]
    model = parse_model("R_ref = " + " + ".join(quantities), quantities=list(quantities))
    together = evaluate_budget(
        Budget(model=model, quantities=quantities, correlation=correlate(quantities, pairs))
    ).outputs[0]
    assert together.standard_uncertainty == pytest.approx(1.0)
    apart = evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0]
    assert apart.standard_uncertainty == pytest.approx(0.32, abs=0.005)  # what 5.2.2 calls incorrect


def test_g4_1_product_of_three() -> None:
    quantities = {"X1": known(1.0, 0.0025, 9.0), "X2": known(1.0, 0.0057, 4.0), "X3": known(1.0, 0.0082, 14.0)}
    model = parse_model("Y = X1*X2*X3", quantities=list(quantities))
    found = evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0]
    assert found.standard_uncertainty == pytest.approx(0.0103, abs=5e-5)
    assert found.degrees_of_freedom == pytest.approx(19.0, abs=0.05)
    assert found.coverage_factor == pytest.approx(2.09, abs=0.005)
    assert found.expanded_uncertainty == pytest.approx(0.022, abs=5e-4)


def test_g4_2_reliability_of_a_quarter_is_eight_degrees_of_freedom() -> None:
    assert degrees_of_freedom_of_reliability(0.25) == 8.0
    assert degrees_of_freedom_of_reliability(0.50) == 2.0


@pytest.mark.parametrize(
    ("probability", "nu", "printed"),
    [
        (0.95, 1, 12.71),
        (0.95, 4, 2.78),
        (0.99, 16, 2.92),
        (0.9973, 10, 3.96),
        (0.6827, 5, 1.11),
        (0.95, math.inf, 1.960),
    ],
)
def test_table_g2(probability: float, nu: float, printed: float) -> None:
    assert float(coverage_factor(probability, nu)) == pytest.approx(printed, abs=0.005)


def test_7_2_6_rounding() -> None:
    assert state(10.05762, 0.027).value == "10.058"
    assert state(100.02147, 0.00035).text == "(100.02147 ± 0.00035)"
