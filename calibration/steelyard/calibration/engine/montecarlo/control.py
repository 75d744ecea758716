"""Less scatter from the same trials: the model's Taylor polynomial as a control variate.

Mean and variance of L = sum c_i (X_i - mu_i) + sum_{i<j} h_ij (X_i - mu_i)(X_j - mu_j) are known exactly for
independent inputs, whatever their distributions: 0 and sum c_i^2 s_i^2 + sum h_ij^2 s_i^2 s_j^2. The regression of the
output's draws on L's then leaves to chance only what L does not explain (Owen, Monte Carlo, 2013, 8.9). What is
estimated is what JCGM 101:2008, equations (16) and (17) estimate; for linear models mean and standard deviation become
exact. Coverage intervals are taken from the draws as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.model import Model
from steelyard.calibration.engine.budget.propagation import propagate
from steelyard.calibration.engine.budget.second_order import taylor_terms
from steelyard.calibration.engine.distributions.distribution import Distribution, Floats

_NEGLIGIBLE = 1e-3
"""Terms below this part of the largest one are left out: they cost more time than they save trials."""

_MOST_INPUTS_WITH_PRODUCTS = 60
"""The Hessian takes time with the square of the number of inputs, the gradient does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputControl:
    """L of one output: (input, mu_i, c_i), and (i, j, h_ij) by places in `linear`; `variance` of L."""

    linear: tuple[tuple[str, float, float], ...]
    products: tuple[tuple[int, int, float], ...]
    variance: float

    def fill(self, out: Floats, inputs: Mapping[str, Floats | float]) -> None:
        """Write L into float64[k] for k draws of the inputs."""
        deviations = [inputs[name] - mean for name, mean, _ in self.linear]
        out[:] = 0.0
        for deviation, (_, _, coefficient) in zip(deviations, self.linear, strict=True):
            if coefficient:
                out += coefficient * deviation
        for first, second, coefficient in self.products:
            out += coefficient * (deviations[first] * deviations[second])


def make_controls(
    model: Model, distributions: Mapping[str, Distribution], estimates: Mapping[str, float], outputs: int
) -> tuple[OutputControl | None, ...]:
    """A control for each of so many real outputs; None where the model has no derivatives to make one.

    Args:
        model: the model.
        distributions: of the inputs that are independent of all others.
        estimates: of all inputs.
        outputs: number of real outputs (a complex one is two).
    """
    names = model.inputs
    x = [np.asarray(distributions[name].mean if name in distributions else estimates[name]) for name in names]
    deviation = np.array([distributions[name].standard_deviation if name in distributions else 0.0 for name in names])
    spread = np.where(np.isfinite(deviation), deviation, 0.0)
    if not np.any(spread) or not all(np.isfinite(each) for each in x):
        return (None,) * outputs
    try:
        with np.errstate(all="ignore"):
            gradient, hessian = _derivatives(model, x, spread, outputs)
    except TypeError:
        # A Python function may use what has no derivative here; it can be simulated all the same.
        return (None,) * outputs
    return tuple(_control(names, x, spread, gradient[m], hessian[m]) for m in range(outputs))


def _derivatives(model: Model, x: list[Floats], spread: Floats, outputs: int) -> tuple[Floats, Floats]:
    """Gradients float64[M, n] and Hessians float64[M, n, n] in units of the standard deviations."""
    n = len(x)
    if n > _MOST_INPUTS_WITH_PRODUCTS:
        found = propagate(model, dict(zip(model.inputs, x, strict=True)), dict(zip(model.inputs, spread, strict=True)))
        return found.sensitivity * spread, np.zeros((outputs, n, n))
    terms = taylor_terms(model, x, spread[:, None])
    return terms.gradient[..., 0], terms.hessian[..., 0]


def _control(
    names: tuple[str, ...], x: list[Floats], spread: Floats, gradient: Floats, hessian: Floats
) -> OutputControl | None:
    """From derivatives in units of the standard deviations."""
    if not (np.all(np.isfinite(gradient)) and np.all(np.isfinite(hessian))):
        return None
    upper = np.triu(hessian, 1)
    largest = max(float(np.max(np.abs(gradient))), float(np.max(np.abs(upper))))
    if largest == 0.0:
        return None
    first, second = np.nonzero(np.abs(upper) > _NEGLIGIBLE * largest)
    linear = np.where(np.abs(gradient) > _NEGLIGIBLE * largest, gradient, 0.0)
    used = [int(i) for i in np.unique(np.concatenate([np.flatnonzero(linear), first, second]))]
    place = {i: k for k, i in enumerate(used)}
    return OutputControl(
        linear=tuple((names[i], float(x[i]), float(linear[i] / spread[i])) for i in used),
        products=tuple(
            (place[int(i)], place[int(j)], float(upper[i, j] / (spread[i] * spread[j])))
            for i, j in zip(first, second, strict=True)
        ),
        variance=float(np.sum(linear**2) + np.sum(upper[first, second] ** 2)),
    )
