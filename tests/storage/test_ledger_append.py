"""The ledger: append-only, numbered, one writer, many readers, on disk before anybody is told."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import FIXTURE_SHARED_BY_EXAMPLES, examples

from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.storage.errors import LedgerLocked, StoreForeign, StoreUnavailable
from steelyard.storage.ledger import FrameEntry, Gap, Ledger, LedgerReader, Outcome, verify_ledger
from steelyard.storage.ledger.writer import KEPT_BYTES

GW, BOOT = GatewayId("gw-1"), BootId("00000001-0a0b0c0d")
T0 = 1_790_000_000_000_000_000
STORED, DUPLICATE, CONFLICT = Outcome.STORED, Outcome.DUPLICATE, Outcome.CONFLICT


def entry(seq: int, message: bytes | None = None, *, gateway: str = GW, boot: str = BOOT) -> FrameEntry:
    content = b"frame %d" % seq if message is None else message
    return FrameEntry(gateway=GatewayId(gateway), boot=BootId(boot), seq=seq, received_ns=T0 + seq, message=content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path, min_free_bytes=0) as opened:
        yield opened


def test_exact_bytes_come_back_in_order_of_arrival(ledger: Ledger) -> None:
    messages = [b"", b"\x00\xff" * 9, "检定".encode(), b"x" * 262_144]
    assert ledger.append([entry(n, message) for n, message in enumerate(messages, 1)]) == [STORED] * 4

    frames = ledger.frames()

    assert [frame.message for frame in frames] == messages
    assert [(frame.index, frame.gateway, frame.boot, frame.seq) for frame in frames] == [
        (n, GW, BOOT, n + 1) for n in range(4)
    ]
    assert frames[2].received_ns == T0 + 3
    assert ledger.frames(2, 1) == frames[2:3]
    assert ledger.frames(4) == []
    assert ledger.find(GW, BOOT, 3) == frames[2]
    assert ledger.find(GW, BOOT, 9) is None
    assert (ledger.size, ledger.root) == (4, frames[3].root.hex())


def test_the_same_frame_again_is_stored_once(ledger: Ledger) -> None:
    assert ledger.append([entry(1), entry(1), entry(2)]) == [STORED, DUPLICATE, STORED]
    root = ledger.root
    assert ledger.append([entry(2), entry(1)]) == [DUPLICATE, DUPLICATE]
    assert (ledger.size, ledger.root) == (2, root)
    assert ledger.incidents() == []


def test_t4_another_content_under_a_taken_number_is_kept_beside_it(ledger: Ledger) -> None:
    assert ledger.append([entry(1, b"one story"), entry(1, b"another")]) == [STORED, CONFLICT]
    assert ledger.append([entry(1, b"a third"), entry(1, b"another"), entry(1, b"one story")]) == [
        CONFLICT,
        CONFLICT,
        DUPLICATE,
    ]

    assert [frame.message for frame in ledger.frames()] == [b"one story"]
    assert [incident.message for incident in ledger.incidents()] == [b"another", b"a third"]
    assert ledger.incident_count() == 2
    assert (ledger.incidents()[1].seq, ledger.incidents()[1].gateway) == (1, GW)


def test_a_batch_is_all_or_nothing(ledger: Ledger, path: Path) -> None:
    ledger.append([entry(1)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(
        "CREATE TRIGGER no_room BEFORE INSERT ON entry WHEN NEW.seq = 4 BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with pytest.raises(StoreUnavailable, match="no room"):
        ledger.append([entry(2), entry(3), entry(4), entry(1, boot="other")])
    assert (ledger.size, ledger.contiguous_upto(GW, BOOT)) == (1, 1)
    assert [stream.boot for stream in ledger.streams()] == [BOOT]
    other.execute("DROP TRIGGER no_room")
    other.close()

    assert ledger.append([entry(2), entry(3), entry(4)]) == [STORED] * 3
    assert ledger.contiguous_upto(GW, BOOT) == 4
    verify_ledger(path)


def test_streams_are_counted_by_gateway_and_boot(ledger: Ledger) -> None:
    ledger.append([entry(1), entry(2), entry(1, gateway="gw-2"), entry(1, boot="00000002-0a0b0c0d"), entry(5)])

    found = [(s.gateway, s.boot, s.contiguous_upto, s.highest, s.frames) for s in ledger.streams()]

    assert found == [(GW, BOOT, 2, 5, 3), ("gw-2", BOOT, 1, 1, 1), (GW, "00000002-0a0b0c0d", 1, 1, 1)]
    assert ledger.contiguous_upto(GW, BootId("never")) == 0
    assert ledger.gaps() == [Gap(gateway=GW, boot=BOOT, first=3, last=4)]


def test_a_late_frame_closes_the_gap(ledger: Ledger) -> None:
    ledger.append([entry(1), entry(3), entry(4), entry(7)])
    assert ledger.contiguous_upto(GW, BOOT) == 1
    assert [(gap.first, gap.last) for gap in ledger.gaps()] == [(2, 2), (5, 6)]
    assert ledger.beyond(GW, BOOT, 9) == [(3, 4), (7, 7)]
    with LedgerReader(ledger.path) as reader:
        assert reader.beyond(GW, BOOT, 1) == [(7, 7)]
        assert reader.beyond(GW, BootId("never"), 9) == []
    ledger.append([entry(2)])
    assert ledger.contiguous_upto(GW, BOOT) == 4
    ledger.append([entry(6), entry(5)])
    assert ledger.contiguous_upto(GW, BOOT) == 7
    assert ledger.gaps() == []


@settings(max_examples=examples(30), suppress_health_check=FIXTURE_SHARED_BY_EXAMPLES)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.sampled_from(["gw-1", "gw-2"]), st.integers(1, 8), st.sampled_from([b"a", b"b"])), max_size=6
        ),
        max_size=6,
    )
)
def test_it_is_a_dictionary_that_survives_reopening(tmp_path_factory: pytest.TempPathFactory, batches: list) -> None:
    """Model: a number's first content stays; what comes later is a duplicate or a conflict, also after a restart."""
    path = tmp_path_factory.mktemp("model") / "ledger.db"
    model: dict[tuple[str, int], bytes] = {}
    others: set[tuple[str, int, bytes]] = set()
    for batch in batches:
        with Ledger(path, min_free_bytes=0) as ledger:
            outcomes = ledger.append([entry(seq, message, gateway=gateway) for gateway, seq, message in batch])
            for (gateway, seq, message), outcome in zip(batch, outcomes, strict=True):
                first = model.setdefault((gateway, seq), message)
                if outcome is STORED:
                    assert [e.message for e in [ledger.find(GatewayId(gateway), BOOT, seq)] if e] == [message]
                assert outcome in ({STORED, DUPLICATE} if first == message else {CONFLICT})
                others |= {(gateway, seq, message)} if first != message else set()
            for gateway in ("gw-1", "gw-2"):
                have = {seq for name, seq in model if name == gateway}
                upto = next(n for n in range(10) if n + 1 not in have)
                assert ledger.contiguous_upto(GatewayId(gateway), BOOT) == upto
    with Ledger(path, min_free_bytes=0) as ledger:
        assert {(frame.gateway, frame.seq): frame.message for frame in ledger.frames()} == model
        assert {(each.gateway, each.seq, each.message) for each in ledger.incidents()} == others
    assert verify_ledger(path).head.size == len(model)


