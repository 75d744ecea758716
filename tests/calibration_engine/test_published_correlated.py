"""Budgets whose inputs were observed together or have few degrees of freedom, with the digits of other programs."""

import json
from typing import Any

import pytest
from calibration_engine.workbench import calc, refusal


def stated(value: float, u: float, nu: float | None = None) -> dict[str, Any]:
    return {"value": value, "standard_uncertainty": u} | ({} if nu is None else {"degrees_of_freedom": nu})


def rectangular(value: float, half_width: float, nu: float | None = None) -> dict[str, Any]:
    known = {"distribution": "Uniform", "value": value, "half_width": half_width}
    return known | ({} if nu is None else {"degrees_of_freedom": nu})


# JCGM 100:2008, H.2: means, uncertainties and coefficients as printed, with 5 degrees of freedom; outputs and digits of
# GTC's test suite (Measurement Standards Laboratory of New Zealand).
IMPEDANCE: dict[str, Any] = {
    "model": "R = V*cos(phi)/I; X = V*sin(phi)/I; Z = V/I",
    "outputs": ["R", "X", "Z"],
    "quantities": {
        "V": stated(4.999, 0.0032, 5),
        "I": stated(0.019661, 0.0000095, 5),
        "phi": stated(1.04446, 0.00075, 5),
    },
    "correlations": [
        {"between": ["V", "I"], "coefficient": -0.36},
        {"between": ["V", "phi"], "coefficient": 0.86},
        {"between": ["I", "phi"], "coefficient": -0.65},
    ],
    "simultaneous": [["V", "I", "phi"]],
}


def test_h2_from_its_means_and_coefficients_keeps_the_degrees_of_freedom_of_the_observations() -> None:
    answer = calc("budget", json.dumps(IMPEDANCE | {"monte_carlo": {"trials": 100_000}}))
    printed = {"R": 0.0699787279884, "X": 0.295716826846, "Z": 0.236602971835}
    for name, u in printed.items():
        found = answer["outputs"][name]
        assert found["standard_uncertainty"] == pytest.approx(u, rel=1e-11)
        assert found["degrees_of_freedom"] == pytest.approx(5.0, rel=1e-12)
        assert found["coverage_factor"] == pytest.approx(2.57058, abs=5e-6)
        # Multivariate t with 6 - 3 degrees of freedom and scale u √(5/3) (JCGM 102:2011, 5.3.2).
        low, high = answer["monte_carlo"]["outputs"][name]["symmetric_interval"]
        assert high - low == pytest.approx(2.0 * 3.182446 * u * (5.0 / 3.0) ** 0.5, rel=0.03)
    assert answer["correlation"]["R"]["X"] == pytest.approx(-0.591484610819, abs=1e-12)
    assert answer["correlation"]["X"]["Z"] == pytest.approx(0.992797472722, abs=1e-12)
    assert answer["correlation"]["R"]["Z"] == pytest.approx(-0.490623905441, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "nu", "word"), [("I", 4, "one number of degrees of freedom"), ("phi", None, "nor degrees of freedom")]
)
def test_what_was_observed_together_has_one_number_of_degrees_of_freedom(name: str, nu: int | None, word: str) -> None:
    changed = IMPEDANCE["quantities"] | {name: stated(1.0, 0.001, nu)}
    message = refusal("budget", json.dumps(IMPEDANCE | {"quantities": changed}))
    assert "simultaneous[0]" in message
    assert word in message


