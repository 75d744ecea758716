"""People, programs and their sessions. No password and no key is kept, only what proves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from steelyard.storage.errors import RecordNotFound
from steelyard.storage.records.audit import add_audit
from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.schema import account as account_table
from steelyard.storage.records.schema import api_key as api_key_table
from steelyard.storage.records.schema import session as session_table

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Select

    from steelyard.calibration.verification.audit import AuditEntry
    from steelyard.calibration.verification.roles import Role
    from steelyard.contracts.identifiers import OrganizationId
    from steelyard.storage.records.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person.

    `email` is unique and in lower case; `password_hash` is Argon2id's text; instants are UTC nanoseconds.
    """

    id: str
    organization: OrganizationId
    name: str
    email: str
    role: Role
    password_hash: str
    created_ns: int
    disabled_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A program's key: `sha256` of the key in hexadecimal, never the key. Revoked from `revoked_ns` on."""

    id: str
    organization: OrganizationId
    role: Role
    name: str
    sha256: str
    created_ns: int
    revoked_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person's visit: `token_sha256` of the cookie's token in hexadecimal; it ends at `expires_ns`.

    `acting_organization`: in the demonstration a visitor looks through the eyes of another organization.
    """

    token_sha256: str
    account: str
    csrf: str
    created_ns: int
    expires_ns: int
    acting_organization: OrganizationId | None = None


class AccountRepository:
    """Accounts, keys and sessions. Every change of an account or key is stored with its audit entry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_account(self, account: Account, audit: AuditEntry) -> None:
        """Store a new account; RecordRefused if its id or e-mail address is taken or its organization unknown."""
        with self._database.write("account", account.id) as connection:
            connection.execute(insert(account_table), {**to_row(account), "email": account.email.lower()})
            add_audit(connection, audit)

    def accounts(self, organizations: Collection[OrganizationId] | None = None) -> list[Account]:
        """Return accounts by name: all, or those of the given organizations."""
        query = select(account_table).order_by(account_table.c.name, account_table.c.id)
        if organizations is not None:
            query = query.where(account_table.c.organization.in_(organizations))
        with self._database.read() as connection:
            return [from_row(Account, row) for row in connection.execute(query)]

    def account(self, account: str) -> Account | None:
        """Return the account with this id."""
        return self._one_account(select(account_table).where(account_table.c.id == account))

    def account_by_email(self, email: str) -> Account | None:
        """Return the account with this e-mail address, in whatever case it is written."""
        return self._one_account(select(account_table).where(account_table.c.email == email.lower()))

    def _one_account(self, query: Select[tuple[object, ...]]) -> Account | None:
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else from_row(Account, row)

    def set_password(self, account: str, password_hash: str, audit: AuditEntry) -> None:
        """Replace the password's hash and end the person's sessions; RecordNotFound for an unknown account."""
        with self._database.write("account", account) as connection:
            changed = update(account_table).where(account_table.c.id == account).values(password_hash=password_hash)
            if connection.execute(changed).rowcount != 1:
                raise RecordNotFound("account", account)
            connection.execute(delete(session_table).where(session_table.c.account == account))
            add_audit(connection, audit)

    def disable(self, account: str, at_ns: int, audit: AuditEntry) -> None:
        """Let the person in no more and end the sessions; RecordNotFound for an unknown account."""
        with self._database.write("account", account) as connection:
            changed = update(account_table).where(account_table.c.id == account).values(disabled_ns=at_ns)
            if connection.execute(changed).rowcount != 1:
                raise RecordNotFound("account", account)
            connection.execute(delete(session_table).where(session_table.c.account == account))
            add_audit(connection, audit)

    def add_api_key(self, key: ApiKey, audit: AuditEntry) -> None:
        """Store a new key; RecordRefused if its id or hash is taken or its organization unknown."""
        with self._database.write("API key", key.id) as connection:
            connection.execute(insert(api_key_table), to_row(key))
            add_audit(connection, audit)

    def api_keys(self, organizations: Collection[OrganizationId] | None = None) -> list[ApiKey]:
        """Return keys in order of creation: all, or those of the given organizations; revoked ones too."""
        query = select(api_key_table).order_by(api_key_table.c.created_ns, api_key_table.c.id)
        if organizations is not None:
            query = query.where(api_key_table.c.organization.in_(organizations))
        with self._database.read() as connection:
            return [from_row(ApiKey, row) for row in connection.execute(query)]

    def api_key_by_sha256(self, sha256: str) -> ApiKey | None:
        """Return the key with this hash (hexadecimal), revoked or not."""
        with self._database.read() as connection:
            row = connection.execute(select(api_key_table).where(api_key_table.c.sha256 == sha256)).one_or_none()
        return None if row is None else from_row(ApiKey, row)

    def revoke_api_key(self, key: str, at_ns: int, audit: AuditEntry) -> None:
        """Refuse the key from now on; the first revocation stands. RecordNotFound for an unknown or revoked key."""
        with self._database.write("API key", key) as connection:
            open_key = (api_key_table.c.id == key) & api_key_table.c.revoked_ns.is_(None)
            if connection.execute(update(api_key_table).where(open_key).values(revoked_ns=at_ns)).rowcount != 1:
                raise RecordNotFound("API key", key)
            add_audit(connection, audit)

    def add_session(self, session: Session) -> None:
        """Store a new session; RecordRefused for an unknown account."""
        with self._database.write("session", session.account) as connection:
            connection.execute(insert(session_table), to_row(session))

    def session(self, token_sha256: str, now_ns: int) -> Session | None:
        """Return the session with this hash unless it has ended or its account is disabled."""
        query = (
            select(session_table)
            .join(account_table, account_table.c.id == session_table.c.account)
            .where(session_table.c.token_sha256 == token_sha256, session_table.c.expires_ns > now_ns)
            .where(account_table.c.disabled_ns.is_(None))
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else from_row(Session, row)

    def act_for(self, token_sha256: str, organization: OrganizationId | None) -> None:
        """Let a session look through another organization's eyes; RecordNotFound for an unknown session."""
        change = update(session_table).where(session_table.c.token_sha256 == token_sha256)
        with self._database.write("session", "acting organization") as connection:
            if connection.execute(change.values(acting_organization=organization)).rowcount != 1:
                raise RecordNotFound("session", "of this cookie")

    def end_session(self, token_sha256: str) -> None:
        """Forget the session; nothing happens if there is none."""
        with self._database.write("session", "end") as connection:
            connection.execute(delete(session_table).where(session_table.c.token_sha256 == token_sha256))

    def end_expired_sessions(self, now_ns: int) -> int:
        """Forget sessions that have ended; returns how many."""
        with self._database.write("session", "expired") as connection:
            return int(connection.execute(delete(session_table).where(session_table.c.expires_ns <= now_ns)).rowcount)
