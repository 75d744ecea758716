"""What `steelyard calc curve` answers: the object for programs, the tables for people, the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.curves.errors import CurveError
from steelyard.calibration.engine.curves.fit import CurveFit
from steelyard.calibration.engine.curves.observations import Observations, diagonal
from steelyard.calibration.engine.curves.prediction import Prediction, predict
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table
from steelyard.cli.errors import CommandError

_POINTS = 300
_BAND = 2.0
"""The half width of the drawn band in standard uncertainties."""


def as_json(fit: CurveFit, forward: Sequence[Prediction], inverse: Sequence[Prediction]) -> dict[str, object]:
    """The object that ``--json`` prints."""
    names = fit.model.parameters
    return {
        "model": fit.model.text,
        "parameters": {
            name: {"value": float(value), "standard_uncertainty": float(uncertainty)}
            for name, value, uncertainty in zip(names, fit.values, fit.standard_uncertainties, strict=True)
        },
        "covariance": {
            one: {other: float(fit.covariance[row, column]) for column, other in enumerate(names)}
            for row, one in enumerate(names)
        },
        "residual_standard_deviation": fit.residual_standard_deviation,
        "residual_sum_of_squares": fit.residual_sum_of_squares,
        "chi_square": fit.chi_square,
        "degrees_of_freedom": fit.degrees_of_freedom,
        "chi_square_95": fit.critical_chi_square,
        "p_value": fit.p_value,
        "consistent": fit.consistent,
        "r_squared": fit.r_squared,
        "uncertainties_scaled": fit.scaled,
        "converged": fit.converged,
        "method": fit.message,
        "validity": {name: list(limits) for name, limits in fit.validity.items()},
        "residuals": [float(each) for each in fit.residuals],
        "predictions": [_prediction(each, "forward") for each in forward]
        + [_prediction(each, "inverse") for each in inverse],
    }


def as_text(fit: CurveFit, forward: Sequence[Prediction], inverse: Sequence[Prediction]) -> str:
    """The tables for people."""
    rows = [
        [name, number(float(value), 10), number(float(uncertainty), 4)]
        for name, value, uncertainty in zip(fit.model.parameters, fit.values, fit.standard_uncertainties, strict=True)
    ]
    parts = [
        f"y = {fit.model.text}",
        "",
        table(["parameter", "value", "standard uncertainty"], rows),
        "",
        _goodness(fit),
    ]
    if not fit.converged:
        parts.insert(0, "NOT CONVERGED: the values below are no minimum; try other start values.\n")
    for title, points in (("y at x", forward), ("x at y", inverse)):
        if points:
            header = [*fit.model.regressors, "y", f"standard uncertainty of {title[0]}", ""]
            rows = [
                [
                    *(number(value) for value in point.x.values()),
                    number(point.y),
                    number(point.standard_uncertainty, 4),
                    "extrapolated" if point.extrapolated else "",
                ]
                for point in points
            ]
            parts += ["", table(header, rows, left=0)]
    return "\n".join(parts)


def draw(
    fit: CurveFit, data: Observations, forward: Sequence[Prediction], inverse: Sequence[Prediction], path: Path
) -> None:
    """Draw the observations, the curve and its band, and the residuals below. Raises CommandError."""
    if len(fit.model.regressors) != 1:
        raise CommandError("--plot: draws curves of one regressor")
    name = fit.model.regressors[0]
    x = data.regressors[name]
    places = np.linspace(*fit.validity[name], _POINTS)
    try:
        points = [predict(fit, {name: float(place)}) for place in places]
    except CurveError as error:
        raise CommandError(f"--plot: {error}") from error
    value = np.array([point.y for point in points])
    half = _BAND * np.array([point.standard_uncertainty for point in points])
    bars_y = None if data.variance_y is None else np.sqrt(diagonal(data.variance_y))
    bars_x = np.sqrt(diagonal(data.variance_x[name])) if name in data.variance_x else None
    with drawing(path, height=6.0) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.errorbar(x, data.y, yerr=bars_y, xerr=bars_x, fmt="o", markersize=3.5, label="observations")
        above.plot(places, value, label=f"y = {fit.model.text}"[:80])
        above.fill_between(places, value - half, value + half, alpha=0.25, label="± 2 standard uncertainties")
        used = [*forward, *inverse]
        if used:
            above.plot([point.x[name] for point in used], [point.y for point in used], "D", label="predictions")
        above.set_ylabel("y")
        above.legend(fontsize="small")
        below.errorbar(x, fit.residuals, yerr=bars_y, fmt="o", markersize=3.5)
        below.axhline(0.0, linewidth=0.8)
        below.fill_between(places, -half, half, alpha=0.25)
        below.set_xlabel(name)
        below.set_ylabel("residual")


def _prediction(point: Prediction, direction: str) -> dict[str, object]:
    x = next(iter(point.x.values())) if len(point.x) == 1 else dict(point.x)
    return {
        "x": x,
        "y": point.y,
        "standard_uncertainty": point.standard_uncertainty,
        "direction": direction,
        "extrapolated": point.extrapolated,
    }


def _goodness(fit: CurveFit) -> str:
    scatter = number(fit.residual_standard_deviation)
    freedom = fit.degrees_of_freedom
    lines = [f"residual standard deviation {scatter}, {freedom} degrees of freedom, R² {number(fit.r_squared, 8)}"]
    if fit.chi_square is not None and fit.critical_chi_square is not None:
        verdict = "consistent with" if fit.consistent else "NOT CONSISTENT with"
        lines.append(
            f"chi-squared {number(fit.chi_square)}, 95 % quantile {number(fit.critical_chi_square)}: "
            f"the data are {verdict} model and uncertainties"
        )
    origin = "the scatter of the residuals" if fit.scaled else "the given uncertainties"
    lines.append(f"uncertainties from {origin}; {fit.message}")
    lines.extend(f"valid for {name} from {number(low)} to {number(high)}" for name, (low, high) in fit.validity.items())
    return "\n".join(lines)
