"""The chain that binds each entry to all before it: pure functions of bytes.

    root(0)     = SHA-256(domain)
    root(n + 1) = SHA-256(domain ‖ root(n) ‖ n ‖ each field with its length)

Whoever holds a root and the number of entries it stands for (every receipt does) can tell whether any earlier bit has
changed. A placeholder: a Merkle tree as in RFC 6962 will take its place, and then one entry can be proved without
reading all others. The chain costs a full reading, and an operator who rewrites entries can rewrite the chain too: only
roots held elsewhere tell.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

_LENGTH = Struct(">Q").pack

EMPTY = {
    table: sha256(f"steelyard ledger 1 {table}".encode()).digest() for table in ("entry", "incident", "quarantine")
}
"""The root of each table before its first entry. They differ, so that no entry can be passed off as another table's."""


def next_root(root: bytes, index: int, *fields: bytes | int | str) -> bytes:
    """Return the root after the entry number `index` (from 0) with `fields`; integers are 0 or above."""
    digest = sha256(root)
    digest.update(_LENGTH(index))
    for field in fields:
        if isinstance(field, int):
            digest.update(_LENGTH(field))
        else:
            content = field.encode() if isinstance(field, str) else field
            digest.update(_LENGTH(len(content)))
            digest.update(content)
    return digest.digest()
