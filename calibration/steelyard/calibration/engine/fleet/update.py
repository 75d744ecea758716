"""The state of a whole fleet from its observations: a Kalman filter over instruments, in blocks that fit the cache.

For every instrument: predict to the observation's time, compare, update error and rate (Durbin and Koopman 2012, 4.3),
update the instrument's scale (West and Harrison, 4.5), and take an adjustment off the error. An outlying observation
is weighted down as if its own noise were larger; one beyond all bounds moves nothing, and when the instrument was
adjusted by it, its error is unknown anew.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import Bools, Floats, Integers
from steelyard.calibration.engine.fleet.parameters import DriftParameters, FleetState
from steelyard.calibration.engine.fleet.tails import normal_scores

_BLOCK = 4096
"""Instruments at once: some twenty arrays of them fit a core's cache."""
_GROSS = 60.0
"""Squared, scaled distance from which on an observation is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """Up to K observations of N instruments at P test points, in any order of time.

    `t` float64[N, K] years; `error` float64[N, K, P], NaN in `t` where there is none; `adjusted` bool[N, K]: whether
    the instrument was adjusted by the observed error afterwards. `standard_uncertainty` float64[N, K], or None: what an
    observation's certificate adds to the noise of its model.
    """

    t: Floats
    error: Floats
    adjusted: Bools
    standard_uncertainty: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit; values are looked at block by block."""
        if self.error.ndim != 3 or self.error.shape[2] == 0:
            raise HistoryError("error", self.error.shape, "give instruments x observations x test points")
        for name in ("t", "adjusted", "standard_uncertainty"):
            values = getattr(self, name)
            if values is not None and values.shape != self.error.shape[:2]:
                raise HistoryError(name, values.shape, f"give one for each observation: {self.error.shape[:2]}")


def update(
    parameters: DriftParameters, state: FleetState, observations: Observations, *, workers: int = 1
) -> FleetState:
    """The state after all observations.

    The order in which an instrument's observations are given does not matter; they must not be older than its state.
    `workers` threads share the blocks.

    Raises HistoryError for observations that are not finite, older than the state, or have a negative uncertainty.
    """
    if observations.error.shape[0] != state.t.size or observations.error.shape[2] != state.error.shape[1]:
        raise HistoryError(
            "error", observations.error.shape, f"the state has {state.error.shape} instruments x test points"
        )
    out = _empty_like(state)
    blocks = [slice(first, first + _BLOCK) for first in range(0, state.t.size, _BLOCK)]

    def one(rows: slice) -> Floats:
        return _update_block(parameters, state, observations, rows, out)

    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, blocks))
    else:
        for rows in blocks:
            one(rows)
    return out


