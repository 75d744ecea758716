"""Signing in, and telling from a request who asks.

A person has a session: a random token in a cookie (HttpOnly, SameSite=Lax, Secure under https), of which the records
keep the hash. A program has a key in ``Authorization: Bearer``. Failed attempts are counted for each account and each
address.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from steelyard.api.errors import Forbidden, NotSignedIn, TooMany, WrongPassword
from steelyard.api.instants import NS
from steelyard.api.passwords import Passwords
from steelyard.api.people import key_hash
from steelyard.api.principals import Principal
from steelyard.api.settings import ApiSettings
from steelyard.api.throttle import Throttle
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.contracts.clock import Clock
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.registry import Organization
from steelyard.storage.records import Records
from steelyard.storage.records.accounts import Account, Session

COOKIE = "steelyard_session"
FORM_COOKIE = "steelyard_form"
"""Carries the token that the sign-in form must repeat, before there is a session."""

SIGN_IN_REMEDY = "Sign in at /sign-in, or send a key: Authorization: Bearer sy_…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A new session: the cookie's token (kept nowhere else) and how long it lasts, in seconds."""

    token: str
    max_age_s: int


class Access:
    """Who may come in. Time comes from the clock that is passed in."""

    def __init__(
        self, records: Records, settings: ApiSettings, clock: Clock, passwords: Passwords, throttle: Throttle
    ) -> None:
        self._records = records
        self._settings = settings
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle

    def sign_in(self, email: str, password: str, address: str) -> Ticket:
        """Let a person in.

        Args:
            email: as typed; case does not matter.
            password: as typed.
            address: the caller's network address.

        Raises:
            TooMany: too many failed attempts for this account or from this address.
            WrongPassword: they do not belong together, or the account is disabled.
        """
        now_ns = self._clock.now_ns()
        email = email.strip().lower()
        # Counted as a failure until it is known to be none: many attempts at once are many attempts.
        wait_s = self._throttle.attempt(email, address, now_ns)
        if wait_s > 0:
            raise TooMany(
                "There were too many failed attempts to sign in.",
                retry_after_s=wait_s,
                remedy=f"Wait {-(-wait_s // 60)} minutes, then try again, or ask for a new password.",
            )
        account = self._records.accounts.account_by_email(email)
        stored = account.password_hash if account is not None and account.disabled_ns is None else None
        check = self._passwords.check(stored, password)
        if account is None or not check.correct:
            self._note(now_ns, account, "sign_in_refused", address)
            raise WrongPassword(
                "The e-mail address and the password do not belong together.",
                remedy="Check both and try again; capital letters count in a password.",
            )
        self._throttle.succeeded(email, address, now_ns)
        entry = _entry(now_ns, account, "sign_in", address)
        if check.new_hash is not None:
            self._records.accounts.set_password(account.id, check.new_hash, entry)
        else:
            self._records.audit.add(entry)
        return self.open_session(account)

    def open_session(self, account: Account) -> Ticket:
        """Begin a session for a person who is known to be that person."""
        now_ns = self._clock.now_ns()
        token = secrets.token_urlsafe(32)
        lasts_s = round(self._settings.session_hours * 3600)
        self._records.accounts.end_expired_sessions(now_ns)
        self._records.accounts.add_session(
            Session(
                token_sha256=key_hash(token),
                account=account.id,
                csrf=secrets.token_urlsafe(24),
                created_ns=now_ns,
                expires_ns=now_ns + lasts_s * NS,
            )
        )
        return Ticket(token=token, max_age_s=lasts_s)

    def switch(self, token: str, principal: Principal, to: Account) -> Ticket:
        """In the demonstration: go on as somebody else. One audit entry, and the old session ends."""
        self._records.audit.add(
            AuditEntry(
                at_ns=self._clock.now_ns(),
                who=principal.who,
                role=principal.role.value,
                action="switch",
                object_kind="account",
                object_id=to.id,
                old=principal.who,
                new=to.id,
                why="",
            )
        )
        self._records.accounts.end_session(key_hash(token))
        return self.open_session(to)

    def sign_out(self, token: str, principal: Principal) -> None:
        """End a session."""
        self._records.audit.add(
            AuditEntry(
                at_ns=self._clock.now_ns(),
                who=principal.who,
                role=principal.role.value,
                action="sign_out",
                object_kind="account",
                object_id=principal.who,
                old=None,
                new=None,
                why="",
            )
        )
        self._records.accounts.end_session(key_hash(token))

    def of_session(self, token: str | None) -> Principal | None:
        """Return whose session a cookie's token is, or None when it is none or has ended."""
        if not token:
            return None
        session = self._records.accounts.session(key_hash(token), self._clock.now_ns())
        account = self._records.accounts.account(session.account) if session is not None else None
        if session is None or account is None:
            return None
        return Principal(
            who=account.id,
            name=account.name,
            role=account.role,
            organization=self._organization(account.organization),
            csrf=session.csrf,
        )

    def of_key(self, key: str) -> Principal:
        """Return whose key this is.

        Raises:
            NotSignedIn: nobody's, or it was revoked.
        """
        held = self._records.accounts.api_key_by_sha256(key_hash(key))
        if held is None or held.revoked_ns is not None:
            raise NotSignedIn("This key is not valid or was revoked.", field="Authorization", remedy=SIGN_IN_REMEDY)
        return Principal(
            who=held.id, name=held.name, role=held.role, organization=self._organization(held.organization)
        )

    def _organization(self, organization: OrganizationId) -> Organization:
        found = self._records.registry.organization(organization)
        if found is None:
            raise NotSignedIn(
                f"The organization {organization!r} is no longer registered.",
                field="Authorization",
                remedy=SIGN_IN_REMEDY,
            )
        return found

    def _note(self, now_ns: int, account: Account | None, action: str, address: str) -> None:
        self._records.audit.add(_entry(now_ns, account, action, address))


def require_csrf(principal: Principal, given: str | None) -> None:
    """Refuse a change by a session that does not carry the session's own token.

    Raises:
        Forbidden: the token is missing or another one. Keys need none: no browser sends them by itself.
    """
    if principal.csrf is None:
        return
    if given is None or not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), principal.csrf.encode()):
        raise Forbidden(
            "This request did not come from one of the console's own forms.",
            field="csrf",
            remedy="Reload the page and send the form again.",
        )


def _entry(now_ns: int, account: Account | None, action: str, address: str) -> AuditEntry:
    # An unknown e-mail is not kept: people type passwords into the wrong field.
    who = account.id if account is not None else "unknown"
    return AuditEntry(
        at_ns=now_ns,
        who=who,
        role=account.role.value if account is not None else "",
        action=action,
        object_kind="account",
        object_id=who,
        old=None,
        new=None,
        why=f"from {address}",
    )
