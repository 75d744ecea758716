"""Every code has its words, everything typed is escaped, and every error is told the same way."""

import json
import re
from dataclasses import replace
from importlib.resources import files

import msgspec
import pytest
from api.stage import DEVICES, NOW_NS, PEOPLE, TODAY, assessment_of
from hypothesis import given
from hypothesis import strategies as st

from steelyard.api import problems, wording
from steelyard.api.alerts import messages
from steelyard.api.alerts.webhook import host_of
from steelyard.api.errors import Conflict, Forbidden, Invalid, Missing, NotSignedIn, TooMany, Unavailable
from steelyard.api.principals import ROLES_BY_KIND
from steelyard.api.stores_guard import as_refused
from steelyard.calibration.errors import LegalDataError, OrderChanged, OrderExists, TransitionRefused
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import TRANSITIONS, OrderState
from steelyard.contracts.devices import Use
from steelyard.contracts.errors import UnitError
from steelyard.contracts.reading import Quality
from steelyard.contracts.registry import OrganizationKind
from steelyard.storage.errors import RecordNotFound, RecordRefused, StoreUnavailable
from steelyard.storage.records import Registrar, Registration

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}"


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (InstrumentStatus, wording.STANDINGS),
        (Trigger, wording.TRIGGERS),
        (OrderState, wording.STATES),
        (Role, wording.ROLES),
        (EventKind, wording.EVENTS),
        (Decision, wording.DECISIONS),
        (Regime, wording.REGIMES),
        (DeviceState, wording.DEVICE_STATES),
        (Use, wording.USES),
        (Quality, wording.QUALITIES),
        (OrganizationKind, ROLES_BY_KIND),
    ],
)
def test_every_code_has_its_words(codes, words):
    assert set(codes) <= set(words)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("pressure_gauge", "Pressure gauge"), ("digital_indicating_scale", "Digital indicating scale"),
     ("sound_level_meter", "Sound level meter")],
)  # fmt: skip
def test_a_kind_is_called_as_the_catalogue_does_or_by_its_own_name(kind, words):
    assert wording.kind_name(kind) == words


def test_every_status_belongs_to_exactly_one_count():
    counted = [status for group in wording.GROUPS for status in group.statuses]
    assert sorted(map(str, counted)) == sorted(map(str, [*InstrumentStatus, None]))
    assert set(wording.GROUP_OF) == {*InstrumentStatus, None}


def test_every_state_that_people_reach_has_a_button():
    assert {step.target for step in TRANSITIONS} <= set(wording.ACTIONS)


def test_the_main_way_is_a_way_through_the_table():
    steps = {(step.source, step.target) for step in TRANSITIONS}
    assert set(zip(wording.MAIN_WAY, wording.MAIN_WAY[1:], strict=False)) <= steps


def test_every_role_of_the_tests_is_one_of_its_organization():
    assert {role for _, role in PEOPLE.values()} < set(Role)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("voltage_l1", "Voltage L1"),
        ("power_total", "Power total"),
        ("gross", "Gross"),
        ("sensor-temperature", "Sensor temperature"),
    ],
)
def test_a_channel_is_named_in_words(channel, name):
    assert wording.channel_name(channel) == name


def test_no_sentence_of_a_status_ends_without_a_full_stop():
    assert all(standing.meaning.endswith(".") for standing in wording.STANDINGS.values())


# Everything typed is escaped


def test_names_and_reasons_are_shown_as_text(stage, browse):
    registry = stage.records.registry
    held = registry.instrument("pt-h-02")
    registry.apply(
        Registration(instruments=[replace(held, name=HOSTILE, location=HOSTILE, maker=HOSTILE, model=HOSTILE)]),
        Registrar(who="t", role="administrator", why="t", at_ns=NOW_NS),
    )
    device = next(d for d in DEVICES if d.id == "pt-h-02")
    stage.records.verification.save_assessments([replace(assessment_of(device), reason=HOSTILE, at_ns=NOW_NS + 1)])
    client = browse(demo=True)
    for path in ("/", "/instruments/pt-h-02", "/work-orders", "/work-orders/wo-pt-h-02-drift"):
        text = client.page(path).text
        assert "<script>alert" not in text, path
        assert "&lt;script&gt;alert" in text, path
        assert "{{ 7*7 }}" in text, path
    listed = client.page("/?q=%22%3E%3Cscript%3Ealert(2)").text
    assert "<script>alert" not in listed


