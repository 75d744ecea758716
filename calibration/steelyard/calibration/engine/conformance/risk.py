"""Global and specific risks of a decision rule (JCGM 106:2012, clause 9), for any prior."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.mass import between, mass
from steelyard.calibration.engine.distributions.distribution import Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalRisks:
    """Probabilities for an item drawn at random from the production.

    `consumer` R_C: it is accepted and does not conform; `producer` R_P: it is rejected and conforms; `conforming`: it
    conforms; `accepted`: it is accepted.
    """

    consumer: float
    producer: float
    conforming: float
    accepted: float

    @property
    def conditional_false_accept(self) -> float | None:
        """Pr(does not conform | accepted) = R_C / Pr(accepted); None if nothing is accepted."""
        return self.consumer / self.accepted if self.accepted > 0.0 else None

    @property
    def conditional_false_reject(self) -> float | None:
        """Pr(conforms | rejected) = R_P / Pr(rejected); None if nothing is rejected."""
        rejected = 1.0 - self.accepted
        return self.producer / rejected if rejected > 0.0 else None


def global_risks(
    prior: Distribution,
    measurement_standard_uncertainty: float,
    tolerance: Limits,
    acceptance: Limits | None = None,
) -> GlobalRisks:
    """Risks when items distributed as `prior` are measured and accepted within `acceptance` (default: the tolerance).

    R_C = integral over the nonconforming values of g0(eta) Pr(accepted | eta): JCGM 106:2012, 9.5.2;
    R_P = integral over the conforming ones of g0(eta) Pr(rejected | eta): likewise; the measurement is
    normal about the true value with `measurement_standard_uncertainty`, in the tolerance's unit. Raises
    ConformanceError for an uncertainty that is not positive.
    """
    u = require_uncertainty(measurement_standard_uncertainty)
    accept = tolerance if acceptance is None else acceptance
    consumer = mass(prior, -math.inf, tolerance.lower, accept, u) + mass(prior, tolerance.upper, math.inf, accept, u)
    producer = mass(prior, tolerance.lower, tolerance.upper, accept, u, accepted=False)
    conforming = between(prior, tolerance.lower, tolerance.upper)
    return GlobalRisks(
        consumer=consumer,
        producer=producer,
        conforming=conforming,
        # Summed from the side that is small: accepted is what conforms and is not rejected, and what wrongly passes.
        accepted=min(max(conforming - producer + consumer, 0.0), 1.0),
    )


def require_uncertainty(value: float) -> float:
    """The measurement's standard uncertainty, if it is one. Raises ConformanceError."""
    if not (math.isfinite(value) and value > 0.0):
        raise ConformanceError("measurement_standard_uncertainty", value, "must be a positive finite number")
    return value
