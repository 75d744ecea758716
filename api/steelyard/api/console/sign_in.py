"""Signing in and out, and in the demonstration switching to somebody else's eyes."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from steelyard.api.access import COOKIE, FORM_COOKIE
from steelyard.api.console.reader import Reading, check_form, clear_cookies, set_cookie
from steelyard.api.errors import Forbidden, Missing, Refused, TooMany, WrongPassword
from steelyard.api.problems import refused_headers
from steelyard.api.room import Room, RoomHere, address_of

FORM_S = 3600
"""How long a sign-in form may lie open, seconds."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormProblem:
    """What went wrong, above the form."""

    title: str
    text: str


@router.get("/sign-in")
def sign_in_page(
    request: Request,
    room: RoomHere,
    next: Annotated[str, Query(max_length=500)] = "/",  # noqa: A002 - the parameter's usual name
) -> Response:
    """Show the form; who is signed in already goes on."""
    if room.settings.demo or room.access.of_session(request.cookies.get(COOKIE)) is not None:
        return RedirectResponse(_own(next), status_code=303)
    return _form(request, room, next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    room: RoomHere,
    email: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=500)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002 - the parameter's usual name
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Let a person in."""
    held = request.cookies.get(FORM_COOKIE, "")
    if not held or not hmac.compare_digest(held.encode(), csrf.encode("utf-8", "surrogatepass")):
        late = Forbidden("This form has lain open for too long.", field="csrf", remedy="Please send it once more.")
        return _form(request, room, next, email=email, error=late)
    try:
        ticket = room.access.sign_in(email, password, address_of(request))
    except (WrongPassword, TooMany) as error:
        return _form(request, room, next, email=email, error=error)
    answer = RedirectResponse(_own(next), status_code=303)
    clear_cookies(answer)
    set_cookie(request, answer, COOKIE, ticket.token, ticket.max_age_s)
    return answer


@router.post("/sign-out")
def sign_out(
    request: Request, room: RoomHere, visit: Reading, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """End the session."""
    check_form(visit.principal, csrf)
    room.access.sign_out(request.cookies.get(COOKIE, ""), visit.principal)
    answer = RedirectResponse("/sign-in", status_code=303)
    clear_cookies(answer)
    return answer


@router.post("/demo/switch")
def switch(
    request: Request,
    room: RoomHere,
    visit: Reading,
    account: Annotated[str, Form(max_length=200)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """In the demonstration: see it as somebody else."""
    if not room.settings.demo:
        raise Missing("Only the demonstration has this.", remedy="Sign out, then sign in as somebody else.")
    check_form(visit.principal, csrf)
    if account not in {choice.id for choice in visit.choices}:
        raise Missing("The demonstration has nobody of this name.", field="account", value=account)
    person = room.desk.records.accounts.account(account)
    if person is None:
        raise Missing("The demonstration has nobody of this name.", field="account", value=account)
    ticket = room.access.switch(visit.token, visit.principal, person)
    answer = RedirectResponse("/", status_code=303)
    set_cookie(request, answer, COOKIE, ticket.token, ticket.max_age_s)
    return answer


def _form(request: Request, room: Room, next_page: str, *, email: str = "", error: Refused | None = None) -> Response:
    token = secrets.token_urlsafe(24)
    answer = room.pages.render(
        request,
        "sign_in.html",
        None,
        status=error.status if error is not None else 200,
        form_token=token,
        next=_own(next_page),
        email=email,
        problem=FormProblem(title=error.title, text=error.remedy) if error is not None else None,
    )
    set_cookie(request, answer, FORM_COOKIE, token, FORM_S)
    if error is not None:
        answer.headers.update({k: v for k, v in refused_headers(error).items() if k == "Retry-After"})
    return answer


def _own(location: str) -> str:
    """Return a path of this console; an address elsewhere becomes the first page (no open redirect)."""
    plain = location.startswith("/") and not location.startswith(("//", "/\\")) and location.isprintable()
    return location if plain and location.isascii() else "/"