def test_there_is_one_writer(ledger: Ledger, path: Path) -> None:
    with pytest.raises(LedgerLocked, match="another process"):
        Ledger(path)
    ledger.close()
    ledger.close()
    Ledger(path, min_free_bytes=0).close()


def test_a_ledger_that_cannot_be_read_is_not_said_to_be_held_by_another_process(ledger: Ledger, path: Path) -> None:
    """Ingest tries again and again: the second attempt must not meet the lock of the first."""
    ledger.append([entry(seq, b"x" * 3000) for seq in range(1, 50)])
    (page,) = ledger._connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'").fetchone()
    ledger.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the file is damaged"):
            Ledger(path, min_free_bytes=0)


def test_another_process_cannot_write_but_read(ledger: Ledger, path: Path) -> None:
    program = f"from steelyard.storage.ledger import Ledger; Ledger({str(path)!r}, min_free_bytes=0)"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert tried.returncode == 1
    assert "LedgerLocked" in tried.stderr

    with LedgerReader(path) as reader:
        ledger.append([entry(1), entry(3)])
        assert reader.head() == ledger.head()
        assert [frame.seq for frame in reader.frames()] == [1, 3]
        assert reader.contiguous_upto(GW, BOOT) == 1
        assert reader.gaps() == ledger.gaps()
        assert reader.streams() == ledger.streams()
        assert not hasattr(reader, "append")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("INSERT INTO view VALUES ('x', 1)")


