"""A series of equally spaced readings, as phase or as frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.stability.errors import StabilityError

Kind = Literal["phase", "frequency"]
"""`phase`: time error x, or any quantity whose rate of change is judged; `frequency`: the rate y itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """Readings at a constant `interval` (tau_0, in seconds), held as phase x, N values, of which N - 1 rates follow.

    x_i = `wander`_i + `slope` i with a wander that begins and ends near zero. Differences of second and higher order do
    not see the line, and taken of the wander alone they keep their digits.
    """

    wander: NDArray[np.float64]
    slope: float
    interval: float

    @property
    def count(self) -> int:
        """N, the number of phase values."""
        return len(self.wander)

    @property
    def phase(self) -> NDArray[np.float64]:
        """The phase itself, but for a constant."""
        return self.wander + self.slope * np.arange(len(self.wander))

    @property
    def rates(self) -> NDArray[np.float64]:
        """The N - 1 rates less their mean, y_i - y = (x_{i+1} - x_i) / tau_0 - y."""
        return np.diff(self.wander) / self.interval


def sample(values: ArrayLike, *, data: Kind, rate: float = 1.0) -> Sampled:
    """Take readings as phase or frequency.

    Frequencies y_i become phase x_{i+1} = x_i + y_i tau_0, x_1 = 0 (NIST SP 1065, clause 3).

    Args:
        values: readings in the order of time, without gaps, in any unit.
        data: what they are.
        rate: readings per second, 1 / tau_0.

    Raises:
        StabilityError: no data, one observation, values that are not finite, a rate that is not positive.
    """
    readings = np.asarray(values, dtype=np.float64)
    if readings.ndim != 1:
        raise StabilityError("values", readings.shape, "must be one series")
    if not np.isfinite(readings).all():
        position = int(np.flatnonzero(~np.isfinite(readings))[0])
        raise StabilityError(f"values[{position + 1}]", float(readings[position]), "must be a finite number")
    if not (math.isfinite(rate) and rate > 0.0):
        raise StabilityError("rate", rate, "must be positive: readings per second")
    if data not in ("phase", "frequency"):
        raise StabilityError("data", data, "must be 'phase' or 'frequency'")
    if len(readings) < 2:
        raise StabilityError("values", len(readings), "needs two observations or more")
    interval = 1.0 / rate
    if data == "phase":
        slope = float(readings[-1] - readings[0]) / (len(readings) - 1)
        wander = readings - readings[0] - slope * np.arange(len(readings))
        return Sampled(wander=wander, slope=slope, interval=interval)
    mean = float(readings.mean())
    wander = np.concatenate(([0.0], np.cumsum(readings - mean))) * interval
    return Sampled(wander=wander, slope=mean * interval, interval=interval)
