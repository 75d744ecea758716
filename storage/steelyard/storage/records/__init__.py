"""The records: what is registered, decided and done. SQLite or PostgreSQL through SQLAlchemy."""

from steelyard.storage.records.accounts import Account, ApiKey, Session
from steelyard.storage.records.alerts import Alert
from steelyard.storage.records.health import GatewayHealth
from steelyard.storage.records.migration import upgrade
from steelyard.storage.records.opening import Records, open_records
from steelyard.storage.records.registry import Registrar, Registration

__all__ = [
    "Account",
    "Alert",
    "ApiKey",
    "GatewayHealth",
    "Records",
    "Registrar",
    "Registration",
    "Session",
    "open_records",
    "upgrade",
]
