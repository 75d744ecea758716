"""Published regressions other than NIST's and ISO's; tolerances are half of the last printed digit."""

import pytest
from calibration_engine.workbench import calc

HALD = """x1,x2,x3,x4,y
7,26,6,60,78.5
1,29,15,52,74.3
11,56,8,20,104.3
11,31,8,47,87.6
7,52,6,33,95.9
11,55,9,22,109.2
3,71,17,6,102.7
1,31,22,44,72.5
2,54,18,22,93.1
21,47,4,26,115.9
1,40,23,34,83.8
11,66,9,12,113.3
10,68,8,12,109.4
"""
ANSCOMBE = {
    "I": ([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5], [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]),
    "II": ([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5], [9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74]),
    "III": (
        [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5],
        [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73],
    ),
    "IV": ([8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8], [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89]),
}


def test_hald_cement() -> None:
    """A. Hald, Statistical Theory with Engineering Applications (1952); N. Draper, H. Smith, Applied Regression."""
    answer = calc("curve", HALD, "--model", "b0 + b1*x1 + b2*x2 + b3*x3 + b4*x4", "--at", "x1=7,x2=26,x3=6,x4=60")
    values = [(each["value"], each["standard_uncertainty"]) for each in answer["parameters"].values()]
    expected = [(62.4054, 70.0710), (1.5511, 0.7448), (0.5102, 0.7238), (0.1019, 0.7547), (-0.1441, 0.7091)]
    for found, printed in zip(values, expected, strict=True):
        assert found == pytest.approx(printed, abs=6e-5)
    assert answer["residual_standard_deviation"] == pytest.approx(2.446, abs=5e-4)
    assert answer["residual_sum_of_squares"] == pytest.approx(47.8636, abs=6e-5)
    assert answer["r_squared"] == pytest.approx(0.9824, abs=5e-5)
    (prediction,) = answer["predictions"]
    assert prediction["x"] == {"x1": 7.0, "x2": 26.0, "x3": 6.0, "x4": 60.0}
    assert prediction["y"] == pytest.approx(78.4952, abs=6e-5)


@pytest.mark.parametrize("which", ANSCOMBE)
def test_anscombes_quartet(which: str) -> None:
    """F. J. Anscombe, The American Statistician 27 (1973) 17: four data sets, one line."""
    x, y = ANSCOMBE[which]
    rows = "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True))
    answer = calc("curve", f"x,y\n{rows}\n", "--model", "line")
    intercept, slope = answer["parameters"]["intercept"], answer["parameters"]["slope"]
    assert (intercept["value"], slope["value"]) == (pytest.approx(3.00, abs=5e-3), pytest.approx(0.500, abs=5e-4))
    assert slope["standard_uncertainty"] == pytest.approx(0.118, abs=5e-4)
    assert answer["r_squared"] == pytest.approx(0.667, abs=1e-3)


def test_puromycin_michaelis_menten_without_start_of_the_linear_parameter() -> None:
    """D. M. Bates, D. G. Watts, Nonlinear Regression Analysis (1988), 2.3: treated with puromycin."""
    x = [0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.10, 1.10]
    y = [76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200]
    rows = "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True))
    answer = calc("curve", f"x,y\n{rows}\n", "--model", "vmax*x/(k + x)", "--start", "k=0.05")
    vmax, k = answer["parameters"]["vmax"], answer["parameters"]["k"]
    assert (vmax["value"], vmax["standard_uncertainty"]) == pytest.approx((212.7, 6.947), abs=0.05)
    assert (k["value"], k["standard_uncertainty"]) == pytest.approx((0.06412, 0.008281), abs=5e-6)
    assert answer["residual_standard_deviation"] == pytest.approx(10.93, abs=5e-3)
