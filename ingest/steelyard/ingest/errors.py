"""Errors of ingest.

IngestError
└── IngestKeyError    ingest's own key cannot be read (file, remedy)

A frame that is refused is no error but a judgement (`judgement.Refused`); a store that is down is
`storage.errors.StoreUnavailable`, waited for; a wrong setting is `contracts.errors.SettingsError`.
"""

from __future__ import annotations


class IngestError(Exception):
    """Something that keeps ingest from starting."""


class IngestKeyError(IngestError):
    """Ingest's own key cannot be read."""

    def __init__(self, path: str, cause: object) -> None:
        self.path = path
        self.remedy = "make one with `steelyard key new`, and give gateways its public half as gateway.ingest_key"
        super().__init__(f"ingest.key = {path!r} cannot be used ({cause}): {self.remedy}")
