"""Simulated fleets whose true errors are known, in the engine's units (MPE, years). Only for tests of calibration."""

import numpy as np

from steelyard.calibration.engine.tracking.drift import ErrorRecord
from steelyard.calibration.engine.tracking.state import DriftParameters

YEAR_DAYS = 365.25
EPOCH = 54.0


def parameters(n, *, level=0.4, rate=0.4, wander=0.07, rate_wander=0.15, noise=0.05, reference=0.1, level_mean=0.0):
    def of(value):
        return np.full(n, float(value))

    return DriftParameters(
        level_mean=of(level_mean),
        level=of(level),
        rate=of(rate),
        wander=of(wander),
        rate_wander=of(rate_wander),
        noise=of(noise),
        reference=of(reference),
    )


def daily_record(y, noise):
    """Pair observations `y` [N, days], one a day, with standard uncertainty `noise`."""
    n, k = y.shape
    return ErrorRecord(
        t=np.broadcast_to(np.arange(k) / YEAR_DAYS + EPOCH, (n, k)).copy(),
        error=y,
        noise=np.full((n, k), float(noise)),
        pair=np.ones((n, k), np.bool_),
        adjusted=np.zeros((n, k), np.bool_),
        count=np.full(n, k),
    )


def model_levels(rng, n, days, p):
    """True levels [N, days], drawn from the model with the parameters `p`."""
    dt = 1.0 / YEAR_DAYS
    rate = rng.normal(0.0, 1.0, n) * p.rate
    level = np.empty((n, days))
    level[:, 0] = p.level_mean + rng.normal(0.0, 1.0, n) * p.level
    for day in range(1, days):
        level[:, day] = level[:, day - 1] + rate * dt + rng.normal(0.0, np.sqrt(dt), n) * p.wander
        rate = rate + rng.normal(0.0, np.sqrt(dt), n) * p.rate_wander
    return level


def drifting_levels(rng, n, days, *, start=0.0, rate=0.0, jump=0.0, jump_day=0, wander=0.02):
    """True levels [N, days] of instruments that drift steadily and jump once."""
    day = np.arange(days)
    steps = rng.normal(0.0, wander / np.sqrt(YEAR_DAYS), (n, days))
    return start + rate * day / YEAR_DAYS + np.where(day >= jump_day, jump, 0.0) + np.cumsum(steps, axis=1)
