"""The functions that can be fitted: polynomials, and expressions in parameters and regressors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steelyard.calibration.engine.budget.expression import CONSTANTS, OPERATORS, Expression
from steelyard.calibration.engine.budget.jets import Jet, Operand
from steelyard.calibration.engine.budget.parser import parse_equations
from steelyard.calibration.engine.budget.tokens import normal_name
from steelyard.calibration.engine.curves.errors import ModelChoiceError

MAX_DEGREE = 30
RESPONSE = "y"


class Model(Protocol):
    """y as a function of parameters and regressors; runs on numbers, arrays and jets alike."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters' names."""

    @property
    def regressors(self) -> tuple[str, ...]:
        """The regressors' names."""

    @property
    def text(self) -> str:
        """The model as people write it."""

    def evaluate(self, parameters: Sequence[Operand], regressors: Mapping[str, Operand]) -> Operand:
        """The value where the parameters and the regressors have these values."""

    def linear_parameters(self) -> tuple[int, ...]:
        """The indices of parameters in which the model is linear while the others stand still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polynomial:
    """b0 + b1 x + ... + bN x^N; a line's parameters are called `intercept` and `slope`."""

    degree: int
    through_zero: bool = False
    """No constant term."""
    line: bool = False
    """Whether the parameters have the names of a line's."""
    regressor: str = "x"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The coefficients' names, ascending powers."""
        names = ("intercept", "slope") if self.line else tuple(f"b{power}" for power in range(self.degree + 1))
        return names[1:] if self.through_zero else names

    @property
    def regressors(self) -> tuple[str, ...]:
        """One name."""
        return (self.regressor,)

    @property
    def text(self) -> str:
        """The polynomial written out."""
        powers = ["", f"*{self.regressor}"] + [f"*{self.regressor}^{power}" for power in range(2, self.degree + 1)]
        terms = powers[1:] if self.through_zero else powers[: self.degree + 1]
        return " + ".join(f"{name}{term}" for name, term in zip(self.parameters, terms, strict=True))

    def evaluate(self, parameters: Sequence[Operand], regressors: Mapping[str, Operand]) -> Operand:
        """Horner's scheme."""
        x = regressors[self.regressor]
        value = parameters[-1]
        for coefficient in reversed(parameters[:-1]):
            value = value * x + coefficient
        # A constant alone must have the shape of x too.
        return value * x if self.through_zero else value + 0 * x

    def linear_parameters(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(len(self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionModel:
    """A model given as text, e.g. ``b1*(1 - exp(-b2*x))``."""

    expression: Expression
    parameters: tuple[str, ...]
    regressors: tuple[str, ...]
    text: str

    def evaluate(self, parameters: Sequence[Operand], regressors: Mapping[str, Operand]) -> Operand:
        """The expression's value."""
        values: dict[str, Any] = {name: np.asarray(value) for name, value in CONSTANTS.items()}
        values |= dict(regressors)
        values |= dict(zip(self.parameters, parameters, strict=True))
        return self.expression.evaluate(values)

    def linear_parameters(self) -> tuple[int, ...]:
        """A largest set found by adding one parameter after the other."""
        chosen: list[int] = []
        for index in range(len(self.parameters)):
            names = {self.parameters[each] for each in (*chosen, index)}
            if _degree(self.expression, names) <= _LINEAR:
                chosen.append(index)
        return tuple(chosen)


def line(*, through_zero: bool = False, regressor: str = "x") -> Polynomial:
    """A straight line."""
    return Polynomial(degree=1, line=True, through_zero=through_zero, regressor=regressor)


def polynomial(degree: int, *, through_zero: bool = False, regressor: str = "x") -> Polynomial:
    """A polynomial. Raises ModelChoiceError for a degree that is none or would be senseless."""
    if not (int(through_zero) <= degree <= MAX_DEGREE):
        raise ModelChoiceError("model", f"poly:{degree}", f"the degree must be {int(through_zero)} to {MAX_DEGREE}")
    return Polynomial(degree=degree, through_zero=through_zero, regressor=regressor)


def expression_model(text: str, known: Sequence[str], wanted: Sequence[str] = ()) -> ExpressionModel:
    """A model from text: names among `known` are regressors, the others are parameters.

    Args:
        text: an expression, or ``y = expression``; square brackets are round ones.
        known: the names of columns.
        wanted: parameters that have a start value; each must occur.

    Raises:
        ModelError: for text that is no expression, with the place.
        ModelChoiceError: for a model without parameters, or a start value without a parameter.
    """
    expression = parse_expression(text)
    if RESPONSE in expression.names:
        raise ModelChoiceError("model", text, f"{RESPONSE} is the response; it can stand on the left only")
    known = [normal_name(name) for name in known]
    names = [name for name in expression.names if name not in CONSTANTS or name in known]
    parameters = tuple(name for name in names if name not in known)
    for name in wanted:
        if name in known:
            raise ModelChoiceError("start", name, "is a column of the data and no parameter")
        if name not in parameters:
            raise ModelChoiceError("start", name, f"is no parameter of the model; it has {', '.join(parameters)}")
    if not parameters:
        raise ModelChoiceError("model", text, "has no parameters: every name in it is a column")
    regressors = tuple(name for name in names if name in known)
    return ExpressionModel(expression=expression, parameters=parameters, regressors=regressors, text=text.strip())


def parse_expression(text: str) -> Expression:
    """An expression from text. Raises ModelError with the place."""
    round_brackets = text.replace("[", "(").replace("]", ")")
    whole = round_brackets if re.match(r"\s*\w+\s*=", round_brackets) else f"y={round_brackets}"
    equations = parse_equations(whole)
    if len(equations) != 1:
        raise ModelChoiceError("model", text, "must be one expression")
    return equations[0].expression


def jacobian(model: Model, parameters: Sequence[Any], regressors: Mapping[str, Any], *, dtype: type) -> tuple[Any, Any]:
    """Value and exact derivatives with respect to the parameters.

    Args:
        model: the model, of p parameters.
        parameters: p values.
        regressors: name -> values, shape (n,).
        dtype: float, or object for numbers of high precision.

    Returns:
        The value, shape (n,), and the derivatives, shape (n, p).
    """
    count, size = max((len(each) for each in regressors.values()), default=1), len(parameters)
    directions: Any = np.eye(size).astype(int).astype(dtype)
    jets = [
        Jet(np.array([value], dtype=dtype), (directions[index][:, np.newaxis],))
        for index, value in enumerate(parameters)
    ]
    result = model.evaluate(jets, regressors)
    value = np.broadcast_to(result.value, (count,))
    return value, np.broadcast_to(result.terms[0], (size, count)).T


def slope_of(model: Model, parameters: Sequence[float], regressors: Mapping[str, Any], name: str) -> Any:
    """The exact derivative with respect to one regressor, shape (n,)."""
    x = np.asarray(regressors[name], dtype=np.float64)
    result = model.evaluate(
        [np.array([value]) for value in parameters], {**regressors, name: Jet(x, (np.ones((1, 1)),))}
    )
    if not isinstance(result, Jet):
        return np.zeros(len(x))
    return np.broadcast_to(result.terms[0], (1, len(x)))[0]


_CONSTANT, _LINEAR, _NONLINEAR = 0, 1, 2
_FUNCTION_OF: dict[Callable[..., Any], str] = {function: name for name, (_, function) in OPERATORS.items()}


def _degree(expression: Expression, names: set[str]) -> int:
    """How the expression depends on all the names together: not at all, linearly, or otherwise."""
    stack: list[int] = []
    for each in expression.instructions:
        if each.function is None:
            stack.append(_LINEAR if each.name in names else _CONSTANT)
            continue
        operands = stack[-each.arity :]
        del stack[-each.arity :]
        stack.append(_combined(_FUNCTION_OF.get(each.function, ""), operands))
    return stack[0]


def _combined(operator: str, degrees: Sequence[int]) -> int:
    highest = max(degrees)
    if highest == _CONSTANT or operator in {"+", "-", "negative"}:
        return highest
    if operator == "*":
        return highest if min(degrees) == _CONSTANT else _NONLINEAR
    if operator == "/" and degrees[1] == _CONSTANT:
        return highest
    return _NONLINEAR
