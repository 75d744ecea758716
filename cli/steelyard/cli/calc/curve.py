"""`steelyard calc curve`: a calibration curve through measured points, with uncertainty, used both ways."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path

from steelyard.calibration.engine.budget.errors import BudgetError
from steelyard.calibration.engine.curves.errors import CurveError, DataError, ExtrapolationError
from steelyard.calibration.engine.curves.fit import CurveFit, fit_curve
from steelyard.calibration.engine.curves.models import (
    RESPONSE,
    Model,
    expression_model,
    line,
    polynomial,
)
from steelyard.calibration.engine.curves.observations import Observations, observe
from steelyard.calibration.engine.curves.prediction import Prediction, invert, predict
from steelyard.calibration.engine.curves.response import split_response, transformed
from steelyard.cli.calc.csv_files import Columns, read_columns, read_matrix
from steelyard.cli.calc.curve_report import as_json, as_text, draw
from steelyard.cli.calc.documents import parse_numbers
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.errors import CommandError

_EPILOG = """\
columns of DATA.csv: y; x, or the regressors that the expression names; optionally u_y, u_x (u_ and a regressor's
name), cov_xy (covariance of x_i and y_i). Every other name in an expression is a parameter.

examples:
  steelyard calc curve data.csv --model line --at 3.5 --inverse-at 10.5
  steelyard calc curve data.csv --model poly:3
  steelyard calc curve data.csv --model "b1*(1 - exp(-b2*x))" --start b1=500,b2=0.0001
  steelyard calc curve data.csv --model "b0 + b1*x1 + b2*x2" --at "x1=1,x2=2; x1=1,x2=3"
