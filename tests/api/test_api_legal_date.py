"""What is due is counted by the legal date (UTC+8), as the law and the calibration service count it."""

from dataclasses import replace
from datetime import date

import pytest
from api.stage import DAY, DEVICES, NOW_NS, NS, TODAY, assessment_of
from api.test_api_changes import EVENTS, OWN_EVENT

from steelyard.api.instants import to_datetime
from steelyard.api.settings import parse_settings
from steelyard.calibration.verification.due_date import legal_date
from steelyard.calibration.verification.status import InstrumentStatus

EVENING_NS = NOW_NS // DAY * DAY + 17 * 3600 * NS
"""17:00 UTC on the 21st: one o'clock in the morning of the 22nd where the law applies."""
TOMORROW = date(2026, 11, 22)


@pytest.fixture
def due_tomorrow(stage):
    """ws-l-02 is due on the 22nd, and so is its order."""
    device = next(each for each in DEVICES if each.id == "ws-l-02")
    held = replace(
        assessment_of(device), status=InstrumentStatus.OVERDUE, statutory_due=TOMORROW, due_date=TOMORROW,
        at_ns=NOW_NS + 1,
    )  # fmt: skip
    stage.records.verification.save_assessments([held])
    stage.clock.t = EVENING_NS


def test_on_the_day_itself_every_page_says_so_from_midnight_where_the_law_applies(stage, due_tomorrow, browse):
    assert legal_date(EVENING_NS, 480) == TOMORROW
    assert to_datetime(EVENING_NS).date() == TODAY
    client = browse()
    client.sign_in("planner")
    page = client.page("/instruments/ws-l-02").text
    assert "today, overdue" in page
    assert "tomorrow" not in page
    assert "tomorrow" not in client.page("/?q=ws-l-02").text


def test_another_offset_counts_otherwise(stage, due_tomorrow, browse):
    client = browse(utc_offset_minutes=0)
    client.sign_in("planner")
    assert "tomorrow" in client.page("/instruments/ws-l-02").text


def test_the_interface_and_the_alerts_take_the_offset_of_the_calibration():
    api, alerts = parse_settings({"calibration": {"utc_offset_minutes": -300}}, "server.toml")
    assert (api.utc_offset_minutes, alerts.utc_offset_minutes) == (-300, -300)


@pytest.mark.parametrize(
    ("at_ns", "completed", "status"),
    [
        (EVENING_NS, "2026-11-22", 201),
        (EVENING_NS, "2026-11-23", 422),
        (NOW_NS, "2026-11-22", 422),
        (NOW_NS, "2026-11-21", 201),
        (NOW_NS, "1900-01-01", 201),
        (NOW_NS, "1899-12-31", 422),
        (NOW_NS, "0001-01-01", 422),
    ],
)
def test_an_event_is_completed_on_a_legal_date_that_has_come(stage, browse, at_ns, completed, status):
    stage.clock.t = at_ns
    answer = browse(key="owner").post(EVENTS, json={**OWN_EVENT, "completed": completed})
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["field"] == "completed"
