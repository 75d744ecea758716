"""Audit entries: who changed what, from what to what, when and why (OIML D 31:2023, 6.2.3.6)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `old` and `new` are the changed part as text; `old` is None for something new."""

    at_ns: int
    who: str
    role: str
    action: str
    object_kind: str
    object_id: str
    old: str | None
    new: str | None
    why: str
