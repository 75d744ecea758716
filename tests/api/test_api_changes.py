"""Changes: the work-order flow cannot be bypassed (L3), and every change leaves exactly one audit entry (L2)."""

import re
from dataclasses import replace

import pytest
from api.conftest import Browser
from api.stage import NOW_NS, NS, PASSWORD, PEOPLE, TODAY, Stage
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis_profile import examples

from steelyard.api.recording import OUTCOMES
from steelyard.calibration.errors import TransitionRefused
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import (
    ACKNOWLEDGING_ROLES,
    TRANSITIONS,
    OrderState,
    allowed_targets,
    transition,
)

DRIFT = "/api/v1/work-orders/wo-pt-h-02-drift"
EVENTS = "/api/v1/instruments/pt-h-02/events"
NEW_EVENT = {
    "kind": "subsequent_verification",
    "completed": TODAY.isoformat(),
    "decision": "passed",
    "performed_by": "Provincial Metrology Institute",
    "certificate": "PMI-2026-0412",
    "points": [
        {"test_point": 800.0, "unit": "kPa", "as_found": 6.7, "as_left": 0.3, "expanded_uncertainty": 0.8},
        {"test_point": 1600.0, "unit": "%", "as_left": 0.02},
    ],
    "work_order": "wo-pt-h-02-drift",
    "why": "early verification after drift",
}
OWN_EVENT = {
    **{key: value for key, value in NEW_EVENT.items() if key != "work_order"},
    "kind": "calibration",
    "performed_by": "Hengyuan Chemical",
}
NEW_ORDER = {"instrument": "pt-h-02", "trigger": "request", "why": "a customer doubts its readings"}
STATE = "/api/v1/instruments/pt-h-01/state"
NEW_STATE = {"state": "stored", "since": "2026-11-20", "why": "line 1 stands still"}
REQUEST_OF = {
    "/api/v1/instruments/{instrument}/events": ("owner", EVENTS, OWN_EVENT, 201),
    "/api/v1/work-orders": ("operator", "/api/v1/work-orders", NEW_ORDER, 201),
    "/api/v1/work-orders/{work_order}/transitions": ("planner", f"{DRIFT}/transitions", {"to": "approved"}, 200),
    "/api/v1/instruments/{instrument}/state": ("owner", STATE, NEW_STATE, 200),
    "/api/v1/work-orders/{work_order}/acknowledge": ("owner", f"{DRIFT}/acknowledge", None, 200),
}


def test_every_changing_route_of_the_interface_writes_exactly_one_audit_entry(stage, browse):
    changing = {
        path
        for path, held in stage.app().openapi()["paths"].items()
        for method in held
        if method not in {"get", "head", "options"}
    }
    assert changing == set(REQUEST_OF)
    for name, path, body, status in REQUEST_OF.values():
        before = stage.records.audit.count()
        answer = browse(key=name).request("PUT" if path == STATE else "POST", path, json=body)
        assert answer.status_code == status, answer.text
        assert stage.records.audit.count() == before + 1
        (entry,) = stage.records.audit.latest(1)
        key = next(k for k in stage.records.accounts.api_keys() if k.name == name)
        assert (entry.at_ns, entry.who, entry.role) == (NOW_NS, key.id, PEOPLE[name][1].value)
        assert entry.object_id in (path if body is not NEW_ORDER else answer.headers["location"])


def test_every_form_of_the_console_writes_exactly_one_audit_entry(stage, browse):
    app = stage.app(demo=True)
    forms = {r.path for r in _routes(app) if "POST" in (r.methods or ()) and not r.include_in_schema}
    assert forms == {
        "/sign-in", "/sign-out", "/demo/switch",
        "/work-orders/{work_order}/acknowledge", "/work-orders/{work_order}/transitions",
        "/instruments/{instrument}/work-orders",
        "/instruments/{instrument}/state",
    }  # fmt: skip
    client, demo = browse(), browse(app)

    def once(send):
        before = stage.records.audit.count()
        assert send().status_code == 303
        assert stage.records.audit.count() == before + 1

    client.csrf("/sign-in")
    once(lambda: client.sign_in("planner"))
    csrf = client.csrf("/")
    once(lambda: client.post("/work-orders/wo-pt-h-02-drift/acknowledge", data={"csrf": csrf}))
    once(lambda: client.post("/work-orders/wo-pt-h-02-drift/transitions", data={"csrf": csrf, "to": "approved"}))
    asked = {"csrf": csrf, "trigger": "complaint", "why": "it sticks"}
    once(lambda: client.post("/instruments/pt-h-01/work-orders", data=asked))
    once(lambda: client.post("/instruments/pt-h-01/state", data={"csrf": csrf, **NEW_STATE}))
    once(lambda: client.post("/sign-out", data={"csrf": csrf}))
    csrf = demo.csrf("/")
    choice = re.search(r'<option value="(demo-[^"]+supervisor)"', demo.page("/").text)[1]
    once(lambda: demo.post("/demo/switch", data={"csrf": csrf, "account": choice}))


