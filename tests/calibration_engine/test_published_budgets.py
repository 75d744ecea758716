"""Budgets of NIST TN 1900, JCGM 102 and NPL DEM-ES-011; Monte Carlo to the printed digits that so many trials give."""

import json
from typing import Any

import pytest
from calibration_engine.workbench import calc, refusal

TRIALS = 400_000


def normal(value: float, u: float, **more: float) -> dict[str, Any]:
    return {"value": value, "standard_uncertainty": u, **more}


def budget(model: str, quantities: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answer to a budget given as JSON, with Monte Carlo."""
    document = {"model": model, "quantities": quantities, "monte_carlo": {"trials": TRIALS, "seed": 1}, **more}
    return calc("budget", json.dumps(document))


def test_tn_1900_e3_falling_ball_viscometer() -> None:
    """Monte Carlo: 5.82, 1.11, 95 % from 4.05 to 8.39; the printed 1.11 for the GUM too is that of Monte Carlo."""
    answer = budget(
        "mu = mu_C * (rho_B - rho_M)/(rho_B - rho_C) * t_M/t_C",
        {
            "mu_C": normal(4.63, 0.0463), "t_M": normal(61, 6.1), "t_C": normal(36.6, 5.49),
            "rho_B": normal(2217, 0.5), "rho_M": normal(1180, 0.5), "rho_C": normal(810, 0.5),
        },
    )  # fmt: skip
    drawn = answer["monte_carlo"]["outputs"]["mu"]
    assert answer["outputs"]["mu"]["value"] == pytest.approx(5.69, abs=5e-3)
    assert (drawn["value"], drawn["standard_uncertainty"]) == pytest.approx((5.82, 1.11), abs=0.01)
    assert drawn["symmetric_interval"] == pytest.approx([4.05, 8.39], abs=0.03)


def test_tn_1900_e11_step_attenuator() -> None:
    """30.043 dB, u = 0.0224 dB: normal, rectangular and arcsine quantities, one with 3 degrees of freedom."""

    def limits(distribution: str, half_width: float, value: float = 0.0) -> dict[str, Any]:
        return {"distribution": distribution, "value": value, "half_width": half_width}

    answer = budget(
        "L_X = L_S + dL_S + dL_D + dL_M + dL_K + dL_ib - dL_ia + dL_0b - dL_0a",
        {
            "L_S": normal(30.0402, 0.0091, degrees_of_freedom=3), "dL_S": limits("rectangular", 0.00433, 0.003),
            "dL_D": limits("arcsine", 0.00198), "dL_M": limits("arcsine", 0.02828),
            "dL_K": limits("arcsine", 0.0029698),
            "dL_ia": limits("rectangular", 0.0005196), "dL_ib": limits("rectangular", 0.0005196),
            "dL_0a": normal(0, 0.002), "dL_0b": normal(0, 0.002),
        },
    )["outputs"]["L_X"]  # fmt: skip
    assert answer["value"] == pytest.approx(30.043, abs=5e-4)
    assert answer["standard_uncertainty"] == pytest.approx(0.0224, abs=5e-5)
    assert next(iter(answer["contributions"])) == "dL_M"


def test_tn_1900_e13_thermal_expansion() -> None:
    """1.7266e-5 and 1.76e-6 per degree Celsius, four quantities of 3 degrees of freedom."""
    quantities = {
        name: normal(value, u, degrees_of_freedom=3)
        for name, value, u in [
            ("L0", 1.4999, 0.0001), ("L1", 1.5021, 0.0002), ("T0", 288.15, 0.02), ("T1", 373.10, 0.05),
        ]
    }  # fmt: skip
    answer = budget("alpha = (L1 - L0)/(L0*(T1 - T0))", quantities)["outputs"]["alpha"]
    assert answer["value"] == pytest.approx(1.7266e-5, abs=5e-10)
    assert answer["standard_uncertainty"] == pytest.approx(1.76e-6, abs=5e-9)


def test_tn_1900_e15_reflection_coefficient() -> None:
    """0.0074 and 0.0031, u = 0.0050 and 0.0045, r = 0.0323 in real and imaginary part, from moduli and arguments."""
    parts = {
        "S22": (0.24776, 0.00337, 4.88683, 0.01392), "S12": (0.49935, 0.00340, 4.78595, 0.00835),
        "S23": (0.24971, 0.00170, 4.85989, 0.00842), "S13": (0.49952, 0.00340, 4.79054, 0.00835),
    }  # fmt: skip
    model = "\n".join(f"{name} = complex(m{name}*cos(p{name}), m{name}*sin(p{name}))" for name in parts)
    quantities = {}
    for name, (modulus, u_modulus, argument, u_argument) in parts.items():
        quantities |= {f"m{name}": normal(modulus, u_modulus), f"p{name}": normal(argument, u_argument)}
    answer = budget(f"{model}\nGamma = S22 - S12*S23/S13", quantities, outputs=["Gamma"])
    for found in (answer["outputs"], answer["monte_carlo"]["outputs"]):
        assert found["Gamma.re"]["value"] == pytest.approx(0.0074, abs=5e-5)
        assert found["Gamma.im"]["value"] == pytest.approx(0.0031, abs=5e-5)
        assert found["Gamma.re"]["standard_uncertainty"] == pytest.approx(0.0050, abs=5e-5)
        assert found["Gamma.im"]["standard_uncertainty"] == pytest.approx(0.0045, abs=5e-5)
    assert answer["correlation"]["Gamma.re"]["Gamma.im"] == pytest.approx(0.0323, abs=5e-4)


# Real part, coefficient; modulus, its u, argument, its u by Monte Carlo.
JCGM_102_9_3 = [
    (0.001, 0.0, 0.013, 0.007, 0.000, 1.744),
    (0.001, 0.9, 0.012, 0.008, -0.556, 1.599),
    (0.010, 0.9, 0.015, 0.008, -0.343, 0.903),
]


@pytest.mark.parametrize(("x1", "r", "modulus", "u_modulus", "argument", "u_argument"), JCGM_102_9_3)
def test_jcgm_102_9_3_modulus_and_argument(
    x1: float, r: float, modulus: float, u_modulus: float, argument: float, u_argument: float
) -> None:
    answer = budget(
        "y1 = sqrt(x1^2 + x2^2); y2 = atan2(x2, x1)",
        {"x1": normal(x1, 0.01), "x2": normal(0.0, 0.01)},
        outputs=["y1", "y2"],
        correlations=[{"between": ["x1", "x2"], "coefficient": r}],
    )
    first, second = answer["outputs"]["y1"], answer["outputs"]["y2"]
    assert (first["value"], first["standard_uncertainty"]) == pytest.approx((x1, 0.010), abs=5e-4)
    assert (second["value"], second["standard_uncertainty"]) == pytest.approx((0.0, 0.01 / x1), abs=5e-4)
    drawn = answer["monte_carlo"]["outputs"]
    assert drawn["y1"]["value"] == pytest.approx(modulus, abs=5e-4)
    assert drawn["y1"]["standard_uncertainty"] == pytest.approx(u_modulus, abs=5e-4)
    assert drawn["y2"]["value"] == pytest.approx(argument, abs=0.01)
    assert drawn["y2"]["standard_uncertainty"] == pytest.approx(u_argument, abs=0.005)


def test_npl_logarithm_of_a_rectangular_quantity() -> None:
    """NPL report DEM-ES-011, table 9.2: the shortest interval of ln X, X between 0.1 and 1.1."""
    answer = budget("y = log(x)", {"x": {"distribution": "rectangular", "lower": 0.1, "upper": 1.1}})
    plain, drawn = answer["outputs"]["y"], answer["monte_carlo"]["outputs"]["y"]
    assert (plain["value"], plain["standard_uncertainty"]) == pytest.approx((-0.511, 0.481), abs=5e-4)
    assert plain["interval"][1] == pytest.approx(0.432, abs=5e-4)
    assert (drawn["value"], drawn["standard_uncertainty"]) == pytest.approx((-0.665, 0.606), abs=2e-3)
    assert drawn["shortest_interval"] == pytest.approx([-1.895, 0.095], abs=4e-3)


def test_where_there_is_no_derivative_monte_carlo_answers_alone() -> None:
    """The modulus of a quantity about zero is half-normal: mean √(2/π), variance 1 - 2/π."""
    answer = budget("y = abs(x); z = 2*x", {"x": normal(0.0, 1.0)}, outputs=["y", "z"])
    drawn = answer["monte_carlo"]["outputs"]["y"]
    assert drawn["value"] == pytest.approx(0.7979, abs=3e-3)
    assert drawn["standard_uncertainty"] == pytest.approx(0.6028, abs=3e-3)
    assert drawn["symmetric_interval"] == pytest.approx([0.0313, 2.2414], abs=0.02)
    assert drawn["validation"] is None
    assert answer["outputs"]["y"]["value"] == 0.0
    assert answer["outputs"]["y"]["standard_uncertainty"] is None
    assert answer["outputs"]["z"]["standard_uncertainty"] == 2.0
    alone = 'model = "y = abs(x)"\nquantities.x = { value = 0, standard_uncertainty = 1 }'
    assert "no derivative" in refusal("budget", alone)
