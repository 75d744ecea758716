"""Published budgets other than the Guide's and EA's own; tolerances are half of the last printed digit."""

import math

import pytest
from calibration_engine.workbench import calc

STEFAN_BOLTZMANN = """
model = "sigma = 32*pi^5*h*R^4*Rinf^4 / (15*Ar_e^4*Mu^4*c^6*alpha^8)"
coverage_probability = {p}
monte_carlo = {{ trials = 200000, seed = 10 }}
[quantities]
h = {{ value = 6.62606957e-34, standard_uncertainty = 2.9e-41 }}
R = {{ value = 8.3144621, standard_uncertainty = 7.5e-6 }}
Rinf = {{ value = 10973731.568539, standard_uncertainty = 5.5e-5 }}
Ar_e = {{ value = 0.00054857990946, standard_uncertainty = 2.2e-13 }}
alpha = {{ value = 0.0072973525698, standard_uncertainty = 2.4e-12 }}
Mu = 0.001
c = {{ value = 299792458, unit = "m/s" }}
"""


@pytest.mark.parametrize(("p", "low", "high"), [(0.99, 5.67032e-8, 5.67043e-8), (0.68, 5.67035e-8, 5.67039e-8)])
def test_nist_uncertainty_machine_example_10(p: float, low: float, high: float) -> None:
    """NIST Uncertainty Machine, user's manual, example 10: the Stefan-Boltzmann constant."""
    answer = calc("budget", STEFAN_BOLTZMANN.format(p=p))
    gum, drawn = answer["outputs"]["sigma"], answer["monte_carlo"]["outputs"]["sigma"]
    for found in (gum, drawn):
        assert found["value"] == pytest.approx(5.67037e-8, abs=5e-14)
        assert found["standard_uncertainty"] == pytest.approx(2.05e-13, abs=0.02e-13)
    assert gum["standard_uncertainty"] == pytest.approx(2.05e-13, abs=5e-16)
    for interval in (gum["interval"], drawn["symmetric_interval"], drawn["shortest_interval"]):
        assert interval == pytest.approx([low, high], abs=1e-13)


def test_welch_satterthwaite_of_two_terms() -> None:
    """SNL ENGR224: u = 0.57 with 9 degrees of freedom and 0.25 with infinitely many."""
    answer = calc(
        "budget",
        """
        model = "y = a + b"
        [quantities.a]
        value = 0
        standard_uncertainty = 0.57
        degrees_of_freedom = 9
        [quantities.b]
        value = 0
        standard_uncertainty = 0.25
        degrees_of_freedom = inf
        """,
    )
    assert answer["outputs"]["y"]["degrees_of_freedom"] == pytest.approx(12.8, abs=0.1)


def test_quam_a1_calibration_standard() -> None:
    """Eurachem/CITAC CG4 (QUAM:2012), A1: preparation of a cadmium standard, as GTC evaluates it."""
    answer = calc(
        "budget",
        """
        model = ["c = 1000*m*P/V", "V = V_nominal + calibration + repeatability + temperature"]
        [quantities]
        P = { distribution = "rectangular", value = 0.9999, half_width = 0.0001 }
        m = { value = 100.28, standard_uncertainty = 0.05, unit = "mg" }
        V_nominal = { value = 100, unit = "mL" }
        calibration = { distribution = "triangular", value = 0, half_width = 0.1, unit = "mL" }
        repeatability = { value = 0, standard_uncertainty = 0.02, unit = "mL" }
        temperature = { distribution = "rectangular", value = 0, half_width = 0.084, unit = "mL" }
        """,
    )["outputs"]["c"]
    assert answer["value"] == pytest.approx(1002.7, abs=0.05)
    assert answer["standard_uncertainty"] == pytest.approx(0.835199, abs=5e-7)


def test_quam_a2_standardised_sodium_hydroxide() -> None:
    """Eurachem/CITAC CG4 (QUAM:2012), A2: c(NaOH) = 0.10214 mol/L, u = 0.00010 mol/L."""
    answer = calc(
        "budget",
        """
        model = "c_NaOH = rep * 1000*m_KHP*P_KHP / (M_KHP*V_T)"
        [quantities]
        rep = { value = 1.0, standard_uncertainty = 0.0005 }
        m_KHP = { value = 0.3888, standard_uncertainty = 0.00013, unit = "g" }
        P_KHP = { distribution = "rectangular", value = 1.0, half_width = 0.0005 }
        M_KHP = { value = 204.2212, standard_uncertainty = 0.0038, unit = "g/mol" }
        V_T = { value = 18.64, standard_uncertainty = 0.013, unit = "mL" }
        """,
    )["outputs"]["c_NaOH"]
    assert answer["value"] == pytest.approx(0.10214, abs=5e-6)
    assert answer["standard_uncertainty"] == pytest.approx(0.00010, abs=5e-6)
    largest = next(iter(answer["contributions"]))
    assert largest == "V_T"  # figure A2.9


def test_tn_1297_power_of_a_resistor() -> None:
    """JCGM 100:2008, 4.1.2 and 5.1.3, the dissipated power: sensitivities are the printed derivatives."""
    v, r0, alpha, t, t0 = 10.0, 100.0, 3.9e-3, 25.0, 20.0
    answer = calc(
        "budget",
        f"""
        model = "P = V**2 / (R_0*(1 + α*(t - t_0)))"
        [quantities]
        V = {{ value = {v}, standard_uncertainty = 0.01 }}
        R_0 = {{ value = {r0}, standard_uncertainty = 0.1 }}
        "α" = {{ value = {alpha}, standard_uncertainty = 1e-5 }}
        t = {{ value = {t}, standard_uncertainty = 0.1 }}
        t_0 = {{ value = {t0} }}
        """,
    )["outputs"]["P"]
    p, heated = v**2 / (r0 * (1.0 + alpha * (t - t0))), 1.0 + alpha * (t - t0)
    assert answer["value"] == pytest.approx(p)
    assert answer["sensitivities"]["V"] == pytest.approx(2.0 * p / v)
    assert answer["sensitivities"]["R_0"] == pytest.approx(-p / r0)
    assert answer["sensitivities"]["α"] == pytest.approx(-p * (t - t0) / heated)
    assert answer["sensitivities"]["t"] == pytest.approx(-p * alpha / heated)
    assert answer["sensitivities"]["t_0"] is None
    assert answer["contributions"]["t_0"] == 0.0
    assert math.isclose(sum(answer["shares"].values()), 1.0)
