"""S2: malformed input never gives a 5xx, and every answer is what the interface's description says (schemathesis).

Every check of schemathesis runs, in every phase: what is sent is made from the description (coverage), drawn (fuzzing),
and led from answer to request (stateful). One check has nothing to judge as long as the interface deletes nothing:
`use_after_free`.
"""

import json

import hypothesis.core
import pytest
from api.faulty import faulty_app
from api.stage import Stage
from fastapi.openapi.utils import get_openapi

from api import fuzzing
from steelyard.api.access import COOKIE
from steelyard.api.console import device, instrument, operations, orders, overview
from steelyard.api.console.reader import Visit, reading
from steelyard.api.desk import Desk
from steelyard.api.principals import Principal
from steelyard.api.room import asking

CHECKS = {
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "missing_required_header",
    "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability", "ignored_auth",
    "object_level_authorization",
}  # fmt: skip

KNOWN_TO_THE_STORES_ALONE = {
    ("GET /api/v1/instruments/{instrument}/readings", "start"): "lies before the end, which JSON Schema cannot compare",
    ("GET /api/v1/positions/{position}/readings", "start"): "likewise",
    ("POST /api/v1/instruments/{instrument}/events", "completed"): "is today at the latest, by the legal date",
    ("POST /api/v1/instruments/{instrument}/events", "points.unit"): "is that of the instrument's permitted error",
    ("POST /api/v1/instruments/{instrument}/events", "limited_to"): "goes with the decision limited alone",
    ("POST /api/v1/instruments/{instrument}/events", "items"): "are ids of instruments",
    ("PUT /api/v1/instruments/{instrument}/state", "since"): "is today at the latest, by the legal date",
    ("POST /api/v1/work-orders/{work_order}/transitions", "assign_to"): "is an institute that serves the owner",
    ("POST /api/v1/work-orders/{work_order}/transitions", "why"): "is needed for some steps, by the order's state",
}
"""What no description can say of a value: the 422 of these fields alone is no fault in `positive_data_acceptance`."""


@pytest.fixture(scope="module", autouse=True)
def _printer_of_others():
    """Schemathesis swaps Hypothesis's printer for one that shows no values, in its whole process: give it back."""
    with pytest.MonkeyPatch.context() as kept:
        kept.setattr(hypothesis.core, "RepresentationPrinter", hypothesis.core.RepresentationPrinter)
        yield


@pytest.fixture
def world(tmp_path, template):
    held = Stage(tmp_path / "world", like=template)
    yield held
    held.close()


def bearer(world: Stage) -> dict[str, dict[str, str]]:
    """The keys of everybody, as the description's security scheme has it."""
    return {name: {"Authorization": f"Bearer {key}"} for name, key in world.keys.items()}


def unexplained(found: fuzzing.Findings) -> list[str]:
    """The faults without the refusals that no description can foretell."""
    return [
        str(fault)
        for fault in found.faults
        if not (
            fault.check == "positive_data_acceptance"
            and fault.status == 422
            and (fault.operation, fault.problem.get("field")) in KNOWN_TO_THE_STORES_ALONE
        )
    ]


def judge_problem(answer) -> None:
    if answer.status_code >= 400:
        problem = json.loads(answer.content)
        assert problem["status"] == answer.status_code
        assert problem["detail"]


# The interface for programs


@pytest.mark.slow
@pytest.mark.hypothesis  # a part of `make fuzz`
def test_no_request_of_the_institute_breaks_the_interface(world, tmp_path):
    found = fuzzing.run(world.app(), bearer(world), tmp_path, who="verifier", judge=judge_problem)
    assert not unexplained(found), "\n\n".join(unexplained(found))
    assert set(found.ran) == CHECKS
    assert min(found.sent[phase] for phase in ("coverage", "fuzzing", "stateful")) > 50
    assert found.answers[200] > 100  # it reached real objects
    assert found.answers[422] > 100


@pytest.mark.slow
@pytest.mark.hypothesis  # a part of `make fuzz`
def test_no_request_of_an_enterprise_breaks_the_interface_or_shows_anothers(world, tmp_path):
    def judge(answer):
        assert b"linjiang" not in answer.content  # S1 with a second account
        judge_problem(answer)

    found = fuzzing.run(world.app(), bearer(world), tmp_path, who="owner", peers=("owner", "other-owner"), judge=judge)
    assert not unexplained(found), "\n\n".join(unexplained(found))
    assert set(found.ran) == CHECKS
    assert min(found.sent[phase] for phase in ("coverage", "fuzzing", "stateful")) > 50
    assert found.answers[200] > 100  # it reached real objects
    assert found.answers[422] > 100


