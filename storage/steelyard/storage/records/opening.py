"""All repositories over one database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from steelyard.storage.records.accounts import AccountRepository
from steelyard.storage.records.alerts import AlertRepository
from steelyard.storage.records.audit import AuditRepository
from steelyard.storage.records.database import Database
from steelyard.storage.records.devices import DeviceRepository
from steelyard.storage.records.health import HealthRepository
from steelyard.storage.records.migration import require_current
from steelyard.storage.records.registry import RegistryRepository
from steelyard.storage.records.verification import VerificationRepository
from steelyard.storage.records.work_orders import WorkOrderRepository

if TYPE_CHECKING:
    from types import TracebackType


class Records:
    """The records: registry, devices, verification, orders, accounts, alerts, health, audit; for any number of threads.

    Every method raises StoreUnavailable, naming the database and the remedy, when it cannot be reached; the next call
    connects anew.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.url = database.url
        """Which database, without the password."""
        self.registry = RegistryRepository(database)
        self.devices = DeviceRepository(database)
        self.verification = VerificationRepository(database)
        self.orders = WorkOrderRepository(database)
        self.accounts = AccountRepository(database)
        self.alerts = AlertRepository(database)
        self.health = HealthRepository(database)
        self.audit = AuditRepository(database)

    def check(self) -> None:
        """Ask the database whether it can be used.

        Raises:
            StoreUnavailable: if it cannot be reached, or has no tables yet.
            StoreForeign: if its tables are of another version.
        """
        require_current(self._database)

    def close(self) -> None:
        """Let go of all connections. A second call does nothing."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_records(url: str) -> Records:
    """Open the records at `url`, whose tables must be there and of this version (see `upgrade`).

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
        ``postgresql+pg8000://user:password@host/database``.

    Raises:
        SettingsError: if the URL names no database that there is.
        StoreUnavailable: if it cannot be reached, or has no tables yet.
        StoreForeign: if its tables are of another version.
    """
    records = Records(Database(url))
    try:
        records.check()
    except BaseException:
        records.close()
        raise
    return records
