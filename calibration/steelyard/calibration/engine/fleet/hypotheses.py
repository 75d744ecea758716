"""What an instrument may be like, and how likely its record is under each hypothesis.

A hypothesis is a pair of spreads (noise of the calibrations, wander of the instrument) and a weight of the tails. Under
each of them the state is followed by the filter of a random walk observed through the differences of successive
calibrations:

    as-found error of event k = (L_k - L_{k-1}) + n_{k-1} - n_k

with L the instrument's true curve and n_k the error of the k-th calibration: the coefficients of calibration k - 1
carry n_{k-1}, so the noise enters two successive as-found errors with opposite sign. Its sum over events is L_k - n_k,
a local level model (Durbin and Koopman, Time Series Analysis by State Space Methods, 2012, 2.2), which is what the
filter follows: its state is the offset o = L_k - (sum of as-found errors), the part of the last calibration's noise
that is known by now.

An event's test points share their tail: given the hypothesis they are multivariate t, and an outlying event moves the
state less (West, J. R. Statist. Soc. B 43 (1981) 157-166).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from steelyard.calibration.engine.fleet.history import EventHistory, Floats, Integers

_BLOCK = 48
"""Instruments filtered at once: their hypotheses' arrays stay in the cache."""
_GROSS = 60.0
"""Squared distance, over all test points, from which on an event says nothing about the state: a mistyped coefficient
or a replaced sensor. Prediction starts from the prior then, with the instrument's spread as it was known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypotheses:
    """H hypotheses about an instrument at P test points; errors in one unit.

    `noise` float64[P, H] standard uncertainty of one calibration; `wander` float64[P, H] standard deviation of the
    drift in the first year, growing with the root of time; `freedom` float64[H] degrees of freedom of the tails;
    `running_in` the factor on the wander of an instrument's first interval; `information` the number of independent
    test points that P are worth, divided by P.
    """

    noise: Floats
    wander: Floats
    freedom: Floats
    running_in: float = 1.0
    information: float = 1.0

    def at(self, point: int) -> Hypotheses:
        """The hypotheses about one test point alone."""
        one = slice(point, point + 1)
        return replace(self, noise=self.noise[one], wander=self.wander[one], information=1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaboratoryError:
    """What is known of the laboratory's own error at the two dates of each event (see `laboratory`).

    `mean` and `variance` float64[I, K, 2, P]: at the start and at the end of the event.
    """

    mean: Floats
    variance: Floats

    @staticmethod
    def unknown(instruments: int, events: int, points: int) -> LaboratoryError:
        """No part of the noise is common to the laboratory's calibrations."""
        zero = np.zeros((instruments, events, 2, points))
        return LaboratoryError(mean=zero, variance=zero)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What each hypothesis predicted for one event of each instrument.

    `location`, `scale` float64[I, P, H] (of the t distributions); `log_likelihood` float64[I, H] of the events before
    it.
    """

    location: Floats
    scale: Floats
    log_likelihood: Floats


@dataclass(slots=True)
class _State:
    """The running offset (mean, variance) [B, P, H] and log-likelihood [B, H] of a block."""

    offset: Floats
    variance: Floats
    log_likelihood: Floats


def predict_event(
    history: EventHistory, hypotheses: Hypotheses, laboratory: LaboratoryError, event: Integers
) -> Prediction:
    """The prediction of event number `event` int[I] of each instrument from the events before it.

    The errors at that event and later are not looked at. `event` == `count` is not allowed: the event's dates are
    needed.
    """
    instruments, _, points = history.error.shape
    size = hypotheses.freedom.size
    location, scale = np.empty((instruments, points, size)), np.empty((instruments, points, size))
    likelihood = np.empty((instruments, size))
    for rows in _blocks(event):
        for k, state, _, predicted in _walk(history, hypotheses, laboratory, rows, event[rows] + 1):
            due = event[rows] == k
            if due.any():
                location[rows[due]], scale[rows[due]] = predicted[0][due], np.sqrt(predicted[1][due])
                likelihood[rows[due]] = state.log_likelihood[due]
    return Prediction(location=location, scale=scale, log_likelihood=likelihood)


def log_likelihood(history: EventHistory, hypotheses: Hypotheses, laboratory: LaboratoryError) -> Floats:
    """The log-likelihood of each instrument's whole record under each hypothesis, float64[I, H]."""
    result = np.zeros((history.count.size, hypotheses.freedom.size))
    for rows in _blocks(history.count):
        for _, _, after, _ in _walk(history, hypotheses, laboratory, rows, history.count[rows]):
            result[rows] = after
    return result


