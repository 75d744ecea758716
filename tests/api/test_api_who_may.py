"""Who may do what: everybody, in every relation to an instrument, at every state of its order, on every route.

The table stands here once more, independently of the code. A route that changes something and is not in it is a
failing test.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from api.conftest import Browser
from api.stage import DAY, NOW_NS, TODAY, Stage
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis_profile import examples
from sqlalchemy import update

from steelyard.api.people import create_api_key
from steelyard.calibration.verification.device_states import state_on
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import TRANSITIONS, OrderState
from steelyard.contracts.registry import Organization, OrganizationKind, ServiceRelation
from steelyard.storage.records import Registrar, Registration, schema
from steelyard.storage.records.columns import to_row

S, R = OrderState, Role

INSTITUTE_ROLES = (R.PLANNER, R.RECEIVER, R.VERIFIER, R.CHECKER, R.APPROVER, R.STANDARDS_KEEPER)
RELATIONS = {
    "serves-today": {"since": TODAY},
    "serves-not-yet": {"since": TODAY + timedelta(days=1)},
    "served-until": {"until": TODAY},
    "never-served": None,
    "serves-unassigned": {},
}
"""Institutes by their relation to the owner today. The order is assigned to each of them in turn but the last."""
SERVING = {"serves-today", "serves-unassigned"}
SERVED_UNASSIGNED = "serves-unassigned"

WHO = [
    *((institute, role) for institute in RELATIONS for role in INSTITUTE_ROLES),
    ("serves-today", R.ADMINISTRATOR),
    *((enterprise, role) for enterprise in ("hengyuan", "linjiang") for role in (R.OWNER, R.SITE_OPERATOR)),
    ("supervision", R.SUPERVISOR),
    ("supervision-elsewhere", R.SUPERVISOR),
]

STEPS: dict[OrderState, tuple[OrderState, set[Role]]] = {
    S.PROPOSED: (S.APPROVED, {R.OWNER, R.PLANNER}),
    S.APPROVED: (S.ASSIGNED, {R.PLANNER}),
    S.ASSIGNED: (S.ACCEPTED, {R.PLANNER, R.RECEIVER}),
    S.DECLINED: (S.ASSIGNED, {R.PLANNER}),
    S.ACCEPTED: (S.SCHEDULED, {R.PLANNER}),
    S.SCHEDULED: (S.RECEIVED, {R.RECEIVER, R.VERIFIER}),
    S.RECEIVED: (S.IN_PROGRESS, {R.VERIFIER}),
    S.IN_PROGRESS: (S.MEASURED, {R.VERIFIER}),
    S.MEASURED: (S.REVIEWED, {R.CHECKER}),
    S.REVIEWED: (S.PASSED, {R.APPROVER}),
    S.PASSED: (S.CERTIFICATE_ISSUED, {R.APPROVER}),
    S.FAILED: (S.CERTIFICATE_ISSUED, {R.APPROVER}),
    S.LIMITED: (S.CERTIFICATE_ISSUED, {R.APPROVER}),
    S.NOT_TESTABLE: (S.CERTIFICATE_ISSUED, {R.APPROVER}),
    S.CERTIFICATE_ISSUED: (S.CLOSED, set()),  # its event ends it, nobody's hand
    S.CLOSED: (S.APPROVED, set()),
    S.CANCELLED: (S.APPROVED, set()),
    S.WITHDRAWN: (S.APPROVED, set()),
    S.RETURNED_NO_WORK: (S.APPROVED, set()),
}
ENDED = {S.CLOSED, S.CANCELLED, S.WITHDRAWN, S.RETURNED_NO_WORK}
ANYBODYS = {S.PROPOSED, S.APPROVED, S.DECLINED}
"""States in which the work is no institute's yet, or no more."""
DECIDED = {S.PASSED: "passed", S.FAILED: "failed", S.LIMITED: "limited", S.NOT_TESTABLE: "not_testable"}
DECISION = {**DECIDED, S.CERTIFICATE_ISSUED: "passed"}
ACTS = set(INSTITUTE_ROLES) | {R.OWNER, R.SITE_OPERATOR}


def sees(organization: str) -> bool:
    """Whether it is the owner, or an institute that serves it today."""
    return organization == "hengyuan" or organization in SERVING


def may_move(organization: str, role: Role, state: OrderState) -> bool:
    mine = organization in {"hengyuan", "serves-today"} or state in ANYBODYS
    return sees(organization) and mine and role in STEPS[state][1]


