"""Events: by an institute for the order that they end, by an owner of its own instrument, or taken over and marked."""

from dataclasses import replace
from datetime import date

import pytest
from api.stage import NOW_NS, TODAY
from api.test_api_changes import DRIFT, EVENTS, NEW_EVENT, OWN_EVENT

from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.registry import Organization, OrganizationKind, ServiceRelation
from steelyard.storage.records import Registrar, Registration

ORDER = "wo-pt-h-02-drift"
INSTITUTE = "Provincial Metrology Institute"
REGISTRAR = Registrar(who="test", role="administrator", why="test", at_ns=NOW_NS)
IMPORTED = {key: value for key, value in NEW_EVENT.items() if key != "work_order"} | {
    "imported": {"file": "ledger-2025.xlsx, row 12"},
    "completed": "2025-06-30",
}


def refused(answer, status: int, field: str) -> dict:
    """The problem, which names the field, its value and a remedy."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["field"] == field, told
    assert told["value"] is not None
    assert told["remedy"]
    return told


def nothing_stored(stage, audits: int, instrument: str = "pt-h-02") -> None:
    assert stage.records.audit.count() == audits
    assert len(stage.records.verification.events(instrument)) == 2


# For an order


@pytest.mark.parametrize("name", ["verifier", "approver"])
@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (OrderState.PASSED, "passed"), (OrderState.FAILED, "failed"), (OrderState.LIMITED, "limited"),
        (OrderState.NOT_TESTABLE, "not_testable"), (OrderState.CERTIFICATE_ISSUED, "failed"),
    ],
)  # fmt: skip
def test_an_event_ends_its_order_and_is_recorded_as_given(stage, browse, name, state, decision):
    held = stage.decide(ORDER, state, outcome=OrderState(decision))
    before = stage.records.audit.count()
    body = {**NEW_EVENT, "decision": decision} | ({"limited_to": "1.0"} if decision == "limited" else {})
    answer = browse(key=name).post(EVENTS, json=body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["points"][0]["as_found"] == 6.7
    assert told["points"][1]["expanded_uncertainty"] is None
    assert (told["work_order"], told["imported_from"], told["decision"]) == (ORDER, None, decision)
    assert browse(key="owner").get(EVENTS).json()["items"][-1] == told
    event = stage.records.verification.event(told["id"])
    assert (event.completed, event.limited_to) == (TODAY, body.get("limited_to"))
    ended = stage.records.orders.order(ORDER)
    assert ended == replace(held, state=OrderState.CLOSED, revision=held.revision + 1, updated_ns=NOW_NS)
    assert stage.records.audit.count() == before + 2
    key = next(k for k in stage.records.accounts.api_keys() if k.name == name)
    assert {(each.who, each.object_kind) for each in stage.records.audit.latest(2)} == {
        (key.id, "instrument"), (key.id, "work_order"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["first_verification", "subsequent_verification", "after_repair", "interim", "arbitration"]
)
def test_one_verifier_alone_verifies_nothing(stage, browse, kind):
    """L30: a mandatory verification without the order that three people carried out."""
    before = stage.records.audit.count()
    body = {**NEW_EVENT, "kind": kind, "work_order": None}
    refused(browse(key="verifier").post(EVENTS, json=body), 403, "work_order")
    nothing_stored(stage, before)


@pytest.mark.parametrize("state", [each for each in OrderState if each not in {
    OrderState.PASSED, OrderState.FAILED, OrderState.LIMITED, OrderState.NOT_TESTABLE, OrderState.CERTIFICATE_ISSUED,
}])  # fmt: skip
def test_an_order_without_an_outcome_has_no_event(stage, browse, state):
    held = stage.records.orders.order(ORDER)
    moved = replace(held, state=state, assigned_to="provincial", revision=held.revision + 1)
    stage.records.orders.update_order(moved, stage.records.audit.latest(1)[0])
    before = stage.records.audit.count()
    assert refused(browse(key="verifier").post(EVENTS, json=NEW_EVENT), 409, "state")["value"] == state.value
    nothing_stored(stage, before)


@pytest.mark.parametrize(
    ("people", "field"),
    [
        (("v", "c", None), "approved_by"), (("v", None, "a"), "checked_by"), ((None, "c", "a"), "verified_by"),
        (("v", "v", "a"), "checked_by"), (("v", "c", "v"), "approved_by"), (("v", "c", "c"), "approved_by"),
    ],
)  # fmt: skip
def test_three_different_people_have_verified_checked_and_approved(stage, browse, people, field):
    stage.decide(ORDER, people=people)
    before = stage.records.audit.count()
    refused(browse(key="approver").post(EVENTS, json=NEW_EVENT), 403, field)
    nothing_stored(stage, before)
    assert stage.records.orders.order(ORDER).state is OrderState.PASSED


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"decision": "failed"}, 409, "decision"),
        ({"decision": "none"}, 409, "decision"),
        ({"work_order": "wo-em-h-03-jump"}, 403, "work_order"),
        ({"work_order": "no-such-order"}, 404, "work_order"),
        ({"kind": "calibration"}, 403, "kind"),
        ({"kind": "intermediate_check"}, 403, "kind"),
        ({"kind": "repair"}, 403, "decision"),
        ({"kind": "repair", "decision": "none"}, 403, "work_order"),
        ({"performed_by": "Hengyuan Chemical"}, 403, "performed_by"),
        ({"performed_by": "A body of elsewhere"}, 403, "performed_by"),
        ({"imported": {"file": "mine.xlsx"}}, 403, "imported"),
        ({"imported": {}}, 422, "imported.file"),
        ({"imported": {"file": ""}}, 422, "imported.file"),
        ({"completed": date(2027, 1, 1).isoformat()}, 422, "completed"),
        ({"points": [{"test_point": 1, "unit": "V", "as_left": 0}]}, 422, "points.unit"),
        ({"points": [{"test_point": 1, "unit": "kPa"}]}, 422, "as_left"),
        ({"points": [{"test_point": 1, "unit": "kPa", "as_left": 0, "expanded_uncertainty": 0}]}, 422,
         "points.0.expanded_uncertainty"),
        ({"performed_by": ""}, 422, "performed_by"),
        ({"performed_by": " "}, 422, "performed_by"),
        ({"performed_by": "two\nlines"}, 422, "performed_by"),
        ({"completed": 1795824000}, 422, "completed"),  # not seconds since 1970
        ({"completed": "1795824000"}, 422, "completed"),
        ({"points": [{"test_point": True, "unit": "kPa", "as_left": 0}]}, 422, "points.0.test_point"),
        ({"points": [{"test_point": "1", "unit": "kPa", "as_left": 0}]}, 422, "points.0.test_point"),
        ({"points": [{"test_point": 1, "unit": "", "as_left": 0}]}, 422, "points.0.unit"),
        ({"due_date": "2030-01-01"}, 422, "due_date"),
        ({"decision": "perhaps"}, 422, "decision"),
        ({"limited_to": "1.6"}, 422, "limited_to"),
        ({"items": ["pt-h-02", "Not An Id"]}, 422, "items"),
        ({"items": ["pt-h-01"]}, 409, "items"),
        ({"supersedes": "no-such-event"}, 409, "supersedes"),
        ({"supersedes": "event-em-h-01-2"}, 409, "supersedes"),
        ({"certificate": "PMI-2026-pt-h-01"}, 409, "certificate"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_right_is_refused_with_the_field(stage, browse, change, status, field):
    stage.decide(ORDER)
    before = stage.records.audit.count()
    refused(browse(key="verifier").post(EVENTS, json={**NEW_EVENT, **change}), status, field)
    nothing_stored(stage, before)
    assert stage.records.orders.order(ORDER).state is OrderState.PASSED


@pytest.mark.parametrize("name", ["planner", "checker", "owner", "operator"])
def test_a_verification_is_entered_by_verifier_or_approver_alone(stage, browse, name):
    stage.decide(ORDER)
    before = stage.records.audit.count()
    refused(browse(key=name).post(EVENTS, json=NEW_EVENT), 403, "role")
    nothing_stored(stage, before)


def test_another_institute_records_nothing_for_an_order_that_is_not_its_own(stage, browse):
    """L30: 403 where it serves the owner and the order is another's, 404 where it serves the owner not."""
    rival = Organization(id="rival", name="Rival Institute", kind=OrganizationKind.INSTITUTE, region="cn-zj")
    serves = ServiceRelation(institute="rival", enterprise="hengyuan")
    stage.records.registry.apply(Registration(organizations=[rival], service_relations=[serves]), REGISTRAR)
    stage.decide(ORDER, assigned_to="rival")
    before = stage.records.audit.count()
    verifier = browse(key="verifier")
    assert refused(verifier.post(EVENTS, json=NEW_EVENT), 403, "assigned_to")["value"] == "rival"
    over = ServiceRelation(institute="provincial", enterprise="hengyuan", until=TODAY)
    stage.records.registry.apply(Registration(service_relations=[over]), REGISTRAR)
    refused(verifier.post(EVENTS, json=NEW_EVENT), 404, "instrument")
    nothing_stored(stage, before + 1)


