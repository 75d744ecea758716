"""A parsed expression: instructions for a stack machine, run on numbers, arrays or jets alike.

There is no `eval`: an instruction can only push a number or a named quantity, or apply a function of the table here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steelyard.calibration.engine.budget.errors import EvaluationError
from steelyard.calibration.engine.budget.jets import Jet, Operand, value_of

_LARGEST_REPEATED_POWER = 64


def _power(base: Operand, exponent: Operand) -> Operand:
    """Raise to a power; whole ones by multiplication, which is exact for negative bases and at 0, and faster."""
    if not isinstance(exponent, Jet) and np.ndim(exponent) == 0:
        whole = float(exponent)
        if whole.is_integer() and 0 < abs(whole) <= _LARGEST_REPEATED_POWER:
            raised = _whole_power(base, int(abs(whole)))
            return raised if whole > 0 else 1.0 / raised
    return np.power(base, exponent)


def _whole_power(base: Operand, exponent: int) -> Operand:
    result, square = None, base
    while exponent:
        if exponent & 1:
            result = square if result is None else result * square
        exponent >>= 1
        if exponent:
            square = square * square
    return result


def _imaginary(operand: Operand) -> Operand:
    return operand.imag if isinstance(operand, Jet) else np.imag(operand)


def _real(operand: Operand) -> Operand:
    return operand.real if isinstance(operand, Jet) else np.real(operand)


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "exp": (1, np.exp),
    "log": (1, np.log),
    "ln": (1, np.log),
    "log10": (1, np.log10),
    "sqrt": (1, np.sqrt),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tan": (1, np.tan),
    "asin": (1, np.arcsin),
    "acos": (1, np.arccos),
    "atan": (1, np.arctan),
    "arcsin": (1, np.arcsin),
    "arccos": (1, np.arccos),
    "arctan": (1, np.arctan),
    "atan2": (2, np.arctan2),
    "arctan2": (2, np.arctan2),
    "sinh": (1, np.sinh),
    "cosh": (1, np.cosh),
    "tanh": (1, np.tanh),
    "abs": (1, np.absolute),
    "pow": (2, _power),
    # Complex quantities (JCGM 102:2011).
    "complex": (2, lambda real, imaginary: real + 1j * imaginary),
    "re": (1, _real),
    "im": (1, _imaginary),
    "conj": (1, np.conjugate),
    "arg": (1, lambda z: np.arctan2(_imaginary(z), _real(z))),
}
"""name -> (number of arguments, function of numbers, arrays and jets)."""

OPERATORS: dict[str, tuple[int, Callable[..., Any]]] = {
    "+": (2, np.add),
    "-": (2, np.subtract),
    "*": (2, np.multiply),
    "/": (2, np.divide),
    "^": (2, _power),
    "negative": (1, np.negative),
}
CONSTANTS: dict[str, float] = {"pi": float(np.pi), "π": float(np.pi)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Push `number`, or push the quantity `name`, or apply `function` to the `arity` topmost values.

    `word`, `line` and `column` say where it stands in the model.
    """

    number: float | None = None
    name: str | None = None
    function: Callable[..., Any] | None = None
    arity: int = 0
    word: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Instructions in the order of their execution; they leave one value."""

    instructions: tuple[Instruction, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every quantity that it needs, in the order of appearance."""
        return tuple(dict.fromkeys(each.name for each in self.instructions if each.name is not None))

    def evaluate(self, values: Mapping[str, Operand]) -> Operand:
        """Its value where the quantities have `values`: numbers, arrays that broadcast, or jets of one order."""
        stack: list[Operand] = []
        for each in self.instructions:
            if each.function is not None:
                operands = stack[-each.arity :]
                del stack[-each.arity :]
                stack.append(each.function(*operands))
            else:
                stack.append(values[each.name] if each.name is not None else each.number)
        return stack[0]

    def fault(self, field: str, values: Mapping[str, Operand]) -> EvaluationError | None:
        """The first operation that has no finite result where its operands have; None if there is none."""
        stack: list[Operand] = []
        with np.errstate(all="ignore"):
            for each in self.instructions:
                if each.function is None:
                    stack.append(values[each.name] if each.name is not None else each.number)
                    continue
                operands = stack[-each.arity :]
                del stack[-each.arity :]
                result = each.function(*operands)
                if not np.all(np.isfinite(value_of(result))):
                    shown = ", ".join(f"{_example(operand, result)}" for operand in operands)
                    place = f"line {each.line}, column {each.column}: {each.word}"
                    return EvaluationError(field, each.word, f"{place} of {shown} is no finite number")
                stack.append(result)
        return None


def _example(operand: Operand, result: Operand) -> str:
    """The operand's value where the result is not finite."""
    bad = np.argwhere(~np.isfinite(np.atleast_1d(value_of(result))))[0]
    value = np.broadcast_to(np.atleast_1d(value_of(operand)), np.atleast_1d(value_of(result)).shape)[tuple(bad)]
    return f"{value:.6g}"
