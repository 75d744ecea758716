"""The probability that a measured property conforms (JCGM 106:2012, clause 7).

Everything broadcasts over arrays, so that a fleet of results is judged in one call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from steelyard.calibration.engine.conformance.errors import ConformanceError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformance:
    """Probabilities, arrays of one shape: `conforming` p_c; `below` T_L; `above` T_U; `nonconforming` = both together.

    For an item that is accepted, `nonconforming` is the specific consumer's risk; for one that is rejected,
    `conforming` is the specific producer's risk (JCGM 106:2012, 9.3).
    """

    conforming: Floats
    nonconforming: Floats
    below: Floats
    above: Floats


def conformance(
    value: ArrayLike,
    standard_uncertainty: ArrayLike,
    *,
    lower: ArrayLike = -math.inf,
    upper: ArrayLike = math.inf,
    degrees_of_freedom: ArrayLike = math.inf,
) -> Conformance:
    """Probability of conformity of results `value` with `standard_uncertainty`, by normal or t distributions.

    p_c = Phi((T_U - y) / u) - Phi((T_L - y) / u): JCGM 106:2012, 7.4; with one limit 7.3. Finite `degrees_of_freedom`
    put the scaled and shifted t distribution in place of the normal one (7.1 and
    JCGM 101:2008, 6.4.9). Each tail is calculated by itself, which keeps small probabilities exact.

    All arguments broadcast; values, uncertainties and limits in one unit; a limit may be infinite. Raises
    ConformanceError for NaN, an uncertainty or degrees of freedom that are not positive, limits out of order.
    """
    y, u, low, high, nu = np.broadcast_arrays(
        *(
            np.asarray(each, dtype=np.float64)
            for each in (value, standard_uncertainty, lower, upper, degrees_of_freedom)
        )
    )
    require(np.isfinite(y), "value", y, "must be a finite number")
    require((u > 0.0) & np.isfinite(u), "standard_uncertainty", u, "must be a positive finite number")
    require(nu > 0.0, "degrees_of_freedom", nu, "must be greater than 0")
    require(low < high, "lower", low, "must be a number less than upper")
    z_low, z_high = (low - y) / u, (high - y) / u
    below, above = _cdf(z_low, nu), _cdf(-z_high, nu)
    # Where both limits lie on one side of the value, the difference of the two small tails, not of two numbers near 1.
    conforming = np.where(z_low > 0.0, _cdf(-z_low, nu) - above, _cdf(z_high, nu) - below)
    return Conformance(conforming=np.asarray(conforming), nonconforming=below + above, below=below, above=above)


def require(holds: NDArray[np.bool_], field: str, values: Floats, remedy: str) -> None:
    """Raise ConformanceError with the first of the values for which a condition does not hold."""
    if not np.all(holds):
        raise ConformanceError(field, float(values[~holds].flat[0]), remedy)


def _cdf(z: Floats, nu: Floats) -> Floats:
    known = np.isinf(nu)
    if np.all(known):
        return np.asarray(ndtr(z))
    return np.asarray(np.where(known, ndtr(z), stdtr(np.where(known, 1.0, nu), z)))
