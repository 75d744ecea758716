"""Where the errors of a fleet go: forecast distributions, P(|error| > MPE), and when that exceeds a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from steelyard.calibration.engine.fleet.errors import ParameterError
from steelyard.calibration.engine.fleet.history import Floats
from steelyard.calibration.engine.fleet.parameters import DriftParameters, FleetState
from steelyard.calibration.engine.fleet.tails import normal_scores, t_value

_BLOCK = 8192
_SCAN = 12
_HALVINGS = 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorForecast:
    """Errors of N instruments at P test points at a later time: t distributions with the tails of their fleet.

    `mean`, `scale` float64[N, P] in the unit of the errors, `freedom`, `tail_scale`, `tail_freedom` float64[N].
    """

    mean: Floats
    scale: Floats
    freedom: Floats
    tail_scale: Floats
    tail_freedom: Floats

    def quantile(self, p: float) -> Floats:
        """The error float64[N, P] that is not exceeded with probability `p`, 0 < p < 1, in the unit of the errors."""
        if not 0.0 < p < 1.0:
            raise ParameterError("p", p, "give a probability between 0 and 1")
        return self.mean + self.scale * t_value(p, self.freedom, self.tail_scale, self.tail_freedom)[:, None]


def forecast(parameters: DriftParameters, state: FleetState, horizon: ArrayLike) -> ErrorForecast:
    """The true error `horizon` years (a number, or float64[N]) after each instrument's state.

    Mean m + b h; variance scale^2 (v + 2 c h + s h^2 + q h): error and rate as they are known, and the wander since;
    with the tails that the fleet's own prediction errors showed.
    Raises ParameterError for a horizon that is negative or not finite.
    """
    h = np.broadcast_to(np.asarray(horizon, dtype=np.float64), state.t.shape)
    if not np.all(np.isfinite(h) & (h >= 0.0)):
        raise ParameterError("horizon", float(np.min(h)), "give finite years, 0 or more")
    h = h[:, None]
    q = np.square(parameters.wander)[state.model]
    variance = state.variance + h * (2.0 * state.covariance + q + h * state.rate_variance)
    return ErrorForecast(
        mean=state.error + h * state.rate,
        scale=np.sqrt(state.scale_squared[:, None] * variance),
        freedom=state.freedom,
        tail_scale=parameters.tail_scale[state.model],
        tail_freedom=parameters.tail_freedom[state.model],
    )


def probability_outside(found: ErrorForecast, maximum_permissible_error: ArrayLike) -> Floats:
    """P(|error| > MPE) float64[N, P] (JCGM 106:2012, 7.4, for a t distribution).

    `maximum_permissible_error` > 0 broadcasts against [N, P]. Good to 0.003 absolute from one degree of freedom on.
    """
    mpe = _checked_mpe(maximum_permissible_error)
    tails = tuple(values[:, None] for values in (found.freedom, found.tail_scale, found.tail_freedom))
    return _outside(found.mean, found.scale, mpe, tails)


def years_until_doubtful(
    parameters: DriftParameters,
    state: FleetState,
    maximum_permissible_error: ArrayLike,
    *,
    probability: float,
    longest: float,
) -> Floats:
    """Years float64[N] after each state until P(|error| > MPE) first exceeds `probability` at any test point.

    0 where it does so already, `longest` (years) where it does not within that time. The probability is looked at in 12
    steps and the first crossing halved 14 times: exact to `longest` / 200000.

    Raises ParameterError for a probability outside (0, 1), a time or MPE that is not positive.
    """
    if not 0.0 < probability < 1.0:
        raise ParameterError("probability", probability, "give one between 0 and 1")
    if not (np.isfinite(longest) and longest > 0.0):
        raise ParameterError("longest", longest, "give positive years")
    mpe = np.broadcast_to(_checked_mpe(maximum_permissible_error), state.error.shape)
    result = np.empty(state.t.size)
    for first in range(0, state.t.size, _BLOCK):
        rows = slice(first, first + _BLOCK)
        result[rows] = _crossing(parameters, state, mpe, rows, (probability, longest))
    return result


def _crossing(
    parameters: DriftParameters, state: FleetState, mpe: Floats, rows: slice, limits: tuple[float, float]
) -> Floats:
    probability, longest = limits
    q = np.square(parameters.wander)[state.model[rows]].T
    sigma2, nu = state.scale_squared[rows], state.freedom[rows]
    tails = (nu, parameters.tail_scale[state.model[rows]], parameters.tail_freedom[state.model[rows]])
    m, b, v, c, s = (
        np.ascontiguousarray(getattr(state, name)[rows].T)
        for name in ("error", "rate", "variance", "covariance", "rate_variance")
    )
    limit = np.ascontiguousarray(mpe[rows].T)

    def outside(h: Floats | float) -> Floats:
        scale = np.sqrt(sigma2 * (v + h * (2.0 * c + q + h * s)))
        return np.asarray(_outside(m + h * b, scale, limit, tails).max(axis=0), dtype=np.float64)

    low, high = np.zeros(nu.size), np.full(nu.size, np.nan)
    high[outside(0.0) > probability] = 0.0
    for step in range(1, _SCAN + 1):
        h = longest * step / _SCAN
        waiting = np.isnan(high)
        if not waiting.any():
            break
        now = waiting & (outside(h) > probability)
        high[now] = h
        low[waiting & ~now] = h
    crossed = np.isfinite(high)
    high = np.where(crossed, high, longest)
    low = np.minimum(low, high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = outside(middle) > probability
        high = np.where(above, middle, high)
        low = np.where(above, low, middle)
    return np.where(crossed, high, longest)


def _outside(mean: Floats, scale: Floats, mpe: Floats, tails: tuple[Floats, ...]) -> Floats:
    """P(|error| > MPE), both sides; `tails` are freedom, tail scale and tail freedom."""
    above, below = (ndtr(-normal_scores((mpe + side * mean) / scale, *tails)) for side in (-1.0, 1.0))
    return np.asarray(above + below, dtype=np.float64)


def _checked_mpe(value: ArrayLike) -> Floats:
    mpe = np.asarray(value, dtype=np.float64)
    if not np.all(mpe > 0.0):
        raise ParameterError("maximum_permissible_error", float(np.min(mpe)), "give positive limits")
    return mpe
