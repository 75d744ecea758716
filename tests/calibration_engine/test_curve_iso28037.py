"""ISO/TS 28037:2010 and other published straight lines; tolerances are half of the last printed digit."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration_engine.workbench import calc

from steelyard.calibration.engine.curves.fit import fit_curve
from steelyard.calibration.engine.curves.models import line
from steelyard.calibration.engine.curves.observations import observe
from steelyard.calibration.engine.curves.prediction import invert, predict


def table(**columns: Sequence[float]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def line_of(answer: dict[str, Any]) -> tuple[float, float, float, float, float]:
    """a, u(a), b, u(b), cov(a, b)."""
    a, b = answer["parameters"]["intercept"], answer["parameters"]["slope"]
    covariance = answer["covariance"]["intercept"]["slope"]
    return a["value"], a["standard_uncertainty"], b["value"], b["standard_uncertainty"], covariance


TABLE_4 = table(x=[1, 2, 3, 4, 5, 6], y=[3.3, 5.6, 7.1, 9.3, 10.7, 12.1], u_y=[0.5] * 6)
TABLE_6 = table(x=[1, 2, 3, 4, 5, 6], y=[3.2, 4.3, 7.6, 8.6, 11.7, 12.8], u_y=[0.5] * 3 + [1] * 3)
TABLE_10 = table(
    x=[1.2, 1.9, 2.9, 4.0, 4.7, 5.9],
    u_x=[0.2] * 6,
    y=[3.4, 4.4, 7.2, 8.5, 10.8, 13.5],
    u_y=[0.2] * 3 + [0.4] * 3,
)


def test_clause_6_equal_weights() -> None:
    """Table 4; 6.3 for the test, clause 11 for the use."""
    answer = calc(
        "curve", TABLE_4, "--model", "line", "--inverse-at", "10.5", "--u-inverse-at", "0.5",
        "--at", "3.5,4.5", "--u-at", "0.2,0.4",
    )  # fmt: skip
    assert line_of(answer) == pytest.approx((1.867, 0.465, 1.757, 0.120, -0.050), abs=5e-4)
    assert answer["chi_square"] == pytest.approx(1.665, abs=5e-4)
    assert answer["chi_square_95"] == pytest.approx(9.488, abs=5e-4)
    assert answer["degrees_of_freedom"] == 4
    assert answer["consistent"] is True
    first, second, inverse = answer["predictions"]
    assert (first["y"], first["standard_uncertainty"]) == pytest.approx((8.017, 0.406), abs=5e-4)
    assert (second["y"], second["standard_uncertainty"]) == pytest.approx((9.774, 0.742), abs=1e-3)
    assert (inverse["x"], inverse["standard_uncertainty"]) == pytest.approx((4.913, 0.322), abs=5e-4)
    assert [each["direction"] for each in answer["predictions"]] == ["forward", "forward", "inverse"]


def test_clause_6_unequal_weights() -> None:
    """Table 6."""
    answer = calc("curve", TABLE_6, "--model", "line", "--inverse-at", "10.5", "--u-inverse-at", "1")
    assert line_of(answer) == pytest.approx((0.885, 0.530, 2.057, 0.178, -0.082), abs=5e-4)
    assert answer["chi_square"] == pytest.approx(4.131, abs=5e-4)
    assert answer["chi_square_95"] == pytest.approx(9.488, abs=5e-4)
    (inverse,) = answer["predictions"]
    assert (inverse["x"], inverse["standard_uncertainty"]) == pytest.approx((4.674, 0.533), abs=5e-4)


def test_clause_7_uncertain_x_and_y() -> None:
    """Table 10: generalized distance regression."""
    answer = calc("curve", TABLE_10, "--model", "line", "--at", "3.5,4.5", "--u-at", "0.2,0.4")
    assert line_of(answer) == pytest.approx((0.5788, 0.4764, 2.1597, 0.1355, -0.0577), abs=5e-5)
    assert answer["chi_square"] == pytest.approx(2.743, abs=5e-4)
    assert answer["chi_square_95"] == pytest.approx(9.488, abs=5e-4)
    first, second = answer["predictions"]
    assert (first["y"], first["standard_uncertainty"]) == pytest.approx((8.138, 0.484), abs=1e-3)
    assert (second["y"], second["standard_uncertainty"]) == pytest.approx((10.297, 0.909), abs=1e-3)
    assert answer["converged"] is True


def test_poly_1_and_an_expression_fit_the_same_line() -> None:
    expected = line_of(calc("curve", TABLE_10, "--model", "line"))
    polynomial = calc("curve", TABLE_10, "--model", "poly:1")["parameters"]
    assert (polynomial["b0"]["value"], polynomial["b1"]["value"]) == pytest.approx(
        (expected[0], expected[2]), rel=1e-12
    )
    own = calc("curve", TABLE_10, "--model", "y = offset + gain*x")["parameters"]
    assert own["gain"]["standard_uncertainty"] == pytest.approx(expected[3], rel=1e-12)


def test_mathioulakis_and_belessiotis_temperature_sensor() -> None:
    """Meas. Sci. Technol. 11 (2000) 771; covariance by the comment in GTC's test, the paper misprints it."""
    reference = [0.1335, 9.9303, 19.8774, 29.8626, 39.8619, 49.8241, 59.7264, 69.6918, 79.674, 89.7215]
    u_reference = [0.0106, 0.0107, 0.0108, 0.011, 0.0113, 0.0115, 0.0098, 0.0101, 0.0104, 0.0107]
    sensor = [0.001, 10.0867, 20.2531, 30.3477, 40.6713, 50.8418, 60.9435, 71.1146, 81.3378, 91.5948]
    u_sensor = [0.0175, 0.0186, 0.0183, 0.0186, 0.0188, 0.0191, 0.0202, 0.0204, 0.021, 0.0217]
    a, u_a, b, u_b, covariance = line_of(
        calc("curve", table(x=sensor, y=reference, u_x=u_sensor, u_y=u_reference), "--model", "line")
    )
    assert (a, u_a) == pytest.approx((0.0991, 0.0123), abs=1e-4)
    assert (b, u_b) == pytest.approx((0.97839, 0.00024), abs=1e-5)
    assert covariance == pytest.approx(-2.41e-6, abs=1e-8)


