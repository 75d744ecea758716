"""Smooth functions of time that can be added, multiplied and integrated exactly.

A process is a sum of waves, an error curve is linear in time with waves. Their product (what a drifting meter registers
as power) is again such a sum, and so its integral (what the same meter registers as energy) has a closed form: power
and energy agree at any instant without stepping through time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Self

from steelyard.firmware_sim.errors import ScenarioError

_STILL = 1e-12
"""Angular frequencies below this (a period of 200,000 years) are constants: dividing by them would only cost digits."""


class Term(NamedTuple):
    """``(constant + slope * t) * cos(angular_frequency * t + phase)``, t in seconds, phase in radians."""

    constant: float
    slope: float = 0.0
    angular_frequency: float = 0.0
    phase: float = 0.0


class Harmonics:
    """A sum of terms, as a function of the time in seconds."""

    __slots__ = ("terms",)

    def __init__(self, terms: Iterable[Term]) -> None:
        # All that stands still is one line c + d t: the fewer terms, the faster every request.
        constant, slope, moving = 0.0, 0.0, []
        for term in terms:
            if abs(term.angular_frequency) < _STILL:
                constant += term.constant * math.cos(term.phase)
                slope += term.slope * math.cos(term.phase)
            else:
                moving.append(term)
        self.terms: tuple[Term, ...] = (Term(constant, slope), *moving)

    def value(self, t: float) -> float:
        """The function at `t` seconds."""
        total = 0.0
        for constant, slope, angular_frequency, phase in self.terms:
            total += (constant + slope * t) * math.cos(angular_frequency * t + phase)
        return total

    def antiderivative(self, t: float) -> float:
        """An integral of the function, in its unit times seconds; only differences have a meaning."""
        line = self.terms[0]
        total = (line.constant + 0.5 * line.slope * t) * t
        for constant, slope, angular_frequency, phase in self.terms[1:]:
            angle = angular_frequency * t + phase
            # by parts: integral of (c + d t) cos(w t + p) = (c + d t) sin(w t + p) / w + d cos(w t + p) / w^2
            total += (constant + slope * t) * math.sin(angle) / angular_frequency
            total += slope * math.cos(angle) / angular_frequency**2
        return total

    def plus(self, other: Harmonics) -> Self:
        """The sum of both."""
        return type(self)((*self.terms, *other.terms))

    def scaled(self, factor: float) -> Self:
        """The function times a number."""
        return type(self)(Term(factor * t.constant, factor * t.slope, t.angular_frequency, t.phase) for t in self.terms)

    def times(self, other: Harmonics) -> Self:
        """The product: cos a cos b = (cos(a - b) + cos(a + b)) / 2.

        Raises:
            ScenarioError: if both have a trend; their product would be quadratic in time, which a term cannot say.
        """
        product = []
        for a in self.terms:
            for b in other.terms:
                if a.slope and b.slope:
                    raise ScenarioError("trend_per_day", a.slope, "a quantity that is integrated cannot have a trend")
                constant = 0.5 * a.constant * b.constant
                slope = 0.5 * (a.constant * b.slope + a.slope * b.constant)
                for sign in (-1.0, 1.0):
                    frequency = a.angular_frequency + sign * b.angular_frequency
                    product.append(Term(constant, slope, frequency, a.phase + sign * b.phase))
        return type(self)(product)

    @property
    def highest(self) -> float:
        """A bound the function never exceeds (without trend: the level plus all amplitudes)."""
        return self.terms[0].constant + sum(abs(term.constant) for term in self.terms[1:])

    @property
    def lowest(self) -> float:
        """A bound the function never falls below (without trend)."""
        return self.terms[0].constant - sum(abs(term.constant) for term in self.terms[1:])

    @property
    def steepest(self) -> float:
        """A bound of the rate of change, per second, for functions whose waves have no slope of their own."""
        waves = sum(abs(term.constant * term.angular_frequency) for term in self.terms[1:])
        return abs(self.terms[0].slope) + waves
