"""Risks and consensus values as other programs print them."""

import json
import math
from statistics import NormalDist

import pytest
from calibration_engine.workbench import calc

# NCSLI draft RP-19: in-tolerance probability; false-accept risk and that of an accepted item in per cent, ratio 4 of
# the production's to the measurement's standard deviation. suncal's digits; its quadrature is good to six decimals.
RP_19 = [
    (0.60, 4.838603, 8.260082), (0.70, 3.922341, 5.723220), (0.80, 2.855830, 3.632271),
    (0.90, 1.599953, 1.798804), (0.95, 0.871009, 0.923897), (0.99, 0.199917, 0.202439),
]  # fmt: skip

# G. A. Colditz et al., JAMA 271 (1994) 698: tuberculosis among the vaccinated and others, cases and the rest; dat.bcg
# of R's metafor.
BCG = [
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
]  # fmt: skip


@pytest.mark.parametrize(("in_tolerance", "false_accept", "conditional"), RP_19)
def test_false_accepts_of_draft_rp_19(in_tolerance: float, false_accept: float, conditional: float) -> None:
    deviation = 1.0 / NormalDist().inv_cdf(0.5 * (1.0 + in_tolerance))
    answer = calc(
        "conformity",
        json.dumps(
            {
                "lower": -1,
                "upper": 1,
                "prior": {"value": 0, "standard_uncertainty": deviation},
                "measurement_standard_uncertainty": deviation / 4.0,
            }
        ),
    )
    assert 100.0 * answer["global_consumer_risk"] == pytest.approx(false_accept, abs=2e-6)
    assert 100.0 * answer["conditional_false_accept"] == pytest.approx(conditional, abs=2e-6)


@pytest.mark.parametrize(
    ("method", "value", "uncertainty", "variance"),
    [
        ("weighted-mean", -0.4303, 0.0405, 0.0),
        ("dersimonian-laird", -0.7141, 0.1787, 0.3088),
        ("paule-mandel", -0.7150, 0.1809, 0.3181),
    ],
)
def test_thirteen_trials_of_a_vaccine(method: str, value: float, uncertainty: float, variance: float) -> None:
    rows = ["laboratory,value,standard_uncertainty"]
    for trial, (a, b, c, d) in enumerate(BCG):
        u = math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
        rows.append(f"{trial},{math.log(a / (a + b) * (c + d) / c)!r},{u!r}")
    answer = calc("compare", "\n".join(rows), "--method", method)
    assert answer["value"] == pytest.approx(value, abs=5e-5)
    assert answer["standard_uncertainty"] == pytest.approx(uncertainty, abs=5e-5)
    assert answer["between_laboratory_standard_deviation"] ** 2 == pytest.approx(variance, abs=5e-5)
    assert answer["chi_square"] == pytest.approx(152.2330, abs=5e-5)
    assert answer["consistent"] is False


# JCGM 106:2012, 9.5.3: resistors of 1500 ohm ± 0.2 ohm, u0 = 0.12 ohm, um = 0.04 ohm; R_C and R_P as printed.
@pytest.mark.parametrize(
    ("band", "consumer", "producer"), [(0.0, 0.02, 0.04), (0.02, 0.01, 0.07)], ids=["simple", "guarded"]
)
def test_precision_resistors_of_jcgm_106(band: float, consumer: float, producer: float) -> None:
    document = {
        "lower": 1499.8,
        "upper": 1500.2,
        "prior": {"value": 1500, "standard_uncertainty": 0.12},
        "measurement_standard_uncertainty": 0.04,
        "acceptance": {"lower": 1499.8 + band, "upper": 1500.2 - band},
    }
    answer = calc("conformity", json.dumps(document))
    assert answer["global_consumer_risk"] == pytest.approx(consumer, abs=5e-3)
    assert answer["global_producer_risk"] == pytest.approx(producer, abs=5e-3)
    assert answer["test_uncertainty_ratio"] == pytest.approx(2.5)


def test_ball_bearings_of_jcgm_106() -> None:
    """JCGM 106:2012, 9.5.4: radial error motion, gamma-distributed, at most 2 um; digits of suncal's notebook."""
    document = {
        "upper": 2,
        "prior": {"distribution": "gamma", "shape": 4, "scale": 0.25},
        "measurement_standard_uncertainty": 0.25,
    }
    answer = calc("conformity", json.dumps(document))
    assert 1.0 - answer["prior_conformance_probability"] == pytest.approx(0.04238011199168401, rel=1e-12)
    assert answer["global_consumer_risk"] == pytest.approx(0.008019111884303471, rel=1e-11)
    guarded = calc("conformity", json.dumps(document | {"target_consumer_risk": 0.001}))
    assert guarded["acceptance_limits"]["upper"] == pytest.approx(1.671828771543956, abs=5e-11)


def test_an_infinite_limit_is_none() -> None:
    one = {"upper": -5.40, "value": -5.47, "standard_uncertainty": 0.05}
    assert calc("conformity", json.dumps(one | {"lower": -math.inf})) == calc("conformity", json.dumps(one))
