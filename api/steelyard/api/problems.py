"""Every error of the interface as application/problem+json (RFC 9457).

Beside the members of the RFC a problem names the `field`, its `value` and a `remedy`; where several fields are wrong,
`errors` lists them all. Values are shown shortened and made printable: a problem about bad text must not itself be bad
text.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from steelyard.api.errors import NotSignedIn, Refused, TooMany

MEDIA_TYPE = "application/problem+json"
_SHOWN = 120


class FieldFault(msgspec.Struct, frozen=True, kw_only=True):
    """One field that cannot be used: where it stands, what stands there, what to do."""

    field: str
    value: str
    remedy: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error answer."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    field: str | None = None
    value: str | None = None
    remedy: str | None = None
    errors: tuple[FieldFault, ...] = ()


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "An error (RFC 9457) that says which field, which value, and what to do.",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "value": {"type": "string"},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "value", "remedy"],
                "properties": {
                    "field": {"type": "string"},
                    "value": {"type": "string"},
                    "remedy": {"type": "string"},
                },
            },
        },
    },
}


_CHALLENGE = {
    "WWW-Authenticate": {"description": "How to sign in (RFC 9110).", "required": True, "schema": {"type": "string"}}
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that may answer with these error statuses."""
    return {
        status: {
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        | ({"headers": _CHALLENGE} if status == 401 else {})
        for status in statuses
    }


def shown(value: object) -> str:
    """Return a value as short printable text."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}… ({len(text)} characters)"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def of_refused(error: Refused) -> Problem:
    """Return the problem that tells of an error raised by this room."""
    return Problem(
        title=error.title,
        status=error.status,
        detail=shown_sentence(str(error)),
        field=error.field,
        value=None if error.value is None else shown(error.value),
        remedy=error.remedy or None,
    )


def shown_sentence(text: str) -> str:
    """Return a message made printable, without shortening what it says."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def of_validation(error: RequestValidationError) -> Problem:
    """Return the problem for a request whose parameters or body do not fit; every wrong field is listed."""
    faults = tuple(_fault(entry) for entry in error.errors()[:20])
    first = faults[0]
    detail = f"{first.field}: {first.remedy}"
    if len(faults) > 1:
        detail += f" ({len(faults)} fields cannot be used; see errors)"
    return Problem(
        title="A value cannot be used",
        status=422,
        detail=detail,
        field=first.field,
        value=first.value,
        remedy=first.remedy,
        errors=faults,
    )


def of_http(error: HTTPException) -> Problem:
    """Return the problem for what the framework itself refuses (no such path, wrong method, unreadable body)."""
    phrase = http.HTTPStatus(error.status_code).phrase
    remedies = {
        404: "Check the address; /api/v1/openapi.json lists every path.",
        405: "Use one of the methods in the Allow header.",
        400: "Send a complete body in the form that /api/v1/openapi.json describes.",
    }
    return Problem(
        title=phrase,
        status=error.status_code,
        detail=shown_sentence(str(error.detail or phrase)),
        remedy=remedies.get(error.status_code),
    )


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that carries a problem."""
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def refused_headers(error: Refused) -> dict[str, str]:
    """Return the headers that belong to an error: how to sign in, when to come back."""
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": 'Bearer realm="steelyard"'}
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def problem_response(error: Refused) -> Response:
    """Return the answer to a request that this room refuses."""
    return response(of_refused(error), refused_headers(error))


def _fault(entry: Mapping[str, Any]) -> FieldFault:
    place: Sequence[object] = entry.get("loc", ())
    names = [str(part) for part in place[1:]] or [str(part) for part in place]
    where = shown(".".join(names) or "body")
    message = str(entry.get("msg", "cannot be used"))
    remedy = message[:1].upper() + message[1:].rstrip(".")
    remedy += "" if remedy.endswith("?") else "."
    return FieldFault(field=where, value=shown(entry.get("input")), remedy=shown_sentence(remedy))
