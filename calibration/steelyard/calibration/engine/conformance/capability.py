"""How good a measurement is for its tolerance, and a process for its specification."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.probability import Floats, require

COVERAGE_FACTOR = 2.0
"""k of the expanded uncertainty in test uncertainty ratios (ANSI/NCSL Z540.3-2006, 3.11; JCGM 106:2012, 7.6)."""


def uncertainty_ratio(tolerance: Limits, standard_uncertainty: float) -> float | None:
    """Half the tolerance over the expanded uncertainty U = 2 u: TUR of ANSI/NCSL Z540.3-2006, 3.11.

    The same number as the measurement capability index C_m = T / (4 u_m) of JCGM 106:2012, 7.6. None
    for a one-sided tolerance, which has no width. (D. Deaver's ratio of 1993 is another one: the standard deviation of
    the process over that of the measurement.) Raises ConformanceError unless the uncertainty is positive.
    """
    if not (math.isfinite(standard_uncertainty) and standard_uncertainty > 0.0):
        raise ConformanceError("standard_uncertainty", standard_uncertainty, "must be a positive finite number")
    return tolerance.half_width / (COVERAGE_FACTOR * standard_uncertainty) if tolerance.two_sided else None


def fit_for_verification(
    maximum_permissible_error: ArrayLike, expanded_uncertainty: ArrayLike, *, fraction: float = 1.0 / 3.0
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether U <= fraction x |MPE|, shape of the broadcast arguments: the 1/3 rule of verification.

    OIML R 111-1:2004, 5.2, for weights; 1/3 in most verification regulations, 1/4 in some (pressure gauges). U is the
    expanded uncertainty for k = 2 of the verification. Raises ConformanceError for what is not positive or NaN.
    """
    mpe, u = np.broadcast_arrays(
        np.abs(np.asarray(maximum_permissible_error, dtype=np.float64)),
        np.asarray(expanded_uncertainty, dtype=np.float64),
    )
    require(mpe > 0.0, "maximum_permissible_error", mpe, "must be a number other than 0")
    require(u >= 0.0, "expanded_uncertainty", u, "must not be negative")
    if not 0.0 < fraction <= 1.0:
        raise ConformanceError("fraction", fraction, "must be greater than 0 and at most 1")
    # A ratio that is exactly a third as printed must not fail by its last binary digit.
    return np.asarray(u <= fraction * mpe * (1.0 + 1e-12))


def process_capability(mean: ArrayLike, standard_deviation: ArrayLike, tolerance: Limits) -> Floats:
    """C_pk: distance of a process's mean from its nearer limit, over three standard deviations (ISO 22514-2).

    Negative where the mean lies outside. Raises ConformanceError for a standard deviation that is not positive.
    """
    m, s = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(standard_deviation, dtype=np.float64))
    require(np.isfinite(m), "mean", m, "must be a finite number")
    require(s > 0.0, "standard_deviation", s, "must be greater than 0")
    return np.asarray(np.minimum(tolerance.upper - m, m - tolerance.lower) / (3.0 * s))
