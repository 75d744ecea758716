"""Thermocouples of the types B, E, J, K, N, R, S and T on the ITS-90, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.sensors.errors import CoefficientError
from steelyard.calibration.engine.sensors.sensor import Array, inverted, within
from steelyard.calibration.engine.sensors.thermocouple_coefficients import REFERENCE_FUNCTIONS, Piece

_STEP = 0.5
"""The grid of the inversion, degC."""
_TABLE_ROUNDING = 5e-4
"""Half the last digit of the tables, mV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermocouple:
    """A thermocouple; `signal` is its electromotive force in mV.

    The way back inverts the reference function itself, to the last digits; the approximate inverse polynomials of the
    tables, good for 0.02 to 0.06 degC, are not used.
    """

    letter: str
    """B, E, J, K, N, R, S or T."""
    reference_junction: float = 0.0
    """degC; the reference functions hold for 0 degC, and E(t, t_ref) = E(t, 0) - E(t_ref, 0)."""

    def __post_init__(self) -> None:
        """Check the letter and the reference junction. Raises CoefficientError, RangeError."""
        if self.letter not in REFERENCE_FUNCTIONS:
            raise CoefficientError("type", self.letter, f"must be one of {', '.join(REFERENCE_FUNCTIONS)}")
        within("reference_junction", self.reference_junction, self.temperature_range, "degC", self.name)

    @property
    def name(self) -> str:
        """E.g. `thermocouple-k`."""
        return f"thermocouple-{self.letter.lower()}"

    @property
    def unit(self) -> str:
        """The unit of the electromotive force."""
        return "mV"

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Of the reference function, degC."""
        function = REFERENCE_FUNCTIONS[self.letter]
        return function.lowest, function.pieces[-1].highest

    @property
    def signal_range(self) -> tuple[float, float]:
        """Of the electromotive forces that one temperature has: for type B those above 0 (beyond 42 degC)."""
        grid = _grid(self.letter)
        low, high = (float(each) for each in _emf(self.letter, grid[[0, -1]]) - self._offset)
        return low, high

    def signal(self, temperature: ArrayLike) -> Array:
        """The electromotive force in mV at temperatures in degC. Raises RangeError."""
        t = within("temperature", temperature, self.temperature_range, "degC", self.name)
        return _emf(self.letter, t) - self._offset

    def temperature(self, signal: ArrayLike) -> Array:
        """The temperature in degC at electromotive forces in mV. Raises RangeError."""
        # The force of the last table entry, rounded, may lie beyond the end. Below type B's least one lie others.
        margin = 0.0 if self.letter == "B" else _TABLE_ROUNDING
        emf = within("signal", signal, self.signal_range, self.unit, self.name, margin=margin) + self._offset
        return inverted(lambda t: _emf(self.letter, t), emf, _grid(self.letter))

    def sensitivity(self, temperature: ArrayLike) -> Array:
        """The Seebeck coefficient in mV/degC at temperatures in degC. Raises RangeError."""
        t = within("temperature", temperature, self.temperature_range, "degC", self.name)
        return _by_piece(self.letter, t, derivative=True)

    @property
    def _offset(self) -> float:
        """The electromotive force that the reference junction takes away, mV."""
        return float(_emf(self.letter, np.asarray(self.reference_junction))) if self.reference_junction else 0.0


def _emf(letter: str, t: Array) -> Array:
    return _by_piece(letter, t, derivative=False)


def _by_piece(letter: str, t: Array, *, derivative: bool) -> Array:
    pieces = REFERENCE_FUNCTIONS[letter].pieces
    value = _piece(pieces[-1], t, derivative=derivative)
    for piece in reversed(pieces[:-1]):
        value = np.where(t <= piece.highest, _piece(piece, t, derivative=derivative), value)
    return value


def _piece(piece: Piece, t: Array, *, derivative: bool) -> Array:
    polynomial = np.polynomial.Polynomial(piece.coefficients)
    value = np.asarray((polynomial.deriv() if derivative else polynomial)(t), dtype=np.float64)
    if piece.exponential is not None:
        a0, a1, a2 = piece.exponential
        bump = a0 * np.exp(a1 * (t - a2) ** 2)
        value = value + (2.0 * a1 * (t - a2) * bump if derivative else bump)
    return value


@lru_cache(maxsize=len(REFERENCE_FUNCTIONS))
def _grid(letter: str) -> Array:
    """Temperatures over which the electromotive force increases, with the ends of all pieces."""
    function = REFERENCE_FUNCTIONS[letter]
    grid = np.arange(function.lowest, function.pieces[-1].highest, _STEP)
    grid = np.union1d(grid, [piece.highest for piece in function.pieces])
    if letter == "B":
        # From 0 to 42 degC the force falls to -2.6 uV and returns to 0: two temperatures have the same one.
        low, high = 40.0, 45.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if _emf(letter, np.asarray(middle)) <= 0.0 else (low, middle)
        grid = np.union1d(grid[grid > high], [high])
    grid.flags.writeable = False
    return grid
