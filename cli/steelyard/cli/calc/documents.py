"""What a calculation is asked: TOML or JSON, by file or on standard input, read strictly.

Every fault is a CommandError that names the file and the field: ``budget.toml: quantities.x.value: …``.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from steelyard.cli.errors import CommandError

STANDARD_INPUT = "-"
_SHOWN = 80
_DESCRIPTIVE = frozenset({"title", "description", "comment", "note", "notes", "source", "document", "reference"})
"""Keys that anyone may add to any table; nothing is calculated from them."""

_INFINITE = frozenset({"inf", "+inf", "infinity", "infinite", "∞"})


def read_bytes(source: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``. Raises CommandError if it cannot be read."""
    try:
        if source == STANDARD_INPUT:
            return sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
        return Path(source).read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {source}: {error.strerror}") from error


def read_text(source: str) -> str:
    """The text of a file, or of standard input for ``-``. Raises CommandError if it cannot be read."""
    try:
        return read_bytes(source).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {source_name(source)}: not UTF-8 text (byte {error.start})") from error


def source_name(source: str) -> str:
    """How messages call a source."""
    return "standard input" if source == STANDARD_INPUT else Path(source).name


def read_document(source: str) -> Table:
    """Read a TOML or JSON document; which of the two is seen from the text. Raises CommandError."""
    text, name = read_text(source), source_name(source)
    if not text.strip():
        raise CommandError(f"{name}: is empty; give TOML or JSON")
    if text.lstrip().startswith(("{", "[{", '["')):
        try:
            values = json.loads(text, object_pairs_hook=_unique)
        except (json.JSONDecodeError, RecursionError) as error:
            raise CommandError(f"{name}: is no JSON: {error}") from error
        except _DuplicateKeyError as error:
            raise CommandError(f"{name}: {error}: the key stands twice in one object; keep one") from error
    else:
        try:
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise CommandError(f"{name}: is no TOML: {error}") from error
    if not isinstance(values, dict):
        raise CommandError(f"{name}: must be one object (JSON) or a table (TOML), not a list")
    return Table(values, name, "")


class Table:
    """A table of a document. Each reader takes a key and checks its value; `finish` refuses keys that nobody read."""

    def __init__(self, values: Mapping[str, object], source: str, path: str) -> None:
        self._values = values
        self._seen: set[str] = set()
        self.source = source
        """The file's name."""
        self.path = path
        """Where the table stands in the file, "" for the whole of it."""

    def __contains__(self, key: str) -> bool:
        """Whether the key stands here with a value (JSON's null is none)."""
        return self._values.get(key) is not None

    def keys(self) -> list[str]:
        """All keys in the order of the file."""
        return list(self._values)

    def field(self, key: str) -> str:
        """The key's full name for messages."""
        return f"{self.path}.{key}" if self.path else key

    def fault(self, key: str, remedy: str) -> CommandError:
        """The error to raise about a key's value; the remedy alone where the key is absent."""
        shown = "" if key not in self._values else f"{_show(self._values[key])}: "
        return CommandError(f"{self.source}: {self.field(key)}: {shown}{remedy}")

    def raw(self, key: str) -> object:
        """The value as it was parsed, None if absent; the key counts as read."""
        self._seen.add(key)
        return self._values.get(key)

    def number(self, key: str, default: float | None = None, *, above: float | None = None) -> float:
        """A finite number (greater than `above`); without a default it must be there."""
        value = self.optional_number(key, above=above)
        if value is not None:
            return value
        if default is None:
            raise self.fault(key, "is missing; give a number")
        return default

    def optional_number(self, key: str, *, above: float | None = None, infinite: bool = False) -> float | None:
        """A finite number, or None if absent; with `infinite` also ``inf``."""
        value = self.raw(key)
        if value is None:
            return None
        number = _number(value)
        if number is None and infinite and isinstance(value, str) and value.lower() in _INFINITE:
            number = math.inf
        if number is None:
            raise self.fault(key, "must be a number")
        if math.isnan(number) or (math.isinf(number) and not (infinite and number > 0)):
            raise self.fault(key, "must be a finite number")
        if above is not None and not number > above:
            raise self.fault(key, f"must be greater than {above:g}")
        return number

    def numbers(self, key: str) -> list[float]:
        """A list of finite numbers, which must be there and not be empty."""
        value = self.raw(key)
        if value is None:
            raise self.fault(key, "is missing; give a list of numbers")
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise self.fault(key, "must be a list of numbers, one at least")
        numbers = [_number(each) for each in value]
        for position, number in enumerate(numbers, start=1):
            if number is None or not math.isfinite(number):
                raise self.fault(key, f"item {position} must be a finite number")
        return [number for number in numbers if number is not None]

    def integer(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number, `least` or more; without a default it must be there."""
        value = self.raw(key)
        if value is None:
            if default is None:
                raise self.fault(key, "is missing; give a whole number")
            return default
        number = _number(value)
        if number is None or not math.isfinite(number) or number != int(number):
            raise self.fault(key, "must be a whole number")
        if number < least:
            raise self.fault(key, f"must be {least} or more")
        return int(number)

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(key, "must be true or false")
        return value

    def text(self, key: str) -> str:
        """A text, which must be there and say something."""
        value = self.optional_text(key)
        if value is None:
            raise self.fault(key, "is missing; give a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text that says something, or None if absent."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, "must be a text")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of the given words; without a default it must be there."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.fault(key, f"is missing; give one of {', '.join(choices)}")
        if not isinstance(value, str) or value not in choices:
            raise self.fault(key, _nearest(str(value), choices))
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts, empty if absent; one text stands for a list of one."""
        value = self.raw(key)
        if value is None:
            return []
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Sequence) or not all(isinstance(each, str) and each.strip() for each in value):
            raise self.fault(key, "must be a list of texts")
        return [str(each) for each in value]

    def table(self, key: str) -> Table:
        """A table, which must be there."""
        found = self.optional_table(key)
        if found is None:
            raise self.fault(key, f"is missing; write the table [{self.field(key)}]")
        return found

    def optional_table(self, key: str) -> Table | None:
        """A table, or None if absent."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fault(key, f"must be a table: [{self.field(key)}]")
        return Table(value, self.source, self.field(key))

    def tables(self, key: str) -> list[Table]:
        """An array of tables, empty if absent."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.fault(key, f"must be a list of tables: [[{self.field(key)}]]")
        return [Table(each, self.source, f"{self.field(key)}[{index}]") for index, each in enumerate(value)]

    def finish(self) -> None:
        """Refuse keys that nobody read, with the nearest right one; descriptive ones may stand anywhere."""
        for key in self._values:
            if key not in self._seen and key not in _DESCRIPTIVE:
                raise self.fault(key, f"nothing reads this key; {_nearest(key, sorted(self._seen))}")


def parse_numbers(text: str, option: str) -> list[float]:
    """The numbers of an option like ``--at 1,2.5``. Raises CommandError that names the option."""
    parts = [part.strip() for part in text.split(",")]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise CommandError(f"{option}: {text!r}: must be numbers with commas between, as 1,2.5") from None
    if not all(math.isfinite(number) for number in numbers):
        raise CommandError(f"{option}: {text!r}: must be finite numbers")
    return numbers


class _DuplicateKeyError(Exception):
    """A JSON object has a key twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _nearest(word: str, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
