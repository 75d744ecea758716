"""What holds for every route of the interface for programs, so that no route can forget it.

A query parameter that a route does not know is refused: a misspelt filter that is ignored would answer with everything,
and look like an answer to what was asked. Pages for people let unknown parameters pass, since mail programs add some of
their own to links; so do /healthz and /metrics, which filter nothing.
"""

from __future__ import annotations

import difflib
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError

from steelyard.api.problems import responses
from steelyard.api.room import Asking

API = "/api/v1"


def router(prefix: str, tag: str) -> APIRouter:
    """Return a router for the routes below /api/v1 and `prefix`."""
    # The whole path stands in each route itself, which is the name under which the metrics count it.
    return APIRouter(
        prefix=f"{API}{prefix}",
        tags=[tag],
        dependencies=[Depends(known_parameters)],
        responses=responses(401, 422, 503),
    )


def known_parameters(request: Request, _signed_in_first: Asking) -> None:
    """Refuse a query parameter that the description does not have for this route, and one that is given twice.

    Raises:
        RequestValidationError: naming each, and the known one that was probably meant.
    """
    known = _known(request)
    faults = []
    for name in dict.fromkeys(request.query_params):
        values = request.query_params.getlist(name)
        if name not in known:
            faults.append(_fault(name, values[0], _unknown(name, known)))
        elif len(values) > 1:
            faults.append(_fault(name, ", ".join(values), f"given {len(values)} times; give it once"))
    if faults:
        raise RequestValidationError(faults)


def _known(request: Request) -> list[str]:
    """The query parameters of this route: the description is what callers read, so it is what counts."""
    described = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    return [each["name"] for each in described.get("parameters", ()) if each["in"] == "query"]


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return "no such parameter; there are none here, so leave it out"
    if near := difflib.get_close_matches(name, known, n=1):
        return f"no such parameter; did you mean {near[0]}?"
    return f"no such parameter; there are: {', '.join(known)}"


def _fault(name: str, value: str, message: str) -> dict[str, Any]:
    return {"loc": ("query", name or "(no name)"), "msg": message, "input": value}
