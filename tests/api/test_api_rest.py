"""The interface: the exact shapes that programs rely on."""

from dataclasses import replace
from datetime import datetime

import pytest
from api.devices import DAY, DEVICES, NOW, NS, TODAY

from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.storage.errors import StoreUnavailable


def test_work_orders_have_the_members_that_the_demonstration_promises(readers):
    items = readers["planner"].get("/api/v1/work-orders").json()["items"]
    assert {(i["instrument"], i["trigger"], i["state"]) for i in items} == {
        ("pt-h-02", "drift", "proposed"),
        ("em-h-03", "jump", "proposed"),
        ("ws-l-02", "due", "proposed"),
    }
    for item in items:
        assert {"id", "instrument", "trigger", "state", "due_date", "reason"} <= set(item)
        assert item["reason"]


def test_instruments_have_the_members_that_the_demonstration_promises(readers):
    items = readers["planner"].get("/api/v1/instruments").json()["items"]
    assert len(items) == len(DEVICES)
    held = {item["id"]: item for item in items}
    assert held["pt-h-02"]["status"] == "drifting"
    assert held["em-h-03"]["status"] == "jumped"
    assert held["ws-l-02"]["status"] == "due_soon"
    assert held["ws-l-02"]["due_date"] == "2026-12-11"
    assert held["em-h-03"]["probability_out_of_tolerance"] > 0.99
    assert held["pt-h-02"]["open_work_orders"] == ["wo-pt-h-02-drift"]


def test_the_gravest_instruments_come_first(readers):
    items = readers["planner"].get("/api/v1/instruments").json()["items"]
    assert [item["status"] for item in items][:4] == ["jumped", "drifting", "due_soon", "valid"]


def test_work_orders_are_filtered_by_state_and_trigger(readers):
    planner = readers["planner"]
    assert len(planner.get("/api/v1/work-orders?state=open").json()["items"]) == 3
    assert planner.get("/api/v1/work-orders?state=ended").json()["items"] == []
    assert [i["instrument"] for i in planner.get("/api/v1/work-orders?trigger=jump").json()["items"]] == ["em-h-03"]
    assert planner.get("/api/v1/work-orders?state=lost").status_code == 422


def test_a_work_order_shows_its_numbers_its_history_and_what_may_follow(readers):
    order = readers["planner"].get("/api/v1/work-orders/wo-pt-h-02-drift").json()
    (evidence,) = order["evidence"]
    assert (evidence["error"], evidence["mpe_upper"], evidence["unit"]) == (6.8, 8.0, "kPa")
    assert evidence["rate_per_year"] == 7.3
    assert order["audit"][0]["action"] == "raise"
    assert order["allowed"] == ["approved", "cancelled"]
    assert readers["verifier"].get("/api/v1/work-orders/wo-pt-h-02-drift").json()["allowed"] == []
    assert readers["supervisor"].get("/api/v1/work-orders/wo-pt-h-02-drift").json()["allowed"] == []


def test_the_live_value_carries_correction_uncertainty_and_status(readers):
    first = readers["owner"].get("/api/v1/instruments/pt-h-02/live").json()["items"][0]
    assert first["channel"] == "pressure"
    assert first["correction"] == -6.8
    # 2 hypot(0.45, 0.1 / sqrt 12) kPa
    assert first["expanded_uncertainty"] == pytest.approx(0.9018499, rel=1e-6)
    assert first["status"] == "drifting"
    assert "kPa" in first["text"]
    other = readers["owner"].get("/api/v1/instruments/pt-h-02/live").json()["items"][1]
    assert other["correction"] is None
    assert other["expanded_uncertainty"] is None


def test_a_relative_error_corrects_in_proportion(readers):
    first = readers["owner"].get("/api/v1/instruments/em-h-03/live").json()["items"][0]
    assert first["correction"] == pytest.approx(-0.0142 * first["value"])


def test_readings_come_as_a_series_or_as_buckets(readers):
    base = "/api/v1/instruments/pt-h-02/readings?channel=pressure"
    series = readers["owner"].get(base).json()
    assert series["kind"] == "series"
    assert series["unit"] == "kPa"
    assert len(series["t"]) == len(series["value"]) == len(series["status"]) == 4
    assert series["minimum"] is None
    buckets = readers["owner"].get(f"{base}&buckets=1").json()
    assert buckets["kind"] == "buckets"
    assert buckets["count"] == [4]
    assert buckets["value"][0] == pytest.approx(sum(series["value"]) / 4)
    assert buckets["minimum"][0] == min(series["value"])
    assert buckets["status"] is None


def test_readings_are_half_open_in_time(readers):
    base = "/api/v1/instruments/pt-h-02/readings?channel=pressure"
    times = readers["owner"].get(base).json()["t"]
    part = readers["owner"].get(f"{base}&start={times[1]}&end={times[3]}").json()
    assert part["t"] == times[1:3]


def test_a_channel_that_is_not_there_is_said_to_be_missing(readers):
    answer = readers["owner"].get("/api/v1/instruments/pt-h-02/readings?channel=voltage_l1")
    assert answer.status_code == 404
    assert answer.json()["field"] == "channel"
    assert "/api/v1/instruments/pt-h-02/channels" in answer.json()["remedy"]


def test_too_many_readings_are_not_sent_at_once(readers, monkeypatch):
    monkeypatch.setattr("steelyard.api.rest.instruments.MAX_SERIES", 3)
    answer = readers["owner"].get("/api/v1/instruments/pt-h-02/readings?channel=pressure")
    assert answer.status_code == 413
    assert "buckets" in answer.json()["remedy"]


def test_errors_are_listed_in_parts_that_join(readers, monkeypatch):
    everything = readers["owner"].get("/api/v1/instruments/pt-h-02/errors").json()
    assert everything["next"] is None
    monkeypatch.setattr("steelyard.api.rest.instruments.MAX_ERRORS", 100)
    found, start = [], ""
    for _ in range(9):
        part = readers["owner"].get(f"/api/v1/instruments/pt-h-02/errors{start}").json()
        found += part["items"]
        if part["next"] is None:
            break
        start = f"?start={part['next']}"
    assert found == everything["items"]
    assert {item["source"] for item in found} == {"certificate", "reference_pair"}


def test_a_forecast_has_columns_of_one_length_and_the_limits(readers):
    forecast = readers["owner"].get("/api/v1/instruments/pt-h-02/forecast").json()
    lengths = {len(forecast[name]) for name in ("days", "mean", "lower", "upper", "probability")}
    assert lengths == {53}
    assert (forecast["mpe_lower"], forecast["mpe_upper"]) == (-8.0, 8.0)
    assert forecast["drift_significant"] is True
    assert forecast["jump"] is None
    assert forecast["assumed"] == {
        "error": 3.2,
        "rate_per_year": 1.6,
        "wander": 0.8,
        "instruments": 214,
        "certificates": 860,
    }
    assert readers["owner"].get("/api/v1/instruments/em-h-03/forecast").json()["jump"]["size"] == 1.5


def test_due_dates_are_sorted_and_cut(readers):
    items = readers["planner"].get("/api/v1/due-dates").json()["items"]
    assert [i["due_date"] for i in items] == sorted(i["due_date"] for i in items)
    until = readers["planner"].get(f"/api/v1/due-dates?until={TODAY.replace(year=2027)}").json()["items"]
    assert {i["instrument"] for i in until} < {i["instrument"] for i in items}
    assert until[0]["instrument"] == "ws-l-02"


def test_gateways_show_their_health_and_one_never_heard_of_shows_none(readers):
    held = {item["id"]: item for item in readers["planner"].get("/api/v1/gateways").json()["items"]}
    assert held["gw-hengyuan"]["state"] == "online"
    assert held["gw-hengyuan"]["instruments"] == 7
    assert held["gw-linjiang"]["missed_polls"] == 3
    assert held["gw-taihu"]["state"] is None
    assert held["gw-taihu"]["last_frame"] is None


def test_me_says_who_the_key_is(readers):
    me = readers["supervisor"].get("/api/v1/me").json()
    assert (me["name"], me["role"], me["organization"]["id"]) == ("supervisor", "supervisor", "supervision")


def test_instants_are_rfc_3339_in_utc(readers):
    assessed = readers["owner"].get("/api/v1/instruments/pt-h-02").json()["assessed_at"]
    assert datetime.fromisoformat(assessed) == NOW
    assert assessed.endswith("Z")


def test_an_instrument_without_assessment_is_shown_without_figures(stage, browse, monkeypatch):
    monkeypatch.setattr(stage.records.verification, "latest_assessments", dict)
    monkeypatch.setattr(stage.records.verification, "latest_assessment", lambda instrument: None)
    client = browse(key="owner")
    item = client.get("/api/v1/instruments").json()["items"][0]
    assert item["status"] is None
    assert item["probability_out_of_tolerance"] is None
    assert item["reason"] == "It has not been assessed yet."
    assert client.get("/api/v1/instruments/pt-h-02/forecast").status_code == 404


def test_an_assessment_made_while_the_clock_was_ten_years_ahead_gives_way_to_the_next(stage, browse):
    """L19: what is shown is what was assessed last, not what bears the latest date."""
    right = stage.records.verification.latest_assessments()["pt-h-02"]
    ahead = replace(
        right,
        at_ns=right.at_ns + 3653 * DAY,
        status=InstrumentStatus.OVERDUE,
        reason="by the wrong clock",
        estimate=None,
    )
    client = browse(key="owner")

    def shown():
        whole = client.get("/api/v1/instruments/pt-h-02").json()
        (listed,) = [each for each in client.get("/api/v1/instruments").json()["items"] if each["id"] == "pt-h-02"]
        assert listed.items() <= whole.items()
        return whole["status"]

    stage.records.verification.save_assessments([ahead])
    assert shown() == "overdue"
    stage.records.verification.save_assessments([replace(right, at_ns=right.at_ns + 60 * NS)])
    assert shown() == right.status.value


