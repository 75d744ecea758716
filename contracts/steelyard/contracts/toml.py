"""Reading configuration text strictly: a misspelt key is an error that names the nearest right one."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Any, TypeVar

import msgspec

from steelyard.contracts.errors import ContractError, SettingsError

T = TypeVar("T")

_AT_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `(?P<name>[^`]*)`")


def parse_toml(text: str, source: str, error: type[ContractError] = SettingsError) -> dict[str, Any]:
    """Return the tables of `text`, or raise `error` naming `source` and the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise error(source, str(cause), "not TOML; mend the line that is named") from cause
    except RecursionError as cause:
        raise error(
            source, "[[[…", "brackets stand in brackets too deep to be read; no file here needs that"
        ) from cause


def convert(table: object, kind: type[T], source: str, error: type[ContractError] = SettingsError) -> T:
    """Return `table` as the msgspec struct `kind`.

    Raises:
        error: naming `source`, the key and its value, and for an unknown key the nearest known one.
    """
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as cause:
        raise _explained(str(cause), table, kind, source, error) from cause


def _explained(message: str, table: object, kind: type[Any], source: str, error: type[ContractError]) -> ContractError:
    match = _AT_PATH.match(message)
    path, what = ((match["path"] or "").lstrip("."), match["what"]) if match else ("", message)
    owner = _at(table, path)
    if (unknown := _UNKNOWN_FIELD.search(message)) is not None:
        name = unknown["name"]
        key = f"{path}.{name}".lstrip(".")
        value = owner.get(name) if isinstance(owner, dict) else None
        near = difflib.get_close_matches(name, sorted(_names(kind)), n=1)
        remedy = f"no such key; did you mean '{near[0]}'?" if near else "no such key; remove it"
        return error(f"{source}: {key}", value, remedy)
    if (missing := _MISSING_FIELD.search(message)) is not None:
        key = f"{path}.{missing['name']}".lstrip(".")
        return error(f"{source}: {key}", None, "is missing; add it")
    return error(f"{source}: {path}" if path else source, owner, what[:1].lower() + what[1:])


def _at(table: object, path: str) -> object:
    """Follow msgspec's path (``broker.tls`` or ``instrument[2].id``) into the parsed text, as far as it goes."""
    place: object = table
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if index and isinstance(place, list) and int(index) < len(place):
            place = place[int(index)]
        elif name and isinstance(place, dict):
            place = place.get(name)
        else:
            return None
    return place


def _names(kind: type[Any], seen: frozenset[type[Any]] = frozenset()) -> set[str]:
    """All keys that `kind` and the structs inside it know."""
    names: set[str] = set()
    if kind in seen or not isinstance(kind, type):
        return names
    for field in msgspec.structs.fields(kind):
        names.add(field.encode_name)
        for inner in _structs(field.type):
            names |= _names(inner, seen | {kind})
    return names


def _structs(annotation: Any) -> list[type[Any]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [inner for argument in getattr(annotation, "__args__", ()) for inner in _structs(argument)]
