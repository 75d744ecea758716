"""Acceptance limits that keep a consumer's risk, of each item or of the production (JCGM 106:2012, 8.3, 9.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.probability import conformance
from steelyard.calibration.engine.conformance.risk import global_risks, require_uncertainty
from steelyard.calibration.engine.distributions.distribution import Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """`limits` to accept within and the `guard_band` w between them and the tolerance, or None with a `reason`.

    `risk` is the consumer's risk with these limits; below the target where no guard band is needed.
    """

    limits: Limits | None
    guard_band: float | None
    risk: float | None
    reason: str | None = None


def acceptance_for_specific_risk(
    tolerance: Limits, standard_uncertainty: float, target: float, *, degrees_of_freedom: float = math.inf
) -> Acceptance:
    """Limits such that an item measured just at one of them fails to conform with the probability `target`.

    One-sided: w = z u with z the (1 - target) quantile (JCGM 106:2012, 8.3.2; t for finite degrees of freedom), and
    negative, beyond the tolerance, for a target above 0.5 (ILAC-G8:09/2019, table 1, uncritical). Two-sided: both
    tails count. Nothing but the measurement itself is taken as known. A reason instead of limits, where even an item
    in the middle would exceed the target. Raises ConformanceError for a target outside (0, 1).
    """
    _require_target(target)

    def risk(guard_band: float) -> float:
        at = (tolerance.upper if math.isfinite(tolerance.upper) else tolerance.lower) + (
            -guard_band if math.isfinite(tolerance.upper) else guard_band
        )
        return float(
            conformance(
                at,
                standard_uncertainty,
                lower=tolerance.lower,
                upper=tolerance.upper,
                degrees_of_freedom=degrees_of_freedom,
            ).nonconforming
        )

    widest = tolerance.half_width
    if tolerance.two_sided and risk(widest) >= target:
        return Acceptance(
            limits=None,
            guard_band=None,
            risk=None,
            reason=f"target_consumer_risk {target:g} cannot be kept: even a value in the middle of the tolerance "
            f"fails to conform with probability {risk(widest):.3g}; measure more accurately",
        )
    low, high = -standard_uncertainty, min(standard_uncertainty, widest)
    while risk(low) < target:
        low *= 2.0
    while high < widest and risk(high) > target:
        high = min(2.0 * high, widest)
    w = float(brentq(lambda each: risk(each) - target, low, high, xtol=1e-14 * standard_uncertainty, rtol=1e-14))
    return Acceptance(limits=tolerance.guarded(w), guard_band=w, risk=risk(w))


def acceptance_for_global_risk(
    prior: Distribution, measurement_standard_uncertainty: float, tolerance: Limits, target: float
) -> Acceptance:
    """Limits such that the global consumer's risk R_C is `target`, both moved inwards by the same guard band.

    JCGM 106:2012, 9.5.4 (R_C falls as w grows). Where simple acceptance keeps the target already, the limits are the
    tolerance's own: a low risk is no reason to accept what lies outside. Raises ConformanceError for a target outside
    (0, 1) or an uncertainty that is not positive.
    """
    _require_target(target)
    u = require_uncertainty(measurement_standard_uncertainty)
    simple = global_risks(prior, u, tolerance).consumer
    if simple <= target:
        return Acceptance(limits=tolerance, guard_band=0.0, risk=simple)

    def risk(guard_band: float) -> float:
        if guard_band >= tolerance.half_width:
            return 0.0
        return global_risks(prior, u, tolerance, tolerance.guarded(guard_band)).consumer

    high = min(u, tolerance.half_width)
    while risk(high) > target:
        high = min(2.0 * high, tolerance.half_width)
    w = float(brentq(lambda each: risk(each) - target, 0.0, high, xtol=1e-12 * u, rtol=1e-12))
    limits = tolerance.guarded(w)
    return Acceptance(limits=limits, guard_band=w, risk=global_risks(prior, u, tolerance, limits).consumer)


def _require_target(target: float) -> None:
    if not 0.0 < target < 1.0:
        raise ConformanceError("target_consumer_risk", target, "must be between 0 and 1, as 0.02")
