"""T1: a changed bit anywhere in the ledger is found."""

import random
import sqlite3
from hashlib import sha256
from pathlib import Path
from struct import pack

import pytest

from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.storage.errors import LedgerAltered, StorageError, StoreUnavailable
from steelyard.storage.ledger import FrameEntry, Head, Ledger, LedgerReader, verify_ledger
from steelyard.storage.ledger.chain import EMPTY, next_root

GW, BOOT = GatewayId("gw-1"), BootId("00000001-0a0b0c0d")
T0 = 1_790_000_000_000_000_000


def entry(seq: int, message: bytes | None = None) -> FrameEntry:
    content = b"frame %d" % seq if message is None else message
    return FrameEntry(gateway=GW, boot=BOOT, seq=seq, received_ns=T0 + seq, message=content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of 20 entries, with a gap, two incidents and two refused messages."""
    path = tmp_path / "ledger.db"
    with Ledger(path, min_free_bytes=0) as ledger:
        ledger.append([entry(n) for n in range(1, 20)])
        ledger.append([entry(25), entry(3, b"another story"), entry(4, b"and another")])
        ledger.quarantine("gw-9", "topic", "unknown gateway", b"bytes", T0)
        ledger.quarantine("gw-9", "topic", "bad signature", b"more", T0)
    return path


def tamper(path: Path, *statements: str) -> None:
    """Change the file as somebody with full access would: the triggers are taken away and put back."""
    other = sqlite3.connect(path, isolation_level=None)
    triggers = other.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        other.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        other.execute(statement)
    for _, sql in triggers:
        other.execute(sql)
    other.close()


def test_an_untouched_ledger_verifies(path: Path) -> None:
    verified = verify_ledger(path)
    with LedgerReader(path) as reader:
        assert verified.head == reader.head()
    assert (verified.head.size, verified.incidents, verified.quarantined) == (20, 2, 2)


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    Ledger(tmp_path / "empty.db", min_free_bytes=0).close()
    assert verify_ledger(tmp_path / "empty.db").head == Head(size=0, root=EMPTY["entry"].hex())


def test_the_writer_may_go_on_meanwhile(path: Path) -> None:
    with Ledger(path, min_free_bytes=0) as ledger:
        assert verify_ledger(path).head == ledger.head()
        ledger.append([entry(20)])
        assert verify_ledger(path).head == ledger.head()


def test_the_root_is_what_the_documentation_says(path: Path) -> None:
    """Computed here from the definition, with nothing of the implementation."""
    root = sha256(b"steelyard ledger 1 entry").digest()
    with LedgerReader(path) as reader:
        for frame in reader.frames():
            content = root + pack(">Q", frame.index)
            for text in (frame.gateway.encode(), frame.boot.encode()):
                content += pack(">Q", len(text)) + text
            content += pack(">QQ", frame.seq, frame.received_ns) + pack(">Q", len(frame.message)) + frame.message
            root = sha256(content).digest()
            assert frame.root == root
        assert reader.root == root.hex()


def test_fields_cannot_flow_into_one_another() -> None:
    root = EMPTY["entry"]
    assert next_root(root, 0, "ab", "c") != next_root(root, 0, "a", "bc")
    assert next_root(root, 0, b"", b"x") != next_root(root, 0, b"x", b"")


@pytest.mark.parametrize(
    ("change", "table", "index"),
    [
        ("UPDATE entry SET message = cast('frame X' AS BLOB) WHERE idx = 7", "entry", 7),
        ("UPDATE entry SET seq = 99 WHERE idx = 7", "entry", 7),
        ("UPDATE entry SET received_ns = received_ns + 1 WHERE idx = 0", "entry", 0),
        ("UPDATE entry SET received_ns = -1 WHERE idx = 5", "entry", 5),
        ("UPDATE entry SET root = zeroblob(32) WHERE idx = 19", "entry", 19),
        ("DELETE FROM entry WHERE idx = 7", "entry", 7),
        ("DELETE FROM entry WHERE idx = 0", "entry", 0),
        ("UPDATE stream SET gateway = 'gw-2'", "entry", 0),
        ("UPDATE stream SET boot = 'other'", "entry", 0),
        ("UPDATE stream SET id = 5", "entry", 0),
        ("INSERT INTO stream (gateway, boot) VALUES ('gw-2', 'none')", "progress", None),
        ("UPDATE incident SET message = x'00' WHERE idx = 1", "incident", 1),
        ("DELETE FROM incident WHERE idx = 0", "incident", 0),
        ("UPDATE quarantine SET reason = 'nothing' WHERE idx = 0", "quarantine", 0),
        ("UPDATE quarantine SET size = 1 WHERE idx = 1", "quarantine", 1),
        ("UPDATE progress SET contiguous_upto = 25", "progress", None),
        ("DELETE FROM progress", "progress", None),
        ("INSERT INTO progress VALUES (9, 1)", "progress", None),
    ],
)
def test_each_change_is_found_and_named(path: Path, change: str, table: str, index: int | None) -> None:
    tamper(path, change)
    with pytest.raises(LedgerAltered) as found:
        verify_ledger(path)
    assert (found.value.table, found.value.index) == (table, index)


def test_two_entries_that_change_places_are_found(path: Path) -> None:
    tamper(
        path,
        "UPDATE entry SET idx = 100 WHERE idx = 7",
        "UPDATE entry SET idx = 7 WHERE idx = 8",
        "UPDATE entry SET idx = 8 WHERE idx = 100",
    )
    with pytest.raises(LedgerAltered, match="entry 7"):
        verify_ledger(path)


def test_a_missing_trigger_is_found(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("DROP TRIGGER entry_is_never_changed")
    other.close()
    with pytest.raises(LedgerAltered, match="trigger entry_is_never_changed"):
        verify_ledger(path)


def test_a_rewritten_history_is_found_by_a_root_from_outside_only(path: Path) -> None:
    """Whoever can write the file can rewrite the chain too: a receipt in a gateway's hands tells."""
    with LedgerReader(path) as reader:
        receipts = [Head(size=frame.index + 1, root=frame.root.hex()) for frame in reader.frames()]
        frames = reader.frames()
    root, changes = EMPTY["entry"], []
    for frame in frames:
        message = b"forged" if frame.index == 7 else frame.message
        root = next_root(root, frame.index, frame.gateway, frame.boot, frame.seq, frame.received_ns, message)
        forged = f"message = x'{message.hex()}', root = x'{root.hex()}'"
        changes.append(f"UPDATE entry SET {forged} WHERE idx = {frame.index}")  # noqa: S608 - the forger is this test
    tamper(path, *changes)

    verify_ledger(path)  # the control: the chain alone is satisfied
    verify_ledger(path, receipts[:7])
    with pytest.raises(LedgerAltered, match="entry 7"):
        verify_ledger(path, receipts)
    with pytest.raises(LedgerAltered, match="entry 19"):
        verify_ledger(path, receipts[-1:])


def test_entries_cut_off_at_the_end_are_found_by_a_root_from_outside(path: Path) -> None:
    with LedgerReader(path) as reader:
        head = reader.head()
    tamper(path, "DELETE FROM entry WHERE idx = 19")

    verify_ledger(path)  # the control: what is left is whole
    with pytest.raises(LedgerAltered, match="a head of 20 entries is known"):
        verify_ledger(path, [head])


def _content(path: Path) -> tuple[object, ...]:
    with LedgerReader(path) as reader:
        return (
            *reader.frames(),
            *reader.incidents(),
            *reader.quarantined(),
            *reader.streams(),
            *reader.gaps(),
        )


@pytest.mark.slow
def test_t1_any_flipped_bit_in_the_file_is_found_or_changes_nothing(path: Path, tmp_path: Path) -> None:
    """Most of a small file is unused space: a bit there may flip unseen, as long as nothing reads differently."""
    whole = path.read_bytes()
    expected = _content(path)
    copy = tmp_path / "flipped.db"
    dice = random.Random(6962)
    found = 0
    bits = [dice.randrange(8 * len(whole)) for _ in range(400)]
    for message in (b"frame 7", b"another story", b"unknown gateway"):
        at = whole.index(message)
        bits += range(8 * at, 8 * (at + len(message)))
    for bit in bits:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        copy.write_bytes(flipped)
        try:
            verify_ledger(copy)
        except StorageError:
            found += 1
        else:
            assert _content(copy) == expected, f"bit {bit % 8} of byte {bit // 8} changed something and was not found"
        for beside in tmp_path.glob("flipped.db-*"):
            beside.unlink()
    assert found >= 8 * (7 + 13 + 15)


def test_a_truncated_file_is_found(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(StorageError):
        verify_ledger(path)


def test_a_file_that_is_not_there_is_not_verified(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        verify_ledger(tmp_path / "nothing.db")
