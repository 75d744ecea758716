"""Input quantities: what is known about each, in the forms in which it comes to be known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from steelyard.calibration.engine.budget.errors import QuantityError
from steelyard.calibration.engine.distributions.distribution import Distribution, Floats
from steelyard.calibration.engine.distributions.unbounded import Normal, StudentT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantity:
    """An input quantity X_i. Make it by the functions of this module.

    `estimate` x_i and `standard_uncertainty` u(x_i) >= 0 in the quantity's unit; `degrees_of_freedom` of u(x_i), inf
    where u is known exactly; `distribution` for Monte Carlo, None for a constant; `observations` float64[n] of a type A
    evaluation, else None; `unit` as the budget's author wrote it.
    """

    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float
    distribution: Distribution | None
    observations: Floats | None = None
    unit: str | None = None


def constant(value: float, *, unit: str | None = None) -> Quantity:
    """A quantity without uncertainty."""
    _finite("value", value)
    return Quantity(estimate=value, standard_uncertainty=0.0, degrees_of_freedom=math.inf, distribution=None, unit=unit)


def known(
    value: float, standard_uncertainty: float, degrees_of_freedom: float = math.inf, *, unit: str | None = None
) -> Quantity:
    """An estimate with its standard uncertainty, and degrees of freedom if it was itself estimated.

    For Monte Carlo normal (JCGM 101:2008, 6.4.7), or t for finite degrees of freedom (6.4.9.7). A standard uncertainty
    of 0 makes a constant. Raises QuantityError for a negative uncertainty or degrees of freedom that are not positive.
    """
    _finite("value", value)
    _finite("standard_uncertainty", standard_uncertainty)
    if standard_uncertainty < 0.0:
        raise QuantityError("standard_uncertainty", standard_uncertainty, "must not be negative")
    _degrees(degrees_of_freedom)
    if standard_uncertainty == 0.0:
        return constant(value, unit=unit)
    return Quantity(
        estimate=value,
        standard_uncertainty=standard_uncertainty,
        degrees_of_freedom=degrees_of_freedom,
        distribution=_normal_or_t(value, standard_uncertainty, degrees_of_freedom),
        unit=unit,
    )


def observed(
    observations: ArrayLike,
    *,
    pooled_standard_deviation: float | None = None,
    degrees_of_freedom: float | None = None,
    unit: str | None = None,
) -> Quantity:
    """Type A: mean, s / sqrt(n), n - 1 degrees of freedom (JCGM 100:2008, 4.2.2, 4.2.3, equations (3) to (5)).

    With a pooled standard deviation s_p of the measuring process, known before: s_p / sqrt(n), with its own degrees of
    freedom (4.2.4), by default infinite; then one observation is enough. Observations that are all equal have the
    standard uncertainty 0: state the resolution as a quantity of its own. Raises QuantityError for too few observations
    and for numbers that are not finite.
    """
    values = np.asarray(observations, dtype=np.float64).ravel()
    if values.size == 0:
        raise QuantityError("observations", [], "give two at least")
    if not np.all(np.isfinite(values)):
        raise QuantityError("observations", float(values[~np.isfinite(values)][0]), "must be finite numbers")
    n, mean = values.size, float(np.mean(values))
    if pooled_standard_deviation is None:
        if n < 2:
            remedy = "one observation has no standard deviation; give two at least, or a pooled_standard_deviation"
            raise QuantityError("observations", values.tolist(), remedy)
        s, nu = float(np.std(values, ddof=1)), float(n - 1)
        if degrees_of_freedom is not None:
            nu = degrees_of_freedom
    else:
        _positive("pooled_standard_deviation", pooled_standard_deviation)
        s, nu = pooled_standard_deviation, math.inf if degrees_of_freedom is None else degrees_of_freedom
    _degrees(nu)
    u = s / math.sqrt(n)
    return Quantity(
        estimate=mean,
        standard_uncertainty=u,
        degrees_of_freedom=nu,
        distribution=_normal_or_t(mean, u, nu) if u > 0.0 else None,
        observations=values,
        unit=unit,
    )


def certified(
    value: float,
    expanded_uncertainty: float,
    *,
    coverage_factor: float | None = None,
    coverage_probability: float | None = None,
    degrees_of_freedom: float = math.inf,
    unit: str | None = None,
) -> Quantity:
    """From a certificate: u = U / k (JCGM 100:2008, 4.3.3), or k from the probability (4.3.4; t for finite nu).

    Raises QuantityError for a negative U, a k that is not positive, a probability outside (0, 1), both or none of them.
    """
    _finite("expanded_uncertainty", expanded_uncertainty)
    if expanded_uncertainty < 0.0:
        raise QuantityError("expanded_uncertainty", expanded_uncertainty, "must not be negative")
    if (coverage_factor is None) == (coverage_probability is None):
        remedy = "give the certificate's coverage_factor or its coverage_probability, one of the two"
        raise QuantityError("coverage_factor", coverage_factor, remedy)
    _degrees(degrees_of_freedom)
    if coverage_factor is None and coverage_probability is not None:
        if not 0.0 < coverage_probability < 1.0:
            raise QuantityError("coverage_probability", coverage_probability, "must be between 0 and 1")
        p = 0.5 * (1.0 + coverage_probability)
        k = float(ndtri(p) if math.isinf(degrees_of_freedom) else stdtrit(degrees_of_freedom, p))
    else:
        k = float(coverage_factor or 0.0)
        _positive("coverage_factor", k)
    return known(value, expanded_uncertainty / k, degrees_of_freedom, unit=unit)


def distributed(
    distribution: Distribution, degrees_of_freedom: float | None = None, *, unit: str | None = None
) -> Quantity:
    """Type B: expectation and standard deviation of a distribution (JCGM 100:2008, 4.3; JCGM 101:2008, table 1).

    `degrees_of_freedom` say how reliable a type B standard uncertainty is (G.4.2); Monte Carlo draws from the
    distribution as it stands. A t distribution enters with its scale and its own degrees of freedom, which is how the
    GUM framework expresses it: its coverage interval then is the distribution's.
    """
    if isinstance(distribution, StudentT):
        estimate, u, nu = distribution.value, distribution.scale, distribution.degrees_of_freedom
    else:
        estimate, u, nu = distribution.mean, distribution.standard_deviation, math.inf
    nu = nu if degrees_of_freedom is None else degrees_of_freedom
    _degrees(nu)
    return Quantity(
        estimate=estimate, standard_uncertainty=u, degrees_of_freedom=nu, distribution=distribution, unit=unit
    )


def degrees_of_freedom_of_reliability(reliability: float) -> float:
    """Degrees of freedom of a type B u(x) whose own relative uncertainty is `reliability` (0.25: known to 25 %).

    nu = (1/2) (Delta u / u)^-2: JCGM 100:2008, G.4.2, equation (G.3). Raises QuantityError unless it is positive.
    """
    _positive("reliability", reliability)
    return 0.5 / reliability**2


def _normal_or_t(value: float, u: float, degrees_of_freedom: float) -> Distribution:
    if math.isinf(degrees_of_freedom):
        return Normal(value=value, standard_uncertainty=u)
    return StudentT(value=value, scale=u, degrees_of_freedom=degrees_of_freedom)


def _degrees(value: float) -> None:
    if not value > 0.0:
        raise QuantityError("degrees_of_freedom", value, "must be greater than 0")


def _finite(field: str, value: float) -> None:
    if not math.isfinite(value):
        raise QuantityError(field, value, "must be a finite number")


def _positive(field: str, value: float) -> None:
    _finite(field, value)
    if not value > 0.0:
        raise QuantityError(field, value, "must be greater than 0")
