"""How instruments of a model drift: what the fleet engine knows before it has seen one of them.

The true error of an instrument moves as  d e = rate dt + wander dW,  its rate is its own, and an observation is
y = e + n. An event that adjusts the instrument takes y off its error and leaves -n behind: so the noise of a
calibration enters two successive as-found errors with opposite sign. All variances of an instrument are multiplied by
the square of its own scale, which is 1 in the middle of its model and learned from its record (inverse gamma,
conjugate: Gelman et al., Bayesian Data Analysis, 3rd ed., 3.3; West and Harrison, Bayesian Forecasting and Dynamic
Models, 4.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.errors import ParameterError
from steelyard.calibration.engine.fleet.history import Floats, Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftParameters:
    """M instrument models at P test points; errors in one unit, time in years.

    `noise` float64[M, P] standard uncertainty of one calibration, `wander` float64[M, P] standard deviation of the
    wander in a year, `rate` float64[M, P] the model's mean rate a year, `rate_spread` float64[M, P] standard deviation
    of the instruments' rates about it. `scale_freedom` float64[M]: how alike the instruments' scales are, as degrees
    of freedom (large: all alike). `outlying` float64[M]: standard deviations from which on an observation is
    weighted down (inf: never, and the filter is Kalman's). `tail_scale`, `tail_freedom` float64[M]: the t distribution
    that the fleet's prediction errors have where the state alone says standard normal (1 and inf: it is right).
    """

    noise: Floats
    wander: Floats
    rate: Floats
    rate_spread: Floats
    scale_freedom: Floats
    outlying: Floats
    tail_scale: Floats
    tail_freedom: Floats

    def __post_init__(self) -> None:
        """Refuse what no instrument can have."""
        if self.noise.ndim != 2 or 0 in self.noise.shape:
            raise ParameterError("noise", self.noise.shape, "give models x test points, at least one of each")
        for name in ("wander", "rate", "rate_spread"):
            self._demand(name, self.noise.shape, "give the shape of noise")
        for name in ("scale_freedom", "outlying", "tail_scale", "tail_freedom"):
            self._demand(name, self.noise.shape[:1], "give one for each model")
        for name in ("noise", "scale_freedom", "outlying", "tail_scale", "tail_freedom"):
            if not np.all(getattr(self, name) > 0.0):
                raise ParameterError(name, float(np.min(getattr(self, name))), "give positive values")
        for name in ("wander", "rate_spread"):
            if not np.all(getattr(self, name) >= 0.0):
                raise ParameterError(name, float(np.min(getattr(self, name))), "give standard deviations, 0 or more")
        for name in ("noise", "wander", "rate", "rate_spread", "scale_freedom", "tail_scale"):
            if not np.all(np.isfinite(getattr(self, name))):
                raise ParameterError(name, "not finite", "give finite values")

    def _demand(self, name: str, shape: tuple[int, ...], remedy: str) -> None:
        if getattr(self, name).shape != shape:
            raise ParameterError(name, getattr(self, name).shape, f"{remedy}: {shape}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetState:
    """What is known of N instruments at P test points at their times `t` float64[N] (years).

    `error`, `rate` float64[N, P] (means); `variance`, `covariance`, `rate_variance` float64[N, P]: of (error, rate),
    in units of the squared scale; `scale_squared` float64[N] the estimate of the squared scale and `freedom`
    float64[N] its degrees of freedom. `model` int[N] points into the parameters. Given the record, error is
    t-distributed about its mean with `freedom` and standard scale sqrt(scale_squared x variance).
    """

    model: Integers
    t: Floats
    error: Floats
    rate: Floats
    variance: Floats
    covariance: Floats
    rate_variance: Floats
    scale_squared: Floats
    freedom: Floats

    @property
    def standard_uncertainty(self) -> Floats:
        """float64[N, P]: sqrt(scale_squared x variance), in the unit of the errors."""
        return np.sqrt(self.scale_squared[:, None] * self.variance)


def new_instruments(parameters: DriftParameters, model: Integers, t: Floats) -> FleetState:
    """The state of instruments without a history, adjusted at `t` float64[N]: what their model's others show.

    Raises ParameterError for a model number that has no parameters or a time that is not finite.
    """
    if model.ndim != 1 or t.shape != model.shape:
        raise ParameterError("model, t", (model.shape, t.shape), "give one of each for every instrument")
    if model.size and (int(model.min()) < 0 or int(model.max()) >= parameters.noise.shape[0]):
        raise ParameterError("model", int(model.max()), f"give numbers from 0 to {parameters.noise.shape[0] - 1}")
    if not np.all(np.isfinite(t)):
        raise ParameterError("t", "not finite", "give every instrument the time of its last adjustment")
    shape = (model.size, parameters.noise.shape[1])
    return FleetState(
        model=model,
        t=t.copy(),
        error=np.zeros(shape),
        rate=parameters.rate[model],
        variance=np.square(parameters.noise)[model],
        covariance=np.zeros(shape),
        rate_variance=np.square(parameters.rate_spread)[model],
        scale_squared=np.ones(model.size),
        freedom=parameters.scale_freedom[model],
    )
