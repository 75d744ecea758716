"""Probability of true values in an interval, weighted by the probability that their measurement is accepted.

The one integral behind all risks (JCGM 106:2012, 9.5): of g0(eta) x Pr(A_L <= Y_m <= A_U | eta) over part of the axis,
for any prior g0. Far from the acceptance limits the second factor is 0 or 1 and the prior's distribution function
answers; only around the limits, where the measurement's uncertainty matters, something is integrated.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.quadrature import Floats, integrate
from steelyard.calibration.engine.distributions.distribution import Distribution
from steelyard.calibration.engine.distributions.empirical import Empirical

_REACH = 9.5
"""Beyond so many standard uncertainties from a limit, a normal measurement errs with less than 1e-20."""
_STEPS = np.array([-_REACH, -6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, _REACH])
_TAIL = np.array([1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4])
_QUANTILES = np.concatenate([_TAIL, [0.5], 1.0 - _TAIL[::-1]])


def acceptance_probability(x: Floats, acceptance: Limits, u: float, *, accepted: bool = True) -> Floats:
    """Pr(A_L <= Y_m <= A_U | eta = x) for a normal measurement, or that of rejection; shape of `x`."""
    low, high = (acceptance.lower - x) / u, (acceptance.upper - x) / u
    if not accepted:
        return np.asarray(ndtr(low) + ndtr(-high))
    return np.asarray(np.where(low > 0.0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low)))


def mass(
    prior: Distribution, start: float, end: float, acceptance: Limits, u: float, *, accepted: bool = True
) -> float:
    """Integral of g0(eta) Pr(accepted | eta), or Pr(rejected | eta), over eta from `start` to `end`, finite or not."""
    if not start < end:
        return 0.0
    if isinstance(prior, Empirical):
        inside = prior.samples[(prior.samples > start) & (prior.samples < end)]
        weights = acceptance_probability(inside, acceptance, u, accepted=accepted)
        return float(np.sum(weights)) / prior.samples.size
    total = 0.0
    borders = [start, *_transitions(acceptance, u, start, end), end]
    for a, b in pairwise(borders):
        if not a < b:
            continue
        middle = _inner(a, b)
        if any(abs(middle - limit) < _REACH * u for limit in (acceptance.lower, acceptance.upper)):
            total += _integral(prior, a, b, acceptance, u, accepted=accepted)
        elif (acceptance.lower < middle < acceptance.upper) == accepted:
            total += between(prior, a, b)
    return total


def between(prior: Distribution, start: float, end: float) -> float:
    """Pr(start < Y < end) of a distribution; the limits may be infinite."""
    low = 0.0 if math.isinf(start) else float(prior.cdf(start))
    high = 1.0 if math.isinf(end) else float(prior.cdf(end))
    return max(high - low, 0.0)


def grid(prior: Distribution, start: float, end: float, points: Floats) -> Floats:
    """Rising panel edges from `start` to `end`: the given points and the prior's quantiles between them."""
    with np.errstate(all="ignore"):
        edges = np.concatenate([points, np.asarray(prior.quantile(_QUANTILES))])
    edges = edges[np.isfinite(edges) & (edges > start) & (edges < end)]
    return np.unique(np.concatenate([[start], edges, [end]]))


def _transitions(acceptance: Limits, u: float, start: float, end: float) -> list[float]:
    """Where acceptance begins and ends to be uncertain, in rising order, between `start` and `end`."""
    around = [
        limit + side * _REACH * u
        for limit in (acceptance.lower, acceptance.upper)
        if math.isfinite(limit)
        for side in (-1.0, 1.0)
    ]
    return sorted(min(max(each, start), end) for each in around)


def _inner(a: float, b: float) -> float:
    """A point between; any, where one end is infinite, since then nothing changes in between."""
    if math.isinf(a):
        return b - max(1.0, abs(b)) if math.isfinite(b) else 0.0
    return a + max(1.0, abs(a)) if math.isinf(b) else 0.5 * (a + b)


def _integral(prior: Distribution, a: float, b: float, acceptance: Limits, u: float, *, accepted: bool) -> float:
    limits = np.array([each for each in (acceptance.lower, acceptance.upper) if math.isfinite(each)])
    edges = grid(prior, a, b, (limits[:, None] + u * _STEPS).ravel())
    with np.errstate(all="ignore"):
        density = np.asarray(prior.pdf(edges))
    singular = ~np.isfinite(density)
    total = 0.0
    # A density that is infinite at an edge (arcsine) is integrated over probability instead of over the property.
    by_probability = singular[:-1] | singular[1:]
    for smooth in (True, False):
        for first, last in _runs(by_probability != smooth):
            part = edges[first : last + 1]
            if smooth:
                total += integrate(
                    lambda x: np.asarray(prior.pdf(x)) * acceptance_probability(x, acceptance, u, accepted=accepted),
                    part,
                )
            else:
                p = np.asarray(prior.cdf(part))
                if p[-1] > p[0]:
                    total += integrate(
                        lambda p: acceptance_probability(
                            np.asarray(prior.quantile(p)), acceptance, u, accepted=accepted
                        ),
                        np.unique(p),
                    )
    return total


def _runs(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and one-past-last index of each run of True."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(change[::2], change[1::2], strict=True)]
