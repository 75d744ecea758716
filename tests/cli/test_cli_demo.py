"""The demonstration as a program drives it: three orders for the right reasons, their alerts; it ends, and goes on."""

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cli.demonstration import children_of, demo, get, score
from slowdown import Slowdown
from waiting import until

from steelyard.calibration.verification.audit import AuditEntry
from steelyard.cli.demo.layout import GATEWAYS, Layout
from steelyard.cli.demo.prepare import HISTORY_DAYS, SAMPLE_HOURS
from steelyard.cli.demo.score import Row
from steelyard.cli.server_file import read_server_file
from steelyard.cli.stores import ledger_path, opened_records
from steelyard.storage.ledger import LedgerReader, verify_ledger

pytestmark = pytest.mark.slow

STORIES = {"pt-h-02": "drift", "em-h-03": "jump", "ws-l-02": "due"}
TWO_MINUTES = 120.0


@dataclass(frozen=True)
class Told:
    """What a demonstration said and showed while it ran."""

    directory: Path
    ready_after_s: float
    slowdown: float
    page_before: str
    page_ready: str
    orders: list[dict[str, Any]]
    enterprise_orders: list[dict[str, Any]]
    instruments: list[dict[str, Any]]
    killed_came_back: bool
    exit_status: int
    left_over: list[int]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    directory = tmp_path_factory.mktemp("demonstration") / "data"
    began = time.monotonic()
    with demo(directory) as running:
        with Slowdown() as slowdown:
            first = running.next_line()
            assert set(first) == {"url", "api_keys", "truth"}
            assert Path(first["truth"]).exists()
            page_before = page(first["url"])
            assert running.next_line() == {"ready": True}
            ready_after_s = time.monotonic() - began
        url, keys = first["url"], first["api_keys"]
        page_ready = page(url)
        orders = get(f"{url}/api/v1/work-orders", keys["institute"])["items"]
        theirs = get(f"{url}/api/v1/work-orders", keys["enterprise"])["items"]
        instruments = get(f"{url}/api/v1/instruments", keys["institute"])["items"]
        came_back = _kill_ingest_and_wait(directory, url, keys["institute"])
        status = running.interrupt()
    return Told(
        directory=directory,
        ready_after_s=ready_after_s,
        slowdown=slowdown.factor,
        page_before=page_before,
        page_ready=page_ready,
        orders=orders,
        enterprise_orders=theirs,
        instruments=instruments,
        killed_came_back=came_back,
        exit_status=status,
        left_over=children_of(directory),
    )


def page(url: str) -> str:
    """The console's first page, as a browser gets it."""
    with urllib.request.urlopen(url, timeout=300) as answer:
        return answer.read().decode()


def _kill_ingest_and_wait(directory: Path, url: str, key: str) -> bool:
    """SIGKILL the running ingest; whether frames arrive again."""
    server = os.fsencode(Layout(directory).server)
    for pid in children_of(directory):
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"ingest" in arguments and server in arguments:
            os.kill(pid, signal.SIGKILL)

    def received() -> int:
        return sum(row["received_frames"] for row in get(f"{url}/api/v1/gateways", key)["items"])

    before = received()
    return until(lambda: received() > before + 3, "frames after ingest was killed", pause_s=0.5)


def test_it_is_ready_in_the_time_that_two_minutes_are_on_this_machine_now(told: Told) -> None:
    said = f"ready after {told.ready_after_s:.0f} s, while a plain loop took {told.slowdown:.1f} times its own time"
    assert told.ready_after_s < TWO_MINUTES * told.slowdown, said


def test_until_it_is_ready_pages_say_what_is_missing_and_then_no_more(told: Told) -> None:
    assert "history is still being played back" in told.page_before
    assert "still being" not in told.page_ready


def test_there_are_three_orders_each_for_its_reason_and_no_other(told: Told) -> None:
    assert {order["instrument"]: order["trigger"] for order in told.orders} == STORIES
    assert len(told.orders) == 3
    for order in told.orders:
        assert {"id", "instrument", "trigger", "state", "due_date", "reason"} <= set(order)
        assert any(character.isdigit() for character in order["reason"])


def test_an_enterprise_sees_its_own_orders_alone(told: Told) -> None:
    assert {order["instrument"] for order in told.enterprise_orders} == {"pt-h-02", "em-h-03"}


def test_every_instrument_has_a_due_date_and_what_is_known_of_its_error(told: Told) -> None:
    assert len(told.instruments) == 21
    for instrument in told.instruments:
        assert {"id", "due_date", "status", "probability_out_of_tolerance"} <= set(instrument)
        assert instrument["due_date"] is not None
    by_id = {instrument["id"]: instrument for instrument in told.instruments}
    assert by_id["em-h-03"]["probability_out_of_tolerance"] > 0.95
    assert by_id["pt-h-01"]["probability_out_of_tolerance"] < 0.01


