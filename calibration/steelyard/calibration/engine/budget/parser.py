"""From text to expressions, by recursive descent.

model      = equation { separator equation }          separator: ";", or a line (or ",") before the next `name =`
equation   = name "=" sum
sum        = product { ("+" | "-") product }
product    = signed { ("*" | "/") signed }
signed     = { "+" | "-" } power
power      = atom [ "^" signed ]                       right-associative; -x^2 is -(x^2)
atom       = number | name | name "(" sum { "," sum } ")" | "(" sum ")"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from steelyard.calibration.engine.budget.errors import ModelError
from steelyard.calibration.engine.budget.expression import CONSTANTS, FUNCTIONS, OPERATORS, Expression, Instruction
from steelyard.calibration.engine.budget.tokens import Token, TokenKind, tokenize

MAX_DEPTH = 100
"""Brackets, signs and powers inside each other."""
MAX_TOKENS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """`name` = `expression`; the token is the name's, for messages."""

    name: str
    expression: Expression
    token: Token


def parse_equations(text: str) -> list[Equation]:
    """All equations of a model in the order of the text. Raises ModelError with line and column."""
    tokens = tokenize(text)
    if len(tokens) == 1:
        raise ModelError("model", text, "is empty; write name = expression")
    if len(tokens) > MAX_TOKENS:
        raise ModelError("model", f"{len(tokens)} words", f"must be at most {MAX_TOKENS} words")
    return _Parser(tokens).model()


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the most similar known word, or at all of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(words)}" if words else "there are none"


class _Parser:
    """The tokens, a place in them, and the instructions of the expression that is being read."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._code: list[Instruction] = []

    def model(self) -> list[Equation]:
        equations: list[Equation] = []
        while self._peek().kind is not TokenKind.END:
            if self._is(";"):
                self._at += 1
                continue
            equations.append(self._equation())
            if self._is(",") and self._equation_begins(1):
                self._at += 1
            elif not (self._is(";") or self._peek().kind is TokenKind.END or self._equation_begins(0)):
                raise self._peek().fault(self._unexpected())
        if not equations:
            raise self._peek().fault("is no equation; write name = expression")
        return equations

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _is(self, *operators: str) -> bool:
        return self._peek().kind is TokenKind.OPERATOR and self._peek().text in operators

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _equation_begins(self, ahead: int) -> bool:
        """Whether `name =` stands so many tokens ahead."""
        name, equals = self._tokens[self._at + ahead :][:1], self._tokens[self._at + ahead + 1 :][:1]
        return bool(name and equals) and name[0].kind is TokenKind.NAME and equals[0].text == "="

    def _equation(self) -> Equation:
        if not self._equation_begins(0):
            raise self._peek().fault("an equation begins here: write name = expression")
        token = self._take()
        self._at += 1
        self._code = []
        self._sum()
        return Equation(name=token.text, expression=Expression(instructions=tuple(self._code)), token=token)

    def _sum(self) -> None:
        self._product()
        while self._is("+", "-"):
            operator = self._take()
            self._product()
            self._apply(operator, operator.text)

    def _product(self) -> None:
        self._signed()
        while self._is("*", "/"):
            operator = self._take()
            self._signed()
            self._apply(operator, operator.text)

    def _signed(self) -> None:
        signs: list[Token] = []
        while self._is("+", "-"):
            signs.append(self._take())
        self._enter()
        self._power()
        self._depth -= 1
        for sign in reversed(signs):
            if sign.text == "-":
                self._apply(sign, "negative")

    def _power(self) -> None:
        self._atom()
        if self._is("^"):
            operator = self._take()
            self._signed()
            self._apply(operator, "^")

    def _atom(self) -> None:
        token = self._peek()
        if token.kind is TokenKind.NUMBER:
            self._at += 1
            self._push(token, number=float(token.text))
        elif token.kind is TokenKind.NAME:
            self._at += 1
            if self._is("("):
                self._call(token)
            else:
                self._push(token, name=token.text)
        elif self._is("("):
            self._at += 1
            self._sum()
            self._expect(")", token)
        else:
            raise token.fault(self._unexpected())

    def _call(self, name: Token) -> None:
        if name.text not in FUNCTIONS:
            raise name.fault(f"no such function; {nearest(name.text, FUNCTIONS)}")
        opening = self._take()
        self._sum()
        count = 1
        while self._is(","):
            self._at += 1
            self._sum()
            count += 1
        self._expect(")", opening)
        arity, function = FUNCTIONS[name.text]
        if count != arity:
            raise name.fault(f"takes {arity} argument{'s' if arity > 1 else ''}, not {count}")
        place = {"word": name.text, "line": name.line, "column": name.column}
        self._code.append(Instruction(function=function, arity=arity, **place))  # type: ignore[arg-type]  # as named

    def _apply(self, token: Token, operator: str) -> None:
        arity, function = OPERATORS[operator]
        self._code.append(
            Instruction(function=function, arity=arity, word=token.text, line=token.line, column=token.column)
        )

    def _push(self, token: Token, *, number: float | None = None, name: str | None = None) -> None:
        self._code.append(Instruction(number=number, name=name, word=token.text, line=token.line, column=token.column))

    def _expect(self, operator: str, opening: Token) -> None:
        if not self._is(operator):
            raise self._peek().fault(f"the bracket of line {opening.line}, column {opening.column} is not closed")
        self._at += 1

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._peek().fault(f"more than {MAX_DEPTH} brackets or powers inside each other")

    def _unexpected(self) -> str:
        token = self._peek()
        if token.kind is TokenKind.END:
            return "the expression ends too early"
        if token.kind in {TokenKind.NAME, TokenKind.NUMBER} or token.text == "(":
            return "an operator is missing before it, or ';' between two equations"
        if token.text == ",":
            return "a comma stands between arguments only; numbers have a decimal point"
        if token.text == ")":
            return "closes no bracket, or a term is missing before it"
        return "a number, a name or a bracket is missing before it"


def constant(name: str) -> float | None:
    """The value of a named constant, None if there is no such one."""
    return CONSTANTS.get(name)
