"""S1: no organization reads or writes another's. A matrix of every route, role and owner, made from the routes."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from api.devices import DAY, NOW_NS, SERVED, TODAY
from api.stage import DEVICES, ORGANIZATIONS, PEOPLE

from steelyard.api.principals import Principal, in_region, visible
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.registry import OrganizationKind, ServiceRelation
from steelyard.storage.records import Registrar, Registration

KINDS = {each.id: each.kind for each in ORGANIZATIONS}
REGIONS = {each.id: each.region for each in ORGANIZATIONS}
OWNER_OF = {device.id: device.organization for device in DEVICES}
OBJECTS = {
    "instrument": {"hengyuan": "pt-h-02", "linjiang": "ws-l-02", "taihu": "tt-t-01", "provincial": "tt-i-01"},
    "position": {org: f"place-{org[0]}" for org in ("hengyuan", "linjiang", "taihu", "provincial")},
    "work_order": {"hengyuan": "wo-pt-h-02-drift", "linjiang": "wo-ws-l-02-due"},
}
BODIES = {
    "events": {
        "kind": "interim",
        "completed": "2026-11-20",
        "decision": "passed",
        "performed_by": "Provincial Metrology Institute",
    },
    "state": {"state": "stored", "since": "2026-11-20", "why": "the line stands still"},
    "transitions": {"to": "approved", "why": "agreed"},
    "acknowledge": None,
}


def may_see(name: str, owner: str) -> bool:
    """The rule, written once more and independently of the code."""
    organization, role = PEOPLE[name]
    if role is Role.ADMINISTRATOR:
        return False
    if KINDS[organization] is OrganizationKind.INSTITUTE:
        return owner == organization or any(
            each.institute == organization and each.enterprise == owner for each in SERVED
        )
    if KINDS[organization] is OrganizationKind.SUPERVISOR:
        return in_region(REGIONS[owner], REGIONS[organization])
    return organization == owner


def api_routes(app) -> list[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path, held in paths.items() for method in held if path.startswith("/api/")]


def query_of(path: str, owner: str) -> str:
    if not path.endswith("/readings"):
        return ""
    name = OBJECTS["instrument"][owner]
    return f"?channel={next(d for d in DEVICES if d.id == name).channels[0][0]}"


@pytest.mark.parametrize("name", PEOPLE)
def test_every_route_to_an_object_obeys_who_may_see_its_owner(quiet_stage, readers, name):
    client, seen = readers[name], 0
    for method, path in api_routes(client.app):
        for kind, owned in OBJECTS.items():
            if f"{{{kind}}}" not in path or method != "GET":
                continue
            for owner, object_id in owned.items():
                address = path.replace(f"{{{kind}}}", object_id) + query_of(path, owner)
                answer = client.request(method, address)
                assert answer.status_code == (200 if may_see(name, owner) else 404), (name, method, address)
                seen += 1
    assert seen >= 4 * 7 + 2


@pytest.mark.parametrize("name", PEOPLE)
def test_a_foreign_object_is_answered_word_for_word_like_one_that_is_not_there(readers, name):
    client = readers[name]
    for method, path in api_routes(client.app):
        for kind, owned in OBJECTS.items():
            if f"{{{kind}}}" not in path or method != "GET":
                continue
            for owner, object_id in owned.items():
                if may_see(name, owner):
                    continue
                query = query_of(path, owner)
                foreign = client.request(method, path.replace(f"{{{kind}}}", object_id) + query).json()
                nothing = client.request(method, path.replace(f"{{{kind}}}", "no-such-thing") + query).json()
                assert foreign | {"value": ""} == nothing | {"value": ""}


LISTS = {
    "/api/v1/instruments": "organization",
    "/api/v1/work-orders": "organization",
    "/api/v1/gateways": "organization",
    "/api/v1/alerts": "organization",
    "/api/v1/due-dates": "organization",
    "/api/v1/organizations": "id",
    "/api/v1/positions": "organization",
}


@pytest.mark.parametrize("name", PEOPLE)
def test_every_list_holds_all_that_may_be_seen_and_nothing_else(quiet_stage, readers, name):
    for path, member in LISTS.items():
        owners = {item[member] for item in readers[name].get(path).json()["items"]}
        assert all(may_see(name, owner) for owner in owners), path
    shown = {item["id"] for item in readers[name].get("/api/v1/instruments").json()["items"]}
    assert shown == {device for device, owner in OWNER_OF.items() if may_see(name, owner)}


def test_every_list_of_the_interface_is_in_the_matrix(readers):
    paths = {path for method, path in api_routes(readers["owner"].app) if method == "GET" and "{" not in path}
    assert paths == set(LISTS) | {"/api/v1/me", "/api/v1/quarantine"}


def test_every_path_parameter_is_an_object_of_the_matrix(readers):
    named = {name for _, path in api_routes(readers["owner"].app) for name in re.findall(r"\{(\w+)\}", path)}
    assert named == set(OBJECTS)


@pytest.mark.parametrize("name", PEOPLE)
def test_no_change_reaches_a_foreign_object_and_a_supervisor_changes_nothing(quiet_stage, readers, name):
    client, audit = readers[name], quiet_stage.records.audit
    before = audit.count()
    tried = 0
    for method, path in api_routes(client.app):
        if method == "GET":
            continue
        for kind, owned in OBJECTS.items():
            if f"{{{kind}}}" not in path:
                continue
            for owner, object_id in owned.items():
                if may_see(name, owner) and name != "supervisor":
                    continue
                body = BODIES[path.rsplit("/", 1)[1]]
                answer = client.request(method, path.replace(f"{{{kind}}}", object_id), json=body)
                assert answer.status_code == (403 if name == "supervisor" else 404), (name, path, owner)
                tried += 1
    assert audit.count() == before
    assert tried or name in {"planner", "verifier", "checker", "approver"}


@pytest.mark.parametrize("key", [None, "sy_unknown", "", "\N{SNOWMAN}"])
def test_every_route_of_the_interface_asks_who_calls(quiet_stage, readers, key):
    client = readers["owner"]
    headers = {"Authorization": "Bearer " + (key or "")} if key is not None else {"Authorization": ""}
    for method, path in api_routes(client.app):
        address = path.replace("{instrument}", "pt-h-02").replace("{work_order}", "wo-pt-h-02-drift")
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = client.request(method, address, headers=encoded, json=BODIES.get(address.rsplit("/", 1)[1]))
        assert answer.status_code == 401, (method, address)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_revoked_key_opens_nothing(stage, browse):
    client = browse(key="owner")
    assert client.get("/api/v1/me").status_code == 200
    (held,) = [k for k in stage.records.accounts.api_keys() if k.name == "owner"]
    entry = stage.records.audit.latest(1)[0]
    stage.records.accounts.revoke_api_key(held.id, 1, entry)
    assert client.get("/api/v1/me").status_code == 401


def test_a_region_is_matched_by_whole_parts():
    assert in_region("cn-zj-hangzhou", "cn-zj")
    assert in_region("cn-zj", "cn-zj")
    assert not in_region("cn-zjx", "cn-zj")
    assert not in_region("cn-zj", "cn-zj-hangzhou")


def test_refused_messages_are_for_institutes(readers):
    for name, (organization, _) in PEOPLE.items():
        expected = 200 if KINDS[organization] is OrganizationKind.INSTITUTE else 403
        assert readers[name].get("/api/v1/quarantine").status_code == expected
    assert readers["planner"].get("/api/v1/quarantine").json()["items"][0]["reason"] == "unknown gateway"


def test_an_institute_does_not_see_another_institutes_own_instruments():
    institute = next(o for o in ORGANIZATIONS if o.id == "provincial")
    other = replace(institute, id="municipal")
    principal = Principal(who="x", name="x", role=Role.PLANNER, organization=other)
    relations = [*SERVED, ServiceRelation(institute="municipal", enterprise="taihu")]
    assert set(visible(principal, [*ORGANIZATIONS, other], relations, TODAY)) == {"taihu", "municipal"}


@pytest.mark.parametrize(
    ("since", "until", "sees"),
    [
        (None, None, True),
        (TODAY, None, True),
        (TODAY + timedelta(days=1), None, False),
        (None, TODAY + timedelta(days=1), True),
        (None, TODAY, False),  # from its day on
    ],
)
def test_an_institute_sees_whom_it_serves_today(stage, browse, since, until, sees):
    relation = ServiceRelation(institute="provincial", enterprise="newcomer", since=since, until=until)
    newcomer = replace(ORGANIZATIONS[0], id="newcomer")
    held = replace(stage.records.registry.instrument("pt-h-01"), organization="newcomer")
    stage.records.registry.apply(
        Registration(organizations=[newcomer], service_relations=[relation], instruments=[held]),
        Registrar(who="test", role="administrator", why="a contract", at_ns=NOW_NS),
    )
    planner = browse(key="planner")
    assert planner.get("/api/v1/instruments/pt-h-01").status_code == (200 if sees else 404)
    assert ("newcomer" in {each["id"] for each in planner.get("/api/v1/organizations").json()["items"]}) is sees


def test_a_relation_ends_with_the_legal_day_while_a_process_runs(stage, browse):
    relation = replace(SERVED[0], until=TODAY + timedelta(days=1))
    registrar = Registrar(who="test", role="administrator", why="notice given", at_ns=NOW_NS)
    stage.records.registry.apply(Registration(service_relations=[relation]), registrar)
    planner = browse(key="planner")
    assert planner.get("/api/v1/work-orders/wo-pt-h-02-drift").status_code == 200
    stage.clock.t += DAY
    assert planner.get("/api/v1/work-orders/wo-pt-h-02-drift").status_code == 404
    answer = planner.post("/api/v1/work-orders/wo-pt-h-02-drift/transitions", json={"to": "approved"})
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["owner", "other-owner", "planner", "supervisor"])
def test_the_console_obeys_the_same_rule(stage, browse, name):
    client = browse()
    assert client.sign_in(name).status_code == 303
    for owner, instrument in OBJECTS["instrument"].items():
        for path in ("", "/charts/error", "/charts/readings"):
            answer = client.page(f"/instruments/{instrument}{path}")
            assert answer.status_code == (200 if may_see(name, owner) else 404), (name, instrument, path)
    for owner, order in OBJECTS["work_order"].items():
        assert client.page(f"/work-orders/{order}").status_code == (200 if may_see(name, owner) else 404)
    for path in ("/", "/work-orders?state=all", "/gateways", "/alerts"):
        text = client.page(path).text
        for device, owner in OWNER_OF.items():
            if not may_see(name, owner):
                assert device not in text, (path, device)
