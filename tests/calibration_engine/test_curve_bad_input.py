"""What cannot be fitted is refused with one message that names it."""

from pathlib import Path

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal, run

from steelyard.calibration.engine.curves.errors import (
    CurveError,
    DataError,
    ExtrapolationError,
    InversionError,
    ModelChoiceError,
    SingularDesignError,
)
from steelyard.calibration.engine.curves.fit import fit_curve
from steelyard.calibration.engine.curves.models import expression_model, line, polynomial
from steelyard.calibration.engine.curves.observations import observe
from steelyard.calibration.engine.curves.prediction import invert, predict

GOOD = "x,y\n1,2\n2,3.9\n3,6.1\n4,8\n"
LINE = ("--model", "line")


@pytest.mark.parametrize(
    ("document", "options", "named"),
    [
        ("", LINE, "is empty"),
        ("x,y\n", LINE, "no data"),
        ("x,y\n1,2\n", LINE, "y: '1 observation"),
        ("x,y\n1,2\n2,nan\n", LINE, "line 3, column 'y'"),
        ("x,y\n1,2\n2,three\n", LINE, "line 3, column 'y'"),
        ("x,z\n1,2\n2,3\n", LINE, "column 'y' is missing"),
        ("a,b,y\n1,2,3\n2,3,4\n", LINE, "column 'x' is missing"),
        ("x,y,u_y\n1,2,0.1\n2,3,-0.1\n3,4,.1\n", LINE, "u_y: -0.1: item 2"),
        ("x,y,u_y\n1,2,0.1\n2,3,0\n3,4,.1\n", LINE, "u_y: 0.0: item 2"),
        ("x,y,u_x\n1,2,0.1\n2,3,-0.2\n3,4,.1\n", LINE, "u_x: -0.2: item 2"),
        ("x,y,u_q\n1,2,0.1\n2,3,0.2\n", LINE, "column 'u_q'"),
        ("x,y\n2,2\n2,3\n2,4\n", LINE, "slope"),
        ("x,y\n1,2\n2,3\n", ("--model", "poly:3"), "--model: '4 parameters'"),
        (GOOD, ("--model", "poly:x"), "--model"),
        (GOOD, ("--model", "poly:-1"), "--model"),
        (GOOD, ("--model", "poly:1000"), "--model"),
        (GOOD, ("--model", "a + b*"), "--model"),
        (GOOD, ("--model", "a + b*foo(x)"), "foo"),
        (GOOD, ("--model", "x^2"), "no parameters"),
        (GOOD, ("--model", "a + b*exp(c*x)"), "--start: 'c'"),
        (GOOD, ("--model", "a + b*z"), "'z'"),
        (GOOD, ("--model", "a + b*x + c*x"), "c"),
        (GOOD, ("--model", "a*b*x"), "--start"),
        (GOOD, ("--model", "a*b*x", "--start", "a=1,b=1"), "singular"),
        (GOOD, ("--model", "a + b/(x - 1)"), "--model: 'a + b/(x - 1)': has no finite value at observation 1"),
        (GOOD, ("--model", "a + b*log(x - 1)"), "observation 1"),
        (GOOD, ("--model", "a + b*sqrt(x - 2)"), "observation 1"),
        (GOOD, ("--model", "a + b*y"), "y is the response"),
        (GOOD, ("--model", "z = a + b*x"), "--model: 'z'"),
        (GOOD, ("--model", "log(y) + x = a"), "--model"),
        (GOOD, ("--model", "a + b*x", "--start", "c=1"), "--start: 'c'"),
        (GOOD, ("--model", "a + b*x", "--start", "x=1"), "--start: 'x'"),
        (GOOD, ("--model", "a*exp(b*x)", "--start", "b"), "--start"),
        (GOOD, ("--model", "a*exp(b*x)", "--start", "b=one"), "--start: b"),
        (GOOD, ("--model", "a*exp(b*x)", "--start", "b=nan"), "--start: b"),
        (GOOD, ("--model", "a*exp(b*x)", "--start", "b=1,b=2"), "--start: 'b'"),
        (GOOD, ("--model", "a*log(b*x)", "--start", "a=1,b=-1"), "--start"),
        (GOOD, ("--model", "a + b*x", "--through-zero"), "--through-zero"),
        (GOOD, (*LINE, "--at", "9"), "--at: 9.0"),
        (GOOD, (*LINE, "--at", "two"), "--at"),
        (GOOD, (*LINE, "--inverse-at", "100"), "--inverse-at: 100.0"),
        (GOOD, (*LINE, "--at", "2", "--u-at", "-1"), "--u-at"),
        (GOOD, (*LINE, "--at", "2", "--u-at", "1,2"), "--u-at"),
        (GOOD, ("--covariance-y", "absent.csv", *LINE), "absent.csv"),
        (GOOD, (), "--model"),
        (
            "x,y\n-2,4\n-1,1\n0,0\n1,1\n2,4\n",
            ("--model", "poly:2", "--inverse-at", "1.5"),
            "--inverse-at: 1.5: several",
        ),
    ],
)
def test_the_message_names_what_is_wrong(document: str, options: tuple[str, ...], named: str) -> None:
    assert named in refusal("curve", document, *options)


