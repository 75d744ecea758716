"""What it costs a year to keep items calibrated, and what their errors cost where they are used.

NCSLI draft RP-19, chapter 5 (solar experiment, tables 5-11 and 5-12); NASA-HDBK-8739.19-4, appendix on cost models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtr

from steelyard.calibration.engine.conformance.chain import ChainReliability, standard_uncertainty_of_reliability
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.quadrature import Floats, integrate

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportPlan:
    """`items` in use, calibrated every `interval` years; money in one currency.

    `calibration`, `adjustment`, `repair`: cost of one each; `adjusted`, `repaired`: the part of the calibrations that
    end in one. `calibration_days`, `adjustment_days`, `repair_days`: out of use for it, shipping and waiting included.
    A spare stands in then: `price` of one, `readiness` from 0 (none is kept) to 1 (always one).
    """

    items: float
    interval: float
    calibration: float
    adjusted: float
    repaired: float
    adjustment: float = 0.0
    repair: float = 0.0
    calibration_days: float = 0.0
    adjustment_days: float = 0.0
    repair_days: float = 0.0
    price: float = 0.0
    readiness: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportCost:
    """Costs of a year: `calibration`, `adjustment`, `repair`, their sum `support`.

    `spares` is how many stand in on the average, `spares_price` what they cost once.
    """

    calibration: float
    adjustment: float
    repair: float
    support: float
    spares: float
    spares_price: float


def annual_support(plan: SupportPlan) -> SupportCost:
    """The costs of a year: items and spares are calibrated alike, (items + spares) / interval times a year.

    Spares are items * readiness * downtime / interval. Raises ConformanceError for a number that is negative or not
    finite, no items or no interval, parts that are no probabilities.
    """
    for field in fields(plan):
        value = getattr(plan, field.name)
        if not (math.isfinite(value) and value >= 0.0):
            raise ConformanceError(field.name, value, "must be a finite number, not negative")
    for name in ("items", "interval"):
        if getattr(plan, name) == 0.0:
            raise ConformanceError(name, 0.0, "must be positive")
    for name in ("adjusted", "repaired", "readiness"):
        if getattr(plan, name) > 1.0:
            raise ConformanceError(name, getattr(plan, name), "must be from 0 to 1")
    downtime = (
        plan.calibration_days + plan.adjusted * plan.adjustment_days + plan.repaired * plan.repair_days
    ) / DAYS_PER_YEAR
    spares = plan.items * plan.readiness * downtime / plan.interval
    calibrations = (plan.items + spares) / plan.interval
    calibration = calibrations * plan.calibration
    adjustment = calibrations * plan.adjusted * plan.adjustment
    repair = calibrations * plan.repaired * plan.repair
    return SupportCost(
        calibration=calibration,
        adjustment=adjustment,
        repair=repair,
        support=calibration + adjustment + repair,
        spares=spares,
        spares_price=spares * plan.price,
    )


def failure_probability(tolerance: float, reliability: ChainReliability, *, fails_at: float) -> float:
    """The chance that an item in use fails, over the average of its interval.

    An error within +-`tolerance` does no harm, one beyond +-`fails_at` always, between with
    sin^2(pi / 2 (|e| - tolerance) / (fails_at - tolerance)). Errors are normal about 0; the part within the tolerance
    falls exponentially from the beginning of the period to its end. Raises ConformanceError for a tolerance that is not
    positive or a `fails_at` that is not beyond it.
    """
    if not (math.isfinite(fails_at) and fails_at > tolerance):
        raise ConformanceError("fails_at", fails_at, "must be a finite number beyond the tolerance")
    begin, end = reliability.beginning_of_period, reliability.end_of_period
    # Twelve nodes integrate what is nearly a straight line in time.
    nodes, weights = np.polynomial.legendre.leggauss(12)
    within = begin * (end / begin) ** (0.5 * (nodes + 1.0))
    found = [_failing(tolerance, fails_at, standard_uncertainty_of_reliability(tolerance, r)) for r in within.tolist()]
    return 0.5 * float(weights @ np.array(found))


def _failing(tolerance: float, fails_at: float, spread: float) -> float:
    """The expectation of failing over errors N(0, spread^2)."""

    def density(e: Floats) -> Floats:
        harm = np.sin(0.5 * math.pi * (e - tolerance) / (fails_at - tolerance)) ** 2
        return np.asarray(harm * np.exp(-0.5 * (e / spread) ** 2) / (spread * math.sqrt(2.0 * math.pi)))

    return 2.0 * (integrate(density, np.array([tolerance, fails_at])) + float(ndtr(-fails_at / spread)))
