"""What goes into the ledger and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steelyard.contracts.identifiers import BootId, GatewayId


class Outcome(StrEnum):
    """What became of an entry."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same bytes under the same number are there already: confirm again, store nothing."""
    CONFLICT = "conflict"
    """Other bytes under a number that is taken: kept beside it as an incident, never instead of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEntry:
    """A frame to be appended. `received_ns` UTC nanoseconds; `message` the exact signed bytes as they came."""

    gateway: GatewayId
    boot: BootId
    seq: int
    received_ns: int
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFrame:
    """An entry of the ledger: what was appended, its place `index` (from 0) and the `root` after it (32 bytes)."""

    index: int
    gateway: GatewayId
    boot: BootId
    seq: int
    received_ns: int
    message: bytes
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The state of the ledger: `size` entries, `root` their chained SHA-256 in hexadecimal."""

    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What has arrived of one boot of a gateway.

    `contiguous_upto`: every number from 1 to this one; `highest` the highest number; `frames` how many.
    """

    gateway: GatewayId
    boot: BootId
    contiguous_upto: int
    highest: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers `first` to `last`, both included, that have not arrived although a higher one has."""

    gateway: GatewayId
    boot: BootId
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A second content for a number that was taken: a gateway told two stories, or somebody speaks in its name."""

    index: int
    gateway: GatewayId
    boot: BootId
    seq: int
    received_ns: int
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A message in quarantine.

    `gateway` is text as it came, perhaps no identifier; `size` the message's length in bytes, of which `message` holds
    the beginning; `received_ns` UTC nanoseconds.
    """

    index: int
    gateway: str
    topic: str
    reason: str
    size: int
    message: bytes
    received_ns: int