def test_gum_h3_thermometer() -> None:
    """JCGM 100:2008, H.3, tables H.6 and H.7: uncertainties from the residuals, prediction outside of the data."""
    t = [21.521, 22.012, 22.512, 23.003, 23.507, 23.999, 24.513, 25.002, 25.503, 26.010, 26.511]
    b = [-0.171, -0.169, -0.166, -0.159, -0.164, -0.165, -0.156, -0.157, -0.159, -0.161, -0.160]
    answer = calc("curve", table(t=t, y=b), "--model", "y1 + y2*(t - 20)", "--at", "30", "--extrapolate")
    y1, y2 = answer["parameters"]["y1"], answer["parameters"]["y2"]
    assert (y1["value"], y1["standard_uncertainty"]) == pytest.approx((-0.1712, 0.0029), abs=5e-5)
    assert (y2["value"], y2["standard_uncertainty"]) == pytest.approx((0.00218, 0.00067), abs=5e-6)
    correlation = answer["covariance"]["y1"]["y2"] / (y1["standard_uncertainty"] * y2["standard_uncertainty"])
    assert correlation == pytest.approx(-0.930, abs=5e-4)
    assert answer["residual_standard_deviation"] == pytest.approx(0.0035, abs=5e-5)
    assert answer["degrees_of_freedom"] == 9
    assert answer["chi_square"] is None
    (prediction,) = answer["predictions"]
    assert (prediction["y"], prediction["standard_uncertainty"]) == pytest.approx((-0.1494, 0.0041), abs=5e-5)
    assert prediction["extrapolated"] is True
    # H.3.5: about the mean temperature the two parameters are uncorrelated.
    mean = calc("curve", table(t=t, y=b), "--model", "y1 + y2*(t - 24.008454545454546)")
    assert mean["covariance"]["y1"]["y2"] == pytest.approx(0.0, abs=1e-15)


