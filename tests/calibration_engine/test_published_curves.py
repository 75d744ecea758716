"""Published curves that a program gives as a table and a model and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from calibration_engine.workbench import calc


def table(**columns: list[float]) -> str:
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(repr, row)) for row in rows)])


def write_matrix(path: Path, matrix: np.ndarray) -> str:
    np.savetxt(path, matrix, delimiter=",")
    return str(path)


# ISO/TS 28037:2010, clause 9: two sets of five observations, each with an error of its own.
SETS = np.eye(10) + np.kron(np.diag([1.0, 4.0]), np.ones((5, 5)))
# Clause 10: masses made up of others, and an indication with a common error.
X_10 = [50.4, 99.0, 149.9, 200.4, 248.5, 299.7, 349.1]
Y_10 = [52.3, 97.8, 149.7, 200.1, 250.4, 300.9, 349.2]
COVARIANCE_X_10 = np.array(
    [
        [0.50, 0.00, 0.25, 0.00, 0.25, 0.00, 0.25],
        [0.00, 1.25, 1.00, 0.00, 0.00, 1.00, 1.00],
        [0.25, 1.00, 1.50, 0.00, 0.25, 1.00, 1.25],
        [0.00, 0.00, 0.00, 1.25, 1.00, 1.00, 1.00],
        [0.25, 0.00, 0.25, 1.00, 1.50, 1.00, 1.25],
        [0.00, 1.00, 1.00, 1.00, 1.00, 2.25, 2.00],
        [0.25, 1.00, 1.25, 1.00, 1.25, 2.00, 2.50],
    ]
)


def test_iso_28037_clause_9_covariance_of_y(tmp_path: Path) -> None:
    y = [1.3, 4.1, 6.9, 7.5, 10.2, 12.0, 14.5, 17.1, 19.5, 21.0]
    matrix = write_matrix(tmp_path / "y.csv", SETS)
    answer = calc("curve", table(x=list(range(1, 11)), y=y), "--model", "line", "--covariance-y", matrix)
    a, b = answer["parameters"]["intercept"], answer["parameters"]["slope"]
    assert (a["value"], a["standard_uncertainty"]) == pytest.approx((-0.6456, 1.2726), abs=5e-5)
    assert (b["value"], b["standard_uncertainty"]) == pytest.approx((2.2014, 0.2015), abs=5e-5)
    assert answer["covariance"]["intercept"]["slope"] == pytest.approx(-0.1669, abs=5e-5)
    assert answer["chi_square"] == pytest.approx(2.07395, abs=5e-6)


def test_iso_28037_clause_10_covariances_of_x_and_y(tmp_path: Path) -> None:
    answer = calc(
        "curve", table(x=X_10, y=Y_10), "--model", "line",
        "--covariance-x", write_matrix(tmp_path / "x.csv", COVARIANCE_X_10),
        "--covariance-y", write_matrix(tmp_path / "y.csv", np.ones((7, 7)) + 4.0 * np.eye(7)),
    )  # fmt: skip
    a, b = answer["parameters"]["intercept"], answer["parameters"]["slope"]
    assert (a["value"], a["standard_uncertainty"]) == pytest.approx((0.3424, 2.0569), abs=5e-5)
    assert (b["value"], b["standard_uncertainty"]) == pytest.approx((1.0012, 0.0090), abs=5e-5)
    assert answer["covariance"]["intercept"]["slope"] == pytest.approx(-0.0129, abs=5e-5)
    assert answer["chi_square"] == pytest.approx(1.772, abs=5e-4)
    assert answer["converged"] is True


def test_natrella_youngs_modulus_against_temperature() -> None:
    """M. G. Natrella, NBS Handbook 91 (1963), worksheet 5-4.1 and page 5-15 (rounded within the worksheet)."""
    x = [30, *range(100, 1600, 100)]
    y = [4642, 4612, 4565, 4513, 4476, 4433, 4389, 4347, 4303, 4251, 4201, 4140, 4100, 4073, 4024, 3999]
    answer = calc("curve", table(x=x, y=y), "--model", "line", "--at", "1200")
    a, b = answer["parameters"]["intercept"], answer["parameters"]["slope"]
    assert a["value"] == pytest.approx(4654.9846, abs=5e-5)
    assert b["value"] == pytest.approx(-0.44985482, abs=5e-9)
    assert a["standard_uncertainty"] ** 2 == pytest.approx(19.879452, abs=2e-6)
    assert b["standard_uncertainty"] ** 2 == pytest.approx(0.000025649045, abs=1e-12)
    assert answer["residual_standard_deviation"] == pytest.approx(9.277617, abs=1e-6)
    assert answer["predictions"][0]["standard_uncertainty"] ** 2 == pytest.approx(10.53, abs=5e-3)


def test_glantz_and_slinker_cosine() -> None:
    """S. A. Glantz, B. K. Slinker, Primer of Applied Regression, 2nd edition (2001), figure 11-7."""
    y = [
        17.3, 15.9, 13.9, 11.6, 5.0, 8.2, 6.0, 0.5, 0.1, 3.3, 3.6, 9, 12.5, 9, 13.5, 10.7, 11.8, 17.4, 12.8, 14.7, 13.0,
        6.7, 2.5, 9, 4.9, 1.1, 0.1, 1.1, 4.7, 5.6, 10.7, 13.4, 17.3, 11.8, 20.2, 19.3, 18.9, 15.7, 4.9, 9, 6.7, 0.9,
        1.3, 0, 0, 2, 6, 3.8, 10.3, 16.2,
    ]  # fmt: skip
    model = "Imax*(cos(2*pi*x/T) + 1)/2"
    answer = calc("curve", table(x=list(range(1, 51)), y=y), "--model", model, "--start", "T=17,Imax=18")
    period, amplitude = answer["parameters"]["T"], answer["parameters"]["Imax"]
    assert (period["value"], amplitude["value"]) == pytest.approx((17.6, 17.4), abs=0.05)
    assert period["standard_uncertainty"] == pytest.approx(0.101838, abs=5e-7)
    assert amplitude["standard_uncertainty"] == pytest.approx(0.65815, abs=5e-6)
    share = answer["covariance"]["T"]["Imax"] / (period["standard_uncertainty"] * amplitude["standard_uncertainty"])
    assert share == pytest.approx(0.0772, abs=5e-5)
    assert answer["residual_sum_of_squares"] == pytest.approx(356, abs=0.5)
