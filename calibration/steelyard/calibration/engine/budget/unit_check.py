"""Are the units of a model's quantities consistent where that can be told?

Only what is certainly wrong is refused: a sum or difference of two terms that are both made of quantities with known
units, and whose units differ in dimension or in size (V + A, mg + g). Numbers in a model often are conversion factors,
so a term with a number in it is not judged; neither are units that are not known, and dimensionless ones. Degrees
Celsius count as kelvins: budgets are about differences.
"""

from __future__ import annotations

from collections.abc import Mapping

from steelyard.calibration.engine.budget.dimensions import ONE, Dimension, parse_unit
from steelyard.calibration.engine.budget.errors import UnitError
from steelyard.calibration.engine.budget.expression import FUNCTIONS, OPERATORS, Expression, Instruction
from steelyard.calibration.engine.budget.model import TextModel

_KEEPING = (OPERATORS["negative"][1], FUNCTIONS["abs"][1])
_ADDING = (OPERATORS["+"][1], OPERATORS["-"][1])
_POWERS = {OPERATORS["*"][1]: 1.0, OPERATORS["/"][1]: -1.0}

_Operand = tuple[Dimension | None, float | None]
"""A term's unit, None if it cannot be told; and its value if it is a number of the model."""


def output_units(model: TextModel, units: Mapping[str, str | None]) -> dict[str, str | None]:
    """Check the model's sums, and name the outputs' units where a quantity with the same one shows how to write it.

    Args:
        model: the model.
        units: of the quantities by name, as their author wrote them; None where there is none.

    Raises UnitError that names both units and the place in the model.
    """
    texts: list[tuple[Dimension, str]] = []
    known: dict[str, Dimension | None] = {}
    for name, text in units.items():
        dimension = None if text is None else parse_unit(text)
        known[name] = dimension
        if dimension is not None and text is not None:
            texts.append((dimension, text))
    for equation in model.equations:
        known[equation.name] = _judge(equation.expression, known, equation.name)
    found: dict[str, str | None] = {}
    for name in model.outputs:
        unit = known[name]
        found[name] = next((text for each, text in texts if unit is not None and each.agrees(unit)), None)
    return found


def _judge(expression: Expression, known: Mapping[str, Dimension | None], equation: str) -> Dimension | None:
    stack: list[_Operand] = []
    for each in expression.instructions:
        if each.function is None:
            stack.append((None if each.name is None else known.get(each.name), each.number))
            continue
        operands = stack[-each.arity :]
        del stack[-each.arity :]
        unit = _unary(each, operands[0]) if each.arity == 1 else _binary(each, operands[0], operands[1], equation)
        stack.append((unit, None))
    return stack[0][0]


def _unary(each: Instruction, operand: _Operand) -> Dimension | None:
    unit = operand[0]
    if each.function in _KEEPING or unit is None:
        return unit
    return ONE.times(unit, 0.5) if each.function is FUNCTIONS["sqrt"][1] else None


def _binary(each: Instruction, left: _Operand, right: _Operand, equation: str) -> Dimension | None:
    first, (second, literal) = left[0], right
    if first is not None and literal is not None and each.function is OPERATORS["^"][1]:
        return ONE.times(first, literal)
    if first is None or second is None:
        return None
    if each.function in _POWERS:
        return first.times(second, _POWERS[each.function])
    if each.function not in _ADDING:
        return None
    if not first.agrees(second):
        place = f"line {each.line}, column {each.column}"
        remedy = f"{place}: joins terms of different units, {first.text} and {second.text}; convert one, or correct it"
        raise UnitError(f"model: {equation}", each.word, remedy)
    return first
