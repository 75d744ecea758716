"""Fit a curve: the way follows from the model and from which uncertainties are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri

from steelyard.calibration.engine.curves.distance import fit_distance
from steelyard.calibration.engine.curves.errors import SingularDesignError
from steelyard.calibration.engine.curves.estimate import Estimate
from steelyard.calibration.engine.curves.least_squares import Numbers
from steelyard.calibration.engine.curves.linear import fit_linear, is_linear
from steelyard.calibration.engine.curves.models import Model, Polynomial
from steelyard.calibration.engine.curves.nonlinear import fit_nonlinear
from steelyard.calibration.engine.curves.observations import Observations, diagonal
from steelyard.calibration.engine.curves.precise import Precise, precise, rounded

Array = NDArray[np.float64]

CONSISTENCY_PROBABILITY = 0.95
"""ISO/TS 28037:2010, 6.3: the model is taken as consistent with the data below this quantile of chi-squared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFit:
    """A fitted curve, how good it is and where it holds."""

    model: Model
    values: Array
    """The parameters in the order of `model.parameters`, shape (p,)."""
    covariance: Array
    """Of the parameters, shape (p, p); NaN where it is unknown: no uncertainties given and no residual to spare."""
    exact_values: Numbers
    """The parameters in 60 digits."""
    exact_covariance: Numbers
    """Their covariance in 60 digits: that of a prediction is a difference of large terms."""
    residuals: Array
    """y minus the curve at the x given, shape (n,), in y's unit."""
    residual_sum_of_squares: float
    """Of the residuals, without weights."""
    residual_standard_deviation: float
    """sqrt(residual sum of squares / degrees of freedom); NaN without degrees of freedom."""
    chi_square: float | None
    """The weighted sum of squares; None where no uncertainties are given."""
    degrees_of_freedom: int
    """Observations minus parameters."""
    r_squared: float
    """1 - residual sum of squares / that about the mean (about 0 for a model without a constant)."""
    scaled: bool
    """Whether the covariance rests on the scatter of the residuals rather than on given uncertainties alone."""
    converged: bool
    """Whether the parameters are those of a minimum."""
    message: str
    """How the parameters were found."""
    validity: Mapping[str, tuple[float, float]]
    """Regressor -> lowest and highest value of the calibration."""

    @property
    def standard_uncertainties(self) -> Array:
        """Of the parameters, shape (p,)."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def critical_chi_square(self) -> float | None:
        """The 95 % quantile that `chi_square` is compared with (ISO/TS 28037:2010, 6.3)."""
        if self.chi_square is None or self.degrees_of_freedom == 0:
            return None
        return float(chdtri(self.degrees_of_freedom, 1.0 - CONSISTENCY_PROBABILITY))

    @property
    def p_value(self) -> float | None:
        """The probability of a larger chi-squared if model and uncertainties are right."""
        if self.chi_square is None or self.degrees_of_freedom == 0:
            return None
        return float(chdtrc(self.degrees_of_freedom, self.chi_square))

    @property
    def consistent(self) -> bool | None:
        """Whether chi-squared does not exceed its 95 % quantile; None where there is no test."""
        critical = self.critical_chi_square
        return None if critical is None or self.chi_square is None else self.chi_square <= critical


def fit_curve(
    model: Model, data: Observations, *, start: Mapping[str, float] | None = None, scale_uncertainties: bool = False
) -> CurveFit:
    """Fit a model to observations.

    ISO/TS 28037:2010: clause 6 (u_y), 7 (u_x and u_y), 8 (with covariances of x_i and y_i), 9 (covariance matrix of y),
    10 (covariance matrices of x and y), and annex E (weights known up to a factor, or not at all).

    Args:
        model: a polynomial or an expression.
        data: the observations with their uncertainties; without any, the residuals give those of the parameters.
        start: parameter -> where to begin, for those in which the model is not linear.
        scale_uncertainties: the given uncertainties are right up to one common factor, which the residuals give.

    Raises:
        SingularDesignError: if the data do not determine every parameter.
        ModelChoiceError: if a start value is missing or useless.
        DataError: if a covariance matrix has no inverse.
    """
    if data.count < len(model.parameters):
        remedy = f"need as many observations at least; there are {data.count}"
        raise SingularDesignError("model", f"{len(model.parameters)} parameters", remedy)
    uncertain = any(name in data.variance_x for name in model.regressors)
    estimate = _without_x(model, _for_start(data) if uncertain else data, start or {})
    if uncertain:
        estimate = fit_distance(model, data, estimate)
    return _result(model, data, estimate, scaled=scale_uncertainties or not _weighted(data, uncertain=uncertain))


def _without_x(model: Model, data: Observations, start: Mapping[str, float]) -> Estimate:
    return fit_linear(model, data) if is_linear(model) else fit_nonlinear(model, data, start)


def _for_start(data: Observations) -> Observations:
    """The data without the uncertainty of x, and with independent y, to begin with."""
    variance = None if data.variance_y is None else diagonal(data.variance_y)
    if variance is not None and np.min(variance) <= 0.0:
        variance = None
    return replace(data, variance_y=variance, variance_x={}, covariance_xy={})


def _weighted(data: Observations, *, uncertain: bool) -> bool:
    return data.variance_y is not None or uncertain


def _result(model: Model, data: Observations, estimate: Estimate, *, scaled: bool) -> CurveFit:
    freedom = data.count - len(model.parameters)
    weighted = _weighted(data, uncertain=any(name in data.variance_x for name in model.regressors))
    factor = Precise(1)
    if scaled and freedom > 0:
        factor = Precise(estimate.weighted_sum_of_squares) / freedom
    covariance = estimate.inverse * factor
    rounded_covariance = rounded(covariance)
    if (scaled and freedom == 0) or not estimate.converged:
        rounded_covariance = np.full(rounded_covariance.shape, np.nan)
    # A model that is 0 wherever its parameters are has no mean to be compared with.
    through_zero = isinstance(model, Polynomial) and model.through_zero
    about = data.y if through_zero else data.y - np.mean(data.y)
    total = float(about @ about)
    squares = estimate.residual_sum_of_squares
    return CurveFit(
        model=model,
        values=rounded(estimate.values),
        covariance=rounded_covariance,
        exact_values=precise(estimate.values),
        exact_covariance=covariance,
        residuals=estimate.residuals,
        residual_sum_of_squares=squares,
        residual_standard_deviation=float(np.sqrt(squares / freedom)) if freedom > 0 else float("nan"),
        chi_square=estimate.weighted_sum_of_squares if weighted else None,
        degrees_of_freedom=freedom,
        r_squared=1.0 - squares / total if total > 0.0 else float("nan"),
        scaled=scaled,
        converged=estimate.converged,
        message=estimate.message,
        validity={
            name: (float(data.regressors[name].min()), float(data.regressors[name].max())) for name in model.regressors
        },
    )
