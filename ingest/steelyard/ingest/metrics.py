"""Counters of ingest since its start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steelyard.ingest.judgement import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSnapshot:
    """The counters at one moment.

    Each frame received is in exactly one of `accepted`, `duplicates`, `conflicts` and `quarantined`.
    """

    received: int
    """Frames taken from the broker and dealt with."""
    accepted: int
    """Frames new in the ledger."""
    readings: int
    """Readings in those."""
    duplicates: int
    """Frames that were in the ledger already, byte for byte."""
    conflicts: int
    """Frames with a number that was taken by another content: incidents."""
    quarantined: Mapping[str, int]
    """Messages refused, by reason."""
    statuses: int
    """Status messages taken."""
    receipts: int
    """Receipts published."""
    batches: int
    """Transactions of the ledger."""
    inbox: int
    """Messages waiting in memory."""
    ledger_size: int
    """Frames in the ledger."""
    view_lag: int
    """Frames in the ledger that are not in the readings store yet."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the committing thread counts; only that thread writes."""

    received: int = 0
    accepted: int = 0
    readings: int = 0
    duplicates: int = 0
    conflicts: int = 0
    statuses: int = 0
    batches: int = 0
    quarantined: Counter[Reason] = field(default_factory=Counter)
