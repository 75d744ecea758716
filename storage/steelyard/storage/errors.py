"""What the stores refuse, and with which evidence.

    StorageError
    ├── StoreUnavailable     a database cannot be reached, opened or written; says which, why and what to do
    ├── StoreForeign         a database is there, but it is not ours or of another version
    ├── LedgerLocked         another process writes this ledger
    ├── LedgerAltered        a ledger does not verify: names the first entry that is not what was written
    └── RecordError
        ├── RecordNotFound   no such record
        └── RecordRefused    the database's own rules refuse the change (unknown reference, name taken)

Errors of drivers (sqlite3, urllib3, pg8000, SQLAlchemy) stop in this part and never reach another.
"""

from __future__ import annotations


class StorageError(Exception):
    """Something the stores cannot do."""


class StoreUnavailable(StorageError):
    """A database cannot be reached, opened or written.

    Args:
        url: which one, without its password.
        cause: what the driver said.
        remedy: what to do about it, as a full clause.
    """

    def __init__(self, url: str, cause: object, remedy: str) -> None:
        self.url = url
        self.cause = str(cause)
        self.remedy = remedy
        super().__init__(f"{url} cannot be used ({self.cause or type(cause).__name__}): {remedy}")


class StoreForeign(StorageError):
    """The database answers, but what is in it was not written by this version of Steelyard."""

    def __init__(self, url: str, found: object, remedy: str) -> None:
        self.url = url
        self.found = found
        self.remedy = remedy
        super().__init__(f"{url} holds {found}: {remedy}")


class LedgerLocked(StorageError):
    """A ledger has one writer; another process is it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} is being written by another process: stop that one first, or open this one read-only")


class LedgerAltered(StorageError):
    """A ledger is not what was written.

    Args:
        table: where.
        index: the first entry that does not verify; None if it is not one entry's fault.
        what: what differs.
    """

    def __init__(self, table: str, index: int | None, what: str) -> None:
        self.table = table
        self.index = index
        self.what = what
        place = table if index is None else f"{table} {index}"
        super().__init__(f"{place}: {what}: stop writing, keep a copy of the file, compare with receipts and backups")


class RecordError(StorageError):
    """A record cannot be read or changed as asked."""


class RecordNotFound(RecordError):
    """There is no such record."""

    def __init__(self, kind: str, key: object) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"{kind} {key!r} is not registered: register it first, or correct the name")


class RecordRefused(RecordError):
    """The database's own rules, or those that are checked in its transaction, refuse the change.

    Args:
        kind: what was to be stored.
        key: which one.
        reason: why not, with the remedy.
        field: the one that is at fault, where one is.
        value: what stands in it.
        remedy: what to do about it, as a full clause; "" where the reason says all.
    """

    def __init__(
        self,
        kind: str,
        key: object,
        reason: str,
        *,
        field: str | None = None,
        value: object = None,
        remedy: str = "",
    ) -> None:
        self.kind = kind
        self.key = key
        self.reason = reason
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(f"{kind} {key!r} is refused: {reason}{f': {remedy}' if remedy else ''}")