def may_acknowledge(organization: str, role: Role, state: OrderState) -> bool:
    return sees(organization) and role in ACTS and state not in ENDED


def may_raise(organization: str, role: Role, state: OrderState) -> bool:
    del state
    return sees(organization) and role in ACTS


def may_verify(organization: str, role: Role, state: OrderState) -> bool:
    return organization == "serves-today" and role in {R.VERIFIER, R.APPROVER} and state in DECISION


def may_calibrate_own(organization: str, role: Role, state: OrderState) -> bool:
    del state
    return organization == "hengyuan" and role is R.OWNER


def may_import(organization: str, role: Role, state: OrderState) -> bool:
    del organization, state
    return role is R.ADMINISTRATOR


def may_set_state(organization: str, role: Role, state: OrderState) -> bool:
    del state
    if organization in SERVING:
        return role in {R.PLANNER, R.RECEIVER, R.VERIFIER, R.APPROVER}
    return organization == "hengyuan" and role is R.OWNER


EVENTS = "/api/v1/instruments/{instrument}/events"
WAYS = {
    "move": ("/api/v1/work-orders/{work_order}/transitions", may_move),
    "acknowledge": ("/api/v1/work-orders/{work_order}/acknowledge", may_acknowledge),
    "raise": ("/api/v1/work-orders", may_raise),
    "verify": (EVENTS, may_verify),
    "calibrate": (EVENTS, may_calibrate_own),
    "import": (EVENTS, may_import),
    "state": ("/api/v1/instruments/{instrument}/state", may_set_state),
}
"""What can be tried: its route, and the table's word on it."""


def test_every_route_that_changes_something_is_in_the_table(quiet_stage):
    paths = quiet_stage.app().openapi()["paths"]
    changing = {path for path, held in paths.items() for method in held if method not in {"get", "head", "options"}}
    assert changing == {path for path, _ in WAYS.values()}


def test_every_state_is_in_the_table():
    assert set(STEPS) == set(OrderState)


def grown(stage: Stage) -> dict[tuple[str, Role], str]:
    """Register the institutes of RELATIONS and another supervisor; return a key for each of WHO."""
    institutes = [
        Organization(id=name, name=f"Institute {name}", kind=OrganizationKind.INSTITUTE, region="cn-zj")
        for name in RELATIONS
    ]
    elsewhere = Organization(
        id="supervision-elsewhere", name="Elsewhere", kind=OrganizationKind.SUPERVISOR, region="cn-js"
    )
    stage.records.registry.apply(
        Registration(
            organizations=[*institutes, elsewhere],
            service_relations=[
                ServiceRelation(institute=name, enterprise="hengyuan", **days)
                for name, days in RELATIONS.items()
                if days is not None
            ],
        ),
        Registrar(who="test", role="administrator", why="the table", at_ns=NOW_NS),
    )
    return {
        (organization, role): create_api_key(
            stage.records, organization=organization, role=role, name=f"{organization} {role.value}",
            created_by="test", now_ns=NOW_NS,
        )
        for organization, role in WHO
    }  # fmt: skip


def step(to: OrderState, organization: str) -> dict[str, str]:
    """A transition's body; an order is assigned to who asks, or to the first institute."""
    assigned = {"assign_to": organization if organization in SERVING else "serves-today"}
    return {"to": to.value, "why": "because"} | (assigned if to is S.ASSIGNED else {})


