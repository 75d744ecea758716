"""Exact derivatives by forward automatic differentiation: truncated Taylor series in many directions at once.

A jet is f(x + t d) up to t^1 or t^3 for directions d: coefficient k is the k-th directional derivative over k!. Sums
and products follow from the arithmetic of power series, functions from Faa di Bruno's formula; there is no step width
and no cancellation. Source: Griewank and Walther, Evaluating Derivatives, 2nd edition, chapter 13.

Jets take part in NumPy's universal functions, so that a model written for arrays runs on them unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""float64, or complex128 for models with complex quantities."""
Operand = Any
"""A number, an array or a jet."""


class Jet(np.lib.mixins.NDArrayOperatorsMixin):
    """`value` has any shape S; `terms` are the Taylor coefficients of order 1 and up, each of shape (directions, *S).

    The shape of a term may be anything that broadcasts to that.
    """

    __slots__ = ("terms", "value")

    def __init__(self, value: Array, terms: tuple[Array, ...]) -> None:
        self.value = value
        self.terms = terms

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Operand, **settings: Any) -> Any:
        """Apply one of the functions that have a rule here."""
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or settings:
            return NotImplemented
        return rule(*inputs)

    @property
    def order(self) -> int:
        """The highest power that is kept, 1 or 3."""
        return len(self.terms)

    @property
    def real(self) -> Jet:
        """The real part."""
        return Jet(np.real(self.value), tuple(np.real(term) for term in self.terms))

    @property
    def imag(self) -> Jet:
        """The imaginary part."""
        return Jet(np.imag(self.value), tuple(np.imag(term) for term in self.terms))

    def conjugate(self) -> Jet:
        """The complex conjugate."""
        return Jet(np.conjugate(self.value), tuple(np.conjugate(term) for term in self.terms))


def value_of(operand: Operand) -> Array:
    """The value without derivatives."""
    return operand.value if isinstance(operand, Jet) else np.asarray(operand)


def _lifted(operand: Operand, order: int) -> tuple[Array, ...]:
    """All coefficients of an operand; a constant's higher ones are zero."""
    if isinstance(operand, Jet):
        return (operand.value, *operand.terms)
    zero = np.zeros(1)
    return (np.asarray(operand), *([zero] * order))


def _order(*operands: Operand) -> int:
    return next(operand.order for operand in operands if isinstance(operand, Jet))


def _add(a: Operand, b: Operand) -> Jet:
    if not isinstance(b, Jet):
        return Jet(a.value + b, a.terms)
    if not isinstance(a, Jet):
        return Jet(a + b.value, b.terms)
    return Jet(a.value + b.value, tuple(p + q for p, q in zip(a.terms, b.terms, strict=True)))


def _negative(a: Jet) -> Jet:
    return Jet(-a.value, tuple(-term for term in a.terms))


def _subtract(a: Operand, b: Operand) -> Jet:
    if not isinstance(b, Jet):
        return Jet(a.value - b, a.terms)
    if not isinstance(a, Jet):
        return Jet(a - b.value, tuple(-term for term in b.terms))
    return Jet(a.value - b.value, tuple(p - q for p, q in zip(a.terms, b.terms, strict=True)))


def _multiply(a: Operand, b: Operand) -> Jet:
    if not isinstance(b, Jet):
        return Jet(a.value * b, tuple(term * b for term in a.terms))
    if not isinstance(a, Jet):
        return _multiply(b, a)
    p, q = (a.value, *a.terms), (b.value, *b.terms)
    # c_k = sum of a_i b_(k-i)
    terms = tuple(_sum(p[i] * q[k - i] for i in range(k + 1)) for k in range(1, len(p)))
    return Jet(p[0] * q[0], terms)


def _divide(a: Operand, b: Operand) -> Jet:
    if not isinstance(b, Jet):
        return Jet(a.value / b, tuple(term / b for term in a.terms))
    p, q = _lifted(a, b.order), (b.value, *b.terms)
    c = [p[0] / q[0]]
    for k in range(1, len(q)):
        # a = b c: a_k = sum of b_i c_(k-i)
        c.append((p[k] - _sum(q[i] * c[k - i] for i in range(1, k + 1))) / q[0])
    return Jet(c[0], tuple(c[1:]))


def _sum(parts: Iterator[Array]) -> Array:
    total = next(parts)
    for part in parts:
        total = total + part
    return total


Derivative = Callable[[Array, Array], Array]
"""(argument, value of the function) -> a derivative of the function there."""


def _composed(function: np.ufunc, first: Derivative, second: Derivative, third: Derivative) -> Callable[[Jet], Jet]:
    """The rule of a function of one argument from its derivatives."""

    def rule(a: Jet) -> Jet:
        return _chain(a, function(a.value), first, second, third)

    return rule


def _chain(a: Jet, y: Array, first: Derivative, second: Derivative, third: Derivative) -> Jet:
    """Faa di Bruno's formula up to the third order, for a function whose value at the jet's value is `y`."""
    x = a.value
    d1 = first(x, y)
    if a.order == 1:
        return Jet(y, (d1 * a.terms[0],))
    a1, a2, a3 = a.terms
    d2, d3 = second(x, y), third(x, y)
    return Jet(y, (d1 * a1, d1 * a2 + 0.5 * d2 * a1 * a1, d1 * a3 + d2 * a1 * a2 + d3 * a1 * a1 * a1 / 6.0))


