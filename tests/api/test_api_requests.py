"""Work orders that people ask for: over the interface, and by the form on an instrument's page."""

import pytest
from api.stage import NOW_NS
from api.test_api_changes import NEW_ORDER

from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState

PATH = "/api/v1/work-orders"


@pytest.mark.parametrize("trigger", ["request", "repair", "complaint"])
@pytest.mark.parametrize("name", ["owner", "operator", "planner", "verifier", "checker", "approver"])
def test_the_owners_people_and_an_institute_that_serves_it_raise_an_order(stage, browse, name, trigger):
    before = stage.records.audit.count()
    client = browse(key=name)
    answer = client.post(PATH, json={**NEW_ORDER, "trigger": trigger})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["id"] == f"wo-20261121-pt-h-02-{trigger}"
    assert answer.headers["location"] == f"{PATH}/{told['id']}"
    assert client.get(answer.headers["location"]).json() == told
    order = stage.records.orders.order(told["id"])
    assert (order.state, order.trigger, order.organization) == (OrderState.PROPOSED, Trigger(trigger), "hengyuan")
    assert (order.mandatory, order.due_date, order.raised_ns) == (True, None, NOW_NS)
    assert order.reason == order.evidence[0].sentence == NEW_ORDER["why"]
    assert stage.records.audit.count() == before + 1
    (entry,) = stage.records.audit.latest(1)
    key = next(k for k in stage.records.accounts.api_keys() if k.name == name)
    assert (entry.action, entry.who, entry.role, entry.why) == ("raise", key.id, key.role.value, NEW_ORDER["why"])


def test_whether_an_order_is_mandatory_is_the_laws_to_say(browse):
    answer = browse(key="owner").post(PATH, json={**NEW_ORDER, "instrument": "tt-h-01"})
    assert answer.json()["mandatory"] is False


@pytest.mark.parametrize(
    ("name", "change", "status", "field"),
    [
        ("other-owner", {}, 404, "instrument"),
        ("administrator", {}, 403, "role"),
        ("supervisor", {}, 403, "role"),
        ("owner", {"instrument": "no-such-thing"}, 404, "instrument"),
        ("owner", {"trigger": "due"}, 422, "trigger"),
        ("owner", {"trigger": "drift"}, 422, "trigger"),
        ("owner", {"why": ""}, 422, "why"),
        ("owner", {"why": " \n "}, 422, "why"),
        ("owner", {"why": "x" * 1001}, 422, "why"),
        ("owner", {"due_date": "2027-01-01"}, 422, "due_date"),
    ],
)
def test_an_order_that_cannot_be_raised_is_refused_with_the_field(stage, browse, name, change, status, field):
    before = stage.records.audit.count()
    answer = browse(key=name).post(PATH, json={**NEW_ORDER, **change})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.json()["remedy"]
    assert stage.records.audit.count() == before


def test_an_open_order_of_the_same_reason_is_named(stage, browse):
    first = browse(key="operator").post(PATH, json=NEW_ORDER).json()["id"]
    before = stage.records.audit.count()
    answer = browse(key="owner").post(PATH, json=NEW_ORDER)
    assert (answer.status_code, answer.json()["field"]) == (409, "trigger")
    assert first in answer.json()["remedy"]
    assert stage.records.audit.count() == before


def test_once_it_has_ended_the_next_has_an_id_of_its_own(browse):
    owner = browse(key="owner")
    first = owner.post(PATH, json={**NEW_ORDER, "instrument": "tt-h-01"}).json()["id"]
    cancelled = owner.post(f"{PATH}/{first}/transitions", json={"to": "cancelled", "why": "asked by mistake"})
    assert cancelled.status_code == 200
    assert owner.post(PATH, json={**NEW_ORDER, "instrument": "tt-h-01"}).json()["id"] == f"{first}-2"


def test_the_form_on_an_instruments_page_raises_an_order(stage, browse):
    client = browse()
    client.sign_in("operator")
    text = client.page("/instruments/pt-h-02").text
    assert 'action="/instruments/pt-h-02/work-orders' in text
    form = {"csrf": client.csrf(), "trigger": "repair", "why": "new membrane"}
    answer = client.post("/instruments/pt-h-02/work-orders", data=form)
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert place == "/work-orders/wo-20261121-pt-h-02-repair?done=raised"
    page = client.page(place).text
    assert "You have raised this work order." in page
    assert "new membrane" in page
    again = client.post("/instruments/pt-h-02/work-orders", data=form)
    assert again.status_code == 409
    assert "wo-20261121-pt-h-02-repair" in again.text
    assert "new membrane" in again.text  # what was typed is not lost


def test_the_form_says_what_is_missing(stage, browse):
    client = browse()
    client.sign_in("owner")
    before = stage.records.audit.count()
    form = {"csrf": client.csrf(), "trigger": "request", "why": " "}
    answer = client.post("/instruments/pt-h-02/work-orders", data=form)
    assert answer.status_code == 422
    assert "Say what is the matter." in answer.text
    assert client.post("/instruments/pt-h-02/work-orders", data={**form, "csrf": "x"}).status_code == 403
    assert stage.records.audit.count() == before


@pytest.mark.parametrize("name", ["supervisor", "administrator"])
def test_who_may_not_raise_an_order_has_no_form(browse, name):
    client = browse()
    client.sign_in(name)
    assert "Raise the order" not in client.page("/instruments/pt-h-02").text
