"""Fleets whose truth is known, for the tests of the fleet engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.parameters import DriftParameters
from steelyard.calibration.engine.fleet.update import Observations

TRUTH = DriftParameters(
    noise=np.array([[0.3], [0.5]]),
    wander=np.array([[0.2], [0.3]]),
    rate=np.array([[0.15], [-0.1]]),
    rate_spread=np.array([[0.15], [0.25]]),
    scale_freedom=np.array([8.0, 12.0]),
    outlying=np.array([3.0, 3.0]),
    tail_scale=np.ones(2),
    tail_freedom=np.full(2, np.inf),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """Observations, and the truth after the last of them."""

    model: np.ndarray
    start: np.ndarray
    observations: Observations
    error: np.ndarray
    rate: np.ndarray
    scale: np.ndarray


def simulate(
    instruments: int,
    events: int,
    rng: np.random.Generator,
    *,
    truth: DriftParameters = TRUTH,
    mistyped: float = 0.0,
    jumping: float = 0.0,
) -> Fleet:
    """Simulate irregular calibrations, half of which adjust.

    A share `mistyped` of them is wrong by 100 noises; in a share `jumping` of the intervals the error jumps by some 5.
    """
    model = rng.integers(0, truth.noise.shape[0], instruments)
    freedom = truth.scale_freedom[model]
    scale = np.sqrt(freedom / rng.chisquare(freedom))
    noise, wander = truth.noise[model, 0] * scale, truth.wander[model, 0] * scale
    rate = truth.rate[model, 0] + truth.rate_spread[model, 0] * scale * rng.normal(size=instruments)
    start = rng.uniform(2000.0, 2005.0, instruments)
    step = rng.uniform(0.3, 1.7, (instruments, events))
    adjusted = rng.random((instruments, events)) < 0.5
    error = noise * rng.normal(size=instruments)
    observed = np.empty((instruments, events))
    for k in range(events):
        error = error + rate * step[:, k] + wander * np.sqrt(step[:, k]) * rng.normal(size=instruments)
        if jumping:
            jumps = rng.random(instruments) < jumping
            error = error + np.where(jumps, 5.0 * noise * rng.normal(size=instruments), 0.0)
        observed[:, k] = error + noise * rng.normal(size=instruments)
        error = error - np.where(adjusted[:, k], observed[:, k], 0.0)
    wrong = rng.random(observed.shape) < mistyped
    observed = np.where(wrong, observed + 100.0 * noise[:, None], observed)
    return Fleet(
        model=model,
        start=start,
        observations=Observations(
            t=start[:, None] + np.cumsum(step, axis=1), error=observed[:, :, None], adjusted=adjusted
        ),
        error=error,
        rate=rate,
        scale=scale,
    )
