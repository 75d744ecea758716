"""What the certificates of a kind of instrument show of its errors, their rates and wander (empirical Bayes).

The greatest posterior of four standard deviations under the service's own model (`state`), over all instruments of a
kind at once, drawn to what is assumed of the kind: few instruments change little (Efron and Morris, J. Amer. Statist.
Assoc. 68 (1973) 117-130). Prediction errors are taken to be t distributed with eight degrees of freedom and the
variance that the filter predicts, so that one mistyped certificate weighs as nine usual ones, not as ten thousand; of
normal errors this finds standard deviations 6 % too large.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from steelyard.calibration.engine.tracking.drift import ErrorRecord
from steelyard.calibration.engine.tracking.priors import DriftPrior
from steelyard.calibration.engine.tracking.state import (
    DriftParameters,
    Floats,
    initial_state,
    innovation,
    predicted,
    reset_level,
    updated,
)

_FREEDOM = 8.0
_SPREAD = 0.5
"""How far a kind lies from what is assumed of it: standard deviation of the logarithms."""
_CLIP = 4.0
"""As `change.ChangeDesign.clip`: an outlying certificate moves the state by a bounded amount."""
_EVALUATIONS = 300


def learn_prior(certificates: ErrorRecord, level_mean: Floats, assumed: DriftPrior) -> DriftPrior:
    """The prior of N instruments of one kind, in MPE and years; `noise`, which certificates do not show, as `assumed`.

    `certificates` without pair observations, `level_mean` float64[N] where an unknown error is expected. Raises
    ValueError for a record with pair observations.
    """
    if np.any(certificates.pair & (np.arange(certificates.pair.shape[1]) < certificates.count[:, None])):
        raise ValueError("pair: give certificates only; a reference's own error would be learned as drift")
    start = np.log([assumed.level, assumed.rate, assumed.wander, assumed.rate_wander])

    def distance(theta: Floats) -> float:
        likelihood = _log_likelihood(certificates, level_mean, _prior(theta, assumed))
        return 0.5 * float(np.sum(np.square((theta - start) / _SPREAD))) - likelihood

    found = minimize(
        distance, start, method="Nelder-Mead", options={"maxfev": _EVALUATIONS, "xatol": 1e-2, "fatol": 1e-2}
    )
    return _prior(np.asarray(found.x, dtype=np.float64), assumed)


def _prior(theta: Floats, assumed: DriftPrior) -> DriftPrior:
    level, rate, wander, rate_wander = np.exp(theta).tolist()
    return replace(assumed, level=level, rate=rate, wander=wander, rate_wander=rate_wander)


def _log_likelihood(certificates: ErrorRecord, level_mean: Floats, prior: DriftPrior) -> float:
    n, k = certificates.t.shape
    parameters = DriftParameters(
        level_mean=level_mean,
        level=np.full(n, prior.level),
        rate=np.full(n, prior.rate),
        wander=np.full(n, prior.wander),
        rate_wander=np.full(n, prior.rate_wander),
        noise=np.full(n, prior.noise),
        reference=np.zeros(n),
    )
    state, total = initial_state(parameters, certificates.t[:, 0]), 0.0
    for column in range(k):
        active = column < certificates.count
        state = predicted(state, parameters, np.where(active, certificates.t[:, column], state.t))
        state = reset_level(state, parameters, active & certificates.adjusted[:, column])
        no_pair = np.zeros(n, np.bool_)
        found = innovation(state, certificates.error[:, column], certificates.noise[:, column] ** 2, no_pair)
        distance = np.square(found.value) / (found.variance * (_FREEDOM - 2.0))
        density = -0.5 * np.log(found.variance) - 0.5 * (_FREEDOM + 1.0) * np.log1p(distance)
        total += float(np.sum(density[active]))
        state = updated(state, found, no_pair, active, _CLIP)
    return total