def _blocks(length: Integers) -> Iterator[Integers]:
    """Rows in blocks of similar length."""
    order = np.argsort(length, kind="stable").astype(np.intp)
    for first in range(0, order.size, _BLOCK):
        yield order[first : first + _BLOCK]


def _walk(
    history: EventHistory, hypotheses: Hypotheses, laboratory: LaboratoryError, rows: Integers, until: Integers
) -> Iterator[tuple[int, _State, Floats, tuple[Floats, Floats]]]:
    """Step through a block: event, state before it, log-likelihood after it, (location, scale squared)."""
    points = history.error.shape[2]
    interval, linked = history.interval[rows], history.linked[rows]
    noise, wander = np.square(hypotheses.noise), np.square(hypotheses.wander)
    freedom = hypotheses.freedom
    state = _State(
        offset=np.zeros((rows.size, points, freedom.size)),
        variance=np.zeros((rows.size, points, freedom.size)),
        log_likelihood=np.zeros((rows.size, freedom.size)),
    )
    for k in range(int(until.max(initial=0))):
        active = k < until
        error = history.error[rows, k, :, None]
        seen = np.isfinite(error) & active[:, None, None]
        y = np.where(seen, error, 0.0)
        mean, variance = laboratory.mean[rows, k, :, :, None], laboratory.variance[rows, k, :, :, None]
        fresh = ~linked[:, k, None, None]
        offset = np.where(fresh, mean[:, 0], state.offset)
        before = np.where(fresh, noise + variance[:, 0], state.variance)
        growth = wander * interval[:, k, None, None] * (hypotheses.running_in**2 if k == 0 else 1.0)
        level = before + growth
        r = noise + variance[:, 1]
        total = level + r
        location = offset - mean[:, 1]
        e = np.where(seen, y - location, 0.0)
        worth = hypotheses.information * seen.sum(axis=1)
        distance = hypotheses.information * np.sum(e * e / total, axis=1)
        log_scale = hypotheses.information * np.sum(np.where(seen, np.log(total), 0.0), axis=1)
        # The multivariate t density, without what does not depend on the hypothesis' spreads.
        step = -0.5 * (log_scale + (freedom + worth) * np.log1p(distance / freedom)) + _t_norm(freedom, worth)
        after = state.log_likelihood + np.where(active[:, None], step, 0.0)
        yield k, state, after, (location, total)
        spread = np.maximum((freedom + distance) / (freedom + worth), 1.0)[:, None, :]
        gain = np.where(seen, level / total, 0.0)
        new_offset = offset + gain * e - y
        new_variance = np.minimum(np.where(seen, level * (1.0 - gain) * spread, level + r), 3.0 * r)
        gross = (distance > _GROSS)[:, None, :] | ~seen
        state = _State(
            offset=np.where(gross, mean[:, 1], new_offset),
            variance=np.where(gross, r, new_variance),
            log_likelihood=after,
        )


def _t_norm(freedom: Floats, dimensions: Floats) -> Floats:
    """The logarithm of the t density's constant, float64[B, H], for `dimensions` float64[B, 1] (may be fractional)."""
    return np.asarray(
        gammaln(0.5 * (freedom + dimensions)) - gammaln(0.5 * freedom) - 0.5 * dimensions * np.log(freedom),
        dtype=np.float64,
    )
