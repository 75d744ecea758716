"""A wandering level under noise: how much of a series' variation is its level's, how much is noise about it.

Model: y_t = mu_t + eps_t, mu_{t+1} = mu_t + eta_t, eps and eta independent and normal, nothing known of mu_1. J. Durbin
and S. J. Koopman, Time Series Analysis by State Space Methods (2nd ed., 2012), chapter 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from steelyard.calibration.engine.stability.errors import StabilityError

Floats = NDArray[np.float64]

LEAST_VALUES = 4
_LOGITS = np.linspace(-20.0, 20.0, 81)
"""Where the share of the level's variance is looked for, beside 0 and 1: log(share / (1 - share))."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalLevel:
    """A series of n values under the model: `noise_variance` of eps, `level_variance` of eta, in its unit squared.

    `log_likelihood` is the diffuse one, -1/2 sum_{t=2}^{n} (log 2 pi + log F_t + v_t^2 / F_t). `standardized_errors`
    float64[n - 1] are v_t / sqrt(F_t), the errors of the one-step predictions over their standard deviations.
    `level` and its `level_standard_uncertainty` are those of mu_n, all values known.
    """

    noise_variance: float
    level_variance: float
    log_likelihood: float
    level: float
    level_standard_uncertainty: float
    standardized_errors: Floats


def fit_local_level(values: ArrayLike) -> LocalLevel:
    """Estimate both variances by maximum likelihood; either may be 0.

    The sum of both is concentrated out of the likelihood (2.10.2), the share of the level's is searched from 0 to 1.

    Args:
        values: four or more finite numbers, equally spaced in time, that differ.

    Raises:
        StabilityError: too few values, one that is not finite, all equal.
    """
    y = _validate(values)
    # In units of the largest deviation squares neither overflow nor vanish.
    z = y - y.mean()
    scale = float(np.abs(z).max())
    if scale <= 8.0 * np.finfo(np.float64).eps * float(np.abs(y).max()):
        raise StabilityError("values", float(y[0]), "are all equal; a level and its noise need values that differ")
    z /= scale
    shares = np.concatenate(([0.0], 1.0 / (1.0 + np.exp(-_LOGITS)), [1.0]))
    likelihoods = _concentrated(z, shares)
    best = int(np.argmax(likelihoods))
    share = float(shares[best])
    if 0 < best < len(shares) - 1:
        x = _LOGITS[best - 1]
        found = minimize_scalar(
            lambda logit: -float(_concentrated(z, np.array([1.0 / (1.0 + math.exp(-logit))]))[0]),
            bounds=(x - 0.5, x + 0.5),
            method="bounded",
            options={"xatol": 1e-9},
        )
        share = 1.0 / (1.0 + math.exp(-float(found.x)))
    errors, variances, _, _ = _filter(z, 1.0 - share, share)
    whole = scale * scale * float(np.mean(errors**2 / variances))
    return local_level(y, noise_variance=(1.0 - share) * whole, level_variance=share * whole)


def local_level(values: ArrayLike, *, noise_variance: float, level_variance: float) -> LocalLevel:
    """The series under the model with these variances (2.2.4; diffuse start 2.9).

    Raises:
        StabilityError: as `fit_local_level`; a variance that is negative or not finite, both 0.
    """
    y = _validate(values)
    for field, value in (("noise_variance", noise_variance), ("level_variance", level_variance)):
        if not (math.isfinite(value) and value >= 0.0):
            raise StabilityError(field, value, "must be a finite number, not negative")
    if noise_variance + level_variance == 0.0:
        raise StabilityError("noise_variance", noise_variance, "must be positive where level_variance is 0")
    errors, variances, level, variance = _filter(y, noise_variance, level_variance)
    standardized = errors / np.sqrt(variances)
    terms = math.log(2.0 * math.pi) + np.log(variances) + standardized**2
    return LocalLevel(
        noise_variance=noise_variance,
        level_variance=level_variance,
        log_likelihood=-0.5 * float(np.sum(terms)),
        level=float(level),
        level_standard_uncertainty=math.sqrt(float(variance)),
        standardized_errors=standardized,
    )


def _validate(values: ArrayLike) -> Floats:
    y = np.asarray(values, dtype=np.float64)
    if y.ndim != 1 or len(y) < LEAST_VALUES:
        raise StabilityError("values", y.size, f"a level and its noise need {LEAST_VALUES} observations or more")
    if not np.isfinite(y).all():
        position = int(np.flatnonzero(~np.isfinite(y))[0])
        raise StabilityError(f"values[{position + 1}]", float(y[position]), "must be a finite number")
    return y


def _concentrated(z: Floats, shares: Floats) -> Floats:
    """The diffuse log likelihood float64[m] at each of the `shares` of eta, without constants (2.10.2)."""
    errors, variances, _, _ = _filter(z, 1.0 - shares, shares)
    # Values that the model meets exactly have no errors: the likelihood is as high as it can be, not infinite.
    square = np.maximum(np.mean(errors**2 / variances, axis=0), np.finfo(np.float64).tiny)
    return np.asarray(-0.5 * (len(errors) * np.log(square) + np.sum(np.log(variances), axis=0)))


def _filter(
    y: Floats, noise: float | Floats, step: float | Floats
) -> tuple[Floats, Floats, float | Floats, float | Floats]:
    """Prediction errors v_t and their variances F_t for t = 2..n; the level at n and its variance (2.15).

    float64[n - 1], or [n - 1, m] for m variances. After y_1 the level is y_1 with the variance of eps (2.9).
    """
    level, variance = y[0] + 0.0 * noise, 1.0 * noise
    errors, variances = [], []
    for value in y[1:]:
        predicted = variance + step
        total = predicted + noise
        error = value - level
        gain = predicted / total
        level, variance = level + gain * error, gain * noise
        errors.append(error)
        variances.append(total)
    return np.array(errors), np.array(variances), level, variance
