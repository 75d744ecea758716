"""The largest false-accept risk at a test uncertainty ratio, whatever the items' reliability."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from steelyard.calibration.engine.conformance.capability import COVERAGE_FACTOR
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.normal_risk import normal_risks


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """`false_accept` R_C at its largest, and the `in_tolerance_probability` of the items where that is so."""

    false_accept: float
    in_tolerance_probability: float


def worst_case_false_accept(uncertainty_ratio: float, *, guard_band_factor: float = 1.0) -> WorstCase:
    """Maximum over the standard deviation of centred normal items of the joint probability of a false acceptance.

    M. Dobbert, "A Guard-Band Strategy for Managing False-Accept Risk", NCSLI 2008, table 2. The ratio is that of
    `capability.uncertainty_ratio` (k = 2); acceptance limits are `guard_band_factor` times the tolerance. Raises
    ConformanceError unless both are positive.
    """
    for field, value in (("test_uncertainty_ratio", uncertainty_ratio), ("guard_band_factor", guard_band_factor)):
        if not (math.isfinite(value) and value > 0.0):
            raise ConformanceError(field, value, "must be a positive finite number")
    u = 1.0 / (COVERAGE_FACTOR * uncertainty_ratio)

    def false_accept(in_tolerance: float) -> float:
        deviation = 1.0 / float(ndtri(0.5 * (1.0 + in_tolerance)))
        risks = normal_risks(
            0.0,
            deviation,
            u,
            lower=-1.0,
            upper=1.0,
            acceptance_lower=-guard_band_factor,
            acceptance_upper=guard_band_factor,
        )
        return float(risks.consumer)

    # One maximum, with risk 0 at both ends: no items out of tolerance, or all of them far out.
    found = minimize_scalar(
        lambda p: -false_accept(p), bounds=(1e-3, 1.0 - 1e-6), method="bounded", options={"xatol": 1e-10}
    )
    return WorstCase(false_accept=-float(found.fun), in_tolerance_probability=float(found.x))
