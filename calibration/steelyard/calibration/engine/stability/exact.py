"""Numbers as whole multiples of one step, so that sums over them are exact.

The certified values of the NIST Statistical Reference Datasets (https://www.itl.nist.gov/div898/strd/) are those of the
decimal numbers printed. 1000000000000.4 is no binary number, and summing squares loses what is left of it; so values
may come as Decimal or Fraction, nothing is rounded before the last division, and an answer has all its digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Real = float | Decimal | Fraction
"""A number that is meant exactly: a float is the binary number it holds, a Decimal the number that was written."""

_MOST_BITS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactValues:
    """`units[i] * step` are the values."""

    units: tuple[int, ...]
    step: Fraction

    def total(self) -> Fraction:
        """The sum of the values."""
        return sum(self.units) * self.step

    def mean(self) -> Fraction:
        """The arithmetic mean of the values."""
        return self.total() / len(self.units)

    def scaled_deviations(self) -> list[int]:
        """Deviations n (x_i - mean) in units of the step: whole numbers whose sum is zero."""
        n, total = len(self.units), sum(self.units)
        return [n * unit - total for unit in self.units]

    def sum_of_squares(self) -> Fraction:
        """The sum of squared deviations from the mean."""
        n, total = len(self.units), sum(self.units)
        # n sum u^2 - (sum u)^2 loses nothing in whole numbers.
        return Fraction(n * sum(unit * unit for unit in self.units) - total * total, n) * self.step**2


def exact_values(values: Sequence[Real]) -> ExactValues:
    """Bring numbers to their common step. Raises ValueError for what is not finite, or spans over 4096 bits."""
    ratios = [value.as_integer_ratio() for value in values]
    denominator = math.lcm(*{each for _, each in ratios}) if ratios else 1
    if denominator.bit_length() > _MOST_BITS:
        raise ValueError("spans too many orders of magnitude")
    return ExactValues(
        units=tuple(numerator * (denominator // each) for numerator, each in ratios), step=Fraction(1, denominator)
    )


def root(value: Fraction) -> float:
    """The square root, right to the last digit of a double also where `value` is beyond a double's range."""
    if value < 0:
        raise ValueError("is negative")
    if value == 0:
        return 0.0
    # Scale to 128 bits, take the whole root, scale back by half the shift.
    shift = 128 - (value.numerator.bit_length() - value.denominator.bit_length())
    shift += shift % 2
    scaled = math.isqrt(
        (value.numerator << shift) // value.denominator
        if shift >= 0
        else value.numerator // (value.denominator << -shift)
    )
    return math.ldexp(float(scaled), -shift // 2)