def test_an_order_that_somebody_moved_meanwhile_is_a_conflict_and_nothing_is_stored(stage, browse, monkeypatch):
    old = stage.decide(ORDER)
    stage.decide(ORDER, OrderState.CERTIFICATE_ISSUED, outcome=OrderState.PASSED)
    before = stage.records.audit.count()
    monkeypatch.setattr(stage.records.orders, "order", lambda name: old)
    answer = browse(key="verifier").post(EVENTS, json=NEW_EVENT)
    assert (answer.status_code, answer.json()["field"]) == (409, "revision")
    nothing_stored(stage, before)


@pytest.fixture
def voluntary(stage):
    """A decided order for the calibration of a thermometer under voluntary control; its id."""
    held = stage.records.orders.order(ORDER)
    order = replace(
        held, id="wo-tt", instrument="tt-h-01", trigger=Trigger.REQUEST, mandatory=False, revision=1,
        state=OrderState.PROPOSED,
    )  # fmt: skip
    stage.records.orders.add_order(order, stage.records.audit.latest(1)[0])
    return order.id


CALIBRATION = {
    "kind": "calibration", "completed": TODAY.isoformat(), "decision": "passed", "performed_by": INSTITUTE,
    "certificate": "PMI-C-17", "work_order": "wo-tt",
    "points": [{"test_point": 150.0, "unit": "Cel", "as_found": 0.05, "expanded_uncertainty": 0.1}],
}  # fmt: skip


