"""Who reads the console: by session, since a browser sends no key; in the demonstration, the institute at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import Response

from steelyard.api.access import COOKIE, FORM_COOKIE, Ticket, require_csrf
from steelyard.api.console.pages import Choice
from steelyard.api.errors import Conflict, SignInFirst
from steelyard.api.people import DEMO_ROLES, demo_people
from steelyard.api.principals import Principal
from steelyard.api.room import Room, room_of
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.registry import OrganizationKind
from steelyard.storage.records import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody reading the console: who, a new session's cookie if one was opened for them, and the demo's choices."""

    principal: Principal
    token: str
    ticket: Ticket | None
    choices: tuple[Choice, ...]

    def keep(self, request: Request, response: Response) -> Response:
        """Hand a newly opened session to the browser."""
        if self.ticket is not None:
            set_cookie(request, response, COOKIE, self.ticket.token, self.ticket.max_age_s)
        return response


def reading(request: Request) -> Visit:
    """Return who reads the page.

    Raises:
        SignInFirst: nobody is signed in.
        Conflict: the demonstration has no institute yet.
    """
    room = room_of(request)
    token = request.cookies.get(COOKIE, "")
    principal = room.access.of_session(token)
    if not room.settings.demo:
        if principal is None:
            raise SignInFirst(f"/sign-in?next={quote(request.url.path)}")
        return Visit(principal=principal, token=token, ticket=None, choices=())
    ticket = None
    people = _people(room)
    if principal is None:
        ticket = room.access.open_session(_opening(people))
        token = ticket.token
        principal = room.access.of_session(token)
    if principal is None:
        raise SignInFirst("/")
    return Visit(principal=principal, token=token, ticket=ticket, choices=_choices(room, people))


def check_form(principal: Principal, csrf: str) -> None:
    """Refuse a form that is not the console's own."""
    require_csrf(principal, csrf)


def typed(text: str) -> str:
    """Return what was typed into a field of several lines, without what no database and no page can hold."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t").strip()


def set_cookie(request: Request, response: Response, name: str, value: str, max_age_s: int) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not carry."""
    response.set_cookie(
        name, value, max_age=max_age_s, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def clear_cookies(response: Response) -> None:
    """Make the browser forget the session."""
    for name in (COOKIE, FORM_COOKIE):
        response.delete_cookie(name, path="/", httponly=True, samesite="lax")


def _people(room: Room) -> list[Account]:
    records = room.desk.records
    return demo_people(records, list(records.registry.organizations()), room.desk.clock.now_ns())


def _opening(people: list[Account]) -> Account:
    first = DEMO_ROLES[OrganizationKind.INSTITUTE][0]
    for person in people:
        if person.role is first:
            return person
    raise Conflict("The demonstration has no institute yet.", remedy="Wait a moment, then reload the page.")


def _choices(room: Room, people: list[Account]) -> tuple[Choice, ...]:
    names = {each.id: each.name for each in room.desk.records.registry.organizations()}
    return tuple(
        Choice(
            id=person.id,
            organization=person.organization,
            name=names[person.organization]
            if person.role in {Role.OWNER, Role.SUPERVISOR}
            else f"{names[person.organization]}: {person.name.lower()}",
        )
        for person in sorted(people, key=lambda p: (p.role is not Role.PLANNER, p.organization))
    )


Reading = Annotated[Visit, Depends(reading)]