# The pages


@pytest.fixture
def sessions(world):
    """The cookies of two people of different enterprises."""
    access = world.app().state.room.access
    people = {each.name.lower(): each for each in world.records.accounts.accounts()}
    tickets = {name: access.open_session(people[name]) for name in ("owner", "other-owner")}
    return {name: {"Cookie": f"{COOKIE}={ticket.token}"} for name, ticket in tickets.items()}


@pytest.fixture
def described_pages(world, sessions, monkeypatch):
    """The console, with a description of its pages for the time of a test; signing out would end the session.

    The description knows what a reader of the pages would: names of instruments and orders, and the forms' token.
    """
    app = world.app()
    routes = [route for page in (overview, instrument, device, operations, orders) for route in page.router.routes]
    for route in routes:
        monkeypatch.setattr(route, "include_in_schema", True)
    document = get_openapi(title="Console", version="1", routes=routes)
    document["components"]["securitySchemes"] = {"session": {"type": "apiKey", "in": "cookie", "name": COOKIE}}
    document["security"] = [{"session": []}]
    known = {"instrument": ["pt-h-02", "ws-l-02"], "work_order": ["wo-pt-h-02-drift", "wo-ws-l-02-due"]}
    for operation in (held for path in document["paths"].values() for held in path.values()):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in known:
                parameter["schema"] = {"anyOf": [{"enum": known[parameter["name"]]}, {"type": "string"}]}
    owner = app.state.room.access.of_session(sessions["owner"]["Cookie"].removeprefix(f"{COOKIE}="))
    for shape in document["components"]["schemas"].values():
        if "csrf" in shape.get("properties", {}):
            shape["properties"]["csrf"] = {"const": owner.csrf}
            shape["required"] = sorted({*shape.get("required", ()), "csrf"})
    app.add_api_route("/pages.json", lambda: document, include_in_schema=False)
    return app


PAGES_HAVE = {
    "not_a_server_error", "negative_data_rejection", "missing_required_header", "unsupported_method",
    "allow_header_conformance", "ignored_auth", "object_level_authorization",
}  # fmt: skip
"""Pages have no description that says which statuses, types and headers they answer with; the other checks need one."""


@pytest.mark.slow
@pytest.mark.hypothesis  # a part of `make fuzz`
def test_no_request_breaks_the_pages_or_shows_anothers(tmp_path, described_pages, sessions):
    def judge(answer):
        assert b"linjiang" not in answer.content
        assert "content-security-policy" in answer.headers

    found = fuzzing.run(
        described_pages, sessions, tmp_path, who="owner", peers=("owner", "other-owner"), description="/pages.json",
        checks=PAGES_HAVE, per_operation=5, judge=judge,
    )  # fmt: skip
    assert not found.faults, found.report()
    assert set(found.ran) == PAGES_HAVE
    assert min(found.sent[phase] for phase in ("coverage", "fuzzing")) > 20
    assert found.answers[200] > 50


# Whether the fuzzing would see a fault


def test_no_check_of_schemathesis_is_left_out():
    assert fuzzing.check_names() == CHECKS


@pytest.mark.slow
def test_each_check_sees_the_fault_that_it_is_for(tmp_path):
    keys = {"key-a": "a", "key-b": "b"}
    credentials = {name: {"Authorization": f"Bearer {key}"} for key, name in keys.items()}
    seen = set()
    # A story over several requests needs some tries, and they must not go to other routes.
    for only, per_operation in ((r"^/(?!notes|parcels)", 5), ("^/parcels", 10), ("^/notes", 20)):
        found = fuzzing.run(
            faulty_app(keys), credentials, tmp_path, who="a", peers=("a", "b"), description="/openapi.json",
            only=only, per_operation=per_operation,
        )  # fmt: skip
        seen |= {fault.check for fault in found.faults}
    assert seen == CHECKS


def test_the_fuzzing_would_see_a_fault_of_the_server(world, tmp_path, monkeypatch):
    monkeypatch.setattr(world.records.registry, "organizations", lambda: 1 / 0)
    found = fuzzing.run(world.app(), bearer(world), tmp_path, who="owner", only="/organizations$", per_operation=1)
    assert {fault.status for fault in found.faults if fault.check == "not_a_server_error"} == {500}


