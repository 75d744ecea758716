"""The same interface over PostgreSQL: what SQLite forgives, PostgreSQL does not."""

import pytest
from api.conftest import Browser
from api.stage import DEVICES, NOW_NS, Stage

from steelyard.api.alerts import deliver_alerts
from steelyard.api.settings import AlertSettings, MailboxSettings, SmtpSettings


@pytest.fixture(scope="module")
def postgres_template(tmp_path_factory, postgres_server):
    """A closed world whose records are in PostgreSQL, and its database's name, to copy."""
    name = postgres_server.create_database()
    held = Stage(tmp_path_factory.mktemp("postgres-template"), url=postgres_server.url(name))
    held.close()
    postgres_server.wait_until_left(name)
    return held, name


@pytest.fixture
def served(tmp_path, postgres_server, postgres_template):
    """A world whose records are in PostgreSQL."""
    template, database = postgres_template
    name = postgres_server.create_database(like=database)
    stage = Stage(tmp_path, like=template, url=postgres_server.url(name))
    opened = []

    def make(key=None, **settings):
        opened.append(Browser(stage.app(**settings), key=stage.keys[key] if key else None))
        return opened[-1]

    yield stage, make
    for browser in opened:
        browser.close()
    stage.close()
    postgres_server.drop_database(name)


def test_an_order_is_seen_moved_and_acknowledged(served):
    stage, make = served
    assert stage.records.url.startswith("postgresql")
    planner = make("planner")
    assert len(planner.get("/api/v1/instruments").json()["items"]) == len(DEVICES)
    path = "/api/v1/work-orders/wo-pt-h-02-drift"
    before = stage.records.audit.count()
    assert planner.post(f"{path}/transitions", json={"to": "approved", "why": "质量 ±"}).status_code == 200
    assert make("owner").post(f"{path}/acknowledge").status_code == 200
    assert stage.records.audit.count() == before + 2
    assert planner.get(path).json()["audit"][-2]["why"] == "质量 ±"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff", "' OR 1=1 --"])
def test_a_name_that_the_database_cannot_hold_is_not_found(served, name):
    _, make = served
    client = make("planner")
    assert client.get(f"/api/v1/instruments/{name}").status_code == 404
    assert client.get(f"/api/v1/work-orders/{name}").status_code == 404


def test_text_that_the_database_cannot_hold_is_refused_with_the_field(served):
    _, make = served
    answer = make("planner").post(
        "/api/v1/work-orders/wo-pt-h-02-drift/transitions", json={"to": "approved", "why": "a\x00b"}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "why")


@pytest.mark.parametrize("email", ["a\x00b@c", "\ud800@x", "x" * 254])
def test_a_sign_in_with_text_that_the_database_cannot_hold_is_refused(served, email):
    _, make = served
    client = make()
    form = {"csrf": client.csrf("/sign-in"), "email": email.encode("utf-8", "surrogatepass"), "password": "x" * 20}
    assert client.post("/sign-in", data=form).status_code in {401, 422}


def test_a_key_that_the_database_cannot_hold_is_refused(served):
    _, make = served
    assert make().get("/api/v1/me", headers={"Authorization": b"Bearer sy_\xff\x01"}).status_code == 401


def test_people_sign_in_and_the_demonstration_opens(served):
    _, make = served
    assert make().sign_in("owner").status_code == 303
    demo = make(demo=True)
    for path in ("/", "/instruments/pt-h-02", "/work-orders", "/gateways", "/alerts"):
        assert demo.page(path).status_code == 200


def test_alerts_are_written_once(served, free_port):
    stage, _ = served
    nobody = SmtpSettings(host="127.0.0.1", port=free_port(), sender="a@b.example")
    settings = AlertSettings(smtp=nobody, mailbox=(MailboxSettings(address="duty@example.org"),))
    assert deliver_alerts(stage.records, settings, NOW_NS).written == 6
    assert deliver_alerts(stage.records, settings, NOW_NS).written == 0