@pytest.mark.parametrize(
    ("matrix", "named"),
    [
        ("1,0\n0,1\n", "4 x 4"),
        ("1,2,0,0\n2,1,0,0\n0,0,1,0\n0,0,0,1\n", "positive semidefinite"),
        ("1,1,0,0\n0,1,0,0\n0,0,1,0\n0,0,0,1\n", "symmetric"),
        ("1,1,0,0\n1,1,0,0\n0,0,1,0\n0,0,0,1\n", "inverse"),
        ("-1,0,0,0\n0,1,0,0\n0,0,1,0\n0,0,0,1\n", "negative"),
        ("1,nan\n", "finite"),
    ],
)
def test_a_covariance_matrix_that_cannot_be_is_named(tmp_path: Path, matrix: str, named: str) -> None:
    path = tmp_path / "covariance.csv"
    path.write_text(matrix)
    message = refusal("curve", GOOD, *LINE, "--covariance-y", str(path))
    assert named in message
    assert "covariance" in message
    if named not in {"inverse", "finite"}:
        assert "--covariance-x" in refusal("curve", GOOD, *LINE, "--covariance-x", str(path))


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (DataError, {"y": [1.0]}),
        (DataError, {"y": [1.0, np.inf, 2.0]}),
        (DataError, {"y": [[1.0, 2.0, 3.0]]}),
        (DataError, {"y": ["a", "b", "c"]}),
        (DataError, {"y": [1.0, 2.0]}),
        (DataError, {"y": [1.0, 2.0, 3.0], "u_y": [0.1, 0.1]}),
        (DataError, {"y": [1.0, 2.0, 3.0], "u_x": {"z": [0.1, 0.1, 0.1]}}),
        (DataError, {"y": [1.0, 2.0, 3.0], "u_y": [0.1] * 3, "covariance_xy": {"x": [1.0, 0, 0]}}),
        (
            DataError,
            {"y": [1.0, 2.0, 3.0], "u_y": [1.0] * 3, "u_x": {"x": [1.0] * 3}, "covariance_xy": {"x": [2.0, 0, 0]}},
        ),
    ],
)
def test_observations_are_checked(error: type[CurveError], arguments: dict[str, object]) -> None:
    with pytest.raises(error):
        observe({"x": [1.0, 2.0, 3.0]}, **arguments)  # type: ignore[arg-type]


def test_an_error_carries_field_value_and_remedy() -> None:
    with pytest.raises(SingularDesignError) as caught:
        fit_curve(line(), observe({"x": [1.0, 1.0, 1.0]}, [1.0, 2.0, 3.0]))
    assert (caught.value.field, caught.value.value) == ("model", "slope")
    assert "singular design" in caught.value.remedy


def test_extrapolation_is_an_error_unless_allowed_and_then_says_so() -> None:
    fit = fit_curve(line(), observe({"x": [1.0, 2.0, 3.0]}, [1.0, 2.1, 2.9], u_y=[0.1] * 3))
    with pytest.raises(ExtrapolationError, match="1 to 3"):
        predict(fit, {"x": 3.1})
    with pytest.raises(ExtrapolationError, match="1 to 3"):
        invert(fit, 4.0)
    assert predict(fit, {"x": 3.1}, extrapolate=True).extrapolated
    assert not predict(fit, {"x": 3.0}, extrapolate=True).extrapolated
    assert invert(fit, 4.0, extrapolate=True).extrapolated
    assert invert(fit, -400.0, extrapolate=True).x["x"] == pytest.approx((-400.0 - fit.values[0]) / fit.values[1])


def test_a_curve_without_an_inverse_there_says_so() -> None:
    fit = fit_curve(expression_model("a + b*x1 + c*x2", ["x1", "x2"]), observe(
        {"x1": [1.0, 2, 3, 4], "x2": [1.0, 4, 2, 5]}, [1.0, 2, 3, 4.5]
    ))  # fmt: skip
    with pytest.raises(InversionError, match="one regressor"):
        invert(fit, 2.0)
    bowl = fit_curve(polynomial(2), observe({"x": [0.0, 1, 2, 3]}, [1.0, 2, 5, 10]))
    with pytest.raises(InversionError, match="no x"):
        invert(bowl, -5.0, extrapolate=True)


def test_what_does_not_converge_is_not_given_an_uncertainty() -> None:
    """The sum of squares falls without end as c grows: there is no minimum."""
    model = expression_model("a*exp(-c/x)", ["x"])
    data = observe({"x": [1.0, 2.0, 3.0, 4.0]}, [0.0, 0.0, 0.0, 1.0])
    try:
        fit = fit_curve(model, data, start={"a": 1.0, "c": 1.0})
    except (SingularDesignError, ModelChoiceError):
        return
    assert not fit.converged
    assert np.all(np.isnan(fit.covariance))


def test_two_points_and_no_uncertainties_give_a_line_of_unknown_uncertainty() -> None:
    answer = calc("curve", "x,y\n1,2\n2,4\n", *LINE, "--at", "1.5")
    assert answer["parameters"]["slope"] == {"value": 2.0, "standard_uncertainty": None}
    assert answer["residual_standard_deviation"] is None
    assert answer["predictions"][0]["standard_uncertainty"] is None


def test_people_get_a_table_and_a_drawing(tmp_path: Path) -> None:
    drawing = tmp_path / "curve.svg"
    status, out, _ = run(
        ("calc", "curve", "-", *LINE, "--at", "2.5", "--inverse-at", "5", "--plot", str(drawing)), GOOD
    )
    assert status == 0
    for word in ("intercept", "slope", "residual standard deviation", "valid for x from 1 to 4", "uncertainty of x"):
        assert word in out
    assert drawing.read_text().startswith("<?xml")


def test_the_only_other_column_is_the_regressor() -> None:
    assert "slope" in calc("curve", "temperature,y\n1,2\n2,3\n3,4.1\n", *LINE)["parameters"]
