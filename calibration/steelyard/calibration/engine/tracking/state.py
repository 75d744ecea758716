"""The error of many instruments as one linear-Gaussian state space model: level, rate and the reference's own error.

    level(t + dt) = level(t) + rate(t) dt + wander        rate(t + dt) = rate(t) + rate wander
    certificate:     y = level + noise
    reference pair:  y = level + reference error + noise

The reference's error is a constant of unknown value with the reference's standard uncertainty. It enters every pair
observation alike, so that ever so many of them leave the level as uncertain as the reference is (GUM F.1.2.3: a common
error is a correlation, not noise), while a certificate may tell the two apart.

Errors are in units of the MPE at verification, time in years of 365.25 d since 1970. Kalman filter equations: Durbin
and Koopman, Time Series Analysis by State Space Methods (2012), 4.3; here written out component by component, because
three states of many instruments are nine short array operations and no matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftParameters:
    """The priors of N instruments as arrays float64[N], in MPE and years.

    `level_mean` is where an unknown error is expected (0 for symmetric limits), `reference` the standard uncertainty of
    the reference pair (0 without one); the others as in `priors.DriftPrior`.
    """

    level_mean: Floats
    level: Floats
    rate: Floats
    wander: Floats
    rate_wander: Floats
    noise: Floats
    reference: Floats

    def take(self, rows: NDArray[np.intp]) -> DriftParameters:
        """The parameters of some instruments."""
        return DriftParameters(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorState:
    """What is known of N instruments' errors at their times `t`: means and covariances, float64[N] each.

    `v_ab` is the covariance of a and b, with l level, r rate, b reference error.
    """

    t: Floats
    level: Floats
    rate: Floats
    reference: Floats
    v_ll: Floats
    v_lr: Floats
    v_lb: Floats
    v_rr: Floats
    v_rb: Floats
    v_bb: Floats

    def take(self, rows: NDArray[np.intp]) -> ErrorState:
        """The state of some instruments."""
        return ErrorState(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def initial_state(parameters: DriftParameters, t: Floats) -> ErrorState:
    """The state before any observation, at times `t` float64[N]."""
    zero = np.zeros_like(parameters.level)
    return ErrorState(
        t=t.copy(),
        level=parameters.level_mean.copy(),
        rate=zero.copy(),
        reference=zero.copy(),
        v_ll=parameters.level**2,
        v_lr=zero.copy(),
        v_lb=zero.copy(),
        v_rr=parameters.rate**2,
        v_rb=zero.copy(),
        v_bb=parameters.reference**2,
    )


def level_at(state: ErrorState, parameters: DriftParameters, t: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the level at times `t` >= `state.t`, broadcasting: float64[N] or [days, N]."""
    dt = t - state.t
    spread = parameters.wander**2 * dt + parameters.rate_wander**2 * dt**3 / 3.0
    return state.level + state.rate * dt, state.v_ll + 2.0 * dt * state.v_lr + dt**2 * state.v_rr + spread


def predicted(state: ErrorState, parameters: DriftParameters, t: Floats) -> ErrorState:
    """The state carried forward to times `t` >= `state.t`, float64[N]."""
    dt = t - state.t
    q_rate = parameters.rate_wander**2
    level, v_ll = level_at(state, parameters, t)
    return ErrorState(
        t=t,
        level=level,
        rate=state.rate,
        reference=state.reference,
        v_ll=v_ll,
        v_lr=state.v_lr + dt * state.v_rr + q_rate * dt**2 / 2.0,
        v_lb=state.v_lb + dt * state.v_rb,
        v_rr=state.v_rr + q_rate * dt,
        v_rb=state.v_rb,
        v_bb=state.v_bb,
    )


def reset_level(state: ErrorState, parameters: DriftParameters, where: Bools) -> ErrorState:
    """After an adjustment nothing is known of the level any more; the rate and the reference's error stay."""
    return _with_level(
        state,
        level=np.where(where, parameters.level_mean, state.level),
        v_ll=np.where(where, parameters.level**2, state.v_ll),
        v_lr=np.where(where, 0.0, state.v_lr),
        v_lb=np.where(where, 0.0, state.v_lb),
    )


def loosen_level(state: ErrorState, variance: float, where: Bools) -> ErrorState:
    """At a sudden change the level may have moved by any amount of that `variance`; its mean and rate stay."""
    return _with_level(
        state,
        level=state.level,
        v_ll=np.where(where, state.v_ll + variance, state.v_ll),
        v_lr=state.v_lr,
        v_lb=state.v_lb,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Innovation:
    """One-step prediction errors float64[N]: `value` and its predicted `variance`, noise included."""

    value: Floats
    variance: Floats


def innovation(state: ErrorState, y: Floats, noise_variance: Floats, pair: Bools) -> Innovation:
    """How far observations `y` lie from the prediction; `pair` marks those that carry the reference's error."""
    h = pair.astype(np.float64)
    return Innovation(
        value=y - state.level - h * state.reference,
        variance=state.v_ll + 2.0 * h * state.v_lb + h * state.v_bb + noise_variance,
    )


def updated(state: ErrorState, found: Innovation, pair: Bools, where: Bools, clip: float) -> ErrorState:
    """The state after the observations `found`, for the instruments of `where`; the others stay as they are.

    An observation more than `clip` standard deviations off is given the noise that would make it `clip` standard
    deviations off: a mistyped certificate or a spike moves the state by a bounded amount (Huber's psi).
    """
    h = pair.astype(np.float64)
    far = np.maximum(1.0, np.abs(found.value) / (clip * np.sqrt(found.variance)))
    variance = found.variance * far**2
    c_l = state.v_ll + h * state.v_lb
    c_r = state.v_lr + h * state.v_rb
    c_b = state.v_lb + h * state.v_bb
    weight = np.where(where, 1.0 / variance, 0.0)
    step = np.where(where, found.value / variance, 0.0)
    return ErrorState(
        t=state.t,
        level=state.level + c_l * step,
        rate=state.rate + c_r * step,
        reference=state.reference + c_b * step,
        v_ll=state.v_ll - c_l * c_l * weight,
        v_lr=state.v_lr - c_l * c_r * weight,
        v_lb=state.v_lb - c_l * c_b * weight,
        v_rr=state.v_rr - c_r * c_r * weight,
        v_rb=state.v_rb - c_r * c_b * weight,
        v_bb=state.v_bb - c_b * c_b * weight,
    )


def _with_level(state: ErrorState, *, level: Floats, v_ll: Floats, v_lr: Floats, v_lb: Floats) -> ErrorState:
    return ErrorState(
        t=state.t,
        level=level,
        rate=state.rate,
        reference=state.reference,
        v_ll=v_ll,
        v_lr=v_lr,
        v_lb=v_lb,
        v_rr=state.v_rr,
        v_rb=state.v_rb,
        v_bb=state.v_bb,
    )