def test_each_order_was_told_by_mail_and_by_webhook(told: Told) -> None:
    outbox = Layout(told.directory).outbox
    mails = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in outbox.glob("*.eml")]
    calls = [json.loads(line) for line in (outbox / "webhooks.jsonl").read_text().splitlines()]
    for instrument in STORIES:
        assert any(instrument in mail["Subject"] for mail in mails)
        assert any(instrument in call["body"] for call in calls)
    quiet = {"em-h-01", "pt-h-01", "ws-l-01", "tt-h-01"}
    assert not any(name in mail["Subject"] for name in quiet for mail in mails)


def test_the_score_finds_nothing_wrong(told: Told) -> None:
    status, result = score(told.directory)
    assert (status, result["right"]) == (0, True)
    assert {row["instrument"]: row["story"] for row in result["instruments"] if row["story"] != "quiet"} == STORIES


def test_a_killed_part_comes_back(told: Told) -> None:
    assert told.killed_came_back


def test_it_ends_cleanly_and_leaves_no_process(told: Told) -> None:
    assert told.exit_status == 0
    assert told.left_over == []


def test_its_ledger_verifies_and_has_no_gap(told: Told) -> None:
    path = ledger_path(read_server_file(Layout(told.directory).server))
    with LedgerReader(path) as ledger:
        assert ledger.gaps() == []
        assert ledger.incident_count() == 0
        assert ledger.quarantine_size() == 0
        assert ledger.size >= len(GATEWAYS) * HISTORY_DAYS * 24 // SAMPLE_HOURS
    verify_ledger(path)


def _wait_for_live_frames(url: str, key: str) -> None:
    """Until each gateway has sent a few more."""

    def counts() -> dict[str, int]:
        return {row["id"]: row["received_frames"] for row in get(f"{url}/api/v1/gateways", key)["items"]}

    before = counts()
    until(lambda: all(count > before[name] + 2 for name, count in counts().items()), "live frames", pause_s=0.5)


def test_started_again_it_goes_on_where_it_was(told: Told) -> None:
    path = ledger_path(read_server_file(Layout(told.directory).server))
    with LedgerReader(path) as ledger:
        before = ledger.size
    with demo(told.directory) as running:
        first = running.next_line()
        assert running.next_line() == {"ready": True}
        orders = get(f"{first['url']}/api/v1/work-orders", first["api_keys"]["institute"])["items"]
        _wait_for_live_frames(first["url"], first["api_keys"]["institute"])
        assert running.interrupt() == 0
    assert sorted(order["id"] for order in orders) == sorted(order["id"] for order in told.orders)
    with LedgerReader(path) as ledger:
        # Only what was measured since: the history, 6,570 frames, was not told twice.
        assert before < ledger.size < before + 4_000


def test_without_mosquitto_the_embedded_broker_carries_it_too(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with demo(directory, "--broker", "amqtt") as running:
        running.next_line()
        assert running.next_line() == {"ready": True}
        assert running.interrupt() == 0
    status, result = score(directory)
    assert (status, result["right"]) == (0, True)


def test_control_the_score_sees_an_order_without_cause_and_one_that_is_missing(told: Told) -> None:
    server = read_server_file(Layout(told.directory).server)
    with opened_records(server, migrate=False) as records:
        order = next(order for order in records.orders.orders() if order.instrument == "ws-l-02")
        audit = AuditEntry(
            at_ns=order.raised_ns,
            who="test",
            role="system",
            action="raise",
            object_kind="work_order",
            object_id="wo-false",
            old=None,
            new="proposed",
            why="control",
        )
        records.orders.add_order(replace(order, id="wo-false", instrument="tt-h-01", revision=1), audit)
    status, result = score(told.directory)
    wrong = {row["instrument"]: row["verdict"] for row in result["instruments"] if row["verdict"] != "right"}
    assert status == 1
    assert wrong == {"tt-h-01": "order without cause"}


@pytest.mark.parametrize("story", ["quiet", "drift"])
def test_control_what_is_not_assessed_yet_is_not_right(story: str) -> None:
    row = Row(
        instrument="pt-h-02",
        story=story,
        true_error_over_mpe=0.1,
        crosses=None,
        claimed=() if story == "quiet" else (story,),
        probability=None,
        due=None,
    )
    assert row.right
    assert replace(row, assessed=False).verdict == "not assessed yet"
    assert not replace(row, assessed=False).right


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("do not touch")
    done = subprocess.run(
        [sys.executable, "-m", "steelyard.cli.main", "demo", "--no-browser", "--directory", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "not made by the demonstration" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