@pytest.mark.parametrize("decision", ["passed", "none"])
def test_a_calibration_needs_an_order_and_two_different_people(stage, browse, voluntary, decision):
    verifier, path = browse(key="verifier"), "/api/v1/instruments/tt-h-01/events"
    body = {**CALIBRATION, "decision": decision}
    refused(verifier.post(path, json={**body, "work_order": None}), 403, "work_order")
    stage.decide(voluntary, people=("v", "v", "a"))
    refused(verifier.post(path, json=body), 403, "checked_by")
    stage.decide(voluntary, people=("v", "c", "v"))
    assert verifier.post(path, json=body).status_code == 201
    assert stage.records.orders.order(voluntary).state is OrderState.CLOSED


# Without an order


@pytest.mark.parametrize("kind", ["calibration", "intermediate_check"])
def test_an_owner_records_calibrations_and_checks_of_its_own(stage, browse, kind):
    assert browse(key="owner").post(EVENTS, json={**OWN_EVENT, "kind": kind}).status_code == 201
    foreign = browse(key="other-owner").post(EVENTS, json={**OWN_EVENT, "kind": kind, "certificate": "X"})
    refused(foreign, 404, "instrument")
    refused(browse(key="owner").post(EVENTS, json={**OWN_EVENT, "kind": kind, "work_order": ORDER}), 403, "work_order")


