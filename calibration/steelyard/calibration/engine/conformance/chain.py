"""Reliability through a chain of calibrations: from what is observed at a level to what is true there and below.

NCSLI draft RP-19, chapter 5 (measurement quality assurance from end item to standard), NASA-HDBK-8739.19-4, appendix
on in-tolerance probability. All distributions are centred and normal, tolerances symmetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.normal_risk import normal_risks


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLevel:
    """One level: `tolerance` half-width; `observed_reliability` the part found in tolerance at the end of the interval.

    `other_uncertainty` is what the measurement adds to the reference's own standard uncertainty; both in one unit.
    """

    tolerance: float
    observed_reliability: float
    other_uncertainty: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReliability:
    """What is true at a level.

    `end_of_period`, `beginning_of_period`, `average_over_period`: true in-tolerance probabilities (EOPR, BOPR, AOPR);
    `false_accept`, `false_reject`: joint probabilities at the calibration; `measurement_standard_uncertainty` of it;
    `standard_uncertainty` with which this level serves as the reference of the next.
    """

    end_of_period: float
    beginning_of_period: float
    average_over_period: float
    false_accept: float
    false_reject: float
    measurement_standard_uncertainty: float
    standard_uncertainty: float


def standard_uncertainty_of_reliability(tolerance: float, reliability: float) -> float:
    """Standard deviation of centred normal items of which the part `reliability` lies within +-tolerance.

    Raises ConformanceError for a tolerance that is not positive or a reliability outside (0, 1).
    """
    if not (math.isfinite(tolerance) and tolerance > 0.0):
        raise ConformanceError("tolerance", tolerance, "must be a positive finite number")
    if not 0.0 < reliability < 1.0:
        raise ConformanceError("reliability", reliability, "must be between 0 and 1")
    return tolerance / float(ndtri(0.5 * (1.0 + reliability)))


def reliability_at(level: ChainLevel, reference_standard_uncertainty: float) -> ChainReliability:
    """What is true at a level that is calibrated with a reference of this standard uncertainty.

    True spread: sigma^2 = sigma_observed^2 - u^2. After calibration an item is in tolerance unless it was falsely
    accepted (adjusted where found out): BOPR = 1 - R_C. Between, reliability falls exponentially, so that the average
    over the period is (BOPR - EOPR) / ln(BOPR / EOPR). Raises ConformanceError where the measurement's uncertainty
    alone exceeds the observed spread.
    """
    u = math.hypot(reference_standard_uncertainty, level.other_uncertainty)
    if not (math.isfinite(u) and u > 0.0):
        raise ConformanceError("reference_standard_uncertainty", u, "must be a positive finite number")
    observed = standard_uncertainty_of_reliability(level.tolerance, level.observed_reliability)
    if u >= observed:
        remedy = f"is no better than the spread that is observed, {observed:.4g}; nothing is left for the items' own"
        raise ConformanceError("reference_standard_uncertainty", u, remedy)
    true = math.sqrt(observed**2 - u**2)
    risks = normal_risks(0.0, true, u, lower=-level.tolerance, upper=level.tolerance)
    false_accept, end = float(risks.consumer), 2.0 * float(ndtr(level.tolerance / true)) - 1.0
    beginning = 1.0 - false_accept
    average = (beginning - end) / math.log(beginning / end) if beginning != end else end
    return ChainReliability(
        end_of_period=end,
        beginning_of_period=beginning,
        average_over_period=average,
        false_accept=false_accept,
        false_reject=float(risks.producer),
        measurement_standard_uncertainty=u,
        standard_uncertainty=standard_uncertainty_of_reliability(level.tolerance, average),
    )
