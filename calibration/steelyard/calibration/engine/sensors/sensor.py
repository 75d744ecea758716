"""What every sensor equation offers, and the inversion of a monotonic one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.sensors.errors import RangeError

Array = NDArray[np.float64]

_HALVINGS = 60
_ROUNDING = 1e-12
"""Of a range's end, relative to the range: values that only rounding puts outside are inside."""


class Sensor(Protocol):
    """An equation from temperature to what the sensor gives, and back."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def unit(self) -> str:
        """The unit of what it gives, `mV` or `ohm`; the temperature is in degC."""

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Lowest and highest temperature, degC."""

    @property
    def signal_range(self) -> tuple[float, float]:
        """Lowest and highest signal that belongs to one temperature, in `unit`."""

    def signal(self, temperature: ArrayLike) -> Array:
        """The signal at temperatures in degC, any shape. Raises RangeError."""

    def temperature(self, signal: ArrayLike) -> Array:
        """The temperature in degC that belongs to a signal, any shape. Raises RangeError."""

    def sensitivity(self, temperature: ArrayLike) -> Array:
        """The derivative of the signal with respect to temperature, `unit` per degC. Raises RangeError."""


def within(
    field: str, values: ArrayLike, limits: tuple[float, float], unit: str, name: str, *, margin: float = 0.0
) -> Array:
    """The values as an array, all within the limits. Raises RangeError for the first that is not, or not finite.

    What lies outside by no more than `margin` is taken as the limit.
    """
    array = np.asarray(values, dtype=np.float64)
    low, high = limits
    margin = max(margin, _ROUNDING * (high - low))
    bad = ~((array >= low - margin) & (array <= high + margin))
    if np.any(bad):
        raise RangeError(field, f"{array[bad].flat[0]:g} {unit}", f"must be {low:g} to {high:g} {unit} for {name}")
    return np.clip(array, low, high)


def inverted(function: Callable[[Array], Array], values: Array, temperatures: Array) -> Array:
    """Where a function that increases over the grid has these values, by bisection within the grid's intervals.

    Args:
        function: degC -> signal, elementwise.
        values: signals within the function's range, any shape.
        temperatures: an increasing grid, shape (m,), with every break of the function on it.

    Returns:
        Temperatures to the last digits of double precision, the shape of `values`.
    """
    grid = np.maximum.accumulate(function(temperatures))
    upper = np.clip(np.searchsorted(grid, values), 1, len(grid) - 1)
    low, high = temperatures[upper - 1], temperatures[upper]
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = function(middle) > values
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    # Of the two neighbours, the nearer one; so that a value on the grid comes back as it was.
    return np.where(np.abs(function(low) - values) < np.abs(function(high) - values), low, high)
