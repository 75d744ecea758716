"""Whose an order is: the institute that it is assigned to works on it, and it goes with its instrument."""

from dataclasses import replace

import pytest
from api.stage import NOW_NS, QUICK

from steelyard.api.alerts import deliver_alerts
from steelyard.api.people import create_account, create_api_key
from steelyard.api.settings import AlertSettings, SmtpSettings
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.registry import Organization, OrganizationKind, ServiceRelation
from steelyard.storage.records import Registrar, Registration

ORDER = "wo-pt-h-02-drift"
PATH = f"/api/v1/work-orders/{ORDER}"
REGISTRAR = Registrar(who="test", role="administrator", why="sold to Linjiang", at_ns=NOW_NS)


@pytest.fixture
def rivals(stage):
    """Another institute that serves the same enterprise; a key for each of its roles, by role."""
    rival = Organization(id="rival", name="Rival Institute", kind=OrganizationKind.INSTITUTE, region="cn-zj")
    serves = ServiceRelation(institute="rival", enterprise="hengyuan")
    stage.records.registry.apply(Registration(organizations=[rival], service_relations=[serves]), REGISTRAR)
    for role in (Role.PLANNER, Role.RECEIVER, Role.VERIFIER, Role.CHECKER, Role.APPROVER):
        name = f"rival-{role.value}"
        stage.keys = stage.keys | {
            name: create_api_key(
                stage.records, organization="rival", role=role, name=name, created_by="test", now_ns=NOW_NS
            )
        }


@pytest.fixture
def sold(stage):
    """An instrument that went to another enterprise, and got another name there."""
    held = stage.records.registry.instrument("pt-h-02")
    moved = replace(held, organization="linjiang", gateway="gw-linjiang", name="Boiler feed")
    stage.records.registry.apply(Registration(instruments=[moved]), REGISTRAR)
    return moved


@pytest.mark.parametrize(
    ("state", "role", "to"),
    [
        (OrderState.ASSIGNED, Role.RECEIVER, "accepted"),
        (OrderState.ASSIGNED, Role.PLANNER, "cancelled"),
        (OrderState.SCHEDULED, Role.VERIFIER, "received"),
        (OrderState.MEASURED, Role.CHECKER, "reviewed"),
        (OrderState.REVIEWED, Role.APPROVER, "passed"),
    ],
)
def test_another_institute_does_not_touch_an_assigned_order(stage, rivals, browse, state, role, to):
    order = stage.records.orders.order(ORDER)
    assigned = replace(order, state=state, assigned_to="provincial", revision=order.revision + 1)
    stage.records.orders.update_order(assigned, stage.records.audit.latest(1)[0])
    client = browse(key=f"rival-{role.value}")
    answer = client.post(f"{PATH}/transitions", json={"to": to, "why": "we are quicker"})
    assert (answer.status_code, answer.json()["field"]) == (403, "assigned_to")
    assert client.get(PATH).json()["allowed"] == []
    assert stage.records.orders.order(ORDER).state is state


def test_what_an_institute_declined_another_may_take(stage, rivals, browse):
    order = stage.records.orders.order(ORDER)
    declined = replace(order, state=OrderState.DECLINED, assigned_to="provincial", revision=order.revision + 1)
    stage.records.orders.update_order(declined, stage.records.audit.latest(1)[0])
    answer = browse(key="rival-planner").post(f"{PATH}/transitions", json={"to": "assigned"})
    assert (answer.status_code, answer.json()["assigned_to"]) == (200, "rival")


def test_an_open_order_goes_with_its_instrument(stage, sold, browse):
    was, now = browse(key="owner"), browse(key="other-owner")
    assert was.get(PATH).status_code == 404
    refused = was.post(f"{PATH}/transitions", json={"to": "cancelled", "why": "not ours any more"})
    assert refused.status_code == 404
    assert now.get(PATH).json()["organization"] == "linjiang"
    (entry,) = stage.records.audit.entries_of("work_order", ORDER)[-1:]
    assert (entry.action, entry.old, entry.new, entry.why) == ("hand_over", "hengyuan", "linjiang", REGISTRAR.why)
    page = browse()
    page.sign_in("other-owner")
    assert page.page(f"/work-orders/{ORDER}").status_code == 200


def test_an_ended_order_stays_with_who_had_it_and_tells_nothing_new(stage, browse):
    cancelled = browse(key="owner").post(f"{PATH}/transitions", json={"to": "cancelled", "why": "replaced"})
    assert cancelled.status_code == 200
    held = stage.records.registry.instrument("pt-h-02")
    moved = replace(held, organization="linjiang", gateway="gw-linjiang", name="Boiler feed")
    stage.records.registry.apply(Registration(instruments=[moved]), REGISTRAR)
    was, now = browse(), browse()
    was.sign_in("owner")
    now.sign_in("other-owner")
    for path in (f"/work-orders/{ORDER}", "/work-orders?state=all"):
        answer = was.page(path)
        assert answer.status_code == 200
        assert "Boiler feed" not in answer.text
    assert f"/work-orders/{ORDER}" not in now.page("/instruments/pt-h-02").text


def test_the_new_owner_is_told_of_an_order_that_came_with_its_instrument(stage):
    create_account(
        stage.records, QUICK, organization="linjiang", name="New", email="new@linjiang.test", role=Role.OWNER,
        password="correct horse battery", created_by="test", now_ns=NOW_NS,
    )  # fmt: skip
    settings = AlertSettings(smtp=SmtpSettings(host="127.0.0.1", port=9, sender="s@steelyard.example"))
    deliver_alerts(stage.records, settings, NOW_NS)
    before = {alert.recipient for alert in stage.records.alerts.of_order(ORDER)}
    held = stage.records.registry.instrument("pt-h-02")
    moved = replace(held, organization="linjiang", gateway="gw-linjiang")
    stage.records.registry.apply(Registration(instruments=[moved]), REGISTRAR)
    deliver_alerts(stage.records, settings, NOW_NS + 1)
    assert "new@linjiang.test" not in before
    assert "new@linjiang.test" in {alert.recipient for alert in stage.records.alerts.of_order(ORDER)}
