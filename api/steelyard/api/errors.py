"""What can go wrong in the room `api`, and how each is told to the caller.

::

    ApiError                      every error this room raises on purpose
    ├── Refused                   answered as application/problem+json (RFC 9457) or as a page
    │   ├── Invalid        422    a field's value cannot be used
    │   ├── NotSignedIn    401    no key, no session, or one that has ended
    │   ├── WrongPassword  401    e-mail and password do not belong together
    │   ├── Forbidden      403    signed in, but this role may not do it
    │   ├── Missing        404    not there, or another organization's (the same answer for both)
    │   ├── Conflict       409    the object's state does not allow it
    │   ├── TooLarge       413    the answer or the request would be too big
    │   ├── TooMany        429    too many attempts; `retry_after_s` says when
    │   └── Unavailable    503    a store cannot be reached
    ├── SignInFirst               a page of the console needs somebody signed in: leads to the sign-in page
    ├── SettingsError             server.toml holds something this room cannot use
    └── DeliveryFailed            one attempt to send an alert failed; `final` says whether to try again
"""

from __future__ import annotations


class ApiError(Exception):
    """An error of this room: which field, which value, and what to do about it."""

    def __init__(self, message: str, *, field: str | None = None, value: str | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.remedy = remedy


class Refused(ApiError):
    """A request that is answered with an error; `status` is its HTTP status, `title` its short name."""

    status = 400
    title = "Request refused"


class Invalid(Refused):
    """A field holds a value that cannot be used."""

    status = 422
    title = "A value cannot be used"


class NotSignedIn(Refused):
    """Nobody is signed in, or the key or session has ended."""

    status = 401
    title = "Sign in first"


class WrongPassword(Refused):
    """E-mail and password do not belong together (it is not said which one is wrong)."""

    status = 401
    title = "E-mail or password is wrong"


class Forbidden(Refused):
    """The role may not do this."""

    status = 403
    title = "Your role may not do this"


class Missing(Refused):
    """There is no such object, or it is another organization's: the answer is the same."""

    status = 404
    title = "Not found"


class Conflict(Refused):
    """The object's present state does not allow this."""

    status = 409
    title = "Not possible in the present state"


class TooLarge(Refused):
    """The request or its answer would be too large."""

    status = 413
    title = "Too large"


class TooMany(Refused):
    """Too many attempts; the caller may try again after `retry_after_s` seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, message: str, *, retry_after_s: int, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class Unavailable(Refused):
    """A store that is needed for the answer cannot be reached now."""

    status = 503
    title = "A store cannot be reached"


class SignInFirst(ApiError):
    """A page needs somebody signed in; `location` is where to go."""

    def __init__(self, location: str) -> None:
        super().__init__("sign in first", remedy=f"go to {location}")
        self.location = location


class SettingsError(ApiError):
    """A table of server.toml holds something that cannot be used."""


class DeliveryFailed(ApiError):
    """One attempt to send an alert failed.

    `final` is true where trying again cannot help (the receiver refuses the message itself).
    """

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final
