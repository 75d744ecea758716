"""Inbox, health book and settings."""

from __future__ import annotations

import re
import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import waiting

from steelyard.broker_config.client import Message
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.frame import Block, ClockStatus, Frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.status import GatewayStatus
from steelyard.ingest.errors import IngestKeyError
from steelyard.ingest.health import HealthBook
from steelyard.ingest.inbox import Inbox
from steelyard.ingest.settings import IngestTable, load_key, parse_ingest_settings

GATEWAY = GatewayId("gw-1")
FIRST, SECOND = BootId("00000001-aaaaaaaa"), BootId("00000002-bbbbbbbb")
T0 = 1_790_000_000_000_000_000


def message(size: int = 1, packet_id: int = 1) -> Message:
    return Message(
        topic="t", payload=bytes(size), qos=1, retain=False, duplicate=False, packet_id=packet_id, connection=1
    )


def test_the_inbox_hands_over_in_order_and_in_portions() -> None:
    inbox = Inbox(100, 10_000)
    for packet_id in range(10):
        inbox.put(message(packet_id=packet_id))
    assert [each.packet_id for each in inbox.take(4, 10_000, 0)] == [0, 1, 2, 3]
    assert [each.packet_id for each in inbox.take(100, 10_000, 0)] == [4, 5, 6, 7, 8, 9]
    assert inbox.take(100, 10_000, 0.01) == []


def test_a_portion_ends_where_its_bytes_are_reached_but_has_one_message_at_least() -> None:
    inbox = Inbox(100, 10_000)
    for _ in range(5):
        inbox.put(message(400))
    assert len(inbox.take(100, 800, 0)) == 2
    assert len(inbox.take(100, 1, 0)) == 1