def test_pearsons_data_with_yorks_weights() -> None:
    """D. York et al., Am. J. Phys. 72 (2004) 367, table II."""
    x = [0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
    y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
    u_x = 1 / np.sqrt([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1])
    u_y = 1 / np.sqrt([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    answer = calc("curve", table(x=x, y=y, u_x=list(u_x), u_y=list(u_y)), "--model", "line")
    a, u_a, b, u_b, _ = line_of(answer)
    assert (a, b) == pytest.approx((5.47991022, -0.480533407), abs=5e-9)
    assert (u_a, u_b) == pytest.approx((0.295, 0.058), abs=5e-4)
    assert answer["chi_square"] == pytest.approx(11.8663531941, abs=5e-10)


def test_full_covariance_matrices_that_are_diagonal_change_nothing(tmp_path: Path) -> None:
    x, y = tmp_path / "x.csv", tmp_path / "y.csv"
    np.savetxt(x, np.eye(6) * 0.04, delimiter=",")
    np.savetxt(y, np.diag([0.04] * 3 + [0.16] * 3), delimiter=",")
    data = table(x=[1.2, 1.9, 2.9, 4.0, 4.7, 5.9], y=[3.4, 4.4, 7.2, 8.5, 10.8, 13.5])
    answer = calc("curve", data, "--model", "line", "--covariance-x", str(x), "--covariance-y", str(y))
    assert line_of(answer) == pytest.approx((0.5788, 0.4764, 2.1597, 0.1355, -0.0577), abs=5e-5)
    only_y = calc("curve", data, "--model", "line", "--covariance-y", str(y))
    by_column = table(x=[1.2, 1.9, 2.9, 4.0, 4.7, 5.9], y=[3.4, 4.4, 7.2, 8.5, 10.8, 13.5], u_y=[0.2] * 3 + [0.4] * 3)
    assert line_of(only_y) == pytest.approx(line_of(calc("curve", by_column, "--model", "line")), rel=1e-12)


def test_clause_9_covariance_of_y_is_generalized_least_squares() -> None:
    """Against the closed form (A' V^-1 A)^-1 A' V^-1 y, with a systematic error common to blocks of observations."""
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    y = np.array([1.3, 4.1, 6.9, 7.5, 10.2, 12.0, 14.5, 17.1, 19.5, 21.0])
    variance = np.eye(10) + np.kron(np.eye(2), np.full((5, 5), 1.0)) + 2.0
    fit = fit_curve(line(), observe({"x": x}, y, covariance_y=variance))
    design = np.column_stack([np.ones(10), x])
    weighted = design.T @ np.linalg.inv(variance)
    covariance = np.linalg.inv(weighted @ design)
    assert fit.values == pytest.approx(covariance @ weighted @ y, rel=1e-12)
    assert fit.covariance == pytest.approx(covariance, rel=1e-12)
    residuals = y - design @ fit.values
    assert fit.chi_square == pytest.approx(residuals @ np.linalg.inv(variance) @ residuals, rel=1e-12)


def test_clause_8_covariance_of_x_and_y_turns_both_the_same_way() -> None:
    """With errors that are wholly common, y - x has none: the line y = c + x is as sure as the rest allows."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    u = np.full(4, 0.5)
    together = observe({"x": x}, x + 2.0, u_x={"x": u}, u_y=u * 1.001, covariance_xy={"x": u * u})
    apart = observe({"x": x}, x + 2.0, u_x={"x": u}, u_y=u * 1.001)
    assert (
        fit_curve(line(), together).standard_uncertainties[1]
        < 0.05 * fit_curve(line(), apart).standard_uncertainties[1]
    )


def test_weights_known_up_to_a_factor_give_the_same_line_whatever_the_factor() -> None:
    """Annex E: the factor is taken from the residuals."""
    x, y = [1.0, 2, 3, 4, 5, 6], [3.2, 4.3, 7.6, 8.6, 11.7, 12.8]
    weights = np.array([0.5, 0.5, 0.5, 1, 1, 1])
    fits = [
        fit_curve(line(), observe({"x": x}, y, u_y=factor * weights), scale_uncertainties=True) for factor in (1, 1000)
    ]
    assert fits[0].covariance == pytest.approx(fits[1].covariance, rel=1e-12)
    assert fits[0].standard_uncertainties[0] == pytest.approx(0.5297081435088364 * (4.130801687763711 / 4) ** 0.5)
    answer = calc("curve", TABLE_6, "--model", "line", "--scale-uncertainties")
    assert answer["uncertainties_scaled"] is True
    assert answer["parameters"]["slope"]["standard_uncertainty"] == pytest.approx(fits[0].standard_uncertainties[1])


def test_forward_and_backward_are_inverse_to_each_other() -> None:
    fit = fit_curve(line(), observe({"x": [1.0, 2, 3, 4]}, [2.1, 3.9, 6.2, 7.8], u_y=[0.1] * 4))
    there = predict(fit, {"x": 2.5})
    back = invert(fit, there.y)
    assert back.x["x"] == pytest.approx(2.5, rel=1e-14)
    assert back.standard_uncertainty == pytest.approx(there.standard_uncertainty / fit.values[1], rel=1e-12)
