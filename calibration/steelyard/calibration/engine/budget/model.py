"""Measurement models: equations as text, or a Python function.

A model maps input quantities to output quantities, Y = f(X) (JCGM 100:2008, 4.1; JCGM 102:2011, 5.1). It runs unchanged
on numbers, on arrays (Monte Carlo, many instruments at once) and on jets (derivatives).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steelyard.calibration.engine.budget.errors import EvaluationError, ModelError
from steelyard.calibration.engine.budget.expression import CONSTANTS
from steelyard.calibration.engine.budget.jets import Jet, Operand, value_of
from steelyard.calibration.engine.budget.parser import Equation, nearest, parse_equations
from steelyard.calibration.engine.budget.tokens import normal_name


class Model(Protocol):
    """What maps inputs to outputs."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input quantities that it needs."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output quantities."""
        ...

    def evaluate(self, values: Mapping[str, Operand]) -> tuple[Operand, ...]:
        """The outputs' values for the inputs' `values`: numbers, arrays that broadcast, or jets of one order."""
        ...

    def fault(self, values: Mapping[str, Operand]) -> EvaluationError | None:
        """Why there is no finite value, None if there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TextModel:
    """Equations in the order of their evaluation; `text` is what they were parsed from. Make it by `parse_model`."""

    text: str
    equations: tuple[Equation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def evaluate(self, values: Mapping[str, Operand]) -> tuple[Operand, ...]:
        """The outputs' values; names that the model does not use may be there too."""
        known = {**CONSTANTS, **values}
        for equation in self.equations:
            known[equation.name] = equation.expression.evaluate(known)
        return tuple(known[name] for name in self.outputs)

    def fault(self, values: Mapping[str, Operand]) -> EvaluationError | None:
        """The first operation without a finite result."""
        known = {**CONSTANTS, **values}
        for equation in self.equations:
            fault = equation.expression.fault(f"model: {equation.name}", known)
            if fault is not None:
                return fault
            known[equation.name] = equation.expression.evaluate(known)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionModel:
    """A Python function of the inputs by name that returns the outputs: one value, or as many as `outputs`.

    It must be made of arithmetic and NumPy's universal functions (those with a rule in `jets`), without branches on
    values: use Monte Carlo with np.where for those.
    """

    function: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, function: Callable[..., Any], *, outputs: Sequence[str] = ("y",)) -> FunctionModel:
        """Take the inputs' names from the function's parameters. Raises ModelError if it has none."""
        names = tuple(inspect.signature(function).parameters)
        if not names or not outputs:
            raise ModelError("model", getattr(function, "__name__", "function"), "must have parameters and outputs")
        return cls(function=function, inputs=names, outputs=tuple(outputs))

    def evaluate(self, values: Mapping[str, Operand]) -> tuple[Operand, ...]:
        """Call the function. Raises ModelError if it returns another number of values than there are outputs."""
        returned = self.function(**{name: values[name] for name in self.inputs})
        several = isinstance(returned, tuple | list)
        found = tuple(returned) if several else (returned,)
        if len(found) != len(self.outputs):
            remedy = f"must return {len(self.outputs)} values: {', '.join(self.outputs)}"
            raise ModelError("model", f"{len(found)} values", remedy)
        return found

    def fault(self, values: Mapping[str, Operand]) -> EvaluationError | None:
        """Whether an output is not finite."""
        with np.errstate(all="ignore"):
            for name, value in zip(self.outputs, self.evaluate(values), strict=True):
                if not np.all(np.isfinite(value_of(value))):
                    return EvaluationError(f"model: {name}", "not a number", "the function has no finite value there")
        return None


def parse_model(
    text: str, *, quantities: Collection[str] | None = None, outputs: Sequence[str] | None = None
) -> TextModel:
    """Parse equations `name = expression`, separated by ``;`` or lines, in any order.

    Args:
        text: the model; operators, functions and constants of `expression`.
        quantities: names of the given input quantities; None takes every name without an equation as one.
        outputs: names of the wanted outputs; None or empty takes the first equation's. Equations that no output needs
            are left out.

    Raises ModelError for what cannot be read, for unknown, repeated and circular names.
    """
    equations = parse_equations(text)
    by_name: dict[str, Equation] = {}
    given = None if quantities is None else {normal_name(name) for name in quantities}
    for equation in equations:
        if equation.name in by_name:
            raise equation.token.fault("has a second equation; one name has one")
        if given is not None and equation.name in given:
            raise equation.token.fault("has an equation and is given as a quantity too; keep one of the two")
        by_name[equation.name] = equation
    wanted = tuple(normal_name(name) for name in outputs or ()) or (equations[0].name,)
    for name in wanted:
        if name not in by_name:
            raise ModelError("outputs", name, f"no equation of the model gives it; {nearest(name, by_name)}")
    if len(set(wanted)) != len(wanted):
        raise ModelError("outputs", list(wanted), "each output once")
    if given is not None:
        _refuse_unknown(equations, given, by_name)
    ordered = _ordered(wanted, by_name)
    needed = dict.fromkeys(name for equation in ordered for name in equation.expression.names)
    inputs = tuple(
        name for name in needed if name not in by_name and (name not in CONSTANTS or (given and name in given))
    )
    return TextModel(text=text, equations=tuple(ordered), inputs=inputs, outputs=wanted)


def real_outputs(names: Sequence[str], operands: Sequence[Operand]) -> tuple[tuple[str, ...], tuple[Operand, ...]]:
    """Split each complex output into its two components, NAME.re and NAME.im (JCGM 102:2011, 3.8 and 5.1)."""
    split_names: list[str] = []
    split: list[Operand] = []
    for name, operand in zip(names, operands, strict=True):
        if np.iscomplexobj(value_of(operand)):
            complex_operand = operand if isinstance(operand, Jet) else np.asarray(operand)
            split_names += [f"{name}.re", f"{name}.im"]
            split += [complex_operand.real, complex_operand.imag]
        else:
            split_names.append(name)
            split.append(operand)
    return tuple(split_names), tuple(split)


def _refuse_unknown(equations: Sequence[Equation], given: set[str], by_name: Mapping[str, Equation]) -> None:
    known = {*given, *by_name, *CONSTANTS}
    for equation in equations:
        for instruction in equation.expression.instructions:
            if instruction.name is not None and instruction.name not in known:
                place = f"line {instruction.line}, column {instruction.column}"
                hint = nearest(instruction.name, {*given, *by_name})
                raise ModelError("model", instruction.name, f"{place}: no such quantity; {hint}")


def _ordered(wanted: Sequence[str], by_name: Mapping[str, Equation]) -> list[Equation]:
    """The equations that the wanted outputs need, each after those that it needs itself."""
    done: dict[str, Equation] = {}
    open_names: list[str] = []
    pending: list[tuple[str, bool]] = [(name, False) for name in reversed(wanted)]
    while pending:
        name, left = pending.pop()
        if left:
            open_names.pop()
            done[name] = by_name[name]
        elif name in open_names:
            circle = " -> ".join([*open_names[open_names.index(name) :], name])
            raise by_name[name].token.fault(f"is defined by itself: {circle}")
        elif name in by_name and name not in done:
            open_names.append(name)
            pending.append((name, True))
            pending += [(each, False) for each in reversed(by_name[name].expression.names)]
    return list(done.values())
