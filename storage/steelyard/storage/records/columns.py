"""Column types: between a database and the frozen types of the domain.

A record's class has one field for each column of its table, under the same name. Instants are whole UTC nanoseconds
(BIGINT), so no time zone can creep in; due dates are dates; nested values are JSON text written and read by msgspec,
strictly.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import Dialect, Text, TypeDecorator

from steelyard.calibration.mpe import MaximumPermissibleError, decode_mpe, encode_mpe
from steelyard.contracts.keys import PublicKey
from steelyard.storage.errors import RecordRefused

if TYPE_CHECKING:
    from enum import StrEnum

    from _typeshed import DataclassInstance
    from sqlalchemy import Row

Record = TypeVar("Record", bound="DataclassInstance")


class Word(TypeDecorator["StrEnum"]):
    """A member of a closed set, kept as its word."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """From the database."""
        del dialect
        return None if value is None else self.kind(value)


class Json(TypeDecorator[Any]):
    """A frozen value of type `kind`, kept as JSON text.

    What does not come back as it went in is refused: nan and infinity would be written as null.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        if value is None:
            return None
        text = msgspec.json.encode(value)
        try:
            same = self._decoder.decode(text) == value
        except msgspec.MsgspecError:  # a number that is none was written as null
            same = False
        if not same:
            raise RecordRefused("value", value, "it holds something that JSON cannot keep: every number must be finite")
        return text.decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        del dialect
        return None if value is None else self._decoder.decode(value)


class Mpe(TypeDecorator[MaximumPermissibleError]):
    """A maximum permissible error, in its own JSON form."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: MaximumPermissibleError | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else encode_mpe(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> MaximumPermissibleError | None:
        """From the database."""
        del dialect
        return None if value is None else decode_mpe(value)


class Key(TypeDecorator[PublicKey]):
    """A public key, kept as its text ``ed25519:BASE64``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: PublicKey | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else value.text

    def process_result_value(self, value: str | None, dialect: Dialect) -> PublicKey | None:
        """From the database."""
        del dialect
        return None if value is None else PublicKey.parse(value)


def to_row(record: DataclassInstance) -> dict[str, Any]:
    """Return the record's fields by name, for an insert or update."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def from_row(kind: type[Record], row: Row[Any]) -> Record:
    """Build a record from a row that has a column for each field (and perhaps others, which are left out)."""
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping
    return kind(**{field.name: found[field.name] for field in fields(kind)})
