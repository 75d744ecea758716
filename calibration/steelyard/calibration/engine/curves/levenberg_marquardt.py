"""The Levenberg-Marquardt method, with the parameters scaled by their influence.

Sources: J. J. Moré, The Levenberg-Marquardt algorithm: implementation and theory, Lecture Notes in Mathematics 630
(1978), for the scaling; K. Madsen, H. B. Nielsen, O. Tingleff, Methods for non-linear least squares problems, 2nd
edition (2004), 3.2, for the damping; D. M. Bates, D. G. Watts, Technometrics 23 (1981) 179, for when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Evaluation = Callable[[Array], tuple[Array, Array] | None]
"""Parameters, shape (p,) -> residuals, shape (n,), and derivatives of the *model*, shape (n, p); None where there is no
finite value."""

_TOLERANCE = 1e-9
"""Of the cosine between the residuals and the tangent plane."""
_STUCK = 1e-15
"""A step of this size relative to the parameters changes nothing any more."""
_LARGEST_DAMPING = 1e25


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Where the method came to."""

    values: Array
    """The parameters, shape (p,)."""
    sum_of_squares: float
    """Of the residuals there; infinite if not even the start has a value."""
    converged: bool
    """Whether the residuals are at right angles to the tangent plane."""
    evaluations: int
    """How often the model was evaluated."""


def minimize(evaluate: Evaluation, start: Array, *, max_iterations: int = 300) -> Minimum:
    """Minimize the sum of squares of the residuals from `start`, shape (p,)."""
    values = np.array(start, dtype=np.float64)
    found = evaluate(values)
    if found is None:
        return Minimum(values=values, sum_of_squares=np.inf, converged=False, evaluations=1)
    residuals, slopes = found
    cost = float(residuals @ residuals)
    scale = np.zeros(len(values))
    damping, growth, count, converged = 1e-3, 2.0, 1, False
    for _ in range(max_iterations):
        norms = np.linalg.norm(slopes, axis=0)
        scale = np.maximum(scale, norms)
        scaled = slopes / np.where(scale > 0.0, scale, 1.0)
        left, singular, right = np.linalg.svd(scaled, full_matrices=False)
        projected = left.T @ residuals
        kept = singular > 1e-14 * singular[0] if singular[0] > 0.0 else np.zeros(len(singular), dtype=bool)
        if np.linalg.norm(projected[kept]) <= _TOLERANCE * np.sqrt(cost):
            converged = True
            break
        better = None
        while damping < _LARGEST_DAMPING:
            step = right.T @ (singular * projected / (singular**2 + damping)) / np.where(scale > 0.0, scale, 1.0)
            if np.all(np.abs(step) <= _STUCK * np.abs(values)):
                break
            trial = values + step
            better = evaluate(trial)
            count += 1
            trial_cost = np.inf if better is None else float(better[0] @ better[0])
            # What the linear model promised: |r|^2 - |r - J d|^2.
            promised = float(np.sum(projected**2 * (1.0 - (damping / (singular**2 + damping)) ** 2)))
            gain = (cost - trial_cost) / promised if promised > 0.0 else 0.0
            if better is not None and gain > 1e-4:
                damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
                growth = 2.0
                values, (residuals, slopes), cost = trial, better, trial_cost
                break
            better = None
            damping *= growth
            growth *= 2.0
        if better is None:
            # No step improves: the last digits of the arithmetic decide, or the tangent plane misleads.
            converged = float(np.linalg.norm(projected[kept])) <= 1e-5 * np.sqrt(cost)
            break
    return Minimum(values=values, sum_of_squares=cost, converged=converged, evaluations=count)
