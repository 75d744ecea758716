"""The ledger: the exact signed bytes of every frame, append-only. Everything else is a view of it."""

from steelyard.storage.ledger.entries import FrameEntry, Gap, Head, Incident, LedgerFrame, Outcome, Refused, Stream
from steelyard.storage.ledger.reader import LedgerReader
from steelyard.storage.ledger.verification import Verified, verify_ledger
from steelyard.storage.ledger.writer import Ledger

__all__ = [
    "FrameEntry",
    "Gap",
    "Head",
    "Incident",
    "Ledger",
    "LedgerFrame",
    "LedgerReader",
    "Outcome",
    "Refused",
    "Stream",
    "Verified",
    "verify_ledger",
]
