"""How common each hypothesis is among the instruments of a model: learned from the fleet.

The distribution of the hypotheses over the instruments is estimated by maximum likelihood without assuming its form
(Laird, J. Amer. Statist. Assoc. 73 (1978) 805-811), by the EM algorithm; each model's distribution is drawn towards
the whole fleet's, which counts as `shrinkage` instruments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.fleet.history import Floats

_FLEET_STEPS = 200
_MODEL_STEPS = 50
_FLOOR = 1e-3
"""Share of the fleet's weight that is spread evenly: what no instrument showed is not impossible."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelWeights:
    """The weights of H hypotheses: in the whole fleet, float64[H], and by instrument model."""

    fleet: Floats
    by_model: Mapping[str, Floats]

    def of(self, models: NDArray[np.str_]) -> Floats:
        """float64[I, H]: the weights for instruments of these models; the fleet's for a model never seen."""
        return np.stack([self.by_model.get(str(model), self.fleet) for model in models])


def learn_weights(log_likelihood: Floats, models: NDArray[np.str_], shrinkage: float) -> ModelWeights:
    """The weights by model from the log-likelihood float64[I, H] of I instruments' records."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    size = likelihood.shape[1]
    fleet = np.full(size, 1.0 / size)
    for _ in range(_FLEET_STEPS):
        fleet = _responsibilities(fleet, likelihood).mean(axis=0) * (1.0 - _FLOOR) + _FLOOR / size
    by_model = {}
    for model in np.unique(models):
        own = likelihood[models == model]
        weights = fleet
        for _ in range(_MODEL_STEPS):
            weights = (_responsibilities(weights, own).sum(axis=0) + shrinkage * fleet) / (len(own) + shrinkage)
        by_model[str(model)] = weights
    return ModelWeights(fleet=fleet, by_model=by_model)


def posterior(weights: Floats, log_likelihood: Floats) -> Floats:
    """The weights float64[I, H] after the record: Bayes' theorem."""
    logs = np.log(weights) + log_likelihood
    return _normalized(np.exp(logs - logs.max(axis=1, keepdims=True)))


def evidence(weights: Floats, log_likelihood: Floats) -> float:
    """The log-likelihood of all records together under `weights` float64[H]."""
    top = log_likelihood.max(axis=1)
    return float(np.sum(np.log(np.exp(log_likelihood - top[:, None]) @ weights) + top))


def _responsibilities(weights: Floats, likelihood: Floats) -> Floats:
    return _normalized(weights * likelihood)


def _normalized(values: Floats) -> Floats:
    return np.asarray(values / values.sum(axis=1, keepdims=True), dtype=np.float64)