def fleet_log_likelihood(parameters: DriftParameters, state: FleetState, observations: Observations) -> Floats:
    """The log-likelihood float64[N] of each instrument's observations, from `state` on (constants left out)."""
    scratch = _empty_like(state)
    parts = [
        _update_block(parameters, state, observations, slice(first, first + _BLOCK), scratch, likelihood=True)
        for first in range(0, state.t.size, _BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def prediction_errors(
    parameters: DriftParameters, state: FleetState, observations: Observations
) -> tuple[FleetState, Floats]:
    """The state after all observations, and how far each was from its prediction: float64[N, K, P].

    Standardized: the prediction's t distribution, with the fleet's tails, is taken to the normal one, so that they are
    standard normal while the parameters hold; NaN where there is no observation.
    In order of time. This is what `detection.first_alarms` watches.
    """
    out, errors = _empty_like(state), np.full(observations.error.shape, np.nan)
    for first in range(0, state.t.size, _BLOCK):
        _update_block(parameters, state, observations, slice(first, first + _BLOCK), out, errors=errors)
    return out, errors


def _empty_like(state: FleetState) -> FleetState:
    return FleetState(
        model=state.model,
        t=np.empty_like(state.t),
        **{name: np.empty_like(getattr(state, name)) for name in _FIELDS},
        scale_squared=np.empty_like(state.scale_squared),
        freedom=np.empty_like(state.freedom),
    )


_FIELDS = ("error", "rate", "variance", "covariance", "rate_variance")


@dataclass(slots=True)
class _Block:
    """A block's observations, time first: `step` [K, B] years since the one before, `seen` [K, B] or None if all are.

    `error` [K, P, B] (0 where not seen), `adjusted` [K, B], `extra` [K, B] variance or None,
    `last` [B] the time after the last.
    """

    step: Floats
    error: Floats
    seen: Floats | None
    adjusted: Bools
    extra: Floats | None
    last: Floats


def _prepared(state: FleetState, observations: Observations, rows: slice) -> _Block:
    """Check a block's values and turn time first; the usual block is complete and in order, and is only copied."""
    t = np.ascontiguousarray(observations.t[rows].T)
    u = observations.standard_uncertainty
    step = np.diff(t, axis=0, prepend=state.t[None, rows])
    if not step.min(initial=0.0) >= 0.0 or u is not None:
        return _sorted(state, observations, rows)
    error = np.ascontiguousarray(observations.error[rows].transpose(1, 2, 0))
    if not np.isfinite(error.sum()):
        _demand_finite(error)
    return _Block(
        step=step,
        error=error,
        seen=None,
        adjusted=np.ascontiguousarray(observations.adjusted[rows].T),
        extra=None,
        last=t[-1] if len(t) else state.t[rows],
    )


def _sorted(state: FleetState, observations: Observations, rows: slice) -> _Block:
    """A block with gaps, disorder or uncertainties of its own."""
    t = observations.t[rows]
    order = np.argsort(t, axis=1, kind="stable")  # NaN comes last
    t = np.take_along_axis(t, order, axis=1)
    missing, since = np.isnan(t), state.t[rows]
    error = np.take_along_axis(observations.error[rows], order[:, :, None], axis=1)
    error = np.where(missing[:, :, None], 0.0, error)
    _demand_finite(error)
    newest = np.maximum(np.fmax.reduce(t, axis=1, initial=-np.inf), since)
    t = np.where(missing, newest[:, None], t)
    step = np.diff(t, axis=1, prepend=since[:, None])
    if not np.isfinite(step).all():
        raise HistoryError("t", "not finite", "give dates, and NaN where there is no observation")
    if np.any(step < 0.0):
        raise HistoryError("t", float(step.min()), "an observation is older than the state: start from an earlier one")
    extra = None
    if observations.standard_uncertainty is not None:
        u = np.take_along_axis(observations.standard_uncertainty[rows], order, axis=1)
        if not np.all((np.isfinite(u) & (u >= 0.0)) | missing):
            raise HistoryError("standard_uncertainty", float(np.nanmin(u)), "give 0 or more for every observation")
        extra = np.ascontiguousarray(np.where(missing, 0.0, np.square(u)).T)
    return _Block(
        step=np.ascontiguousarray(step.T),
        error=np.ascontiguousarray(error.transpose(1, 2, 0)),
        seen=np.ascontiguousarray((~missing).T, dtype=np.float64) if missing.any() else None,
        adjusted=np.ascontiguousarray((np.take_along_axis(observations.adjusted[rows], order, axis=1) & ~missing).T),
        extra=extra,
        last=newest,
    )


def _demand_finite(error: Floats) -> None:
    if not np.isfinite(error).all():
        raise HistoryError(
            "error", "not finite", "mark what was not observed by NaN in t; leave out what is not finite"
        )


@dataclass(slots=True)
class _Moments:
    """The running state of a block, test points first: [P, B] each, `total` (sum of squares) and `freedom` [B]."""

    error: Floats
    rate: Floats
    variance: Floats
    covariance: Floats
    rate_variance: Floats
    total: Floats
    freedom: Floats


def _update_block(
    parameters: DriftParameters,
    state: FleetState,
    observations: Observations,
    rows: slice,
    out: FleetState,
    *,
    likelihood: bool = False,
    errors: Floats | None = None,
) -> Floats:
    """Filter one block into `out`, its prediction errors into `errors`; the log-likelihood [B] if asked for, or 0."""
    block = _prepared(state, observations, rows)
    model = state.model[rows]
    wander = np.square(parameters.wander).T[:, model]
    noise = np.square(parameters.noise).T[:, model]
    limit = np.square(parameters.outlying)[model] * noise.shape[0]
    tails = parameters.tail_scale[model], parameters.tail_freedom[model]
    now = _Moments(
        **{name: np.array(getattr(state, name)[rows].T, order="C") for name in _FIELDS},
        total=state.scale_squared[rows] * state.freedom[rows],
        freedom=state.freedom[rows].copy(),
    )
    result = np.zeros(model.size)
    scratch = np.empty_like(now.error)
    spread, missed = np.empty_like(now.error), np.empty_like(now.error)
    for k in range(block.step.shape[0]):
        _predict(now, block.step[k], wander, scratch)
        r = noise if block.extra is None else noise + block.extra[k]
        np.add(now.variance, r, out=spread)
        np.subtract(block.error[k], now.error, out=missed)
        np.multiply(missed, missed, out=scratch)
        scratch /= spread
        distance = scratch.sum(axis=0)
        seen = None if block.seen is None else block.seen[k]
        if seen is not None:
            distance *= seen
        if likelihood:
            _add_likelihood(result, distance, spread, now, 1.0 if seen is None else seen)
        if errors is not None:
            z = normal_scores(missed / np.sqrt(spread * (now.total / now.freedom)), now.freedom, *tails)
            errors[rows, k] = z.T if seen is None else np.where(seen > 0.0, z, np.nan).T
        gross = _temper(now, distance, spread, r, limit)
        _correct(now, missed, spread, (seen, gross), scratch)
        now.total += distance
        _count(now, seen, gross)
        # An adjustment takes what was observed off the error.
        np.multiply(block.error[k], block.adjusted[k], out=scratch)
        now.error -= scratch
        if gross.size:
            _start_anew(now, gross[block.adjusted[k, gross]], r)
    for name in _FIELDS:
        getattr(out, name)[rows] = getattr(now, name).T
    out.t[rows], out.freedom[rows], out.scale_squared[rows] = block.last, now.freedom, now.total / now.freedom
    return result


def _predict(now: _Moments, step: Floats, wander: Floats, scratch: Floats) -> None:
    """To the next observation: m += b d; v += d (2 c + s d + q); c += s d."""
    np.multiply(now.rate, step, out=scratch)
    now.error += scratch
    np.multiply(now.rate_variance, step, out=scratch)
    # d (2 c + s d + q) with the new covariance c + s d: d (c + c_new + q).
    grown = now.covariance + wander
    now.covariance += scratch
    grown += now.covariance
    grown *= step
    now.variance += grown


def _temper(now: _Moments, distance: Floats, spread: Floats, noise: Floats, limit: Floats) -> Integers:
    """Enlarge the noise of outlying observations and bound what they say of the scale; returns the gross ones' places.

    Huber's weight: 1 up to the limit, then falling as its ratio to the distance (Huber and Ronchetti, Robust
    Statistics, 2nd ed., 2009, 4.5). Few are outlying: only their columns are touched.
    """
    scaled = distance * now.freedom
    scaled /= now.total
    outlying = np.flatnonzero(scaled > limit)
    if not outlying.size:
        return outlying
    weight = np.sqrt(limit[outlying] / scaled[outlying])
    spread[:, outlying] = now.variance[:, outlying] + noise[:, outlying] / weight
    gross = scaled[outlying] > _GROSS * noise.shape[0]
    distance[outlying] *= np.where(gross, 0.0, weight)
    rows: Integers = outlying[gross]
    return rows


def _correct(
    now: _Moments, missed: Floats, spread: Floats, mask: tuple[Floats | None, Integers], scratch: Floats
) -> None:
    """What an observation says of error and rate: gains g = v / S, h = c / S."""
    seen, gross = mask
    gain, rate_gain = now.variance / spread, now.covariance / spread
    if seen is not None:
        gain *= seen
        rate_gain *= seen
    if gross.size:
        gain[:, gross] = 0.0
        rate_gain[:, gross] = 0.0
    np.multiply(gain, missed, out=scratch)
    now.error += scratch
    missed *= rate_gain
    now.rate += missed
    np.multiply(rate_gain, now.covariance, out=scratch)
    now.rate_variance -= scratch
    rate_gain *= now.variance
    now.covariance -= rate_gain
    gain *= now.variance
    now.variance -= gain


def _count(now: _Moments, seen: Floats | None, gross: Integers) -> None:
    """Each test point that was seen is a degree of freedom for the scale; a gross observation is none."""
    points = float(now.error.shape[0])
    if seen is None:
        now.freedom += points
        now.freedom[gross] -= points
    else:
        now.freedom += seen * points
        now.freedom[gross] -= points * seen[gross]


def _start_anew(now: _Moments, rows: Integers, noise: Floats) -> None:
    """An instrument adjusted by a gross error: nobody knows by how much; it was calibrated, no more."""
    now.error[:, rows], now.covariance[:, rows] = 0.0, 0.0
    now.variance[:, rows] = noise[:, rows]


def _add_likelihood(result: Floats, distance: Floats, variance: Floats, now: _Moments, seen: Floats | float) -> None:
    """Add the multivariate t log-density of an observation; squared distances beyond what is gross count as that."""
    total, n, points = now.total, now.freedom, float(variance.shape[0])
    scaled = np.minimum(distance / total, _GROSS * points / n)
    density = _log_gamma_ratio(n, points) - 0.5 * points * np.log(total) - 0.5 * np.log(variance).sum(axis=0)
    result += (density - 0.5 * (n + points) * np.log1p(scaled)) * seen


def _log_gamma_ratio(n: Floats, points: float) -> Floats:
    """The logarithm of Gamma((n + points) / 2) / Gamma(n / 2), by Stirling's series: n is at least some tenths."""

    def log_gamma(x: Floats) -> Floats:
        # Gamma(x) = Gamma(x + 3) / (x (x + 1) (x + 2)): the series is good to 1e-7 from 3 on.
        up = x + 3.0
        series = (up - 0.5) * np.log(up) - up + 1.0 / (12.0 * up) - 1.0 / (360.0 * up**3) + 1.0 / (1260.0 * up**5)
        return np.asarray(series - np.log(x * (x + 1.0) * (x + 2.0)), dtype=np.float64)

    return log_gamma(0.5 * (n + points)) - log_gamma(0.5 * n)
