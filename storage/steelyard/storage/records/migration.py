"""Making and changing the tables, by Alembic. The steps are in ``migrations/versions`` and are part of the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from steelyard.storage.errors import StoreForeign, StoreUnavailable
from steelyard.storage.records.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x5374526D  # "StRm"


def upgrade(url: str) -> None:
    """Bring the tables at `url` to this version, making them if there are none.

    Two processes may call it at once: one waits for the other.

    Raises:
        SettingsError: if the URL names no database that there is.
        StoreUnavailable: if it cannot be reached.
        StoreForeign: if its tables are of a version that this one does not know.
    """
    database = Database(url)
    try:
        with database.remake() as connection:
            _upgrade(database, connection)
    finally:
        database.close()


def require_current(database: Database) -> None:
    """Raise StoreUnavailable if there are no tables, StoreForeign if they are of another version."""
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        raise StoreUnavailable(
            database.url, "it has no tables yet", "migrate it first: `steelyard registry apply` does so"
        )
    expected = head_revision()
    if found != expected:
        remedy = f"this Steelyard needs {expected}: migrate it, or use the Steelyard that wrote it"
        raise StoreForeign(database.url, f"tables of version {found}", remedy)


@cache
def head_revision() -> str:
    """The version that this Steelyard's tables have."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise FileNotFoundError(f"no migration in {_MIGRATIONS}: the installation is incomplete")
    return revision


def _upgrade(database: Database, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:  # "Can't locate revision …": written by a later version
        raise StoreForeign(database.url, str(error), "use the Steelyard that wrote it, or a later one") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
