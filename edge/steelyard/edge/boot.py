"""The name of one run of a gateway.

The counter is kept in the spool and orders boots without a clock; the random part tells two spools apart (one
restored from a backup counts the same numbers again).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steelyard.contracts.identifiers import parse_boot_id

if TYPE_CHECKING:
    from steelyard.contracts.identifiers import BootId


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One run: `counter` from 1 in the order of starts, `id` as frames carry it."""

    counter: int
    id: BootId


def make_boot(counter: int, randomness: bytes) -> Boot:
    """Name the run `counter`; `randomness` is four bytes, written as eight hexadecimal digits."""
    return Boot(counter=counter, id=parse_boot_id(f"{counter:08d}-{randomness.hex()}"))
