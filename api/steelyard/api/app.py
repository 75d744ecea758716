"""The application: parts put together, errors turned into answers, nothing global."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from steelyard.api import problems
from steelyard.api.access import Access
from steelyard.api.assets import KEEP, ROOT
from steelyard.api.console import device, instrument, operations, orders, overview, sign_in
from steelyard.api.console.pages import Pages
from steelyard.api.console.progress import progress
from steelyard.api.desk import Desk
from steelyard.api.errors import Forbidden, Refused, SignInFirst, Unavailable
from steelyard.api.headers import Surroundings
from steelyard.api.metrics import CONTENT_TYPE, METHODS, Meters
from steelyard.api.passwords import Passwords
from steelyard.api.problems import Problem
from steelyard.api.rest import devices as rest_devices
from steelyard.api.rest import instruments as rest_instruments
from steelyard.api.rest import operations as rest_operations
from steelyard.api.rest import orders as rest_orders
from steelyard.api.rest.routing import API
from steelyard.api.rest.shapes import Health
from steelyard.api.room import Room, address_of, room_of
from steelyard.api.settings import ApiSettings
from steelyard.api.stores_guard import as_refused
from steelyard.api.throttle import Throttle
from steelyard.calibration.errors import CalibrationError
from steelyard.contracts.clock import Clock
from steelyard.contracts.errors import ContractError
from steelyard.storage.errors import StorageError
from steelyard.storage.ledger import LedgerReader
from steelyard.storage.readings.port import ReadingsStore
from steelyard.storage.records import Records

log = logging.getLogger(__name__)

FOR_PROGRAMS = (f"{API}/", "/metrics", "/healthz", ROOT)

DESCRIPTION = """Measuring instruments under metrological control: what they say, how wrong they probably are, by when
they must be verified, and the work orders that follow. Every error is `application/problem+json` and says which field,
which value, and what to do. Instants are RFC 3339 in UTC, units UCUM codes."""


def create_app(
    settings: ApiSettings,
    records: Records,
    readings: ReadingsStore,
    ledger: LedgerReader | None,
    clock: Clock,
    *,
    passwords: Passwords | None = None,
) -> FastAPI:
    """Return the application that serves the interface and the console.

    Args:
        settings: the table [api].
        records: open records.
        readings: open readings store.
        ledger: the ledger opened for reading, or None: then refused messages cannot be shown.
        clock: tells the time.
        passwords: how passwords are hashed; the default is right except in tests.

    Raises:
        SettingsError: a setting cannot be used.
    """
    networks = settings.networks()
    desk = Desk(records, readings, ledger, clock, settings.utc_offset_minutes)
    room = Room(
        settings=settings,
        desk=desk,
        access=Access(records, settings, clock, passwords or Passwords(), Throttle()),
        pages=Pages(settings, lambda: progress(desk)) if settings.demo else Pages(settings),
        meters=Meters(desk),
    )
    app = FastAPI(
        title="Steelyard",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # the built-in pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.room = room
    for router in (rest_instruments.router, rest_orders.router, rest_operations.router, rest_devices.router):
        app.include_router(router)
    for page in (overview, instrument, device, orders, operations, sign_in):
        app.include_router(page.router)
    _serve_files(app)
    _serve_health(app, networks)
    _answer_errors(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_counted)
    app.add_middleware(Surroundings)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's documented way to extend it
    return app


def _serve_files(app: FastAPI) -> None:
    @app.get(f"{ROOT}/{{digest}}/{{name}}", include_in_schema=False)
    def file(request: Request, digest: str, name: str) -> Response:
        asset = room_of(request).pages.assets.get(digest, name)
        if asset is None:
            raise HTTPException(404)
        headers = {"Cache-Control": KEEP, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                asset.compressed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"}
            )
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def _serve_health(app: FastAPI, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> None:
    @app.get("/healthz", tags=["operations"], responses=problems.responses(503))
    def healthz(request: Request) -> Health:
        """Tell whether this process can do its work: the records must be there; the readings may be away."""
        desk = room_of(request).desk
        desk.records.check()
        try:
            desk.readings.check()
        except StorageError:
            return Health(status="ok", records="ok", readings="unavailable")
        return Health(status="ok", records="ok", readings="ok")

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        room = room_of(request)
        if not _within(address_of(request), networks):
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not room.access.of_key(key).institute:
                raise Forbidden(
                    "Only the networks in api.metrics_networks and an institute's key may read this.",
                    field="Authorization",
                    remedy="Add the reader's network to api.metrics_networks, or give it an institute's key.",
                )
        return Response(room.meters.text(), media_type=CONTENT_TYPE)


def _within(address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    def refused(request: Request, error: Refused) -> Response:
        return _answer(request, problems.of_refused(error), error)

    @app.exception_handler(SignInFirst)
    def sign_in_first(request: Request, way: SignInFirst) -> Response:
        if _for_people(request):
            return RedirectResponse(way.location, status_code=303)
        problem = Problem(title="Sign in first", status=401, detail="You are not signed in.", remedy="Sign in.")
        return problems.response(problem)

    def lower(request: Request, error: Exception) -> Response:
        if not isinstance(error, StorageError | CalibrationError | ContractError):
            raise error
        told = as_refused(error)
        if isinstance(told, Unavailable):
            log.error("%s %s: %s", request.method, request.url.path, error)
        return _answer(request, problems.of_refused(told), told)

    for kind in (StorageError, CalibrationError, ContractError):
        app.add_exception_handler(kind, lower)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, problems.of_validation(error))

    @app.exception_handler(HTTPException)
    def framework(request: Request, error: HTTPException) -> Response:
        answer = _answer(request, problems.of_http(error))
        answer.headers.update({**(error.headers or {}), **_allow(request, error.status_code)})
        return answer


def _allow(request: Request, status: int) -> dict[str, str]:
    """Every method that this address takes (RFC 9110, 10.2.1), for 405; the router names those of one route only."""
    if status != 405:
        return {}
    routes = request.app.router.routes
    taken = [
        method
        for method in sorted(METHODS)
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return {"Allow": ", ".join(taken)}


def _answer(request: Request, problem: Problem, error: Refused | None = None) -> Response:
    if _for_people(request):
        return room_of(request).pages.problem(request, problem, error)
    return problems.response(problem, problems.refused_headers(error) if error is not None else None)


def _for_people(request: Request) -> bool:
    """Whether a page is wanted: a browser asks for HTML, outside the interface for programs."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(FOR_PROGRAMS)


async def _counted(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    started = time.perf_counter()
    answer = await go_on(request)
    route = getattr(request.scope.get("route"), "path", "none")
    room_of(request).meters.answered(route, request.method, answer.status_code, time.perf_counter() - started)
    return answer


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components["Problem"] = problems.PROBLEM_SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema
