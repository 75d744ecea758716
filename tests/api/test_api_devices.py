"""Devices over time, on the interface and in the console: who sees them from when to when, states, positions."""

from datetime import date, timedelta

import pytest
from api.devices import DAY, NOW_NS, TODAY

from steelyard.api.people import create_api_key
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.devices import FIRST_DAY, Ownership, Placement, Position, Use
from steelyard.contracts.registry import Channel, Instrument, Organization, OrganizationKind
from steelyard.storage.records import Registrar, Registration

SOLD = "pt-h-02"
"""Of Hengyuan (cn-zj-hangzhou), with an order by drift, an alert, two certificates and two years of comparisons."""
DAY_BEGINS = "2026-11-20T16:00:00.000000Z"
"""The legal date 2026-11-21 (UTC+8), on which it is sold."""
STATE = "/api/v1/instruments/pt-h-01/state"


def registered(stage, **what):
    registrar = Registrar(who="test", role="administrator", why="test", at_ns=NOW_NS, today=TODAY)
    stage.records.registry.apply(Registration(**what), registrar)


def supervisor_of(stage, region):
    """A key of a supervisor of a region."""
    name = f"supervisor-{region}"
    held = Organization(id=name, name=name, kind=OrganizationKind.SUPERVISOR, region=region)
    registered(stage, organizations=[held])
    key = create_api_key(
        stage.records, organization=name, role=Role.SUPERVISOR, name=name, created_by="test", now_ns=NOW_NS
    )
    stage.keys = stage.keys | {name: key}
    return name


def moved(stage, region, since, instrument=SOLD):
    """Hang an instrument at another position of the same owner."""
    place = Position(id=f"place-{region}", organization="hengyuan", name="New works", region=region)
    hung = Placement(instrument=instrument, position=place.id, since=since)
    registered(stage, positions=[place], placements=[hung])


def sell(stage, since=TODAY):
    registered(stage, ownerships=[Ownership(instrument=SOLD, organization="linjiang", since=since)])


def times(client, instrument=SOLD, **query):
    address = f"/api/v1/instruments/{instrument}/readings?channel=pressure"
    return client.get(address + "".join(f"&{name}={value}" for name, value in query.items())).json()["t"]


# L10: moved to another region, same owner


def test_l10_the_supervisor_of_the_positions_region_sees_it_from_that_day(stage, browse):
    there, here = supervisor_of(stage, "cn-zj-ningbo"), supervisor_of(stage, "cn-zj-hangzhou")
    moved(stage, "cn-zj-ningbo", TODAY)
    for path in (f"instruments/{SOLD}", f"work-orders/wo-{SOLD}-drift", "positions/place-cn-zj-ningbo"):
        assert browse(key=there).get(f"/api/v1/{path}").status_code == 200, path
        assert browse(key=here).get(f"/api/v1/{path}").status_code == 404, path
    for path in ("instruments", "alerts", "work-orders", "due-dates"):
        of_there, of_here = (browse(key=name).get(f"/api/v1/{path}").text for name in (there, here))
        assert SOLD in of_there, path
        assert SOLD not in of_here, path


def test_l10_not_before_that_day(stage, browse):
    there, here = supervisor_of(stage, "cn-zj-ningbo"), supervisor_of(stage, "cn-zj-hangzhou")
    moved(stage, "cn-zj-ningbo", TODAY + timedelta(days=1))
    assert browse(key=there).get(f"/api/v1/instruments/{SOLD}").status_code == 404
    assert browse(key=here).get(f"/api/v1/instruments/{SOLD}").status_code == 200
    stage.clock.t += DAY
    assert browse(key=there).get(f"/api/v1/instruments/{SOLD}").status_code == 200
    assert browse(key=here).get(f"/api/v1/instruments/{SOLD}").status_code == 404


def test_l10_of_an_owner_elsewhere_only_what_hangs_in_the_region_is_seen(stage, browse):
    there = supervisor_of(stage, "cn-gd")
    moved(stage, "cn-gd-shenzhen", TODAY)
    client = browse(key=there)
    assert [each["id"] for each in client.get("/api/v1/instruments").json()["items"]] == [SOLD]
    assert {each["id"] for each in client.get("/api/v1/organizations").json()["items"]} == {"hengyuan", there}
    assert client.get("/api/v1/gateways").json()["items"] == []
    assert [each["id"] for each in client.get("/api/v1/positions").json()["items"]] == ["place-cn-gd-shenzhen"]


def test_l10_the_owner_and_the_institute_see_it_wherever_it_hangs(stage, browse):
    moved(stage, "cn-gd-shenzhen", TODAY)
    for name in ("owner", "planner"):
        held = browse(key=name).get(f"/api/v1/instruments/{SOLD}").json()
        assert (held["position"], held["position_since"]) == ("place-cn-gd-shenzhen", "2026-11-21")


# L11: a device is sold


def test_l11_the_buyer_sees_no_readings_of_before(stage, browse):
    before = times(browse(key="owner"))
    sell(stage)
    after = times(browse(key="other-owner"))
    assert len(before) == 4
    assert after == [t for t in before if t >= DAY_BEGINS]
    assert 0 < len(after) < len(before)
    assert times(browse(key="other-owner"), end="2026-11-20T16:00:00Z") == []
    assert times(browse(key="other-owner"), end="2026-11-20T15:00:00Z", buckets=4) == []
    assert times(browse(key="planner")) == before  # who serves both saw it all along


def test_l11_the_newest_value_of_the_sellers_time_is_not_the_buyers(stage, browse):
    assert browse(key="owner").get(f"/api/v1/instruments/{SOLD}/live").json()["items"]
    stage.clock.t += 2 * DAY
    registered(stage, ownerships=[])
    registrar = Registrar(who="t", role="administrator", why="t", at_ns=NOW_NS, today=TODAY + timedelta(days=2))
    owner = Ownership(instrument=SOLD, organization="linjiang", since=TODAY + timedelta(days=2))
    stage.records.registry.apply(Registration(ownerships=[owner]), registrar)
    assert browse(key="other-owner").get(f"/api/v1/instruments/{SOLD}/live").json()["items"] == []


def test_l11_certificates_go_with_it_and_what_the_seller_found_himself_does_not(stage, browse):
    check = VerificationEvent(
        id="own-check",
        instrument=SOLD,
        kind=EventKind.INTERMEDIATE_CHECK,
        completed=date(2026, 10, 1),
        decision=Decision.NONE,
        performed_by="Hengyuan Chemical",
        points=(EventPoint(test_point=800.0, unit="kPa", as_found=6.0, as_left=None, expanded_uncertainty=None),),
    )
    audit = AuditEntry(
        at_ns=NOW_NS, who="t", role="owner", action="t", object_kind="instrument", object_id=SOLD, old=None, new=None,
        why="",
    )  # fmt: skip
    stage.records.verification.add_event(check, audit)
    events = f"/api/v1/instruments/{SOLD}/events"
    assert "own-check" in browse(key="owner").get(events).text
    sell(stage)
    assert [each["id"] for each in browse(key="other-owner").get(events).json()["items"]] == [
        f"event-{SOLD}-1",
        f"event-{SOLD}-2",
    ]
    errors = browse(key="other-owner").get(f"/api/v1/instruments/{SOLD}/errors").json()["items"]
    assert {each["source"] for each in errors} == {"certificate"}


def test_l11_the_order_follows_and_orders_and_alerts_of_before_stay(stage, browse):
    sell(stage)
    buyer, seller = browse(key="other-owner"), browse(key="owner")
    assert buyer.get(f"/api/v1/work-orders/wo-{SOLD}-drift").status_code == 200
    assert SOLD not in buyer.get("/api/v1/alerts").text
    assert SOLD in seller.get("/api/v1/alerts").text  # he was told
    for path in ("", "/readings?channel=pressure", "/events", "/live", "/forecast", "/errors"):
        assert seller.get(f"/api/v1/instruments/{SOLD}{path}").status_code == 404, path
    assert seller.get(f"/api/v1/work-orders/wo-{SOLD}-drift").status_code == 404


def test_l11_both_pages_say_since_when(stage, browse):
    sell(stage)
    held = browse(key="other-owner").get(f"/api/v1/instruments/{SOLD}").json()
    assert (held["owner_since"], held["position"]) == ("2026-11-21", None)  # it hangs at the seller's still
    client = browse()
    client.sign_in("other-owner")
    text = client.page(f"/instruments/{SOLD}").text
    assert "Linjiang Grain, since 2026-11-21" in text
    assert "Hengyuan" not in text
    for chart in ("error", "readings"):
        assert client.page(f"/instruments/{SOLD}/charts/{chart}").status_code == 200


# L22 and L23: states


def test_l22_the_owner_says_that_it_is_stored(stage, browse):
    given = {"state": "stored", "since": "2026-11-20", "why": "线路停用"}
    answer = browse(key="owner").request("PUT", STATE, json=given)
    assert answer.status_code == 200, answer.text
    held = answer.json()
    assert (held["state"], held["state_since"]) == ("stored", "2026-11-20")
    assert held["states"] == [
        {"state": "in_use", "since": None, "why": ""},
        {"state": "stored", "since": "2026-11-20", "why": "线路停用"},
    ]
    before = stage.records.audit.count()
    assert browse(key="owner").request("PUT", STATE, json=given).status_code == 200
    assert stage.records.audit.count() == before


@pytest.mark.parametrize("name", ["planner", "verifier", "approver"])
def test_l22_the_institute_that_serves_it_may_say_it_too(stage, browse, name):
    given = {"state": "out_of_service", "since": "2026-11-21", "why": "broken glass"}
    assert browse(key=name).request("PUT", STATE, json=given).status_code == 200


@pytest.mark.parametrize(
    ("name", "change", "status", "field"),
    [
        ("operator", {}, 403, "role"),
        ("checker", {}, 403, "role"),
        ("supervisor", {}, 403, "role"),
        ("other-owner", {}, 404, "instrument"),
        ("administrator", {}, 404, "instrument"),
        ("owner", {"since": "2026-11-22"}, 422, "since"),
        ("owner", {"since": "yesterday"}, 422, "since"),
        ("owner", {"why": " "}, 422, "why"),
        ("owner", {"state": "sleeping"}, 422, "state"),
        ("owner", {"until": "2026-11-30"}, 422, "until"),
    ],
)
def test_a_state_that_cannot_be_right_is_refused_with_the_field(stage, browse, name, change, status, field):
    before = stage.records.devices.states("pt-h-01")
    given = {"state": "stored", "since": "2026-11-20", "why": "the line stands still", **change}
    answer = browse(key=name).request("PUT", STATE, json=given)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert stage.records.devices.states("pt-h-01") == before


def test_l23_nothing_comes_after_scrapping(browse):
    owner = browse(key="owner")
    scrapped = {"state": "scrapped", "since": "2026-11-20", "why": "corroded"}
    assert owner.request("PUT", STATE, json=scrapped).status_code == 200
    answer = owner.request("PUT", STATE, json={"state": "in_use", "since": "2026-11-21", "why": "found it again"})
    assert (answer.status_code, answer.json()["field"]) == (409, "state")
    assert "under a new id" in answer.json()["remedy"]
    assert owner.get("/api/v1/instruments/pt-h-01").status_code == 200  # it stays in the ledger


def test_l23_a_mistake_is_corrected_on_its_own_day(browse):
    owner = browse(key="owner")
    for state in ("scrapped", "stored"):
        given = {"state": state, "since": "2026-11-20", "why": "mistyped"}
        assert owner.request("PUT", STATE, json=given).json()["state"] == state


def test_the_page_shows_the_state_and_its_history_and_changes_it(stage, browse):
    client = browse()
    client.sign_in("owner")
    page = "/instruments/pt-h-01"
    assert "Change its state" in client.page(page).text
    form = {"csrf": client.csrf(page), "state": "stored", "since": "2026-11-20", "why": "to the store, <b>shelf 3</b>"}
    answer = client.post(f"{page}/state", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}#device-heading")
    text = client.page(page).text
    assert "Stored, since 2026-11-20" in text
    assert "to the store, &lt;b&gt;shelf 3&lt;/b&gt;" in text
    (entry,) = stage.records.audit.latest(1)
    assert (entry.action, entry.old, entry.new) == ("set_state", "in_use", "stored since 2026-11-20")


@pytest.mark.parametrize("name", ["operator", "supervisor", "checker"])
def test_who_may_not_change_the_state_has_no_form(browse, name):
    client = browse()
    client.sign_in(name)
    assert "Change its state" not in client.page("/instruments/pt-h-01").text


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"since": "2026-11-22"}, 422, "today at the latest"),
        ({"since": "soon"}, 422, "2026-11-28"),
        ({"why": "\x00 "}, 422, "Say why"),
        ({"csrf": "wrong"}, 403, "Reload the page"),
    ],
)
def test_a_form_that_cannot_be_right_is_told_so(stage, browse, change, status, words):
    client = browse()
    client.sign_in("owner")
    page = "/instruments/pt-h-01"
    form = {"csrf": client.csrf(page), "state": "stored", "since": "2026-11-20", "why": "x", **change}
    answer = client.post(f"{page}/state", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert words in answer.text
    assert len(stage.records.devices.states("pt-h-01")) == 1


# L33: another device at the same position


def replaced(stage):
    """pt-h-02 leaves its position today; pt-h-01 takes it, with a life of its own."""
    registered(
        stage,
        placements=[
            Placement(instrument=SOLD, position="place-h", since=FIRST_DAY, until=TODAY),
            Placement(instrument="pt-h-01", position="place-h", since=TODAY),
        ],
    )


def test_l33_a_position_shows_its_devices_by_date(stage, browse):
    replaced(stage)
    held = browse(key="owner").get("/api/v1/positions/place-h").json()
    assert held["instrument"] == "pt-h-01"
    assert [(each["instrument"], each["since"], each["until"]) for each in held["devices"]] == [
        (SOLD, None, "2026-11-21"),
        ("pt-h-01", "2026-11-21", None),
    ]


def test_l33_the_series_of_a_position_goes_on_with_the_new_device(stage, browse):
    replaced(stage)
    answer = browse(key="owner").get("/api/v1/positions/place-h/readings?channel=pressure").json()
    first, second = answer["parts"]
    assert (first["instrument"], second["instrument"]) == (SOLD, "pt-h-01")
    assert first["end"] == second["start"] == DAY_BEGINS
    joined = first["t"] + second["t"]
    assert joined == sorted(joined)
    assert len(first["t"]) > 0 < len(second["t"])
    assert len(joined) == 4


def test_l33_certificates_stay_with_the_device_that_they_are_about(stage, browse):
    replaced(stage)
    events = browse(key="owner").get("/api/v1/instruments/pt-h-01/events").json()["items"]
    assert {each["instrument"] for each in events} == {"pt-h-01"}


def test_of_a_position_only_what_may_be_seen_is_shown(stage, browse):
    replaced(stage)
    sell(stage)
    held = browse(key="owner").get("/api/v1/positions/place-h").json()
    assert [each["instrument"] for each in held["devices"]] == ["pt-h-01"]
    parts = browse(key="owner").get("/api/v1/positions/place-h/readings?channel=pressure").json()["parts"]
    assert [part["instrument"] for part in parts] == ["pt-h-01"]


def test_a_channel_that_no_device_of_a_position_has_is_named(stage, browse):
    answer = browse(key="owner").get("/api/v1/positions/place-h/readings?channel=volume")
    assert (answer.status_code, answer.json()["field"]) == (404, "channel")


def test_the_readings_of_a_position_are_bounded(stage, browse, monkeypatch):
    monkeypatch.setattr("steelyard.api.rest.devices.MAX_SERIES", 3)
    answer = browse(key="owner").get("/api/v1/positions/place-h/readings?channel=pressure")
    assert (answer.status_code, answer.json()["field"]) == (413, "start")


# What the detail says


def test_the_printed_validity_and_the_age_of_the_evidence_stand_beside_the_due_date(browse):
    held = browse(key="owner").get(f"/api/v1/instruments/{SOLD}").json()
    assert held["valid_until"] == (date.fromisoformat(held["statutory_due"]) - timedelta(days=1)).isoformat()
    assert (held["newest_evidence"], held["evidence_age_days"]) == ("2026-11-21T02:30:00.000000Z", 0)
    (due,) = [
        each for each in browse(key="owner").get("/api/v1/due-dates").json()["items"] if each["instrument"] == SOLD
    ]
    assert due["valid_until"] == held["valid_until"]
    client = browse()
    client.sign_in("owner")
    text = client.page(f"/instruments/{SOLD}").text
    assert f"<dt>Valid until</dt><dd>{held['valid_until']}</dd>" in text
    assert "<dt>Newest evidence</dt><dd>6 hours ago</dd>" in text


def test_a_device_of_a_paper_ledger_has_a_page(stage, browse):
    paper = Instrument(
        id="pg-42", organization="hengyuan", name="Gauge", kind="pressure_gauge", serial="19-4711",
        location="", accuracy_class="1.6", maker="红旗仪表", model="Y-100", unit="MPa", range_low=0.0, range_high=1.6,
        scale_interval=0.05, use=Use.SAFETY, put_into_use=date(2019, 7, 1), parameters={"dn": 100.0},
    )  # fmt: skip
    channel = Channel(instrument="pg-42", id="indication", quantity="indication", unit="MPa", resolution=0.05)
    registered(stage, instruments=[paper], channels=[channel])
    held = browse(key="owner").get("/api/v1/instruments/pg-42").json()
    assert (held["gateway"], held["profile"], held["position"], held["newest_evidence"]) == (None, None, None, None)
    assert (held["maker"], held["use"], held["parameters"]) == ("红旗仪表", "safety", {"dn": 100.0})
    assert browse(key="owner").get("/api/v1/instruments/pg-42/live").json()["items"] == []
    client = browse()
    client.sign_in("owner")
    text = client.page("/instruments/pg-42").text.replace("\N{NO-BREAK SPACE}", " ").replace("\u202f", " ")
    for words in ("None: nothing reads it", "红旗仪表", "Safety protection", "0.05 MPa", "2019-07-01"):
        assert words in text
    (gateway,) = browse(key="owner").get("/api/v1/gateways").json()["items"]
    assert (gateway["id"], gateway["instruments"]) == ("gw-hengyuan", 7)
