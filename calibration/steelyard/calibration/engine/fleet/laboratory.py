"""The part of the calibrations' noise that is the laboratory's: common to all instruments calibrated at the same time.

Baths, reference thermometers and pressure standards have errors of their own that change slowly, and the instruments
calibrated on one day share them. With lambda(t) the laboratory's error at a test point, an as-found error contains
lambda(start) - lambda(end) for every instrument. lambda is a Gaussian process whose covariance is a sum of four parts
(one day, a month, half a year, years); how much of each is estimated from products of different instruments' errors (a
method of moments with non-negative parts: Lawson and Hanson, Solving Least Squares Problems, 1974, 23), and lambda
itself by Gaussian-process regression (Rasmussen and Williams, 2006, 2.2) on the fleet's events in order of their
dates, so that the estimate as of any day is a leading part of one Cholesky factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from steelyard.calibration.engine.fleet.history import EventHistory, Floats, Integers
from steelyard.calibration.engine.fleet.hypotheses import LaboratoryError

_DAY = 1.0 / 365.25
_MOST_EVENTS = 1500
"""Events of the fleet that are used: the work grows with their cube, and these suffice."""
_OUTLYING = 4.0
"""Standard deviations from which on an error says nothing about the laboratory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    """One test point: amounts of the covariance's parts float64[4], Cholesky factor [N, N], whitened errors [N]."""

    amounts: Floats
    factor: Floats
    whitened: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laboratory:
    """What N events of a fleet show of the laboratory's error; `start`, `end` float64[N] in order of `end`."""

    start: Floats
    end: Floats
    points: tuple[_Point | None, ...]

    def errors(self, target: EventHistory, as_of: Floats) -> LaboratoryError:
        """The laboratory's error at the dates of `target`'s events, known from calibrations before `as_of`.

        `as_of` float64[I], years: calibrations on that day or later are not used for the instrument.
        """
        dates = target.dates
        distinct, where = np.unique(dates, return_inverse=True)
        where = where.reshape(dates.shape)
        known = np.searchsorted(self.end, as_of - 0.5 * _DAY)[:, None, None]
        shape = (*dates.shape, len(self.points))
        mean, variance = np.zeros(shape), np.zeros(shape)
        for p, point in enumerate(self.points):
            if point is None:
                continue
            cross = _covariance(self.start, distinct, point.amounts) - _covariance(self.end, distinct, point.amounts)
            half = solve_triangular(point.factor, cross, lower=True, check_finite=False)
            zero = np.zeros((1, distinct.size))
            means = np.concatenate([zero, np.cumsum(half * point.whitened[:, None], axis=0)])
            explained = np.concatenate([zero, np.cumsum(np.square(half), axis=0)])
            mean[..., p] = means[known, where]
            variance[..., p] = np.maximum(float(point.amounts.sum()) - explained[known, where], 0.0)
        return LaboratoryError(mean=mean, variance=variance)


def learn_laboratory(fleet: EventHistory, noise: Floats, wander: Floats) -> Laboratory:
    """Learn the laboratory's part from a fleet.

    `noise`, `wander` float64[I, P]: what each instrument's record says of its own spreads (unit of the errors; wander
    per root year).
    """
    row, event = np.nonzero(fleet.used)
    if row.size > _MOST_EVENTS:
        # Whole instruments, evenly over the list: the links between an instrument's events are kept.
        step = int(np.ceil(row.size / _MOST_EVENTS))
        kept = row % step == 0
        row, event = row[kept], event[kept]
    order = np.argsort(fleet.end[row, event], kind="stable")
    row, event = row[order], event[order]
    start, end = fleet.start[row, event], fleet.end[row, event]
    parts = [_difference(start, end, part) for part in range(4)]
    points = tuple(
        _learn_point(fleet, noise[:, p], wander[:, p], p, (row, event), parts) for p in range(fleet.error.shape[2])
    )
    return Laboratory(start=start, end=end, points=points)


def _learn_point(
    fleet: EventHistory,
    noise: Floats,
    wander: Floats,
    point: int,
    events: tuple[Integers, Integers],
    parts: list[Floats],
) -> _Point | None:
    row, event = events
    error = fleet.error[row, event, point]
    interval = fleet.interval[row, event]
    own = np.sqrt(2.0 * noise[row] ** 2 + wander[row] ** 2 * interval)
    used = np.isfinite(error)
    used[used] = np.abs(error[used]) < _OUTLYING * own[used]
    if used.sum() < 3:
        return None
    y = np.where(used, error - np.median(error[used]), 0.0)
    amounts = _amounts(y[used], own[used], row[used], [part[np.ix_(used, used)] for part in parts])
    if not amounts.sum() > 0.0:
        return None
    total = sum(amount * part for amount, part in zip(amounts, parts, strict=True))
    same = row[:, None] == row
    neighbours = same & (np.abs(event[:, None] - event) == 1) & (fleet.linked[row, event] | (event == 0))[:, None]
    neighbours |= neighbours.T
    total = total - np.where(neighbours, noise[row] ** 2, 0.0)
    # An event that is not used gets a variance beyond all others: its row stays, so all points share one order.
    total[np.diag_indices(y.size)] += np.where(used, own**2, 1e6 * np.max(own) ** 2)
    factor = cholesky(total, lower=True, check_finite=False)
    return _Point(amounts=amounts, factor=factor, whitened=solve_triangular(factor, y, lower=True, check_finite=False))


def _amounts(y: Floats, own: Floats, row: Integers, parts: list[Floats]) -> Floats:
    """How much of each part explains the products of different instruments' errors, float64[4], none negative."""
    first, second = np.triu_indices(y.size, 1)
    different = row[first] != row[second]
    first, second = first[different], second[different]
    weight = 1.0 / (own[first] * own[second])
    z = np.clip(y / own, -3.0, 3.0)
    design = np.stack([part[first, second] * weight for part in parts], axis=1)
    gram = design.T @ design
    ridge = 1e-9 * np.trace(gram)
    if not ridge > 0.0:
        return np.zeros(len(parts))
    return np.asarray(nnls(gram + ridge * np.eye(len(parts)), design.T @ (z[first] * z[second]))[0], dtype=np.float64)


def _kernel(distance: Floats, part: int) -> Floats:
    """The correlation of the laboratory's error over `distance` in years, by part."""
    d = np.abs(distance)
    if part == 0:
        return (d < 1.5 * _DAY).astype(np.float64)
    if part == 1:
        return np.asarray(np.exp(-d / (30.0 * _DAY)), dtype=np.float64)
    if part == 2:
        return np.asarray(np.exp(-d / 0.5), dtype=np.float64)
    return np.asarray(np.exp(-0.5 * np.square(d / 1.5)), dtype=np.float64)


def _covariance(a: Floats, b: Floats, amounts: Floats) -> Floats:
    distance = a[:, None] - b
    return np.asarray(sum(amount * _kernel(distance, part) for part, amount in enumerate(amounts)), dtype=np.float64)


def _difference(start: Floats, end: Floats, part: int) -> Floats:
    """Covariance of lambda(start) - lambda(end) between events, for one part of amount 1: float64[N, N]."""

    def between(a: Floats, b: Floats) -> Floats:
        return _kernel(a[:, None] - b, part)

    return between(start, start) + between(end, end) - between(start, end) - between(end, start)
