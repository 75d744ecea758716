"""Accounts and keys: how people and programs are given access.

These are functions for the command line and for the demonstration; the interface itself creates neither.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from steelyard.api.errors import Invalid
from steelyard.api.passwords import Passwords
from steelyard.api.principals import ROLES_BY_KIND
from steelyard.api.wording import ROLES
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.registry import Organization, OrganizationKind
from steelyard.storage.errors import RecordRefused
from steelyard.storage.records import Records
from steelyard.storage.records.accounts import Account, ApiKey

KEY_PREFIX = "sy_"
"""What every key begins with, so that people and scanners see what it is."""

NO_PASSWORD = "!"  # noqa: S105 - not a password: a hash that no password has
"""Stored instead of a hash where nobody can sign in with a password."""

DEMO_ROLES: dict[OrganizationKind, tuple[Role, ...]] = {
    OrganizationKind.INSTITUTE: (Role.PLANNER, Role.RECEIVER, Role.VERIFIER, Role.CHECKER, Role.APPROVER),
    OrganizationKind.ENTERPRISE: (Role.OWNER,),
    OrganizationKind.SUPERVISOR: (Role.SUPERVISOR,),
}
"""The people of the demonstration; the first role of an institute is the one that it opens with."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


def key_hash(key: str) -> str:
    """Return what is stored of a key or a session's token: SHA-256 in hexadecimal.

    A plain hash is enough: the text is 256 random bits, not a password.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def create_api_key(
    records: Records, *, organization: OrganizationId, role: Role, name: str, created_by: str, now_ns: int
) -> str:
    """Create a key for a program and return it; it is shown this once and cannot be shown again.

    Args:
        records: where it is kept (as a hash).
        organization: whose instruments the program may see.
        role: what it may do; one that the organization's kind has.
        name: what it is for, for people.
        created_by: for the audit trail.
        now_ns: UTC ns.

    Raises:
        Invalid: no such organization, or not a role of its kind.
    """
    _check_role(records, organization, role)
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    stored = ApiKey(
        id=f"key-{secrets.token_hex(6)}",
        organization=organization,
        role=role,
        name=name,
        sha256=key_hash(key),
        created_ns=now_ns,
    )
    records.accounts.add_api_key(
        stored, _audit(now_ns, created_by, "create_key", "api_key", stored.id, f"{organization} {role.value} {name}")
    )
    return key


def create_account(
    records: Records,
    passwords: Passwords,
    *,
    organization: OrganizationId,
    name: str,
    email: str,
    role: Role,
    password: str,
    created_by: str,
    now_ns: int,
) -> Account:
    """Create an account for a person.

    Args:
        records: where it is kept.
        passwords: makes the hash.
        organization: where the person works.
        name: as people write it.
        email: to sign in with, and for alerts.
        role: one that the organization's kind has.
        password: at least ten characters.
        created_by: for the audit trail.
        now_ns: UTC ns.

    Raises:
        Invalid: no such organization, not a role of its kind, no e-mail address, or a password too short.
    """
    _check_role(records, organization, role)
    if not _EMAIL.fullmatch(email):
        raise Invalid(
            f"email: {email!r} is no e-mail address.", field="email", value=email, remedy="Write name@domain."
        )
    try:
        password_hash = passwords.hash(password)
    except ValueError as cause:
        raise Invalid(str(cause), field="password", remedy="Choose between 10 and 200 characters.") from cause
    account = Account(
        id=f"person-{secrets.token_hex(6)}",
        organization=organization,
        name=name,
        email=email.lower(),
        role=role,
        password_hash=password_hash,
        created_ns=now_ns,
    )
    _store(records, account, created_by, now_ns)
    return account


def demo_people(records: Records, organizations: list[Organization], now_ns: int) -> list[Account]:
    """Return the people of the demonstration, creating those that are not there yet.

    They have no password: only demo mode lets anybody be them.
    """
    held = {account.email: account for account in records.accounts.accounts()}
    people = []
    for organization in organizations:
        for role in DEMO_ROLES[organization.kind]:
            email = f"{role.value}@{organization.id}.example"
            person = held.get(email) or _demo_person(records, organization, role, email, now_ns)
            people.append(person)
    return people


def _demo_person(records: Records, organization: Organization, role: Role, email: str, now_ns: int) -> Account:
    account = Account(
        id=f"demo-{organization.id}-{role.value}",
        organization=organization.id,
        name=ROLES[role],
        email=email,
        role=role,
        password_hash=NO_PASSWORD,
        created_ns=now_ns,
    )
    try:
        _store(records, account, "steelyard", now_ns)
    except RecordRefused:  # another request, or another process, was quicker
        return records.accounts.account_by_email(email) or account
    return account


def _store(records: Records, account: Account, created_by: str, now_ns: int) -> None:
    told = f"{account.organization} {account.role.value} {account.email}"
    records.accounts.add_account(account, _audit(now_ns, created_by, "create_account", "account", account.id, told))


def _check_role(records: Records, organization: OrganizationId, role: Role) -> None:
    known = {each.id: each for each in records.registry.organizations()}
    if organization not in known:
        raise Invalid(
            f"organization: {organization!r} is not registered.",
            field="organization",
            value=organization,
            remedy=f"Use one of: {', '.join(sorted(known)) or 'none is registered yet'}.",
        )
    allowed = ROLES_BY_KIND[known[organization].kind]
    if role not in allowed:
        raise Invalid(
            f"role: {role.value!r} is no role of an organization of kind {known[organization].kind.value}.",
            field="role",
            value=role.value,
            remedy=f"Use one of: {', '.join(sorted(each.value for each in allowed))}.",
        )


def _audit(at_ns: int, who: str, action: str, kind: str, object_id: str, new: str) -> AuditEntry:
    return AuditEntry(
        at_ns=at_ns,
        who=who,
        role=Role.ADMINISTRATOR.value,
        action=action,
        object_kind=kind,
        object_id=object_id,
        old=None,
        new=new,
        why="",
    )
