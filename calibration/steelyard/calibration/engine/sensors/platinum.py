"""Industrial platinum resistance thermometers: the Callendar-Van Dusen equation of IEC 60751:2022, 5.2, both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.sensors.errors import CoefficientError
from steelyard.calibration.engine.sensors.sensor import Array, inverted, within

_STEP = 5.0
"""The grid of the inversion, degC."""
_TABLE_ROUNDING = 5e-5
"""Half the last digit of the tables, relative to R0: the last entry, rounded, may lie beyond the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatinumThermometer:
    """R = R0 (1 + A t + B t^2 + C (t - 100) t^3), the last term below 0 degC only; `signal` is R in ohm.

    The defaults are the coefficients of IEC 60751:2022 for all nominal resistances; a calibrated thermometer has its
    own.
    """

    r0: float = 100.0
    """Resistance at 0 degC, ohm."""
    a: float = 3.9083e-3
    """degC^-1."""
    b: float = -5.775e-7
    """degC^-2."""
    c: float = -4.183e-12
    """degC^-4."""
    lowest: float = -200.0
    """degC."""
    highest: float = 850.0
    """degC."""

    def __post_init__(self) -> None:
        """Check that the resistance increases with temperature. Raises CoefficientError."""
        if not (np.isfinite(self.r0) and self.r0 > 0.0):
            raise CoefficientError("r0", self.r0, "must be greater than 0 ohm")
        if not all(np.isfinite(each) for each in (self.a, self.b, self.c)):
            raise CoefficientError("coefficients", (self.a, self.b, self.c), "must be finite")
        if not self.lowest < self.highest:
            raise CoefficientError("lowest", self.lowest, f"must be below the highest, {self.highest:g} degC")
        if np.min(self.sensitivity(self._grid)) <= 0.0:
            remedy = f"the resistance must increase from {self.lowest:g} to {self.highest:g} degC"
            raise CoefficientError("coefficients", f"A={self.a:g}, B={self.b:g}, C={self.c:g}", remedy)

    @property
    def name(self) -> str:
        """E.g. `pt100`."""
        return f"pt{self.r0:.6g}"

    @property
    def unit(self) -> str:
        """The unit of the resistance."""
        return "ohm"

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Where the equation holds, degC."""
        return self.lowest, self.highest

    @property
    def signal_range(self) -> tuple[float, float]:
        """Ohm."""
        low, high = (float(each) for each in self._resistance(np.array(self.temperature_range)))
        return low, high

    def signal(self, temperature: ArrayLike) -> Array:
        """The resistance in ohm at temperatures in degC. Raises RangeError."""
        return self._resistance(within("temperature", temperature, self.temperature_range, "degC", self.name))

    def temperature(self, signal: ArrayLike) -> Array:
        """The temperature in degC at resistances in ohm. Raises RangeError."""
        resistance = within("signal", signal, self.signal_range, self.unit, self.name, margin=_TABLE_ROUNDING * self.r0)
        return inverted(self._resistance, resistance, self._grid)

    def sensitivity(self, temperature: ArrayLike) -> Array:
        """The derivative of the resistance in ohm/degC at temperatures in degC. Raises RangeError."""
        t = within("temperature", temperature, self.temperature_range, "degC", self.name)
        below = np.where(t < 0.0, self.c * (4.0 * t**3 - 300.0 * t**2), 0.0)
        return np.asarray(self.r0 * (self.a + 2.0 * self.b * t + below), dtype=np.float64)

    @property
    def _grid(self) -> Array:
        return np.union1d(
            np.arange(self.lowest, self.highest, _STEP), [self.highest, *([0.0] if self._spans() else [])]
        )

    def _spans(self) -> bool:
        return self.lowest < 0.0 < self.highest

    def _resistance(self, t: Array) -> Array:
        below = np.where(t < 0.0, self.c * (t - 100.0) * t**3, 0.0)
        return np.asarray(self.r0 * (1.0 + self.a * t + self.b * t**2 + below), dtype=np.float64)