def _routes(app):
    found = []
    for route in app.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        found += [route] if inner is None else list(inner.routes)
    return [route for route in found if hasattr(route, "methods")]


def test_a_refused_sign_in_is_kept_too_and_without_the_name_that_was_typed(stage, browse):
    client = browse()
    form = {"csrf": client.csrf("/sign-in"), "email": "my-password-typed-here", "password": PASSWORD}
    before = stage.records.audit.count()
    assert client.post("/sign-in", data=form).status_code == 401
    assert stage.records.audit.count() == before + 1
    (entry,) = stage.records.audit.latest(1)
    assert (entry.action, entry.who) == ("sign_in_refused", "unknown")
    assert "my-password" not in repr(entry)


def test_a_transition_tells_old_new_who_and_why(stage, browse):
    planner = browse(key="planner")
    answer = planner.post(f"{DRIFT}/transitions", json={"to": "approved", "why": "agreed with the owner"}).json()
    assert answer["state"] == "approved"
    assert answer["revision"] == 2
    assert answer["allowed"] == ["assigned", "cancelled"]
    last = answer["audit"][-1]
    assert (last["old"], last["new"], last["why"]) == ("proposed", "approved", "agreed with the owner")


def test_an_order_goes_the_whole_way_through_five_peoples_hands(stage, browse):
    for number, (name, to) in enumerate(
        [
            ("owner", "approved"), ("planner", "assigned"), ("planner", "accepted"), ("planner", "scheduled"),
            ("verifier", "received"), ("verifier", "in_progress"), ("verifier", "measured"), ("checker", "reviewed"),
            ("approver", "passed"), ("approver", "certificate_issued"),
        ]
    ):  # fmt: skip
        answer = browse(key=name).post(f"{DRIFT}/transitions", json={"to": to})
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == to
        assert len(answer.json()["audit"]) == number + 2
    assert answer.json()["assigned_to"] == "provincial"
    recorded = browse(key="verifier").post(EVENTS, json=NEW_EVENT)
    assert recorded.status_code == 201, recorded.text
    ended = browse(key="planner").get(DRIFT).json()
    assert (ended["state"], ended["allowed"]) == ("closed", [])
    assert ended["audit"][-1]["why"] == f"ended by its event {recorded.json()['id']}"
    assert browse(key="planner").get("/api/v1/work-orders?state=open").json()["items"][0]["id"] != "wo-pt-h-02-drift"


@pytest.mark.parametrize(
    ("name", "body", "status", "field"),
    [
        ("planner", {"to": "passed"}, 409, "to"),
        ("verifier", {"to": "approved"}, 403, "role"),
        ("owner", {"to": "cancelled"}, 422, "why"),
        ("owner", {"to": "flying"}, 422, "to"),
        ("owner", {"to": "approved", "wyh": "x"}, 422, "wyh"),
        ("owner", {}, 422, "to"),
        ("owner", {"to": "approved", "why": "x" * 1001}, 422, "why"),
        ("owner", {"to": "approved", "why": "a\x00b"}, 422, "why"),
        ("owner", {"to": "approved", "assign_to": "hengyuan"}, 422, "assign_to"),
        ("supervisor", {"to": "approved"}, 403, "role"),
    ],
)
def test_a_refused_step_names_the_field_and_changes_nothing(stage, browse, name, body, status, field):
    before = stage.records.audit.count()
    answer = browse(key=name).post(f"{DRIFT}/transitions", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]
    assert stage.records.audit.count() == before
    assert stage.records.orders.order("wo-pt-h-02-drift").state is OrderState.PROPOSED


def test_an_acknowledgement_moves_nothing_and_is_given_once(browse):
    owner = browse(key="owner")
    first = owner.post(f"{DRIFT}/acknowledge").json()
    assert first["state"] == "proposed"
    assert first["acknowledged"] == "2026-11-21T08:30:00.000000Z"
    again = owner.post(f"{DRIFT}/acknowledge")
    assert again.status_code == 409
    assert again.json()["field"] == "acknowledged_by"


def test_somebody_elses_change_in_between_is_a_conflict(stage, browse, monkeypatch):
    owner = browse(key="owner")
    old = stage.records.orders.order("wo-pt-h-02-drift")
    browse(key="planner").post(f"{DRIFT}/transitions", json={"to": "approved"})
    monkeypatch.setattr(stage.records.orders, "order", lambda name: old)
    answer = owner.post(f"{DRIFT}/transitions", json={"to": "approved"})
    assert answer.status_code == 409
    assert answer.json()["field"] == "revision"


