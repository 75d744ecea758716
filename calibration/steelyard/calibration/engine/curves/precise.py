"""Numbers of 60 digits, for the last steps of a fit.

Double precision loses as many digits as the condition number of a fit has: all 16 for a polynomial of degree 10
through x near -6. Data are decimal numbers with few digits, so each double is taken as the shortest decimal that it
stands for, and the final steps are done in decimal arithmetic. Arrays of these numbers have dtype object; NumPy's
universal functions and the jets of automatic differentiation work on them.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DIGITS = 60
_CONTEXT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation, DivisionByZero, Overflow])
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = _CONTEXT.add, _CONTEXT.subtract, _CONTEXT.multiply, _CONTEXT.divide
_GUARD = 10
"""More digits within a function, so that its result is right to the last one or two of `DIGITS`."""


class Precise:
    """A decimal number with `DIGITS` digits. Floats that it meets are taken as the decimal that they print as."""

    __slots__ = ("decimal",)
    __array_priority__ = 0
    decimal: Decimal

    def __init__(self, value: Decimal | float | str) -> None:
        self.decimal = _decimal(value)

    def __repr__(self) -> str:
        return f"Precise({self.decimal})"

    def __float__(self) -> float:
        return float(self.decimal)

    def __hash__(self) -> int:
        return hash(self.decimal)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Precise | int | float) and self.decimal == _decimal(other)

    def __lt__(self, other: Any) -> bool:
        return self.decimal < _decimal(other)

    def __gt__(self, other: Any) -> bool:
        return self.decimal > _decimal(other)

    def __neg__(self) -> Precise:
        return _number(_CONTEXT.minus(self.decimal))

    def __abs__(self) -> Precise:
        return _number(_CONTEXT.abs(self.decimal))

    # A fit spends its time in these four, nearly always with another `Precise`: that is asked first.

    def __add__(self, other: Any) -> Precise:
        if other.__class__ is Precise:
            return _number(_ADD(self.decimal, other.decimal))
        return NotImplemented if isinstance(other, np.ndarray) else _number(_ADD(self.decimal, _decimal(other)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Precise:
        if other.__class__ is Precise:
            return _number(_SUBTRACT(self.decimal, other.decimal))
        return NotImplemented if isinstance(other, np.ndarray) else _number(_SUBTRACT(self.decimal, _decimal(other)))

    def __rsub__(self, other: Any) -> Precise:
        return _number(_SUBTRACT(_decimal(other), self.decimal))

    def __mul__(self, other: Any) -> Precise:
        if other.__class__ is Precise:
            return _number(_MULTIPLY(self.decimal, other.decimal))
        return NotImplemented if isinstance(other, np.ndarray) else _number(_MULTIPLY(self.decimal, _decimal(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Precise:
        if other.__class__ is Precise:
            return _number(_DIVIDE(self.decimal, other.decimal))
        return NotImplemented if isinstance(other, np.ndarray) else _number(_DIVIDE(self.decimal, _decimal(other)))

    def __rtruediv__(self, other: Any) -> Precise:
        return _number(_DIVIDE(_decimal(other), self.decimal))

    def __pow__(self, other: Any) -> Precise:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Precise(_CONTEXT.power(self.decimal, _decimal(other)))

    def __rpow__(self, other: Any) -> Precise:
        return Precise(_CONTEXT.power(_decimal(other), self.decimal))

    # NumPy's universal functions call these for arrays of objects.

    def exp(self) -> Precise:
        """The exponential function."""
        return Precise(_CONTEXT.exp(self.decimal))

    def log(self) -> Precise:
        """The natural logarithm."""
        return Precise(_CONTEXT.ln(self.decimal))

    def log10(self) -> Precise:
        """The decadic logarithm."""
        return Precise(_CONTEXT.log10(self.decimal))

    def sqrt(self) -> Precise:
        """The square root."""
        return Precise(_CONTEXT.sqrt(self.decimal))

    def sin(self) -> Precise:
        """The sine of radians."""
        return Precise(_sine_and_cosine(self.decimal)[0])

    def cos(self) -> Precise:
        """The cosine of radians."""
        return Precise(_sine_and_cosine(self.decimal)[1])

    def tan(self) -> Precise:
        """The tangent of radians."""
        sine, cosine = _sine_and_cosine(self.decimal)
        return Precise(_CONTEXT.divide(sine, cosine))

    def arctan(self) -> Precise:
        """The angle in radians with this tangent."""
        return Precise(_arctangent(self.decimal))

    def arctan2(self, x: Any) -> Precise:
        """The angle in radians of the point (x, self)."""
        if x == 0:
            return Precise(_pi()) / (2 if self > 0 else -2)
        angle: Precise = (self / x).arctan()
        if x > 0:
            return angle
        return angle + Precise(_pi()) if not self < 0 else angle - Precise(_pi())

    def arcsin(self) -> Precise:
        """The angle in radians with this sine, inside (-1, 1)."""
        return (self / (1 - self * self).sqrt()).arctan()

    def arccos(self) -> Precise:
        """The angle in radians with this cosine, inside (-1, 1)."""
        return Precise(_pi()) / 2 - self.arcsin()

    def sinh(self) -> Precise:
        """The hyperbolic sine."""
        raised = self.exp()
        return (raised - 1 / raised) / 2

    def cosh(self) -> Precise:
        """The hyperbolic cosine."""
        raised = self.exp()
        return (raised + 1 / raised) / 2

    def tanh(self) -> Precise:
        """The hyperbolic tangent."""
        raised = (2 * self).exp()
        return (raised - 1) / (raised + 1)


def _number(value: Decimal) -> Precise:
    """What `Precise(value)` is, without asking what `value` is."""
    number = _NEW(Precise)
    number.decimal = value
    return number


_NEW = object.__new__


def precise(values: ArrayLike) -> NDArray[Any]:
    """An array of `Precise` numbers from numbers; floats as the shortest decimals that they stand for."""
    array = np.asarray(values)
    result = np.empty(array.shape, dtype=object)
    result.ravel()[:] = [each if isinstance(each, Precise) else Precise(each) for each in array.ravel().tolist()]
    return result


def rounded(values: NDArray[Any]) -> NDArray[np.float64]:
    """The nearest doubles."""
    return np.array([float(each) for each in values.ravel()], dtype=np.float64).reshape(values.shape)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Precise):
        return value.decimal
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return _of_float(float(value))
    return Decimal(value)


@lru_cache(maxsize=4096)
def _of_float(value: float) -> Decimal:
    # The constant that expressions call pi is the double next to it; meant is pi.
    return _pi() if value == np.pi else Decimal(repr(value))


@lru_cache(maxsize=1)
def _pi() -> Decimal:
    """4 (4 arctan 1/5 - arctan 1/239) (Machin)."""
    with localcontext(_CONTEXT) as context:
        context.prec += _GUARD
        return 4 * (4 * _arctangent_series(1 / Decimal(5)) - _arctangent_series(1 / Decimal(239)))


@lru_cache(maxsize=4096)
def _sine_and_cosine(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Taylor series of an angle reduced to [-pi/4, pi/4] and halved three times."""
    with localcontext(_CONTEXT) as context:
        context.prec += _GUARD + max(0, angle.adjusted() if angle else 0)
        quarter = _pi() / 2
        turns = (angle / quarter).to_integral_value()
        x = (angle - turns * quarter) / 8
        sine, term, power = x, x, 1
        while abs(term) > Decimal(10) ** (-context.prec):
            term = -term * x * x / ((power + 1) * (power + 2))
            power += 2
            sine += term
        cosine = (1 - sine * sine).sqrt()
        for _ in range(3):
            sine, cosine = 2 * sine * cosine, 1 - 2 * sine * sine
        return [(sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine)][int(turns % 4)]


def _arctangent(tangent: Decimal) -> Decimal:
    with localcontext(_CONTEXT) as context:
        context.prec += _GUARD
        if abs(tangent) > 1:
            quarter = _pi() / 2
            return (quarter if tangent > 0 else -quarter) - _arctangent(1 / tangent)
        x = tangent
        for _ in range(3):
            x /= 1 + (1 + x * x).sqrt()
        return 8 * _arctangent_series(x)


def _arctangent_series(x: Decimal) -> Decimal:
    with localcontext() as context:
        total, power, odd = x, x, 1
        while power and abs(power) > Decimal(10) ** (-context.prec - 2):
            power *= -x * x
            odd += 2
            total += power / odd
        return total
