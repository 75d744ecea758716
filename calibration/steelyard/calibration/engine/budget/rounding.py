"""Stating a result: the uncertainty to two significant digits at most, the value to match (JCGM 100:2008, 7.2.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from steelyard.calibration.engine.budget.errors import BudgetError

_SMALLEST_PLAIN, _LARGEST_PLAIN = -5, 10
_DIGITS_OF_A_DOUBLE = 700
"""From the largest double's first to the smallest one's last digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedResult:
    """`value` and `uncertainty` as texts with the same last digit; `power` of ten by which both are multiplied."""

    value: str
    uncertainty: str
    power: int

    @property
    def text(self) -> str:
        """As in 7.2.2 and 7.2.4: (10.00012 ± 0.00045), times a power of ten where the numbers would be long."""
        shown = f"({self.value} ± {self.uncertainty})"
        return f"{shown}e{self.power}" if self.power else shown


def state(value: float, uncertainty: float, *, digits: int = 2) -> StatedResult:
    """Round `uncertainty` >= 0 to `digits` (1 or 2) significant digits and `value` to the same decimal place.

    Half-way cases go to the even digit (ISO 80000-1:2009, annex B, rule A). Raises BudgetError for digits that 7.2.6
    does not allow and for numbers that are not finite.
    """
    if digits not in {1, 2}:
        raise BudgetError("digits", digits, "must be 1 or 2")
    if not (math.isfinite(value) and math.isfinite(uncertainty) and uncertainty >= 0.0):
        raise BudgetError("uncertainty", (value, uncertainty), "must be finite and not negative")
    y, u = Decimal(repr(float(value))), Decimal(repr(float(uncertainty)))
    if not u:
        return StatedResult(value=f"{value:g}", uncertainty="0", power=0)
    rounded = _rounded(u, u.adjusted() - digits + 1)
    # 0.0996 becomes 0.10, not 0.100.
    place = rounded.adjusted() - digits + 1
    rounded, y = _rounded(u, place), _rounded(y, place)
    largest = max(y.adjusted() if y else rounded.adjusted(), rounded.adjusted())
    power = largest if largest <= _SMALLEST_PLAIN or largest >= _LARGEST_PLAIN else 0
    return StatedResult(value=_shown(y, place, power), uncertainty=_shown(rounded, place, power), power=power)


def _rounded(number: Decimal, place: int) -> Decimal:
    """To a multiple of 10^place; zeros stand where tens and hundreds are not significant."""
    with localcontext(prec=_DIGITS_OF_A_DOUBLE):
        return number.scaleb(-place).quantize(Decimal(1), rounding=ROUND_HALF_EVEN).scaleb(place)


def _shown(number: Decimal, place: int, power: int) -> str:
    with localcontext(prec=_DIGITS_OF_A_DOUBLE):
        return f"{number.scaleb(-power).quantize(Decimal(1).scaleb(min(place - power, 0))):f}"