"""
_UNCERTAINTY = "u_"
_OPTIONS = {"model", "start", "at", "inverse-at", "covariance_x", "covariance_y", "covariance"}
"""Fields that come from an option of that name; the others are columns."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("file", metavar="DATA.csv", help="the observations; - reads standard input")
    parser.add_argument("--model", required=True, metavar="MODEL", help="line, poly:N, or an expression")
    parser.add_argument("--start", metavar="NAME=VALUE,…", help="where to begin, for parameters of an expression")
    parser.add_argument("--through-zero", action="store_true", help="no constant term (line and poly:N)")
    parser.add_argument("--covariance-x", metavar="F.csv", help="covariance matrix of x, without header")
    parser.add_argument("--covariance-y", metavar="F.csv", help="covariance matrix of y, without header")
    parser.add_argument(
        "--scale-uncertainties",
        action="store_true",
        help="the given ones are right up to a factor: take it from the fit",
    )
    parser.add_argument("--at", metavar="LIST", help="give y at these x")
    parser.add_argument("--u-at", metavar="LIST", help="standard uncertainties of the x of --at, one or as many")
    parser.add_argument("--inverse-at", metavar="LIST", help="give x at these y")
    parser.add_argument("--u-inverse-at", metavar="LIST", help="standard uncertainties of the y of --inverse-at")
    parser.add_argument("--extrapolate", action="store_true", help="allow points outside the range of the data")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit the curve, use it, print it."""
    columns = read_columns(arguments.file)
    try:
        left, right = split_response(arguments.model)
        model = _model(arguments, right if left != RESPONSE else arguments.model, columns)
        data = transformed(_observations(arguments, columns, model), left)
        fit = fit_curve(model, data, start=_start(arguments.start), scale_uncertainties=arguments.scale_uncertainties)
        forward, inverse = _forward(arguments, fit), _inverse(arguments, fit)
    except (CurveError, BudgetError) as error:
        raise CommandError(_message(error, columns.source)) from error
    if arguments.json:
        print_json(as_json(fit, forward, inverse))
    else:
        print(as_text(fit, forward, inverse))
    if arguments.plot is not None:
        draw(fit, data, forward, inverse, Path(arguments.plot))
    return 0


def _model(arguments: argparse.Namespace, text: str, columns: Columns) -> Model:
    name = text.strip()
    polynomial_match = re.fullmatch(r"poly(?:nomial)?\s*[:=]?\s*(-?\d+)", name)
    if name in {"line", "linear"}:
        return line(through_zero=arguments.through_zero, regressor=_regressor(columns))
    if polynomial_match:
        degree = int(polynomial_match.group(1))
        return polynomial(degree, through_zero=arguments.through_zero, regressor=_regressor(columns))
    if re.fullmatch(r"poly\b.*", name):
        raise CommandError(f"--model: {name!r}: write poly:N with the degree for N, as poly:2")
    if arguments.through_zero:
        raise CommandError("--through-zero: is for line and poly:N; leave the constant out of the expression")
    known = [each for each in columns.names if each != RESPONSE]
    return expression_model(name, known, tuple(_start(arguments.start)))


def _regressor(columns: Columns) -> str:
    """The column of x: called so, or the only one that can be it."""
    candidates = [
        name
        for name in columns.names
        if name != RESPONSE and not name.startswith("cov_") and not name.startswith(_UNCERTAINTY)
    ]
    if "x" in columns or len(candidates) != 1:
        return "x"
    return candidates[0]


def _observations(arguments: argparse.Namespace, columns: Columns, model: Model) -> Observations:
    regressors = {name: columns.numbers(name) for name in model.regressors}
    for name in columns.names:
        of = name.removeprefix(_UNCERTAINTY)
        if name.startswith(_UNCERTAINTY) and of not in columns and name not in regressors:
            raise CommandError(f"{columns.source}: column {name!r}: there is no column {of!r} that it belongs to")
    response = columns.numbers(RESPONSE)
    covariance_x = {}
    if arguments.covariance_x is not None:
        if len(regressors) != 1:
            raise CommandError(f"--covariance-x: needs one regressor; the model has {', '.join(regressors) or 'none'}")
        covariance_x[next(iter(regressors))] = read_matrix(arguments.covariance_x)
    covariance_y = None if arguments.covariance_y is None else read_matrix(arguments.covariance_y)
    return observe(
        regressors,
        response,
        u_y=columns.optional_numbers("u_y"),
        u_x={name: columns.numbers(f"u_{name}") for name in regressors if f"u_{name}" in columns},
        covariance_y=covariance_y,
        covariance_x=covariance_x,
        covariance_xy={name: columns.numbers(f"cov_{name}y") for name in regressors if f"cov_{name}y" in columns},
    )


def _start(text: str | None) -> dict[str, float]:
    """The values of ``name=value,…``."""
    return {} if text is None else _assignments(text, "--start")


def _assignments(text: str, option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (name and equals):
            raise CommandError(f"{option}: {part!r}: write name=value, with commas between")
        if name in found:
            raise CommandError(f"{option}: {name!r}: is given twice")
        try:
            found[name] = float(value)
        except ValueError:
            raise CommandError(f"{option}: {name}: {value!r}: must be a number") from None
        if not math.isfinite(found[name]):
            raise CommandError(f"{option}: {name}: {value!r}: must be a finite number")
    return found


def _forward(arguments: argparse.Namespace, fit: CurveFit) -> list[Prediction]:
    if arguments.at is None:
        return []
    names = fit.model.regressors
    if "=" in arguments.at:
        places = [_assignments(part, "--at") for part in arguments.at.split(";") if part.strip()]
    elif len(names) == 1:
        places = [{names[0]: value} for value in parse_numbers(arguments.at, "--at")]
    else:
        raise CommandError(f'--at: {arguments.at!r}: give all of {", ".join(names)}: "{names[0]}=1,…; {names[0]}=2,…"')
    uncertainties = _uncertainties(arguments.u_at, "--u-at", len(places))
    if any(uncertainties) and len(names) != 1:
        raise CommandError("--u-at: is for curves with one regressor")
    return [
        predict(fit, place, u_x={names[0]: u} if u else None, extrapolate=arguments.extrapolate)
        for place, u in zip(places, uncertainties, strict=True)
    ]


def _inverse(arguments: argparse.Namespace, fit: CurveFit) -> list[Prediction]:
    if arguments.inverse_at is None:
        return []
    responses = parse_numbers(arguments.inverse_at, "--inverse-at")
    uncertainties = _uncertainties(arguments.u_inverse_at, "--u-inverse-at", len(responses))
    return [
        invert(fit, y, u_y=u, extrapolate=arguments.extrapolate) for y, u in zip(responses, uncertainties, strict=True)
    ]


def _uncertainties(text: str | None, option: str, count: int) -> Sequence[float]:
    if text is None:
        return [0.0] * count
    values = parse_numbers(text, option)
    if any(value < 0.0 for value in values):
        raise CommandError(f"{option}: {text!r}: a standard uncertainty must not be negative")
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise CommandError(f"{option}: {len(values)} values; give one, or {count} as there are points")
    return values


def _message(error: CurveError | BudgetError, source: str) -> str:
    """The error with the option or the column that it is about."""
    text = str(error)
    if isinstance(error, ExtrapolationError):
        text += " (--extrapolate)"
    if error.field in _OPTIONS or error.field.startswith("covariance_"):
        return f"--{error.field.replace('_', '-')}{text.removeprefix(error.field)}"
    return f"{source}: {text}" if isinstance(error, DataError) else text