def test_an_owner_does_not_record_in_the_name_of_an_institute(stage, browse):
    before = stage.records.audit.count()
    refused(browse(key="owner").post(EVENTS, json={**OWN_EVENT, "performed_by": INSTITUTE}), 403, "performed_by")
    nothing_stored(stage, before)


def test_an_institute_records_calibrations_of_its_own_instruments(browse):
    body = {**CALIBRATION, "work_order": None, "kind": "intermediate_check", "decision": "none"}
    assert browse(key="verifier").post("/api/v1/instruments/tt-i-01/events", json=body).status_code == 201
    assert browse(key="planner").post("/api/v1/instruments/tt-i-01/events", json=body).status_code == 403


@pytest.mark.parametrize("kind", ["repair", "seal_opened"])
@pytest.mark.parametrize(("name", "body"), [("owner", "Hengyuan Chemical"), ("verifier", "A repair shop")])
def test_a_repair_and_an_opened_seal_are_told_without_a_decision(stage, browse, kind, name, body):
    """L03, L07: who owns or serves the instrument says what happened; it takes validity and gives none."""
    fact = {"kind": kind, "completed": TODAY.isoformat(), "decision": "none", "performed_by": body}
    assert browse(key=name).post(EVENTS, json=fact).status_code == 201
    refused(browse(key=name).post(EVENTS, json={**fact, "decision": "passed"}), 403, "decision")
    refused(browse(key="operator").post(EVENTS, json=fact), 403, "role")


# Taken over


def test_an_import_is_marked_and_its_audit_entry_says_so(stage, browse):
    answer = browse(key="administrator").post(EVENTS, json=IMPORTED)
    assert answer.status_code == 201, answer.text
    assert answer.json()["imported_from"] == "ledger-2025.xlsx, row 12"
    assert answer.json()["work_order"] is None
    (entry,) = stage.records.audit.latest(1)
    assert (entry.action, entry.role, entry.object_id) == ("import_event", "administrator", "pt-h-02")
    assert "imported from ledger-2025.xlsx, row 12" in entry.new
    page = browse()
    page.sign_in("owner")
    assert "Imported from ledger-2025.xlsx, row 12" in page.page("/instruments/pt-h-02").text


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"certificate": None}, 422, "certificate"),
        ({"performed_by": None}, 422, "performed_by"),
        ({"work_order": ORDER}, 422, "work_order"),
        ({"certificate": "PMI-2026-pt-h-01"}, 409, "certificate"),
        ({"completed": "2027-01-01"}, 422, "completed"),
        ({"imported": None}, 404, "instrument"),
    ],
)
def test_an_import_that_cannot_be_right_is_refused_with_the_field(stage, browse, change, status, field):
    before = stage.records.audit.count()
    answer = browse(key="administrator").post(EVENTS, json={**IMPORTED, **change})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    nothing_stored(stage, before)


@pytest.mark.parametrize("name", ["owner", "operator", "planner", "verifier", "checker", "approver"])
def test_nobody_but_the_administrator_imports(stage, browse, name):
    before = stage.records.audit.count()
    refused(browse(key=name).post(EVENTS, json=IMPORTED), 403, "imported")
    nothing_stored(stage, before)


def test_an_administrator_who_imports_sees_no_results(browse):
    administrator = browse(key="administrator")
    assert administrator.post(EVENTS, json=IMPORTED).status_code == 201
    assert administrator.get(EVENTS).status_code == 404


# Certificates