def test_h1_to_the_digits_of_gtc() -> None:
    answer = calc(
        "budget",
        json.dumps(
            {
                "model": "y = L + d - L*(da*theta + alpha*dt); d = d1 + d2 + d3; theta = t1 + t2",
                "outputs": ["d", "theta", "y"],
                "coverage_probability": 0.99,
                "quantities": {
                    "d1": stated(0, 5.8, 24),
                    "d2": stated(0, 3.9, 5),
                    "d3": stated(0, 6.7, 8),
                    "L": stated(5e7, 25, 18),
                    "t1": stated(-0.1, 0.2),
                    "t2": {"distribution": "U-shaped", "value": 0, "half_width": 0.5},
                    "alpha": rectangular(11.5e-6, 2e-6),
                    "da": rectangular(0, 1e-6, 50),
                    "dt": rectangular(0, 0.05, 2),
                },
            }
        ),
    )["outputs"]
    found = {name: (each["standard_uncertainty"], each["degrees_of_freedom"]) for name, each in answer.items()}
    assert found["d"] == pytest.approx((9.68194195397, 25.4472507774), rel=1e-11)
    assert found["theta"] == (pytest.approx(0.406201920232, rel=1e-11), None)
    assert found["y"] == pytest.approx((31.6637674111, 16.7521475092), rel=1e-11)
    assert answer["y"]["coverage_factor"] == pytest.approx(2.92, abs=5e-3)


def test_x_ray_fluorescence_of_sandias_course() -> None:
    """Sandia ENGR224, slides 113 to 118, as suncal's tests quote them: u, y, nu_eff, U."""
    quantities = {"X1": stated(0.1820, 0.00093, 9), "X2": stated(0.1823, 0.00058, 19), "Yu": stated(0.6978, 0.0026, 19)}
    answer = calc("budget", json.dumps({"model": "yc = X1/X2*Yu", "quantities": quantities}))["outputs"]["yc"]
    assert answer["standard_uncertainty"] == pytest.approx(0.00494, abs=1e-5)
    assert answer["value"] == pytest.approx(0.6967, abs=5e-5)
    assert answer["degrees_of_freedom"] == pytest.approx(27.7, abs=0.5)
    assert answer["expanded_uncertainty"] == pytest.approx(0.0101, abs=5e-5)


# M. G. Cox, P. M. Harris, Anal. Chim. Acta 380 (1999) 339: mean mu + q^k, standard deviation h √((n + ½)(n + 1)/3).
@pytest.mark.parametrize("k", range(0, 31, 5))
def test_reference_data_of_cox_and_harris(k: int) -> None:
    mu, h, q, n = 3.172, 0.1, 1.5, 1000
    values = [mu + q**k - h * each for each in range(-n, n + 1)]
    answer = calc("budget", json.dumps({"model": "y = x", "quantities": {"x": {"observations": values}}}))
    found = answer["outputs"]["y"]
    assert found["value"] == pytest.approx(mu + q**k, rel=1e-14)
    deviation = h * ((n + 0.5) * (n + 1) / 3.0) ** 0.5
    assert found["standard_uncertainty"] * (2 * n + 1) ** 0.5 == pytest.approx(deviation, rel=1e-12)
    assert found["degrees_of_freedom"] == 2 * n


@pytest.mark.parametrize("words", ["infinite", "Infinity", "∞"])
def test_infinite_degrees_of_freedom_in_words(words: str) -> None:
    document = {"model": "y = x", "quantities": {"x": stated(1.0, 0.1) | {"degrees_of_freedom": words}}}
    assert calc("budget", json.dumps(document))["outputs"]["y"]["degrees_of_freedom"] is None


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Gaussian", {"value": 1.0, "standard_uncertainty": 0.1}),
        ("Student-t", {"value": 1.0, "scale": 0.1, "degrees_of_freedom": 5}),
        ("student's t", {"value": 1.0, "scale": 0.1, "degrees_of_freedom": 5}),
        ("Triangle", {"value": 1.0, "half_width": 0.01 * 600**0.5}),
        ("U-shaped", {"value": 1.0, "half_width": 0.01 * 200**0.5}),
        ("arcsin", {"value": 1.0, "half_width": 0.01 * 200**0.5}),
        ("uniform", {"value": 1.0, "half_width": 0.01 * 300**0.5}),
    ],
)
def test_distributions_by_their_other_names(written: str, known: dict[str, float]) -> None:
    document = {"model": "y = x", "quantities": {"x": {"distribution": written} | known}, "monte_carlo": True}
    if "degrees_of_freedom" in known:
        document["monte_carlo"] = False
    answer = calc("budget", json.dumps(document))
    assert answer["outputs"]["y"]["standard_uncertainty"] == pytest.approx(0.1)
    assert ("monte_carlo" in answer) == document["monte_carlo"]
