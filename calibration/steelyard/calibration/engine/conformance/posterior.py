"""What is known about an item after its measurement, given what was known before (JCGM 106:2012, 6.2 and annex A)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.mass import grid
from steelyard.calibration.engine.conformance.quadrature import Floats, integrate
from steelyard.calibration.engine.conformance.risk import require_uncertainty
from steelyard.calibration.engine.distributions.distribution import Distribution
from steelyard.calibration.engine.distributions.empirical import Empirical

_STEPS = np.array([-12.0, -8.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0])

_IMPOSSIBLE = -600.0
"""A product of density and likelihood below exp of this leaves nothing to normalize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What is known of a measured item, prior taken in.

    Expectation `mean` and `standard_uncertainty`; probabilities `conforming` p_c, `below` T_L, `above` T_U.
    """

    mean: float
    standard_uncertainty: float
    conforming: float
    below: float
    above: float

    @property
    def nonconforming(self) -> float:
        """Probability of lying outside the tolerance."""
        return self.below + self.above


def posterior(
    prior: Distribution, value: float, measurement_standard_uncertainty: float, tolerance: Limits
) -> Posterior:
    """Bayes' theorem for one measured value: g(eta | eta_m) = C g0(eta) h(eta_m | eta), JCGM 106:2012, 6.2.

    h is normal with the measurement's standard uncertainty. 1 - p_c is the specific consumer's risk of an item
    accepted with this value (9.3). Raises ConformanceError for an uncertainty that is not positive, and where the
    value is impossible by the prior.
    """
    u = require_uncertainty(measurement_standard_uncertainty)
    if not math.isfinite(value):
        raise ConformanceError("value", value, "must be a finite number")
    if isinstance(prior, Empirical):
        return _of_samples(prior.samples, value, u, tolerance)
    with np.errstate(all="ignore"):
        support = [float(q) for q in np.asarray(prior.quantile([0.0, 1e-15, 1.0 - 1e-15, 1.0]))]
    start = max(support[0], min(support[1], value - 12.0 * u))
    end = min(support[3], max(support[2], value + 12.0 * u))
    cuts = [each for each in (tolerance.lower, tolerance.upper) if math.isfinite(each)]
    edges = grid(prior, start, end, np.concatenate([value + u * _STEPS, cuts]))

    scale = _peak(prior, edges, value, u)

    def likelihood(x: Floats) -> Floats:
        return np.asarray(np.exp(-0.5 * ((x - value) / u) ** 2 - scale))

    def over(function_edges: Floats, power: int, centre: float) -> float:
        def weighted(probability: Floats) -> Floats:
            x = np.asarray(prior.quantile(probability))
            return np.asarray(likelihood(x) * (x - centre) ** power)

        def direct(x: Floats) -> Floats:
            return np.asarray(prior.pdf(x)) * likelihood(x) * (x - centre) ** power

        with np.errstate(all="ignore"):
            smooth = bool(np.all(np.isfinite(np.asarray(prior.pdf(function_edges)))))
        if smooth:
            return integrate(direct, function_edges)
        # Over probability, so that a density that is infinite somewhere does no harm; the tails lie in the edges.
        p = np.unique(np.asarray(prior.cdf(function_edges)))
        return integrate(weighted, p) if p.size > 1 else 0.0

    norm = over(edges, 0, value)
    if not norm > 0.0:
        raise ConformanceError("value", value, "is impossible by the prior; check both")
    mean = value + over(edges, 1, value) / norm
    variance = over(edges, 2, mean) / norm

    def share(low: float, high: float) -> float:
        part = edges[(edges >= low) & (edges <= high)]
        return min(over(part, 0, value) / norm, 1.0) if part.size > 1 else 0.0

    return Posterior(
        mean=mean,
        standard_uncertainty=math.sqrt(variance),
        conforming=share(tolerance.lower, tolerance.upper),
        below=share(-math.inf, tolerance.lower),
        above=share(tolerance.upper, math.inf),
    )


def _peak(prior: Distribution, edges: Floats, value: float, u: float) -> float:
    """The logarithm of the largest product of density and likelihood on the edges.

    Taken out of the likelihood it leaves integrals near 1, also where a value is far from all that the prior expects.
    """
    with np.errstate(all="ignore"):
        logarithms = np.log(np.asarray(prior.pdf(edges))) - 0.5 * ((edges - value) / u) ** 2
    finite = logarithms[np.isfinite(logarithms)]
    largest = float(np.max(finite)) if finite.size else 0.0
    return largest if largest > _IMPOSSIBLE else 0.0


def _of_samples(samples: Floats, value: float, u: float, tolerance: Limits) -> Posterior:
    weights = np.exp(-0.5 * ((samples - value) / u) ** 2)
    norm = float(np.sum(weights))
    if not norm > 0.0:
        raise ConformanceError("value", value, "is impossible by the prior; check both")
    weights = weights / norm
    mean = float(weights @ samples)
    below, above = samples < tolerance.lower, samples > tolerance.upper
    return Posterior(
        mean=mean,
        standard_uncertainty=math.sqrt(float(weights @ (samples - mean) ** 2)),
        conforming=float(np.sum(weights[~below & ~above])),
        below=float(np.sum(weights[below])),
        above=float(np.sum(weights[above])),
    )
