"""The records' database, SQLite or PostgreSQL: transactions, and one error type for all that can fail."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError, StatementError

from steelyard.contracts.errors import SettingsError
from steelyard.storage.errors import RecordRefused, StorageError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

_SQLITE, _POSTGRESQL = "sqlite+pysqlite", "postgresql+pg8000"
_CONNECT_S = 10
_BUSY_S = 10
_WRITES = "steelyard_writes"


class Database:
    """An engine and its ways to fail. Nothing is connected before it is used.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
        ``postgresql+pg8000://user:password@host/database``.

    Raises:
        SettingsError: if the URL names no database that there is.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.url = parsed.render_as_string(hide_password=True)
        self.dialect = parsed.get_dialect().name
        self._writer = make_engine(parsed)
        # The same pool. SQLite is told at once that a transaction will write: one that finds out later may have to be
        # undone.
        self._reader = self._writer.execution_options(**{_WRITES: False})

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries.

        Raises:
            StoreUnavailable: if the database cannot be reached or does not answer.
        """
        with self.guarded(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, kind: str, key: object) -> Iterator[Connection]:
        """A transaction: all of it or nothing.

        Args:
            kind: what is written, for the error.
            key: which one.

        Raises:
            RecordRefused: if the database's rules refuse it.
            StoreUnavailable: if the database cannot be reached or does not answer.
        """
        try:
            with self.guarded(), self._writer.begin() as connection:
                yield connection
        except DBAPIError as error:  # guarded lets only broken rules through
            raise RecordRefused(kind, key, reason_of(error)) from error

    @contextmanager
    def remake(self) -> Iterator[Connection]:
        """A transaction that may make tables anew to which others refer.

        SQLite changes a column only so, and would take the old table's going for a broken reference. References are
        therefore looked through at the end, as its manual has it (https://www.sqlite.org/lang_altertable.html, 7).

        Raises:
            RecordRefused: if something would refer to what is not there; nothing is changed then.
            StoreUnavailable: if the database cannot be reached or does not answer.
        """
        try:
            with self.guarded(), self._writer.connect() as connection:
                held = self.dialect == "sqlite"
                if held:  # within a transaction it would be ignored
                    connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
                with connection.begin():
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if held else ()
                    if broken:
                        reason = f"a row of {broken[0][0]} refers to a row of {broken[0][2]} that is not there"
                        raise RecordRefused("tables", "migration", reason)
                if held:
                    connection.connection.cursor().execute("PRAGMA foreign_keys = ON")
        except DBAPIError as error:  # guarded lets only broken rules through
            raise RecordRefused("tables", "migration", reason_of(error)) from error

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn what drivers complain about into StoreUnavailable; broken rules the caller knows better."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            if _breaks_a_rule(error):
                raise
            if isinstance(error, StatementError) and isinstance(error.orig, StorageError):
                raise error.orig from None  # a column type refused the value
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            raise StoreUnavailable(self.url, _first_line(cause), self._remedy(str(cause))) from error

    def close(self) -> None:
        """Let go of all connections. A second call does nothing."""
        self._writer.dispose()

    def _remedy(self, cause: str) -> str:
        if "no such table" in cause or "42P01" in cause:
            return "its tables are not there yet: migrate it first"
        if self.dialect == "sqlite":
            if "locked" in cause:
                return "another process holds it: wait until it has finished, or stop it"
            return (
                "check that the file and its directory exist, are a records database, and may be written by this user"
            )
        if "3D000" in cause:
            return "create the database, or correct its name in stores.records"
        if "28P01" in cause or "28000" in cause:
            return "correct user and password in stores.records"
        return "start PostgreSQL, or correct host and port in stores.records; the next attempt connects anew"


def make_engine(url: URL) -> Engine:
    """Return an engine whose connections are set up as the records need them."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args={"timeout": _CONNECT_S, "tcp_keepalive": True})
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def take_turns(connection: Connection, what: str) -> None:
    """Wait until no other transaction holds `what`, and hold it to this one's end.

    For rules that no index can say: what was looked up stays true until the commit. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})


def reason_of(error: DBAPIError) -> str:
    """What the database said, in one line."""
    fields = _server_fields(error)
    return ": ".join(fields[name] for name in ("M", "D") if name in fields) or _first_line(error.orig or error)


def _breaks_a_rule(error: Exception) -> bool:
    """Whether the database refused a change by its own rules: of those of class 23, pg8000 names only 23505 so."""
    if not isinstance(error, DBAPIError):
        return False
    return isinstance(error, IntegrityError) or _server_fields(error).get("C", "").startswith("23")


def _server_fields(error: DBAPIError) -> dict[str, str]:
    """PostgreSQL's fields of an error: C code, M message, D detail; empty for other databases."""
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return first if isinstance(first, dict) else {}


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsError("stores.records", url, f"write sqlite:///… or postgresql+pg8000://… ({error})") from error
    if parsed.get_backend_name() == "sqlite" and parsed.drivername in {"sqlite", _SQLITE}:
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError(
                "stores.records", url, "name a file: every connection to memory would be another database"
            )
        return parsed
    if parsed.drivername != _POSTGRESQL:
        raise SettingsError("stores.records", url, f"use sqlite or {_POSTGRESQL}; {parsed.drivername} is not tested")
    return parsed


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: object) -> str:
    if isinstance(error, Exception) and error.args and isinstance(error.args[0], dict):
        found = error.args[0]
        return f"{found.get('M', 'refused')} ({found.get('C', 'no code')})"
    return (str(error).splitlines() or [type(error).__name__])[0]
