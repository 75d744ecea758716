"""Passwords of people: Argon2id (RFC 9106), and a check that takes as long for an unknown account.

The parameters are RFC 9106, section 4, second recommended option (64 MiB, three passes, four lanes), which is what
argon2-cffi calls the low-memory profile. A hash made with other parameters is replaced when its owner signs in.
"""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
"""Characters (NIST SP 800-63B asks for length, not for kinds of characters)."""

MAX_LENGTH = 200
"""Characters; longer input would only cost time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCheck:
    """What a check found: whether the password is right, and a new hash where the stored one is out of date."""

    correct: bool
    new_hash: str | None


class Passwords:
    """Makes and checks password hashes.

    Args:
        hasher: parameters; tests pass a quick one, everything else the default.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash("the password of an account that does not exist")

    def hash(self, password: str) -> str:
        """Return the text to store for a password.

        Raises:
            ValueError: it is shorter than `MIN_LENGTH` or longer than `MAX_LENGTH` characters.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise ValueError(
                f"password: {len(password)} characters; choose between {MIN_LENGTH} and {MAX_LENGTH}, "
                "for example four words"
            )
        return self._hasher.hash(password)

    def check(self, stored: str | None, password: str) -> PasswordCheck:
        """Check a password against the stored hash; None stands for an account that does not exist.

        Either way one full hash is computed, so that the time taken does not tell which accounts exist.
        """
        if len(password) > MAX_LENGTH:
            return PasswordCheck(correct=False, new_hash=None)
        try:
            self._hasher.verify(self._nobody if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return PasswordCheck(correct=False, new_hash=None)
        if stored is None:
            return PasswordCheck(correct=False, new_hash=None)
        outdated = self._hasher.check_needs_rehash(stored)
        return PasswordCheck(correct=True, new_hash=self._hasher.hash(password) if outdated else None)