class AnyHands(RuleBasedStateMachine):
    """Whatever keys do to an order, in any sequence: the table decides, and each change is one entry (L3)."""

    @initialize()
    def begin(self):
        self.stage = AnyHands.world
        self.stage.reset_order()
        app = AnyHands.app
        self.clients = {name: Browser(app, key=key) for name, key in self.stage.keys.items()}
        self.ids = {k.name: k.id for k in self.stage.records.accounts.api_keys()}
        self.audits = self.stage.records.audit.count()
        self.decided = None

    @rule(
        name=st.sampled_from(sorted(PEOPLE)),
        to=st.sampled_from(OrderState),
        why=st.sampled_from(["", "because"]),
        likely=st.booleans(),
        pick=st.randoms(use_true_random=False),
    )
    def move(self, name, to, why, likely, pick):
        before = self.stage.records.orders.order(self.stage.tried)
        if likely:  # else nearly every step would be refused
            steps = [s for s in TRANSITIONS if s.source is before.state and s.roles - {Role.SYSTEM}]
            if steps:
                step = pick.choice(steps)
                to, why = step.target, "because"
                able = [n for n, (_, role) in sorted(PEOPLE.items()) if role in step.roles and n != "other-owner"]
                name = pick.choice(able) if able else name
        _, role = PEOPLE[name]
        answer = self.clients[name].post(
            f"/api/v1/work-orders/{self.stage.tried}/transitions", json={"to": to.value, "why": why}
        )
        after = self.stage.records.orders.order(self.stage.tried)
        seen = name not in {"other-owner", "administrator", "supervisor"}
        try:
            institute = "provincial" if to is OrderState.ASSIGNED else None
            expected = transition(
                before, to=to, who=self.ids[name], role=role, why=why, at_ns=self.stage.clock.t, assign_to=institute
            ).order
        except TransitionRefused:
            expected = None
        if to is OrderState.CLOSED and self.decided is not OrderState.NOT_TESTABLE:
            expected = None  # what was decided ends with its event, which nobody records here
        if seen and expected is not None and to in allowed_targets(before, role):
            assert answer.status_code == 200, answer.text
            assert after == expected
            self.audits += 1
            self.decided = to if to in OUTCOMES else self.decided
        else:
            assert answer.status_code in {403, 404, 409, 422}, answer.text
            assert after == before

    @rule(name=st.sampled_from(sorted(PEOPLE)))
    def acknowledge(self, name):
        before = self.stage.records.orders.order(self.stage.tried)
        answer = self.clients[name].post(f"/api/v1/work-orders/{self.stage.tried}/acknowledge")
        _, role = PEOPLE[name]
        seen = name not in {"other-owner", "administrator", "supervisor"}
        if seen and before.open and before.acknowledged_by is None and role in ACKNOWLEDGING_ROLES:
            assert answer.status_code == 200
            self.audits += 1
        else:
            assert answer.status_code in {403, 404, 409}
        assert self.stage.records.orders.order(self.stage.tried).state is before.state

    @rule(seconds=st.integers(0, 10**6))
    def time_passes(self, seconds):
        self.stage.clock.t += seconds * NS

    @invariant()
    def each_change_is_one_entry(self):
        if hasattr(self, "audits"):
            assert self.stage.records.audit.count() == self.audits

    def teardown(self):
        for client in getattr(self, "clients", {}).values():
            client.close()


class _World(Stage):
    """A stage in which a new order can be tried for each run."""

    tried = ""

    def reset_order(self):
        template = self.records.orders.order(self.orders_template)
        if self.tried:
            old = self.records.orders.order(self.tried)
            if old.open:
                closed = replace(old, state=OrderState.CLOSED, revision=old.revision + 1)
                self.records.orders.update_order(closed, self.entry(old.id))
        self.number = getattr(self, "number", 0) + 1
        self.tried = f"wo-tried-{self.number}"
        new = replace(
            template, id=self.tried, instrument="pt-h-01", cause=f"try:{self.number}", state=OrderState.PROPOSED,
            revision=1, acknowledged_by=None, acknowledged_ns=None,
        )  # fmt: skip
        self.records.orders.add_order(new, self.entry(new.id))

    orders_template = "wo-pt-h-02-drift"

    def entry(self, name):
        return replace(self.records.audit.latest(1)[0], object_kind="work_order", object_id=name, action="raise")


@pytest.mark.slow
def test_no_sequence_of_requests_bypasses_the_table(tmp_path, template):
    world = _World(tmp_path, like=template)
    AnyHands.world = world
    AnyHands.app = world.app()
    try:
        machine = AnyHands.TestCase
        machine.settings = settings(
            max_examples=examples(12), stateful_step_count=25, suppress_health_check=list(HealthCheck)
        )
        machine("runTest").runTest()
    finally:
        world.close()