def test_a_store_that_is_away_gives_503_with_a_remedy_and_no_address(stage, browse, monkeypatch):
    def away(*_):
        raise StoreUnavailable("postgresql://secret-host/db", "connection refused", "start it")

    client = browse(key="owner")
    monkeypatch.setattr(stage.readings, "latest", away)
    answer = client.get("/api/v1/instruments/pt-h-02/live")
    assert answer.status_code == 503
    assert answer.json()["remedy"]
    assert "secret-host" not in answer.text
    monkeypatch.setattr(stage.readings, "check", away)
    assert client.get("/healthz").json() == {"status": "ok", "records": "ok", "readings": "unavailable"}
    monkeypatch.setattr(stage.records, "check", away)
    assert client.get("/healthz").status_code == 503


def test_the_description_names_problem_json_for_every_error(readers):
    document = readers["owner"].get("/api/v1/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, held in document["paths"].items():
        for method, operation in held.items():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("/api/v1/instruments", "GET"),
        ("/api/v1/instruments/pt-h-02/events", "GET, POST"),
        ("/api/v1/work-orders/wo-pt-h-02-drift/acknowledge", "POST"),
        ("/api/v1/openapi.json", "GET, HEAD"),
        ("/sign-in", "GET, POST"),
        ("/work-orders/wo-pt-h-02-drift/transitions", "POST"),
        ("/healthz", "GET"),
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "BREW"])
def test_a_wrong_method_names_all_the_right_ones(readers, method, address, allow):
    answer = readers["owner"].request(method, address)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("address", "field", "remedy"),
    [
        ("work-orders?stat=open", "stat", "No such parameter; did you mean state?"),
        ("instruments/pt-h-02/readings?chanel=pressure", "chanel", "No such parameter; did you mean channel?"),
        ("work-orders?zzz=1", "zzz", "No such parameter; there are: state, trigger."),
        ("gateways?state=online", "state", "No such parameter; there are none here, so leave it out."),
        ("work-orders?state=open&state=ended", "state", "Given 2 times; give it once."),
        ("work-orders?=1", "(no name)", "No such parameter; there are: state, trigger."),
    ],
)
def test_a_query_parameter_that_a_route_does_not_know_is_refused(readers, address, field, remedy):
    answer = readers["owner"].get(f"/api/v1/{address}")
    problem = answer.json()
    assert (answer.status_code, problem["field"], problem["remedy"]) == (422, field, remedy)
    assert problem["value"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_route_of_the_interface_refuses_unknown_parameters_and_says_all_of_them(readers):
    client = readers["owner"]
    paths = client.app.openapi()["paths"]
    asked = [(method, path) for path, held in paths.items() for method in held if path.startswith("/api/")]
    assert len(asked) >= 18
    for method, path in asked:
        address = path.replace("{instrument}", "pt-h-02").replace("{work_order}", "wo-pt-h-02-drift")
        answer = client.request(method.upper(), f"{address}?first=1&second=2")
        assert answer.status_code == 422, (method, path)
        assert [fault["field"] for fault in answer.json()["errors"]] == ["first", "second"]


def test_pages_let_unknown_parameters_pass_since_mail_programs_add_some_to_links(browse):
    client = browse(demo=True)
    assert client.page("/work-orders?state=open&utm_source=mail").status_code == 200


def test_who_is_not_signed_in_is_told_that_first(readers):
    answer = readers["owner"].get("/api/v1/work-orders?stat=open", headers={"Authorization": "Bearer sy_unknown"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "until",
    ["0", "1700006400", "2026-11-28T00:00:00", " 2026-11-28", "2026-11-28%0A", "20261128", "1899-12-31", "２026-11-28"],
)
def test_a_date_is_taken_as_a_date_alone(readers, until):
    answer = readers["owner"].get(f"/api/v1/due-dates?until={until}")
    assert answer.status_code == 422
    assert answer.json()["remedy"] == "Give a date from 1900 to 2199 (ISO 8601), such as 2026-11-28."


@pytest.mark.parametrize(
    "start", ["0", "1764320400", "1979-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2026-11-28", "2026-11-28T09:00:00",
              "2026-11-28T09:00Z", "2026-11-28T09:00:00+08:00", "2026-11-28T09:00:00Z%0A"]
)  # fmt: skip
def test_an_instant_is_taken_as_rfc_3339_alone(readers, start):
    """The last but one is right before it is put into an address, where + is a space."""
    answer = readers["owner"].get(f"/api/v1/instruments/pt-h-02/errors?start={start}")
    assert answer.status_code == 422
    assert answer.json()["remedy"].startswith("Give an instant from 1980 to 2199 with its zone (RFC 3339)")
    assert "%2B" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "start", ["1980-01-01T00:00:00%2B14:00", "2199-12-31T23:59:59.999999999-12:00", "2026-11-28T09:00:00.5Z"]
)
def test_an_instant_may_have_any_zone_and_fraction(readers, start):
    assert readers["owner"].get(f"/api/v1/instruments/pt-h-02/errors?start={start}").status_code == 200


def test_a_day_that_the_calendar_does_not_have_is_refused(readers):
    answer = readers["owner"].get("/api/v1/due-dates?until=2026-02-29")
    assert answer.status_code == 422
    assert answer.json()["field"] == "until"