def test_one_number_is_not_given_to_two_instruments(stage, browse):
    """L16; and the same certificate again with another date."""
    stage.decide(ORDER)
    verifier = browse(key="verifier")
    assert verifier.post(EVENTS, json=NEW_EVENT).status_code == 201
    (held,) = [each for each in stage.records.verification.events("pt-h-02") if each.work_order == ORDER]
    administrator = browse(key="administrator")
    other = administrator.post("/api/v1/instruments/pt-h-01/events", json={**IMPORTED, "completed": "2025-07-01"})
    told = refused(other, 409, "certificate")
    assert held.id in told["detail"]
    assert told["value"] == "PMI-2026-0412"
    refused(administrator.post(EVENTS, json={**IMPORTED, "completed": "2026-11-01"}), 409, "certificate")
    corrected = {**IMPORTED, "completed": "2026-11-01", "supersedes": held.id}
    assert administrator.post(EVENTS, json=corrected).status_code == 201


def test_one_certificate_for_many_instruments_names_them_all(browse):
    administrator = browse(key="administrator")
    body = {**IMPORTED, "items": ["pt-h-01", "pt-h-02"]}
    assert administrator.post(EVENTS, json=body).status_code == 201
    other = "/api/v1/instruments/pt-h-01/events"
    refused(administrator.post(other, json={**body, "completed": "2025-07-01"}), 409, "certificate")
    refused(administrator.post(EVENTS, json=body), 409, "certificate")
    assert administrator.post(other, json=body).status_code == 201


# The end of an order


@pytest.mark.parametrize("outcome", [OrderState.PASSED, OrderState.FAILED, OrderState.LIMITED])
def test_an_order_is_not_closed_by_hand_before_its_event_is_on_record(stage, browse, outcome):
    """L27: closed as passed without an event left the date where it was, and raised a second order."""
    stage.decide(ORDER, OrderState.CERTIFICATE_ISSUED, outcome=outcome)
    planner = browse(key="planner")
    assert planner.get(DRIFT).json()["allowed"] == []
    refused(planner.post(f"{DRIFT}/transitions", json={"to": "closed"}), 409, "to")
    assert stage.records.orders.order(ORDER).state is OrderState.CERTIFICATE_ISSUED
    page = browse()
    page.sign_in("planner")
    assert "It ends with the record of its event" in page.page(f"/work-orders/{ORDER}").text
    form = {"csrf": page.csrf(), "to": "closed"}
    answer = page.post(f"/work-orders/{ORDER}/transitions", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 409
    assert "Record the event of this order" in answer.text


def test_an_order_whose_instrument_could_not_be_tested_is_closed_by_hand(stage, browse):
    stage.decide(ORDER, OrderState.CERTIFICATE_ISSUED, outcome=OrderState.NOT_TESTABLE)
    planner = browse(key="planner")
    assert planner.get(DRIFT).json()["allowed"] == ["closed"]
    assert planner.post(f"{DRIFT}/transitions", json={"to": "closed"}).status_code == 200


def test_an_order_is_assigned_to_an_institute_that_serves_the_owner(stage, browse):
    rival = Organization(id="rival", name="Rival Institute", kind=OrganizationKind.INSTITUTE, region="cn-zj")
    stage.records.registry.apply(Registration(organizations=[rival]), REGISTRAR)
    planner = browse(key="planner")
    assert planner.post(f"{DRIFT}/transitions", json={"to": "approved"}).status_code == 200
    to_rival = {"to": "assigned", "assign_to": "rival"}
    told = refused(planner.post(f"{DRIFT}/transitions", json=to_rival), 422, "assign_to")
    assert "does not serve hengyuan" in told["detail"]
    serves = ServiceRelation(institute="rival", enterprise="hengyuan", since=TODAY)
    stage.records.registry.apply(Registration(service_relations=[serves]), REGISTRAR)
    assert planner.post(f"{DRIFT}/transitions", json=to_rival).json()["assigned_to"] == "rival"
