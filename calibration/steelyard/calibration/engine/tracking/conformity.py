"""Probability that an error lies outside its limits (JCGM 106:2012), for forecasts of whole fleets.

The calculation is `conformance.probability`; this is its question as forecasting puts it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.conformance.probability import conformance


def probability_outside(
    mean: ArrayLike, standard_uncertainty: ArrayLike, lower: ArrayLike, upper: ArrayLike
) -> NDArray[np.float64]:
    """1 - p_c for a normal state of knowledge about the error.

    p_c = Phi((T_U - y) / u) - Phi((T_L - y) / u): JCGM 106:2012, 7.4. All arguments broadcast, in one
    unit; `standard_uncertainty` > 0, `lower` < `upper`; a limit may be infinite.

    Raises ConformanceError (a ValueError) for an uncertainty that is not positive, for NaN, for limits out of order.
    """
    return conformance(mean, standard_uncertainty, lower=lower, upper=upper).nonconforming
