"""Thermistors: the equation of J. S. Steinhart and S. R. Hart, Deep-Sea Research 15 (1968) 497, both ways."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.sensors.errors import CoefficientError, RangeError
from steelyard.calibration.engine.sensors.sensor import Array, inverted, within

_USUAL_RANGES = ((-100.0, 300.0), (-50.0, 150.0), (-40.0, 100.0), (0.0, 70.0))
"""degC, the widest first."""
ZERO_CELSIUS = 273.15
"""K."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermistor:
    """1/T = a + b ln R + c (ln R)^2 + d (ln R)^3, T in K, R in ohm; `signal` is R in ohm, the temperature is in degC.

    Steinhart and Hart's own equation has no quadratic term: c = 0.
    """

    a: float
    """K^-1."""
    b: float
    """K^-1."""
    c: float = 0.0
    """K^-1."""
    d: float = 0.0
    """K^-1."""
    lowest: float = -100.0
    """degC."""
    highest: float = 300.0
    """degC."""

    @classmethod
    def of(cls, coefficients: Sequence[float], limits: tuple[float, float] | None = None) -> Thermistor:
        """From two coefficients (a, b), three (a, b, d: Steinhart and Hart) or four (a, b, c, d).

        Without `limits` (degC) the widest of a few usual ranges is taken over which the equation makes a sensor.
        Raises CoefficientError.
        """
        if len(coefficients) == 3:
            a, b, d = coefficients
            c = 0.0
        elif len(coefficients) in {2, 4}:
            a, b, c, d = (*coefficients, 0.0, 0.0)[:4]
        else:
            raise CoefficientError("coefficients", f"{len(coefficients)} numbers", "must be 2, 3 or 4")
        *wide, narrow = _USUAL_RANGES if limits is None else (limits,)
        for low, high in wide:
            with contextlib.suppress(CoefficientError):
                return cls(a=a, b=b, c=c, d=d, lowest=low, highest=high)
        return cls(a=a, b=b, c=c, d=d, lowest=narrow[0], highest=narrow[1])

    def __post_init__(self) -> None:
        """Check that a resistance belongs to each temperature of the range. Raises CoefficientError."""
        if not all(np.isfinite(each) for each in (self.a, self.b, self.c, self.d)):
            raise CoefficientError("coefficients", (self.a, self.b, self.c, self.d), "must be finite")
        if not -ZERO_CELSIUS < self.lowest < self.highest:
            raise CoefficientError(
                "lowest", self.lowest, f"must be above absolute zero and below {self.highest:g} degC"
            )
        self._logarithms()

    @property
    def name(self) -> str:
        """What it is called."""
        return "thermistor"

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
        low, high = np.exp(self._logarithms())
        return float(low), float(high)

    def signal(self, temperature: ArrayLike) -> Array:
        """The resistance in ohm at temperatures in degC. Raises RangeError."""
        t = within("temperature", temperature, self.temperature_range, "degC", self.name)
        low, high = self._logarithms()
        return np.exp(inverted(self._inverse_kelvin, 1.0 / (t + ZERO_CELSIUS), np.linspace(low, high, 1001)))

    def temperature(self, signal: ArrayLike) -> Array:
        """The temperature in degC at resistances in ohm. Raises RangeError."""
        resistance = np.asarray(signal, dtype=np.float64)
        if not np.all(resistance > 0.0):
            bad = resistance[~(resistance > 0.0)].flat[0]
            raise RangeError("signal", f"{bad:g} ohm", "must be greater than 0 ohm")
        logarithm = np.log(resistance)
        low, high = self._logarithms()
        bad_ones = ~((logarithm >= low - 1e-9) & (logarithm <= high + 1e-9))
        if np.any(bad_ones):
            remedy = f"must be {np.exp(low):g} to {np.exp(high):g} ohm for {self.lowest:g} to {self.highest:g} degC"
            raise RangeError("signal", f"{resistance[bad_ones].flat[0]:g} ohm", remedy)
        return np.asarray(1.0 / self._inverse_kelvin(logarithm) - ZERO_CELSIUS, dtype=np.float64)

    def sensitivity(self, temperature: ArrayLike) -> Array:
        """The derivative of the resistance in ohm/degC at temperatures in degC. Raises RangeError."""
        resistance = self.signal(temperature)
        logarithm = np.log(resistance)
        slope = self.b + 2.0 * self.c * logarithm + 3.0 * self.d * logarithm**2
        kelvin = np.asarray(temperature, dtype=np.float64) + ZERO_CELSIUS
        # d(1/T) = slope dR/R
        return np.asarray(-resistance / (kelvin**2 * slope), dtype=np.float64)

    def _inverse_kelvin(self, logarithm: Array) -> Array:
        value = self.a + logarithm * (self.b + logarithm * (self.c + logarithm * self.d))
        return np.asarray(value, dtype=np.float64)

    def _logarithms(self) -> tuple[float, float]:
        """The logarithm of R at the highest and at the lowest temperature. Raises CoefficientError."""
        ends = [self._logarithm_at(t) for t in (self.highest, self.lowest)]
        places = np.linspace(ends[0], ends[1], 1001)
        if ends[0] >= ends[1] or np.any(np.diff(self._inverse_kelvin(places)) <= 0.0):
            remedy = f"the resistance must fall from {self.lowest:g} to {self.highest:g} degC; the order is a, b, c"
            raise CoefficientError("coefficients", f"{self.a:g}, {self.b:g}, {self.c:g}, {self.d:g}", remedy)
        return ends[0], ends[1]

    def _logarithm_at(self, temperature: float) -> float:
        """The real root of the cubic nearest to ln R of 10 kohm."""
        target = self.a - 1.0 / (temperature + ZERO_CELSIUS)
        powers = np.trim_zeros(np.array([self.d, self.c, self.b]), "f")
        if not powers.size:
            raise CoefficientError("coefficients", f"{self.a:g}", "one number alone makes no sensor")
        roots = np.roots([*powers, target])
        real = roots[np.abs(roots.imag) < 1e-9 * np.maximum(np.abs(roots.real), 1.0)].real
        near = real[(real > np.log(1e-3)) & (real < np.log(1e13))]
        if not near.size:
            remedy = f"no resistance belongs to {temperature:g} degC; a, b, c are of the order 1e-3, 1e-4, 1e-7"
            raise CoefficientError("coefficients", f"{self.a:g}, {self.b:g}, {self.c:g}, {self.d:g}", remedy)
        return float(near[np.argmin(np.abs(near - np.log(1e4)))])