@pytest.mark.parametrize("inbox", [Inbox(3, 10_000), Inbox(100, 3)])
def test_a_full_inbox_makes_the_network_wait_and_goes_on_when_there_is_room(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill() -> None:
        for packet_id in range(20):
            inbox.put(message(packet_id=packet_id))

    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr("steelyard.ingest.inbox.time", SimpleNamespace(sleep=pause))
    thread = threading.Thread(target=fill)
    thread.start()
    waiting.until(lambda: len(pauses) >= 3, "the network has waited three times")
    assert inbox.waiting == 3
    taken: list[int] = []
    while len(taken) < 20:
        assert inbox.waiting <= 3
        portion = inbox.take(2, 10_000, waiting.PATIENCE_S)
        assert portion
        taken += [each.packet_id for each in portion]
    thread.join(waiting.PATIENCE_S)
    assert taken == list(range(20))


def test_a_closed_inbox_lets_nobody_wait() -> None:
    inbox = Inbox(1, 10_000)
    inbox.put(message())
    thread = threading.Thread(target=inbox.put, args=(message(),))
    thread.start()
    inbox.close()
    thread.join(waiting.PATIENCE_S)
    assert not thread.is_alive()
    assert inbox.waiting == 1


def frame(boot: BootId, seq: int) -> Frame:
    block = Block(
        instrument=InstrumentId("em-1"),
        channels=(ChannelId("a"), ChannelId("b")),
        t=(T0,),
        span_us=(1,),
        values=((1.0,), (2.0,)),
        status=((0,), (0,)),
    )
    clock = ClockStatus(state="synced", error_ms=1.5)
    return Frame(gateway=GATEWAY, boot=boot, seq=seq, sent=T0, clock=clock, blocks=(block,))


def status(boot: BootId, state: Any, **more: int) -> GatewayStatus:
    return GatewayStatus(gateway=GATEWAY, boot=boot, state=state, sent=T0, **more)


def test_health_counts_frames_and_readings_and_shows_the_newest_status() -> None:
    book = HealthBook()
    book.reported(status(FIRST, "online", missed_polls=2, spooled_frames=5))
    book.stored([frame(FIRST, 1), frame(FIRST, 2)], T0 + 7)
    book.receipted(GATEWAY, FIRST, 2)
    (row,) = book.take([GATEWAY], T0 + 9)
    assert (row.received_frames, row.received_readings, row.contiguous_upto) == (2, 4, 2)
    assert (row.last_frame_ns, row.updated_ns, row.clock_state, row.clock_error_ms) == (T0 + 7, T0 + 9, "synced", 1.5)
    assert (row.state, row.missed_polls, row.spooled_frames) == ("online", 2, 5)
    assert book.take([GATEWAY], T0) == [], "nothing has changed since"


def test_a_last_will_says_offline_and_keeps_the_counts() -> None:
    book = HealthBook()
    book.reported(status(FIRST, "online", missed_polls=2, spooled_frames=5))
    book.reported(status(FIRST, "offline"))
    (row,) = book.rows(T0)
    assert (row.state, row.missed_polls, row.spooled_frames) == ("offline", 2, 5)


def test_the_will_of_an_earlier_run_does_not_put_a_later_one_offline() -> None:
    book = HealthBook()
    book.reported(status(FIRST, "online"))
    book.reported(status(SECOND, "online"))
    book.reported(status(FIRST, "offline"))
    (row,) = book.rows(T0)
    assert (row.boot, row.state) == (SECOND, "online")


def test_old_frames_of_an_earlier_run_do_not_hide_the_present_one() -> None:
    book = HealthBook()
    book.stored([frame(SECOND, 1)], T0)
    book.stored([frame(FIRST, 9)], T0)
    book.receipted(GATEWAY, FIRST, 9)
    (row,) = book.rows(T0)
    assert (row.boot, row.contiguous_upto, row.received_frames) == (SECOND, 0, 2)


def test_a_gateway_that_counts_its_boots_from_one_again_is_believed_at_its_birth() -> None:
    book = HealthBook()
    book.reported(status(SECOND, "online"))
    book.reported(status(FIRST, "online"))
    assert book.rows(T0)[0].boot == FIRST


def test_health_goes_on_counting_after_a_restart() -> None:
    before, after = HealthBook(), HealthBook()
    before.stored([frame(FIRST, 1)], T0)
    after.stored([frame(FIRST, 2)], T0 + 1)
    after.resume(before.rows(T0))
    assert after.rows(T0)[0].received_frames == 2


def test_rows_of_unregistered_gateways_wait_and_rows_that_were_not_written_come_again() -> None:
    book = HealthBook()
    book.stored([frame(FIRST, 1)], T0)
    assert book.take([], T0) == []
    rows = book.take([GATEWAY], T0)
    assert len(rows) == 1
    book.give_back(rows)
    assert book.take([GATEWAY], T0) == rows


SERVER = """
[broker]
client_id = "ingest"
port = 1883
[stores]
ledger = "/data/ledger.db"
[ingest]
key = "ingest.pem"
[calibration]
anything = "at all"
[api]
port = 8000
"""


def parse(text: str) -> Any:
    return parse_ingest_settings(tomllib.loads(text), "server.toml", Path("/etc/steelyard"))


def test_settings_are_read_from_their_own_tables_and_files_are_looked_up_beside_the_file() -> None:
    settings = parse(SERVER)
    assert settings.ingest.key == "/etc/steelyard/ingest.pem"
    assert settings.stores.ledger == "/data/ledger.db"
    assert settings.clock is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("client_id", "client_ids", "client_id"),
        ("[ingest]", "[ingest]\nbatch_frame = 3", "batch_frames"),
        ("[ingest]", "[ingest]\nbatch_frames = 501", "receive_maximum"),
        ("[ingest]", "[ingest]\nbatch_frames = 0", "at least 1"),
        ("port = 1883", "port = 70000", "65535"),
        ("[calibration]", "[calibratoin]", "no such key"),
        ('key = "ingest.pem"', "", "ingest.key"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(old: str, new: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.toml|ingest") as caught:
        parse(SERVER.replace(old, new, 1))
    assert expected in str(caught.value)


def test_the_reference_page_names_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/ingest.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert rows.keys() == set(IngestTable.__struct_fields__)
    for field in msgspec.structs.fields(IngestTable):
        said = rows[field.name]
        if field.required:
            assert said.strip() == "required"
        elif "MiB" in said:
            assert int(said.split()[0]) << 20 == field.default
        else:
            assert float(said.replace(",", "")) == field.default, field.name


def test_a_key_that_cannot_be_read_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IngestKeyError, match="steelyard key new") as caught:
        load_key(str(tmp_path / "ingest.pem"))
    assert str(tmp_path / "ingest.pem") in str(caught.value)
    (tmp_path / "ingest.pem").write_text("not a key")
    with pytest.raises(IngestKeyError, match="steelyard key new"):
        load_key(str(tmp_path / "ingest.pem"))
    key = SigningKey.generate()
    (tmp_path / "ingest.pem").write_bytes(key.to_pem())
    assert load_key(str(tmp_path / "ingest.pem")).public == key.public