def test_a_hostile_name_does_not_break_an_e_mail(stage):
    order = stage.records.orders.order("wo-pt-h-02-drift")
    instrument = replace(stage.records.registry.instrument("pt-h-02"), name="Line\r\nBcc: all@example.org")
    owner = stage.records.registry.organization("hengyuan")
    about = messages.Subject(order=order, instrument=instrument, owner=owner)
    text = messages.email(about, "https://c.example", TODAY)
    assert "\n" not in text.subject
    assert "\r" not in text.subject
    told = json.loads(messages.webhook(about, "https://c.example").body)
    assert told["work_order"]["instrument_name"] == instrument.name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@hook.example:8443/path?token=x", "hook.example:8443"),
        ("https://hook.example/", "hook.example"),
        ("nonsense", "the webhook"),
        ("http://[broken", "the webhook"),
    ],
)
def test_of_a_webhook_only_the_host_is_shown(url, shown):
    assert host_of(url) == shown


def test_the_alert_log_never_shows_a_webhooks_path(stage, browse):
    stage.records.alerts.add(
        [replace(stage.records.alerts.log()[0], id="a-2", medium="webhook", recipient="https://h.example/very-secret")]
    )
    assert "very-secret" not in browse(key="owner").get("/api/v1/alerts").text
    page = browse(demo=True).page("/alerts").text
    assert "very-secret" not in page
    assert "h.example" in page


# Every error is told the same way


@pytest.mark.parametrize(
    ("error", "kind", "field"),
    [
        (TransitionRefused("role", "verifier", "ask one of: owner"), Forbidden, "role"),
        (TransitionRefused("who", "x", "the checker must be another person"), Forbidden, "who"),
        (TransitionRefused("why", "", "say why"), Invalid, "why"),
        (TransitionRefused("assign_to", None, "name the institute"), Invalid, "assign_to"),
        (TransitionRefused("to", "closed", "goes to approved"), Conflict, "to"),
        (OrderExists("trigger", "due", "let it join"), Conflict, "trigger"),
        (OrderChanged("revision", 1, "read it again"), Conflict, "revision"),
        (LegalDataError("as_left", None, "give the error"), Invalid, "as_left"),
        (UnitError("unit", "furlong", "no such code"), Invalid, "unit"),
        (RecordRefused("event", "e-1", "it is taken"), Conflict, None),
        (RecordNotFound("event", "e-1"), Conflict, None),
        (StoreUnavailable("sqlite:///secret.db", "gone", "start it"), Unavailable, None),
    ],
)
def test_an_error_of_a_lower_room_becomes_an_answer(error, kind, field):
    told = as_refused(error)
    assert type(told) is kind
    assert told.field == field
    assert told.remedy.endswith(".")
    assert "secret" not in str(told)


@pytest.mark.parametrize("kind", [Conflict, Forbidden, Invalid, Missing, NotSignedIn, Unavailable])
def test_a_problem_has_the_members_of_rfc_9457(kind):
    answer = problems.problem_response(kind("What happened.", field="f", value="v", remedy="Do this."))
    body = json.loads(answer.body)
    assert answer.media_type == "application/problem+json"
    assert body["status"] == answer.status_code == kind.status
    assert (body["title"], body["detail"]) == (kind.title, "What happened.")
    assert (body["field"], body["value"], body["remedy"]) == ("f", "v", "Do this.")


def test_too_many_attempts_say_when_to_come_back():
    answer = problems.problem_response(TooMany("Too many.", retry_after_s=61, remedy="Wait."))
    assert answer.headers["retry-after"] == "61"


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=400))
def test_any_value_can_be_shown_in_a_problem(value):
    told = problems.of_refused(Invalid(f"bad {value}", field="f", value=value, remedy="r"))
    again = json.loads(msgspec.json.encode(told))
    assert len(again.get("value", "")) <= 1500
    assert again["field"] == "f"


@given(st.one_of(st.floats(), st.integers(), st.none(), st.lists(st.floats(), max_size=3), st.binary(max_size=300)))
def test_any_python_value_can_be_shown_in_a_problem(value):
    assert len(problems.shown(value)) <= 200


def test_a_problem_lists_every_wrong_field_of_a_body(browse):
    body = {"kind": "x", "completed": "yesterday", "decision": "x", "performed_by": 5}
    answer = browse(key="verifier").post("/api/v1/instruments/pt-h-02/events", json=body).json()
    assert {fault["field"] for fault in answer["errors"]} == {"kind", "completed", "decision", "performed_by"}
    assert "4 fields" in answer["detail"]
    assert all(fault["remedy"].endswith(".") for fault in answer["errors"])


def test_the_scripts_of_the_console_evaluate_no_text():
    static = files("steelyard.api") / "static"
    for file in static.iterdir():
        if file.name.endswith(".js"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|insertAdjacentHTML", text), file.name