def _power(a: Operand, b: Operand) -> Jet:
    if isinstance(b, Jet):
        if not isinstance(a, Jet) and np.any(np.asarray(a) == 0):
            return _power_of_zero(np.asarray(a), b)
        found = _exp(_multiply(b, np.log(a)))
        if found.value.dtype == np.dtype(object):
            return found  # decimal numbers, which have digits to spare
        # By the logarithm 2^3 would be 7.999999999999998.
        direct = np.power(value_of(a), b.value)
        return Jet(np.where(np.isnan(found.value), found.value, direct), found.terms)
    return _chain(
        a,
        np.power(a.value, b),
        lambda x, _: b * np.power(x, b - 1.0),
        lambda x, _: b * (b - 1.0) * np.power(x, b - 2.0),
        lambda x, _: b * (b - 1.0) * (b - 2.0) * np.power(x, b - 3.0),
    )


def _power_of_zero(a: Array, b: Jet) -> Jet:
    """A constant that is 0 here and there, raised to a power: 0 with derivatives 0 where the power is positive."""
    zero = a == 0
    others = _exp(_multiply(b, np.log(np.where(zero, 0 * a + 1, a))))
    no_value = zero & ~(b.value > 0)
    value = np.where(no_value, np.nan, np.where(zero, 0 * others.value, others.value))
    terms = tuple(np.where(no_value, np.nan, np.where(zero, 0 * term, term)) for term in others.terms)
    return Jet(value, terms)


def _absolute(a: Jet) -> Jet:
    if np.iscomplexobj(a.value):
        real, imaginary = a.real, a.imag
        modulus: Jet = np.sqrt(real * real + imaginary * imaginary)
        return modulus
    sign = np.sign(a.value)
    # There is no derivative at 0, and none is made up.
    sign = np.where(sign == 0.0, np.nan, sign)
    return Jet(np.abs(a.value), tuple(sign * term for term in a.terms))


def _arctan2(y: Operand, x: Operand) -> Jet:
    """The angle there, and from there on the arctangent of the rotated point, which is regular in every quadrant."""
    y0, x0 = value_of(y), value_of(x)
    along, across = _add(x0 * x, y0 * y), _subtract(x0 * y, y0 * x)
    turned = _arctan(_divide(across, along))
    return Jet(np.arctan2(y0, x0), turned.terms)


_LN_10 = float(np.log(10.0))
_exp = _composed(np.exp, lambda _, y: y, lambda _, y: y, lambda _, y: y)
_arctan = _composed(
    np.arctan,
    lambda x, _: 1.0 / (1.0 + x * x),
    lambda x, _: -2.0 * x / (1.0 + x * x) ** 2,
    lambda x, _: (6.0 * x * x - 2.0) / (1.0 + x * x) ** 3,
)

_RULES: dict[np.ufunc, Callable[..., Jet]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.positive: lambda a: a,
    np.power: _power,
    np.square: lambda a: _multiply(a, a),
    np.reciprocal: lambda a: _divide(1.0, a),
    np.conjugate: lambda a: a.conjugate(),
    np.absolute: _absolute,
    np.arctan2: _arctan2,
    np.hypot: lambda a, b: np.sqrt(a * a + b * b),
    np.exp: _exp,
    np.log: _composed(np.log, lambda x, _: 1.0 / x, lambda x, _: -1.0 / x**2, lambda x, _: 2.0 / x**3),
    np.log10: _composed(
        np.log10,
        lambda x, _: 1.0 / (_LN_10 * x),
        lambda x, _: -1.0 / (_LN_10 * x**2),
        lambda x, _: 2.0 / (_LN_10 * x**3),
    ),
    np.sqrt: _composed(np.sqrt, lambda _, y: 0.5 / y, lambda _, y: -0.25 / y**3, lambda _, y: 0.375 / y**5),
    np.sin: _composed(np.sin, lambda x, _: np.cos(x), lambda _, y: -y, lambda x, _: -np.cos(x)),
    np.cos: _composed(np.cos, lambda x, _: -np.sin(x), lambda _, y: -y, lambda x, _: np.sin(x)),
    np.tan: _composed(
        np.tan,
        lambda _, y: 1.0 + y * y,
        lambda _, y: 2.0 * y * (1.0 + y * y),
        lambda _, y: 2.0 * (1.0 + y * y) * (1.0 + 3.0 * y * y),
    ),
    np.arcsin: _composed(
        np.arcsin,
        lambda x, _: (1.0 - x * x) ** -0.5,
        lambda x, _: x * (1.0 - x * x) ** -1.5,
        lambda x, _: (1.0 + 2.0 * x * x) * (1.0 - x * x) ** -2.5,
    ),
    np.arccos: _composed(
        np.arccos,
        lambda x, _: -((1.0 - x * x) ** -0.5),
        lambda x, _: -x * (1.0 - x * x) ** -1.5,
        lambda x, _: -(1.0 + 2.0 * x * x) * (1.0 - x * x) ** -2.5,
    ),
    np.arctan: _arctan,
    np.sinh: _composed(np.sinh, lambda x, _: np.cosh(x), lambda _, y: y, lambda x, _: np.cosh(x)),
    np.cosh: _composed(np.cosh, lambda x, _: np.sinh(x), lambda _, y: y, lambda x, _: np.sinh(x)),
    np.tanh: _composed(
        np.tanh,
        lambda x, _: np.cosh(x) ** -2.0,
        lambda x, y: -2.0 * y * np.cosh(x) ** -2.0,
        lambda x, y: np.cosh(x) ** -2.0 * (6.0 * y * y - 2.0),
    ),
}
"""Universal function -> its rule for jets."""
