"""An interface with one fault for each check of schemathesis: whether the checks still see anything.

An operation with a fault is named for the check that must see it. The fault for `allow_header_conformance` is FastAPI's
own: where a path has several routes, Allow names the methods of the first one.
"""

from itertools import count
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse

bearer = HTTPBearer(scheme_name="key", auto_error=False)
MAY_REFUSE = {400: {}, 401: {}, 404: {}, 422: {}}


class Thing(BaseModel):
    id: int
    owner: str


class Parcel(BaseModel):
    id: int
    weight: int


class Note(BaseModel):
    id: int
    text: str


class Given(BaseModel):
    name: str


THING = Thing(id=1, owner="a")


def faulty_app(keys: dict[str, str]) -> FastAPI:
    """Return the interface for accounts whose names are given by their keys."""
    app = FastAPI()
    app.state.keys, app.state.numbers, app.state.owners, app.state.notes = keys, count(1), {}, {}
    app.include_router(plain)
    app.include_router(stories)
    return app


def account(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    if given is None or given.credentials not in request.app.state.keys:
        raise HTTPException(401)
    return request.app.state.keys[given.credentials]


plain = APIRouter()


@plain.get("/breaks", responses={500: {}})
def not_a_server_error() -> Thing:
    raise HTTPException(500)


@plain.get("/teapot")
def status_code_conformance() -> Thing:
    raise HTTPException(418)


@plain.get("/text", response_model=Thing)
def content_type_conformance() -> PlainTextResponse:
    return PlainTextResponse("a thing")


@plain.get("/header", responses={200: {"headers": {"X-Count": {"required": True, "schema": {"type": "integer"}}}}})
def response_headers_conformance() -> Thing:
    return THING


@plain.get("/shape", response_model=Thing)
def response_schema_conformance() -> JSONResponse:
    return JSONResponse({"id": "one"})


@plain.get(
    "/accepts",
    openapi_extra={"parameters": [{"name": "number", "in": "query", "required": True, "schema": {"type": "integer"}}]},
)
def negative_data_rejection() -> Thing:
    return THING


@plain.get("/refuses", responses=MAY_REFUSE)
def positive_data_acceptance(text: str) -> Thing:
    raise HTTPException(422)


@plain.get(
    "/needs",
    openapi_extra={"parameters": [{"name": "X-Key", "in": "header", "required": True, "schema": {"type": "string"}}]},
)
def missing_required_header(x_key: Annotated[str | None, Header(include_in_schema=False)] = None) -> Thing:
    return THING


@plain.get("/open", dependencies=[Depends(bearer)])
def ignored_auth() -> Thing:
    return THING


@plain.get("/methods")
def unsupported_method() -> Thing:
    return THING


@plain.put("/methods", include_in_schema=False)
def not_in_the_description() -> Thing:
    return THING


stories = APIRouter(responses=MAY_REFUSE)
Account = Annotated[str, Depends(account)]


@stories.post("/things", status_code=201)
def add_thing(request: Request, who: Account, given: Given) -> Thing:
    thing = Thing(id=next(request.app.state.numbers), owner=who)
    request.app.state.owners[thing.id] = who
    return thing


@stories.get("/things/{thing_id}")
def object_level_authorization(request: Request, who: Account, thing_id: int) -> Thing:
    if thing_id not in request.app.state.owners:
        raise HTTPException(404)
    return Thing(id=thing_id, owner=request.app.state.owners[thing_id])


@stories.post("/notes", status_code=201)
def add_note(request: Request, who: Account, given: Given) -> Note:
    note = Note(id=next(request.app.state.numbers), text=given.name)
    request.app.state.notes[note.id] = note
    return note


@stories.delete("/notes/{note_id}", status_code=204)
def forget_nothing(request: Request, who: Account, note_id: int) -> None:
    if note_id not in request.app.state.notes:
        raise HTTPException(404)


@stories.get("/notes/{note_id}")
def use_after_free(request: Request, who: Account, note_id: int) -> Note:
    if note_id not in request.app.state.notes:
        raise HTTPException(404)
    return request.app.state.notes[note_id]


@stories.post("/parcels", status_code=201)
def send_parcel(request: Request, who: Account, given: Given) -> Parcel:
    return Parcel(id=next(request.app.state.numbers), weight=1)


@stories.get("/parcels/{parcel_id}")
def ensure_resource_availability(who: Account, parcel_id: int) -> Parcel:
    raise HTTPException(404)