def test_the_fuzzing_would_see_a_route_that_ignores_who_asks(world, tmp_path):
    app = world.app()
    held = world.records.accounts.api_keys()[0]
    owner = Principal(
        who=held.id, name=held.name, role=held.role, organization=world.records.registry.organization(held.organization)
    )
    app.dependency_overrides[asking] = lambda: owner
    found = fuzzing.run(app, bearer(world), tmp_path, who="owner", only="/me$", per_operation=1)
    assert {"ignored_auth", "missing_required_header"} <= {fault.check for fault in found.faults}


def test_the_fuzzing_would_see_a_page_that_ignores_who_asks(world, tmp_path, described_pages, sessions):
    room = described_pages.state.room
    owner = room.access.of_session(sessions["owner"]["Cookie"].removeprefix(f"{COOKIE}="))
    visit = Visit(principal=owner, token="", ticket=None, choices=())
    described_pages.dependency_overrides[reading] = lambda: visit
    found = fuzzing.run(
        described_pages, sessions, tmp_path, who="owner", description="/pages.json", checks=PAGES_HAVE,
        only="^/gateways$", per_operation=1,
    )  # fmt: skip
    assert "ignored_auth" in {fault.check for fault in found.faults}


def test_the_fuzzing_would_see_another_enterprises_order(world, tmp_path, monkeypatch):
    right = Desk.order

    def careless(self, principal, name):
        return self.records.orders.order(name) or right(self, principal, name)

    monkeypatch.setattr(Desk, "order", careless)
    found = fuzzing.run(
        world.app(), bearer(world), tmp_path, who="owner", peers=("owner", "other-owner"), only="/work-orders",
        per_operation=3,
    )  # fmt: skip
    assert "object_level_authorization" in {fault.check for fault in found.faults}


# What generation rarely hits


@pytest.mark.parametrize(
    "path", ["/api/v1/instruments/pt-h-02/events", "/api/v1/work-orders/wo-pt-h-02-drift/transitions"]
)
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"1e999", b"NaN", b'{"to": NaN}', b'{"to": "\\ud800"}', b"\xff\xfe\x00",
        b"[" * 100_000, b'{"a":' * 50_000, b'{"to": 1' + b"0" * 5000 + b"}", b'{"to": "approved", "to": "closed"}',
        b'{"points": [{"test_point": 1e999, "unit": "kPa"}]}', b"\x00",
    ],
)  # fmt: skip
def test_a_hostile_body_is_told_what_is_wrong_with_it(readers, path, body):
    answer = readers["verifier"].post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "channel=pressure&start=0001-01-01T00:00:00Z", "channel=pressure&end=9999-12-31T23:59:59Z",
        "channel=pressure&start=2026-01-01T00:00:00", "channel=pressure&buckets=0", "channel=pressure&buckets=1e9",
        "channel=pressure&start=2026-11-01T00:00:00Z&end=2026-10-01T00:00:00Z", "channel=%00", "", "channel=",
        "channel=pressure&buckets=99999999999999999999999999", "channel=%ff%fe", "channel=pressure&start=1e400",
    ],
)  # fmt: skip
def test_a_hostile_query_is_told_what_is_wrong_with_it(readers, query):
    answer = readers["owner"].get(f"/api/v1/instruments/pt-h-02/readings?{query}")
    assert answer.status_code in {404, 422}
    assert answer.json()["field"] in {"channel", "start", "end", "buckets"}
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    "name", ["%00", "%ff", "..", "%2e%2e%2f", "a" * 5000, "💥", "pt-h-02%00", "' OR 1=1 --", "PT-H-02"]
)
@pytest.mark.parametrize("kind", ["instruments", "work-orders"])
def test_a_hostile_name_is_not_found(readers, kind, name):
    answer = readers["owner"].get(f"/api/v1/{kind}/{name}")
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_too_large_is_refused_before_it_is_read(stage, browse):
    answer = browse(key="owner").post("/api/v1/work-orders/wo-pt-h-02-drift/transitions", content=b"x" * 1_000_001)
    assert answer.status_code == 413
    assert "1000000" in answer.json()["remedy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_without_a_length_is_cut_off(stage, browse):
    async def endless():
        for _ in range(40):
            yield b"x" * 50_000

    answer = browse(key="owner").post("/api/v1/work-orders/wo-pt-h-02-drift/transitions", content=endless())
    assert answer.status_code == 400


def test_a_fault_of_the_server_is_told_without_its_inside(stage, browse, monkeypatch, caplog):
    def broken():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(stage.records.registry, "organizations", broken)
    answer = browse(key="owner").get("/api/v1/instruments")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text
