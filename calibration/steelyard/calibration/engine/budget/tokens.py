"""The words of a model text: numbers, names, operators, each with its place."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass

from steelyard.calibration.engine.budget.errors import ModelError

_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPELLINGS = {"**": "^", "−": "-", "–": "-", "·": "*", "⋅": "*", "×": "*", "÷": "/"}
"""What people paste from a standard, and the operator it means."""
_OPERATORS = frozenset("+-*/^(),;=")
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_LAST = -1


class TokenKind(enum.Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word of the model; `line` and `column` count from 1."""

    kind: TokenKind
    text: str
    line: int
    column: int

    def fault(self, remedy: str) -> ModelError:
        """The error to raise about this token."""
        return ModelError("model", self.text or "end of text", f"line {self.line}, column {self.column}: {remedy}")


def normal_name(name: str) -> str:
    """One spelling for names that look alike: composed characters, the letter mu for the micro sign."""
    return unicodedata.normalize("NFC", name).replace("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}")


def is_name(text: str) -> bool:
    """Whether a text can be a quantity's name: letters of any script, digits, underscores, primes; no digit first."""
    return bool(text) and _begins_name(text[0]) and all(_continues_name(each) for each in text)


def tokenize(text: str) -> list[Token]:
    """Split a model into tokens; the last one is END. ``#`` begins a comment. Raises ModelError."""
    tokens: list[Token] = []
    line, line_start, index = 1, 0, 0
    while index < len(text):
        character = text[index]
        column = index - line_start + 1
        if character == "\n":
            line, line_start = line + 1, index + 1
            index += 1
        elif character.isspace():
            index += 1
        elif character == "#":
            end = text.find("\n", index)
            index = len(text) if end == _LAST else end
        else:
            kind, end = _word(text, index, line, column)
            written = text[index:end]
            spelling = normal_name(written) if kind is TokenKind.NAME else _SPELLINGS.get(written, written)
            tokens.append(Token(kind=kind, text=spelling, line=line, column=column))
            index = end
    tokens.append(Token(kind=TokenKind.END, text="", line=line, column=len(text) - line_start + 1))
    return tokens


def _word(text: str, index: int, line: int, column: int) -> tuple[TokenKind, int]:
    """Kind and end of the word that begins at `index`."""
    character = text[index]
    number = _NUMBER.match(text, index)
    if number is not None:
        end = number.end()
        if end < len(text) and _begins_name(text[end]):
            token = Token(kind=TokenKind.NUMBER, text=text[index : end + 1], line=line, column=column)
            raise token.fault("a number runs into a name; write * between them")
        return TokenKind.NUMBER, end
    if _begins_name(character):
        end = index + 1
        while end < len(text) and _continues_name(text[end]):
            end += 1
        return TokenKind.NAME, end
    if text.startswith("**", index):
        return TokenKind.OPERATOR, index + 2
    if character in _OPERATORS or character in _SPELLINGS:
        return TokenKind.OPERATOR, index + 1
    token = Token(kind=TokenKind.OPERATOR, text=character, line=line, column=column)
    if character in _SUPERSCRIPTS:
        raise token.fault("write powers with ^, as x^2")
    raise token.fault("a model is made of names, numbers, + - * / ^ ( ) , and =")


def _begins_name(character: str) -> bool:
    return character == "_" or character.isalpha()


def _continues_name(character: str) -> bool:
    return (
        _begins_name(character)
        or character.isdecimal()
        or character in "'′″"
        or "₀" <= character <= "₎"
        or unicodedata.category(character) in {"Mn", "Mc"}
    )