class Table:
    """One application over one database: for each state an instrument of its own with an order in that state."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.keys = grown(stage)
        held = stage.records.registry.instrument("pt-h-01")
        legal = stage.records.registry.legal_status("pt-h-01")
        instruments = {state: replace(held, id=f"m-{state.value.replace('_', '-')}") for state in OrderState}
        stage.records.registry.apply(
            Registration(
                instruments=list(instruments.values()),
                channels=[
                    replace(channel, instrument=each.id)
                    for each in instruments.values()
                    for channel in stage.records.registry.channels_of("pt-h-01")
                ],
                legal_statuses=[replace(legal, instrument=each.id) for each in instruments.values()],
            ),
            Registrar(who="test", role="administrator", why="the table", at_ns=NOW_NS),
        )
        template = stage.records.orders.order("wo-pt-h-02-drift")
        self.orders = {
            state: replace(
                template, id=f"wo-{each.id}", instrument=each.id, state=state,
                verified_by="person-v", checked_by="person-c", approved_by="person-a",
            )
            for state, each in instruments.items()
        }  # fmt: skip
        entry = replace(stage.records.audit.latest(1)[0], object_kind="work_order", action="transition", new="passed")
        for order in self.orders.values():
            stage.records.orders.add_order(order, replace(entry, object_id=order.id))
        self.client = Browser(stage.app())
        self.number = 0
        self.held: dict[OrderState, str] = {}

    def put_back(self, state: OrderState, assigned_to: str, *, changed: bool = False) -> None:
        """Bring the order of a state back to it, and end what was raised for its instrument."""
        if self.held.get(state) == assigned_to and not changed:
            return
        self.held[state] = assigned_to
        order = self.orders[state]
        table = schema.work_order
        with self.stage.records._database.write("work order", order.id) as connection:
            held = replace(order, assigned_to=None if state in {S.PROPOSED, S.APPROVED} else assigned_to)
            connection.execute(update(table).where(table.c.id == order.id).values(to_row(held)))
            raised = (table.c.instrument == order.instrument) & (table.c.id != order.id)
            connection.execute(update(table).where(raised).values(state=S.CANCELLED))
            events = schema.verification_event  # else an order put back would have its event already
            connection.execute(update(events).where(events.c.work_order == order.id).values(work_order=None))

    def other_state(self, instrument: str) -> str:
        """What a device is not in now: an entry that changes nothing is none."""
        now = state_on(self.stage.records.devices.states(instrument), TODAY).state
        return "in_use" if now is DeviceState.STORED else "stored"

    def attempt(self, way: str, organization: str, role: Role, state: OrderState) -> int:
        order = self.orders[state]
        self.number += 1
        event = {
            "completed": TODAY.isoformat(), "performed_by": f"Institute {organization}", "decision": "passed",
            "certificate": f"C-{self.number}",
        }  # fmt: skip
        body = {
            "move": step(STEPS[state][0], organization),
            "acknowledge": None,
            "raise": {"instrument": order.instrument, "trigger": "complaint", "why": "it sticks"},
            "verify": event | {"kind": "interim", "decision": DECISION.get(state, "passed"), "work_order": order.id},
            "calibrate": event | {"kind": "calibration", "performed_by": "Hengyuan Chemical"},
            "import": event | {"kind": "interim", "imported": {"file": "ledger.xlsx"}},
            "state": {"state": self.other_state(order.instrument), "since": TODAY.isoformat(), "why": "moved"},
        }[way]
        path = WAYS[way][0].replace("{instrument}", order.instrument).replace("{work_order}", order.id)
        headers = {"Authorization": f"Bearer {self.keys[organization, role]}"}
        method = "PUT" if way == "state" else "POST"
        return self.client.request(method, path, json=body, headers=headers).status_code


@pytest.fixture(scope="module")
def table(tmp_path_factory, template):
    stage = Stage(tmp_path_factory.mktemp("who-may"), like=template)
    held = Table(stage)
    yield held
    held.client.close()
    stage.close()


@pytest.mark.parametrize(("organization", "role"), WHO, ids=lambda each: getattr(each, "value", each))
def test_only_what_the_table_says_succeeds(table, organization, role):
    audit = table.stage.records.audit
    assigned_to = organization if organization in RELATIONS and organization != SERVED_UNASSIGNED else "serves-today"
    for state in OrderState:
        table.put_back(state, assigned_to)
        for way, (_, may) in WAYS.items():
            if way in {"calibrate", "import", "state"} and state is not S.PROPOSED:
                continue  # no order has a part in it
            before = audit.count()
            status = table.attempt(way, organization, role, state)
            told = (way, organization, role.value, state.value, status)
            if may(organization, role, state):
                assert status in {200, 201}, told
                assert audit.count() == before + (2 if way == "verify" else 1), told
                table.put_back(state, assigned_to, changed=True)
                continue
            assert audit.count() == before, told
            if role is R.SUPERVISOR:
                assert status == 403, told
            elif not sees(organization) and role in ACTS:
                assert status == 404, told
            else:
                assert status in {403, 404, 409}, told


# No path to an event but those


INSTRUMENTS = ("pt-h-01", "tt-h-01")
"""One under mandatory, one under voluntary control."""
SOME_INSTRUMENT = st.sampled_from(INSTRUMENTS)
ASKED_FOR = ("request", "repair", "complaint")


class Anybody(RuleBasedStateMachine):
    """Whatever anybody does in any sequence: each event that appears has one of the grounds that there are."""

    @initialize()
    def begin(self):
        self.stage, self.keys, self.client = Anybody.stage, Anybody.keys, Anybody.client
        self.stage.clock.t = NOW_NS
        self.known = {each.id for name in INSTRUMENTS for each in self.stage.records.verification.events(name)}
        self.serving: dict[str, set[str]] = {}

    def send(self, who: tuple[str, Role], path: str, body: dict | None):
        return self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.keys[who]}"})

    def orders(self, instrument: str):
        return self.stage.records.orders.orders_of(instrument)

    @rule(who=st.sampled_from(WHO), instrument=SOME_INSTRUMENT, trigger=st.sampled_from(ASKED_FOR))
    def ask(self, who, instrument, trigger):
        self.send(who, "/api/v1/work-orders", {"instrument": instrument, "trigger": trigger, "why": "it sticks"})

    @rule(
        instrument=SOME_INSTRUMENT,
        institute=st.sampled_from(["serves-today", "serves-unassigned"]),
        outcome=st.sampled_from(sorted(DECIDED)),
        steps=st.sampled_from([2, 9, 11, 12]),
    )
    def carry_out(self, instrument, institute, outcome, steps):
        """The way that an order goes in life, or a part of it."""
        for _ in range(steps):
            order = next((each for each in self.orders(instrument) if each.open), None)
            if order is None:
                self.ask(("hengyuan", R.OWNER), instrument, "request")
                continue
            to, roles = STEPS[order.state]
            if order.state is S.REVIEWED:
                to = outcome
            role = next((each for each in INSTITUTE_ROLES if each in roles), R.PLANNER)
            self.send((institute, role), f"/api/v1/work-orders/{order.id}/transitions", step(to, institute))

    @rule(
        who=st.sampled_from(WHO), instrument=SOME_INSTRUMENT,
        to=st.sampled_from(OrderState), number=st.integers(0, 3),
    )  # fmt: skip
    def move(self, who, instrument, to, number):
        orders = self.orders(instrument)
        if orders:
            order = orders[number % len(orders)]
            likely = [step.target for step in TRANSITIONS if step.source is order.state]
            body = step(likely[number % len(likely)] if likely else to, who[0])
            self.send(who, f"/api/v1/work-orders/{order.id}/transitions", body)

    @rule(
        instrument=SOME_INSTRUMENT,
        way=st.sampled_from(["order", "order", "own", "import", "tell"]),
        flaw=st.sampled_from(["", "", "who", "kind", "decision", "order", "imported", "name"]),
        pick=st.randoms(use_true_random=False),
    )
    def record(self, instrument, way, flaw, pick):
        """Something that one of the ways would let in, and often one thing about it is wrong."""
        orders = self.orders(instrument)
        named = next((each for each in reversed(orders) if each.state in DECISION), orders[-1] if orders else None)
        named = named if way == "order" else None
        who = {
            "order": ((named and named.assigned_to) or "serves-today", pick.choice([R.VERIFIER, R.APPROVER])),
            "own": ("hengyuan", R.OWNER),
            "import": ("serves-today", R.ADMINISTRATOR),
            "tell": pick.choice([("hengyuan", R.OWNER), ("serves-today", R.VERIFIER)]),
        }[way]
        kinds = {
            "order": list(EventKind)[:6],
            "own": [EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK],
            "import": list(EventKind),
            "tell": [EventKind.REPAIR, EventKind.SEAL_OPENED],
        }[way]
        outcome = named and decided(self.stage.records, named)
        said, imported, kind = Decision(outcome or "none"), way == "import", pick.choice(kinds)
        if flaw == "who":
            who = pick.choice(WHO)
        if flaw == "kind":
            kind = pick.choice(list(EventKind))
        if flaw == "decision":
            said = pick.choice(list(Decision))
        if flaw == "order":
            named = pick.choice(orders) if orders and named is None else None
        names = {each.id: each.name for each in self.stage.records.registry.organizations()}
        Anybody.number += 1
        body = {
            "kind": kind.value, "completed": TODAY.isoformat(), "decision": said.value,
            "performed_by": pick.choice(sorted(names.values())) if flaw == "name" else names[who[0]],
            "certificate": f"A-{Anybody.number}",
        }  # fmt: skip
        body |= {"work_order": named.id} if named else {}
        body |= {"imported": {"file": "ledger.xlsx"}} if imported != (flaw == "imported") else {}
        self.send(who, f"/api/v1/instruments/{instrument}/events", body)

    @rule(days=st.integers(0, 2))
    def time_passes(self, days):
        self.stage.clock.t += days * DAY

    @invariant()
    def each_event_has_its_ground(self):
        if not hasattr(self, "known"):
            return
        records = self.stage.records
        for instrument in INSTRUMENTS:
            fresh = [each for each in records.verification.events(instrument) if each.id not in self.known]
            for event in fresh:
                self.known.add(event.id)
                Anybody.found[ground(records, event, TODAY + timedelta(days=(self.stage.clock.t - NOW_NS) // DAY))] += 1
            for order in self.orders(instrument):
                if order.state is S.CLOSED:
                    ends = [each for each in records.verification.events(instrument) if each.work_order == order.id]
                    assert len(ends) == 1 or (not ends and decided(records, order) == "not_testable"), order


def decided(records, order) -> str | None:
    outcomes = [e.new for e in records.audit.entries_of("work_order", order.id) if e.new in set(DECIDED.values())]
    return outcomes[-1] if outcomes else None


def ground(records, event, today) -> str:
    """On which ground an event stands, told from the audit trail; AssertionError if on none."""
    (entry,) = [e for e in records.audit.entries_of("instrument", event.instrument) if event.id in (e.new or "")]
    key = next(each for each in records.accounts.api_keys() if each.id == entry.who)
    if event.imported_from is not None:
        assert (entry.action, key.role) == ("import_event", R.ADMINISTRATOR)
        assert event.work_order is None
        return "imported"
    relations = records.registry.service_relations()
    serves = any(r.institute == key.organization and r.enterprise == "hengyuan" and r.holds(today) for r in relations)
    owner = key.organization == "hengyuan" and key.role is R.OWNER
    if event.work_order is None:
        if event.kind in {EventKind.REPAIR, EventKind.SEAL_OPENED}:
            assert owner or (serves and key.role in {R.VERIFIER, R.APPROVER})
            assert event.decision is Decision.NONE
            return "told"
        assert owner
        assert event.kind in {EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK}
        return "own"
    assert serves
    assert key.role in {R.VERIFIER, R.APPROVER}
    order = records.orders.order(event.work_order)
    assert (order.state, order.assigned_to, order.instrument) == (S.CLOSED, key.organization, event.instrument)
    outcome = decided(records, order)
    values_only = event.kind is EventKind.CALIBRATION and event.decision is Decision.NONE and outcome == "passed"
    assert event.decision.value == outcome or values_only
    trail = records.audit.entries_of("work_order", order.id)
    hands = [
        [e.who for e in trail if e.action == "transition" and e.new in states][-1]
        for states in ({"measured"}, {"reviewed"}, set(DECIDED.values()))
    ]
    mandatory = records.registry.legal_status(event.instrument).mandatory
    assert len(set(hands)) == 3 if mandatory else hands[0] != hands[1]
    assert not (mandatory and event.kind in {EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK})
    return "mandatory" if mandatory else "voluntary"


@pytest.mark.slow
def test_no_sequence_of_acts_finds_another_way_to_an_event(tmp_path, template):
    stage = Stage(tmp_path, like=template)
    Anybody.stage, Anybody.keys, Anybody.number = stage, grown(stage), 0
    ending = ServiceRelation(institute="serves-unassigned", enterprise="hengyuan", until=TODAY + timedelta(days=3))
    registrar = Registrar(who="test", role="administrator", why="notice given", at_ns=NOW_NS)
    stage.records.registry.apply(Registration(service_relations=[ending]), registrar)
    Anybody.client = Browser(stage.app())
    Anybody.found = dict.fromkeys(("imported", "told", "own", "mandatory", "voluntary"), 0)
    machine = Anybody.TestCase
    machine.settings = settings(
        max_examples=examples(25), stateful_step_count=30, suppress_health_check=list(HealthCheck)
    )
    try:
        machine("runTest").runTest()
    finally:
        Anybody.client.close()
        stage.close()
    assert min(Anybody.found.values()) > 0, Anybody.found  # each of the ways was found
