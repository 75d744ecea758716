"""NIST Statistical Reference Datasets, linear and nonlinear regression, to the last certified digit."""

from typing import Any

import numpy as np
import pytest
from calibration_engine.nist_strd import Problem, last_digit, problems
from calibration_engine.workbench import calc

from steelyard.calibration.engine.curves import polishing
from steelyard.calibration.engine.curves.fit import CurveFit, fit_curve
from steelyard.calibration.engine.curves.least_squares import solve
from steelyard.calibration.engine.curves.models import Model, expression_model, line, polynomial
from steelyard.calibration.engine.curves.observations import observe
from steelyard.calibration.engine.curves.response import split_response, transformed

LINEAR = problems(nonlinear=False)
NONLINEAR = problems(nonlinear=True)
EXACT = {"Wampler1", "Wampler2"}
"""y is the polynomial itself: all certified deviations are 0."""


def _name(problem: Problem) -> str:
    return problem.name


def _check(fit: CurveFit, problem: Problem) -> None:
    assert fit.converged
    assert fit.degrees_of_freedom == problem.degrees_of_freedom
    order = [fit.model.parameters.index(each.name) for each in problem.parameters]
    for index, each in zip(order, problem.parameters, strict=True):
        assert fit.values[index] == pytest.approx(float(each.certified), abs=last_digit(each.certified))
        deviation = fit.standard_uncertainties[index]
        if problem.name in EXACT:
            assert deviation < 1e-30
        else:
            tolerance = last_digit(each.standard_deviation)
            assert deviation == pytest.approx(float(each.standard_deviation), abs=tolerance)
    printed = problem.residual_standard_deviation
    if problem.name not in EXACT:
        assert fit.residual_standard_deviation == pytest.approx(float(printed), abs=last_digit(printed))
    squares = problem.residual_sum_of_squares
    if squares is not None:
        assert fit.residual_sum_of_squares == pytest.approx(float(squares), abs=last_digit(squares))


def _linear_model(problem: Problem) -> Model:
    if problem.model.startswith("line"):
        return line(through_zero=problem.model.endswith("zero"))
    if problem.model.startswith("poly:"):
        return polynomial(int(problem.model.removeprefix("poly:")))
    return expression_model(problem.model, list(problem.regressors()))


R_SQUARED = {
    "Norris": "0.999993745883712",
    "NoInt1": "0.999365492298663",
    "Wampler1": "1",
    "Wampler3": "0.999995559025820",
}


@pytest.mark.parametrize("problem", LINEAR, ids=_name)
def test_linear_regression_reaches_every_certified_digit(problem: Problem) -> None:
    fit = fit_curve(_linear_model(problem), observe(problem.regressors(), problem.y()))
    _check(fit, problem)
    if problem.name in R_SQUARED:
        printed = R_SQUARED[problem.name]
        assert fit.r_squared == pytest.approx(
            float(printed), abs=1e-15 if problem.name in EXACT else last_digit(printed)
        )


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("problem", NONLINEAR, ids=_name)
def test_nonlinear_regression_reaches_every_certified_digit_from_both_starts(problem: Problem, which: int) -> None:
    left, right = split_response(problem.model)
    model = expression_model(right, list(problem.regressors()))
    data = transformed(observe(problem.regressors(), problem.y()), left)
    _check(fit_curve(model, data, start=problem.start(which)), problem)


@pytest.mark.parametrize("name", ["MGH09", "Thurber"])
def test_steps_that_shrink_slowly_are_not_all_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Gauss and Newton alone it takes 20 steps in 60 digits, each of which leaves two thirds of the error."""
    problem = next(each for each in NONLINEAR if each.name == name)
    places = []

    def counted(*arguments: object) -> object:
        places.append(1)
        return solve(*arguments)

    monkeypatch.setattr(polishing, "solve", counted)
    data = observe(problem.regressors(), problem.y())
    fit = fit_curve(expression_model(problem.model, list(problem.regressors())), data, start=problem.start(1))
    _check(fit, problem)
    assert 1 < len(places) <= 7


def test_a_step_that_leads_astray_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = next(each for each in NONLINEAR if each.name == "Rat43")
    data = observe(problem.regressors(), problem.y())
    model = expression_model(problem.model, list(problem.regressors()))
    ways = []

    def astray(way: list[Any]) -> Any:
        ways.append(len(way))
        step = way[-1].solution.coefficients
        return step if len(way) == 1 else step * -1000

    monkeypatch.setattr(polishing, "_step", astray)
    _check(fit_curve(model, data, start=problem.start(1)), problem)
    assert {1, 2} == set(ways)


@pytest.mark.parametrize("problem", LINEAR, ids=_name)
def test_workbench_gives_the_certified_values_of_linear_problems(problem: Problem) -> None:
    answer = calc("curve", problem.csv(), *problem.model_option())
    assert list(answer["parameters"]) == [each.name for each in problem.parameters]
    for each in problem.parameters:
        found = answer["parameters"][each.name]
        assert found["value"] == pytest.approx(float(each.certified), rel=1e-14)
        if problem.name not in EXACT:
            assert found["standard_uncertainty"] == pytest.approx(float(each.standard_deviation), rel=1e-14)
            assert answer["covariance"][each.name][each.name] == pytest.approx(found["standard_uncertainty"] ** 2)


@pytest.mark.parametrize("problem", [each for each in NONLINEAR if len(each.columns["y"]) < 160], ids=_name)
def test_workbench_gives_the_certified_values_of_nonlinear_problems(problem: Problem) -> None:
    start = ",".join(f"{each.name}={each.start1}" for each in problem.parameters)
    answer = calc("curve", problem.csv(), *problem.model_option(), "--start", start)
    assert answer["converged"] is True
    assert answer["degrees_of_freedom"] == problem.degrees_of_freedom
    for each in problem.parameters:
        found = answer["parameters"][each.name]
        assert found["value"] == pytest.approx(float(each.certified), rel=1e-10)
        assert found["standard_uncertainty"] == pytest.approx(float(each.standard_deviation), rel=1e-10)
    assert answer["residual_sum_of_squares"] == pytest.approx(float(problem.residual_sum_of_squares or 0), rel=1e-10)


def test_filip_is_evaluated_without_loss_of_digits() -> None:
    """Standard uncertainties of predictions are those of an orthogonal basis, in which nothing cancels."""
    problem = next(each for each in LINEAR if each.name == "Filip")
    x, y = np.array(problem.regressors()["x"]), np.array(problem.y())
    answer = calc("curve", problem.csv(), *problem.model_option(), "--at", "-8.5,-6,-3.5")
    middle, half = (x.min() + x.max()) / 2.0, (x.max() - x.min()) / 2.0
    orthogonal, triangular = np.linalg.qr(np.polynomial.chebyshev.chebvander((x - middle) / half, 10))
    coefficients = np.linalg.solve(triangular, orthogonal.T @ y)
    for each in answer["predictions"]:
        row = np.polynomial.chebyshev.chebvander((each["x"] - middle) / half, 10).ravel()
        assert each["y"] == pytest.approx(float(row @ coefficients), rel=1e-11)
        share = np.linalg.norm(np.linalg.solve(triangular.T, row))
        assert each["standard_uncertainty"] == pytest.approx(0.00334801051324544 * share, rel=1e-8)
