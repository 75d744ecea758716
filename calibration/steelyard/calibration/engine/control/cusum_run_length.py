"""Average run length of CUSUM charts for normal values.

Page's integral equation (Biometrika 41 (1954) 100-115) by Gauss-Legendre quadrature (A. L. Goel and S. M. Wu,
Technometrics 13 (1971) 221-230; L. C. Vance, Journal of Quality Technology 18 (1986) 189-193), which is the Markov
chain of D. Brook and D. A. Evans (Biometrika 59 (1972) 539-548) with its states at the best places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from steelyard.calibration.engine.control.absorption import mean_steps
from steelyard.calibration.engine.control.cusum import CusumDesign
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.observations import check_positive
from steelyard.calibration.engine.legendre import gauss_legendre

_FEWEST_NODES = 48
_MOST_NODES = 1500
_WIDEST = 400.0


def cusum_run_lengths(design: CusumDesign, shifts: Sequence[float], *, one_sided: bool = False) -> NDArray[np.float64]:
    """The average number of values until a CUSUM signals, from its start, at constant shifts of the mean.

    L(u) = 1 + L(0) Phi(k - d - u) + int_0^h L(x) phi(x + k - d - u) dx at shift d. Two sides from the same start u:
    L = (L+(u) L-(0) + L+(0) L-(u) - L+(0) L-(0)) / (L+(0) + L-(0)), as they cannot signal together (Lucas and Crosier,
    Technometrics 24 (1982), eq. 4; from zero 1/L = 1/L+ + 1/L-).

    Args:
        design: k, h, head start in sigma.
        shifts: float64[n] in sigma.
        one_sided: the upper sum alone.

    Returns:
        float64[n]; inf where a run is longer than a double can say.

    Raises:
        ControlError: a shift that is not finite, a two-sided head start above h / 2 + k, h above 400.
    """
    if design.h > _WIDEST:
        raise ControlError("h", design.h, f"run lengths are calculated up to h = {_WIDEST:g} sigma")
    if not one_sided and design.head_start > 0.5 * design.h + design.k:
        raise ControlError("head_start", design.head_start, "of both sums may be h / 2 + k at most for a run length")
    found = np.empty(len(shifts))
    for position, shift in enumerate(shifts):
        if not math.isfinite(shift):
            raise ControlError("shift", shift, "must be a finite number, in sigma")
        zero, start = _one_side(design, shift)
        if not one_sided:
            # In control both sides are one: a search for a decision interval asks for nothing else.
            other_zero, other_start = (zero, start) if shift == 0.0 else _one_side(design, -shift)
            zero, start = _both(zero, start, other_zero, other_start)
        found[position] = start
    return found


def _both(zero: float, start: float, other_zero: float, other_start: float) -> tuple[float, float]:
    if math.isinf(zero) or math.isinf(other_zero):
        # The side that never signals has no say.
        return min((zero, start), (other_zero, other_start))
    # The formula divided by the longer of the two, so that products do not overflow.
    longer, shorter = max(zero, other_zero), min(zero, other_zero)
    together = 1.0 + shorter / longer
    combined = (start * (other_zero / longer) + other_start * (zero / longer) - shorter) / together
    return shorter / together, combined


def _one_side(design: CusumDesign, shift: float) -> tuple[float, float]:
    """L(0) and L(head start)."""
    k, h = design.k - shift, design.h
    count = min(_FEWEST_NODES + int(5.0 * h), _MOST_NODES)
    nodes, weights = gauss_legendre(count)
    # State 0 is zero, the last is the head start (without weight: nothing comes back to it).
    states = np.concatenate(([0.0], 0.5 * h * (nodes + 1.0), [design.head_start]))
    weight = np.concatenate(([0.0], 0.5 * h * weights, [0.0]))
    step = states[None, :] + k - states[:, None]
    transition = weight * np.exp(-0.5 * step * step) / math.sqrt(2.0 * math.pi)
    transition[:, 0] = ndtr(k - states)
    lengths = mean_steps(transition, ndtr(states - h - k))
    return float(lengths[0]), float(lengths[-1])


def siegmund(k: float, h: float, shift: float) -> float:
    """D. Siegmund's approximation for one side from zero.

    (exp(-2 d b) + 2 d b - 1) / (2 d^2) with d = shift - k, b = h + 1.166. Within a few per
    cent of the run length (Sequential Analysis (1985), clause 2.6; Montgomery eq. 9.6).
    """
    drift, width = shift - k, h + 1.166
    product = 2.0 * drift * width
    if abs(product) < 1e-6:
        return width * width
    return float((math.expm1(-product) + product) / (2.0 * drift * drift))


def decision_interval(k: float, in_control_run_length: float, *, one_sided: bool = False) -> float:
    """The h, in sigma, with which a CUSUM of reference value `k` signals once in so many values in control.

    Raises ControlError for a run length that no h from 0 to 400 gives.
    """

    def length(h: float) -> float:
        return float(cusum_run_lengths(CusumDesign(k=k, h=h), [0.0], one_sided=one_sided)[0])

    return design_for(length, in_control_run_length, _WIDEST)


def design_for(length: Callable[[float], float], wanted: float, highest: float) -> float:
    """The limit in (0, highest] at which a run length that grows with it is the wanted one. Raises ControlError."""
    check_positive("in_control_run_length", wanted)
    low, high = 1e-6, 1.0
    while high < highest and length(high) < wanted:
        low, high = high, min(2.0 * high, highest)
    if not length(low) <= wanted <= length(high):
        raise ControlError("in_control_run_length", wanted, "no limit gives this run length")
    return float(brentq(lambda h: math.log(length(h)) - math.log(wanted), low, high, xtol=1e-10, rtol=1e-12))
