"""Average run length of EWMA charts for normal values.

S. V. Crowder, Technometrics 29 (1987) 401-407 (integral equation); J. M. Lucas and M. S. Saccucci, Technometrics 32
(1990) 1-12 (Markov chain); limits that belong to each value: S. Knoth, Sequential Analysis 22 (2003) 241-255.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from steelyard.calibration.engine.control.absorption import mean_steps
from steelyard.calibration.engine.control.cusum_run_length import design_for
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.ewma import EwmaDesign
from steelyard.calibration.engine.legendre import gauss_legendre

_LEAST_WEIGHT = 5e-4
_LEAST_WEIGHT_EXACT = 5e-3
_SETTLED = 1e-9
"""Exact limits this close to the steady ones count as steady."""
_TAIL = 9.0
"""An average this many of its standard deviations below its mean is never seen."""


def ewma_run_lengths(design: EwmaDesign, shifts: Sequence[float], *, one_sided: bool = False) -> NDArray[np.float64]:
    """The average number of values until an EWMA signals, from its start, at constant shifts of the mean.

    L(z) = 1 + 1/w int L(y) phi((y - (1 - w) z - w d) / w) dy over the limits, for steady limits. With exact limits
    the density of the averages that are still inside is carried forward until the limits are steady.

    Args:
        design: weight, limit, whether the limits are steady, head start.
        shifts: float64[n] in sigma.
        one_sided: an upper limit alone.

    Returns:
        float64[n]; inf where a run is longer than a double can say.

    Raises:
        ControlError: a shift that is not finite, a head start outside the limits, a weight too small to calculate.
    """
    exact = not design.steady and design.weight < 1.0
    least = _LEAST_WEIGHT_EXACT if exact else _LEAST_WEIGHT
    if design.weight < least:
        raise ControlError("weight", design.weight, f"run lengths are calculated from weight {least:g} on")
    if abs(design.head_start) >= design.steady_half_width:
        raise ControlError("head_start", design.head_start, "must lie within the limits")
    found = np.empty(len(shifts))
    for position, shift in enumerate(shifts):
        if not math.isfinite(shift):
            raise ControlError("shift", shift, "must be a finite number, in sigma")
        found[position] = _exact(design, shift, one_sided) if exact else _steady(design, shift, one_sided)
    return found


def _interval(design: EwmaDesign, shift: float, half: float, one_sided: bool) -> tuple[float, float]:
    """Where averages within the limits are: for one side, as far down as they ever come."""
    if not one_sided:
        return -half, half
    spread = math.sqrt(design.weight / (2.0 - design.weight))
    return min(0.0, shift, design.head_start) - _TAIL * spread, half


def _count(design: EwmaDesign, low: float, high: float) -> int:
    """Quadrature nodes: one and a half to the standard deviation of a step, which is the weight, give all digits."""
    return 40 + int(1.6 * (high - low) / design.weight)


def _density(y: NDArray[np.float64], z: NDArray[np.float64], weight: float, shift: float) -> NDArray[np.float64]:
    """The density of the next average at y, given z, [z, y]."""
    step = (y[None, :] - (1.0 - weight) * z[:, None] - weight * shift) / weight
    return np.asarray(np.exp(-0.5 * step * step) / (math.sqrt(2.0 * math.pi) * weight), dtype=np.float64)


def _leaving(z: NDArray[np.float64], half: float, weight: float, shift: float, one_sided: bool) -> NDArray[np.float64]:
    centre = (1.0 - weight) * z + weight * shift
    upward = ndtr((centre - half) / weight)
    return np.asarray(upward if one_sided else upward + ndtr((-half - centre) / weight), dtype=np.float64)


def _nodes(count: int, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = gauss_legendre(count)
    return low + 0.5 * (high - low) * (nodes + 1.0), 0.5 * (high - low) * weights


def _steady(design: EwmaDesign, shift: float, one_sided: bool) -> float:
    states, lengths = _steady_lengths(design, shift, one_sided)
    return float(lengths[np.flatnonzero(states == design.head_start)[-1]])


def _steady_lengths(
    design: EwmaDesign, shift: float, one_sided: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quadrature nodes with the start as last state, and the run length from each."""
    half = design.steady_half_width
    low, high = _interval(design, shift, half, one_sided)
    y, weights = _nodes(_count(design, low, high), low, high)
    states = np.append(y, design.head_start)
    transition = _density(states, states, design.weight, shift) * np.append(weights, 0.0)
    return states, mean_steps(transition, _leaving(states, half, design.weight, shift, one_sided))


def _exact(design: EwmaDesign, shift: float, one_sided: bool) -> float:
    """E(N) = sum P(N > n) while the limits still widen, then the steady run length from where the average is."""
    weight, half = design.weight, design.steady_half_width
    settled = math.ceil(math.log(_SETTLED) / (2.0 * math.log1p(-weight)))
    halves = design.half_widths(settled)
    low, high = _interval(design, shift, half, one_sided)
    count = _count(design, low, high)
    length = 1.0
    z = np.array([design.head_start])
    held = np.ones(1)  # quadrature weight times density of the averages inside
    for value in halves:
        y, weights = _nodes(count, *_interval(design, shift, float(value), one_sided))
        held = (held @ _density(y, z, weight, shift)) * weights
        z = y
        inside = float(held.sum())
        if inside < 1e-17 * length:
            return length
        length += inside
    states, lengths = _steady_lengths(design, shift, one_sided)
    # The average after the last of these values starts a steady run; the value itself is counted.
    rest = _density(states[:-1], z, weight, shift) * _nodes(count, low, high)[1]
    following = 1.0 + rest @ lengths[:-1]
    return length - float(held.sum()) + float(held @ following)


def ewma_limit(weight: float, in_control_run_length: float, *, steady: bool = True, one_sided: bool = False) -> float:
    """The limit, in standard deviations of the average, with which an EWMA signals once in so many values in control.

    Raises ControlError for a run length that no limit up to 8 gives.
    """

    def length(limit: float) -> float:
        design = EwmaDesign(weight=weight, limit=limit, steady=steady)
        return float(ewma_run_lengths(design, [0.0], one_sided=one_sided)[0])

    return design_for(length, in_control_run_length, 8.0)
