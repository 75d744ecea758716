"""Models that are not linear in all parameters: several ways to the minimum, the best of them counts.

Parameters in which the model is linear are eliminated where there are such (variable projection; G. H. Golub,
V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, with the derivative of L. Kaufman, BIT 15 (1975) 49): they need no start
value, and the others find the minimum from much farther away.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from steelyard.calibration.engine.curves.errors import ModelChoiceError
from steelyard.calibration.engine.curves.estimate import Array, Estimate
from steelyard.calibration.engine.curves.least_squares import double_whitener
from steelyard.calibration.engine.curves.levenberg_marquardt import Minimum, minimize
from steelyard.calibration.engine.curves.models import Model, jacobian
from steelyard.calibration.engine.curves.observations import Observations
from steelyard.calibration.engine.curves.polishing import polished, unpolished

_MOST_EXCHANGES = 60
"""Exchanges of one or two pairs that are tried."""


class Problem:
    """Residuals and derivatives of a model on data, weighted, in double precision."""

    def __init__(self, model: Model, data: Observations) -> None:
        self.model = model
        self.data = data
        self.linear = np.array(model.linear_parameters(), dtype=int)
        self.nonlinear = np.setdiff1d(np.arange(len(model.parameters)), self.linear)
        variance = data.variance_y
        self._weights = (
            np.ones(data.count)
            if variance is None
            else 1.0 / np.sqrt(variance)
            if variance.ndim == 1
            else double_whitener(variance)
        )

    def whitened(self, values: Array) -> Array:
        """W v for a vector or a matrix v."""
        if self._weights.ndim == 2:
            product: Array = self._weights @ values
            return product
        return self._weights * values if values.ndim == 1 else self._weights[:, np.newaxis] * values

    def evaluate(self, parameters: Array) -> tuple[Array, Array] | None:
        """Weighted residuals and derivatives; None where they are not finite."""
        with np.errstate(all="ignore"):
            value, slopes = jacobian(self.model, list(parameters), self.data.regressors, dtype=float)
            residuals = self.whitened(self.data.y - value)
            slopes = self.whitened(slopes)
            finite = np.all(np.isfinite(residuals)) and np.all(np.isfinite(slopes))
            # Their squares have to be finite too.
            finite = finite and max(np.max(np.abs(residuals)), np.max(np.abs(slopes))) < 1e150
        return (residuals, slopes) if finite else None

    def completed(self, nonlinear: Array) -> Array | None:
        """All parameters: the linear ones as the others leave them; None where there are no finite ones."""
        parameters = np.zeros(len(self.model.parameters))
        parameters[self.nonlinear] = nonlinear
        found = self.evaluate(parameters)
        if found is None:
            return None
        residuals, slopes = found
        design = slopes[:, self.linear]
        norms = np.linalg.norm(design, axis=0)
        norms[norms == 0.0] = 1.0
        parameters[self.linear] = np.linalg.lstsq(design / norms, residuals, rcond=1e-14)[0] / norms
        return parameters

    def projected(self, nonlinear: Array) -> tuple[Array, Array] | None:
        """Residuals and derivatives as functions of the nonlinear parameters alone."""
        parameters = self.completed(nonlinear)
        found = None if parameters is None else self.evaluate(parameters)
        if found is None:
            return None
        residuals, slopes = found
        basis, singular, _ = np.linalg.svd(
            slopes[:, self.linear] / np.maximum(np.linalg.norm(slopes[:, self.linear], axis=0), 1e-300),
            full_matrices=False,
        )
        basis = basis[:, singular > 1e-14 * max(singular[0], 1e-300)]
        others = slopes[:, self.nonlinear]
        return residuals, others - basis @ (basis.T @ others)


def fit_nonlinear(model: Model, data: Observations, start: Mapping[str, float]) -> Estimate:
    """Weighted nonlinear least squares; the uncertainty of x plays no part.

    Args:
        model: the model.
        data: the observations.
        start: parameter -> where to begin; those in which the model is linear need none.

    Raises:
        ModelChoiceError: if a start value is missing, or the model has no value there.
        SingularDesignError: if the data do not determine every parameter at the minimum.
    """
    problem = Problem(model, data)
    for index in problem.nonlinear:
        if model.parameters[index] not in start:
            raise ModelChoiceError(
                "start", model.parameters[index], "is no column, and needs a start value: the model is not linear in it"
            )
    minima = _minima(problem, start)
    best = min(minima, key=lambda each: each.sum_of_squares, default=None)
    if best is None or not np.isfinite(best.sum_of_squares):
        shown = ", ".join(f"{name}={value:g}" for name, value in start.items())
        raise ModelChoiceError("start", shown, "the model has no finite value there for every observation")
    return _finished(problem, _ordered_as_started(problem, best, start))


def _ordered_as_started(problem: Problem, best: Minimum, start: Mapping[str, float]) -> Minimum:
    """The same minimum with exchangeable terms in the order of the start values.

    In a sum of terms of one kind (exponentials, peaks) the terms can change places without changing the sum. Who starts
    with b4 < b5 wants to find them so.
    """
    begin = np.array([start[problem.model.parameters[index]] for index in problem.nonlinear])
    size = len(begin)
    pairs = list(itertools.combinations(range(size), 2))
    exchanges = [[pair] for pair in pairs]
    exchanges += [[first, second] for first, second in itertools.combinations(pairs, 2) if not set(first) & set(second)]
    if not len(problem.linear) or len(exchanges) > _MOST_EXCHANGES:
        return best
    for exchange in exchanges:
        now = best.values[problem.nonlinear]
        wrong = sum(int((begin[i] - begin[j]) * (now[i] - now[j]) < 0.0) for i, j in exchange)
        if 2 * wrong <= len(exchange) and not (wrong and len(exchange) == 2):
            continue
        changed = now.copy()
        for i, j in exchange:
            changed[i], changed[j] = now[j], now[i]
        whole = problem.completed(changed)
        found = None if whole is None else problem.evaluate(whole)
        if whole is not None and found is not None and _same(float(found[0] @ found[0]), best.sum_of_squares):
            best = replace(best, values=whole)
    return best


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(one, other)


def _finished(problem: Problem, best: Minimum) -> Estimate:
    model, data = problem.model, problem.data
    estimate = polished(model, data, best.values, converged=best.converged)
    if estimate is not None:
        return estimate
    value, slopes = jacobian(model, list(best.values), data.regressors, dtype=float)
    residuals = data.y - value
    weighted, design = problem.whitened(residuals), problem.whitened(slopes)
    return unpolished(residuals, weighted, design, best.values, converged=best.converged)


def _minima(problem: Problem, start: Mapping[str, float]) -> list[Minimum]:
    names = problem.model.parameters
    minima: list[Minimum] = []
    if len(problem.linear) and len(problem.nonlinear):
        begin = np.array([start[names[index]] for index in problem.nonlinear])
        found = minimize(problem.projected, begin)
        whole = problem.completed(found.values) if np.isfinite(found.sum_of_squares) else None
        if whole is not None:
            # The projection has done the work; the whole problem confirms it.
            minima.append(minimize(problem.evaluate, whole))
    if all(name in start for name in names):
        minima.append(minimize(problem.evaluate, np.array([start[name] for name in names])))
    return minima
