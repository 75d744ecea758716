"""Global risks where prior and measurement are both normal: closed form, for whole fleets at once.

True value and measured value then are bivariate normal (JCGM 106:2012, A.4 and 9.5.3); the probabilities of rectangles
follow from Owen's T function (D. B. Owen, Ann. Math. Statist. 27 (1956) 1075).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, owens_t

from steelyard.calibration.engine.conformance.probability import Floats, require


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalRisks:
    """As `risk.GlobalRisks`, arrays of one shape; absolute accuracy 1e-15."""

    consumer: Floats
    producer: Floats
    conforming: Floats
    accepted: Floats


def normal_risks(
    mean: ArrayLike,
    standard_deviation: ArrayLike,
    measurement_standard_uncertainty: ArrayLike,
    *,
    lower: ArrayLike = -math.inf,
    upper: ArrayLike = math.inf,
    acceptance_lower: ArrayLike | None = None,
    acceptance_upper: ArrayLike | None = None,
) -> NormalRisks:
    """R_C and R_P of items N(mean, standard_deviation^2) measured with a normal error: JCGM 106:2012, 9.5.3.

    All arguments broadcast, in one unit; limits may be infinite; the acceptance limits default to the tolerance's.
    Raises ConformanceError for NaN, a standard deviation or uncertainty that is not positive, limits out of order.
    """
    y0, u0, um, tl, tu, al, au = np.broadcast_arrays(
        *(
            np.asarray(each, dtype=np.float64)
            for each in (
                mean,
                standard_deviation,
                measurement_standard_uncertainty,
                lower,
                upper,
                lower if acceptance_lower is None else acceptance_lower,
                upper if acceptance_upper is None else acceptance_upper,
            )
        )
    )
    require(np.isfinite(y0), "mean", y0, "must be a finite number")
    require((u0 > 0.0) & np.isfinite(u0), "standard_deviation", u0, "must be a positive finite number")
    require((um > 0.0) & np.isfinite(um), "measurement_standard_uncertainty", um, "must be a positive finite number")
    require(tl < tu, "lower", tl, "must be a number less than upper")
    require(al < au, "acceptance_lower", al, "must be a number less than acceptance_upper")
    total = np.hypot(u0, um)
    rho, complement = u0 / total, um / total
    x = [(limit - y0) / u0 for limit in (tl, tu)]
    y = [(limit - y0) / total for limit in (al, au)]
    both = sum(
        sign * _both_below(x[i], y[j], rho, complement)
        for i, j, sign in ((1, 1, 1.0), (0, 1, -1.0), (1, 0, -1.0), (0, 0, 1.0))
    )
    conforming, accepted = ndtr(x[1]) - ndtr(x[0]), ndtr(y[1]) - ndtr(y[0])
    return NormalRisks(
        consumer=np.asarray(np.maximum(accepted - both, 0.0)),
        producer=np.asarray(np.maximum(conforming - both, 0.0)),
        conforming=np.asarray(conforming),
        accepted=np.asarray(accepted),
    )


def _both_below(h: Floats, k: Floats, rho: Floats, complement: Floats) -> Floats:
    """Pr(X < h, Y < k) for standard normal X, Y with correlation rho > 0; `complement` = sqrt(1 - rho^2)."""
    infinite = np.isinf(h) | np.isinf(k)
    hf, kf = np.where(infinite, 1.0, h), np.where(infinite, 1.0, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        ah = (kf - rho * hf) / (hf * complement)
        ak = (hf - rho * kf) / (kf * complement)
    # A limit at the mean: T(0, a) with a of either sign of infinity, and 0/0 where both are.
    both_zero = np.sqrt((1.0 - rho) / (1.0 + rho))
    ah = np.where(np.isnan(ah), both_zero, ah)
    ak = np.where(np.isnan(ak), both_zero, ak)
    same_side = (hf * kf > 0.0) | ((hf * kf == 0.0) & (hf + kf >= 0.0))
    finite = 0.5 * (ndtr(hf) + ndtr(kf)) - owens_t(hf, ah) - owens_t(kf, ak) - np.where(same_side, 0.0, 0.5)
    # With one of them infinite, the other decides: -inf leaves nothing, inf leaves the other's own probability.
    return np.asarray(np.where(infinite, np.minimum(ndtr(h), ndtr(k)), finite))
