"""What every route of one application needs, made once by `create_app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from steelyard.api.access import COOKIE, SIGN_IN_REMEDY, Access, require_csrf
from steelyard.api.console.pages import Pages
from steelyard.api.desk import Desk
from steelyard.api.errors import NotSignedIn
from steelyard.api.metrics import Meters
from steelyard.api.principals import Principal, require_writer
from steelyard.api.settings import ApiSettings

CSRF_HEADER = "x-csrf-token"

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A program's key: `Authorization: Bearer sy_…`. A person's browser sends its session cookie instead.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One application's parts."""

    settings: ApiSettings
    desk: Desk
    access: Access
    pages: Pages
    meters: Meters


def room_of(request: Request) -> Room:
    """Return the parts of the application that a request belongs to."""
    room: Room = request.app.state.room
    return room


def address_of(request: Request) -> str:
    """Return the caller's network address."""
    return request.client.host if request.client is not None else "unknown"


def asking(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """Return who asks: by key, else by session.

    Raises:
        NotSignedIn: neither, or it has ended.
    """
    access = room_of(request).access
    if credentials is not None:
        return access.of_key(credentials.credentials)
    principal = access.of_session(request.cookies.get(COOKIE))
    if principal is None:
        raise NotSignedIn("You are not signed in.", field="Authorization", remedy=SIGN_IN_REMEDY)
    return principal


def changing(request: Request, principal: Annotated[Principal, Depends(asking)]) -> Principal:
    """Return who asks to change something; a session must repeat its CSRF token in a header.

    Raises:
        NotSignedIn, Forbidden: not signed in, no token, or a role that only reads.
    """
    require_csrf(principal, request.headers.get(CSRF_HEADER))
    require_writer(principal)
    return principal


RoomHere = Annotated[Room, Depends(room_of)]
Asking = Annotated[Principal, Depends(asking)]
Changing = Annotated[Principal, Depends(changing)]