def test_a_reader_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="start ingest once"):
        LedgerReader(tmp_path / "ledger.db")


@pytest.mark.parametrize("table", ["entry", "incident", "quarantine", "stream"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET rowid = rowid",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
)
def test_the_database_itself_refuses_to_change_what_is_there(
    ledger: Ledger, path: Path, table: str, statement: str
) -> None:
    ledger.append([entry(1), entry(1, b"other")])
    ledger.quarantine("gw-9", "topic", "why", b"bytes", T0)
    other = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(statement.format(table=table))
    other.close()
    verify_ledger(path)


@pytest.mark.parametrize("idx", [0, 1, 5])
def test_an_entry_cannot_be_replaced_nor_put_out_of_order(ledger: Ledger, path: Path, idx: int) -> None:
    ledger.append([entry(1)])
    other = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute("INSERT OR REPLACE INTO entry VALUES (?, 1, 1, 0, x'00', x'00')", (idx,))
    other.close()


def test_it_is_on_disk_before_anybody_is_told(ledger: Ledger) -> None:
    """WAL and FULL, asked back from the connection that commits."""
    assert ledger._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_full_disk_is_an_error_before_it_is_a_crash(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="free space"):
        Ledger(path, min_free_bytes=2**62)
    with Ledger(path, min_free_bytes=0) as ledger:
        ledger._min_free_bytes = 2**62
        with pytest.raises(StoreUnavailable, match="gateways keep what they have"):
            ledger.append([entry(1)])
        ledger._min_free_bytes = 0
        assert ledger.append([entry(1)]) == [STORED]


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="make the directory"):
        Ledger(tmp_path / "nowhere" / "ledger.db")


def test_another_programs_file_is_refused(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreForeign, match="precious"):
        Ledger(path, min_free_bytes=0)
    with pytest.raises(StoreForeign):
        LedgerReader(path)


def test_quarantine_keeps_what_came_and_why(ledger: Ledger) -> None:
    assert ledger.quarantine("gw/../x", "steelyard/v1/a/b/frame", "signature does not verify", b"\x00bytes", T0)
    assert ledger.quarantine("\udcff", "bad \udce4 topic", "too large", b"x" * (KEPT_BYTES + 10), T0 + 1)

    first, second = ledger.quarantined()

    assert (first.gateway, first.topic, first.reason) == (
        "gw/../x",
        "steelyard/v1/a/b/frame",
        "signature does not verify",
    )
    assert (first.message, first.size, first.received_ns) == (b"\x00bytes", 6, T0)
    assert (len(second.message), second.size) == (KEPT_BYTES, KEPT_BYTES + 10)
    assert second.gateway == "\\udcff"
    assert ledger.quarantined(1) == [second]
    assert ledger.quarantine_size() == 2
    assert ledger.size == 0


def test_a_flood_is_counted_not_kept(path: Path) -> None:
    with Ledger(path, min_free_bytes=0, max_quarantine=3) as ledger:
        kept = [ledger.quarantine("gw", "t", "junk" if n % 2 else "noise", b"x", T0) for n in range(7)]
        assert kept == [True] * 3 + [False] * 4
        assert ledger.quarantine_size() == 3
        assert ledger.overflow() == {"junk": 2, "noise": 2}
    verify_ledger(path)


def test_each_view_has_its_own_position(ledger: Ledger, path: Path) -> None:
    assert ledger.view_position("a") == 0
    ledger.advance_view("a", 7)
    ledger.advance_view("b", 3)
    ledger.advance_view("a", 9)
    assert (ledger.view_position("a"), ledger.view_position("b")) == (9, 3)
    ledger.close()
    with Ledger(path, min_free_bytes=0) as again:
        assert again.view_position("a") == 9
