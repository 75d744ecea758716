"""The spool: safe settings asserted, nothing lost, bounded, one owner, boots counted."""

import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis_profile import examples

from steelyard.edge import spool as spool_module
from steelyard.edge.errors import SpoolError, SpoolFull, SpoolInUse, SpoolUnsafe
from steelyard.edge.frames import FrameNumber, FrameSpan, SignedFrame
from steelyard.edge.spool import Gap, Spool, SpoolLimits
from steelyard.edge.window import NOTHING

ROOMY = SpoolLimits(max_frames=1000, max_bytes=10**7, min_free_bytes=0, ballast_bytes=0)


def frame(boot: int, seq: int, size: int = 20) -> SignedFrame:
    return SignedFrame(boot=boot, seq=seq, message=f"{boot}/{seq}/".encode().ljust(size, b"x"))


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    opened: list[Spool] = []

    def start(limits: SpoolLimits = ROOMY, randomness: bytes = b"rand") -> Spool:
        opened.append(Spool(tmp_path / "spool.db", limits, randomness))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def everything(spool: Spool) -> list[SignedFrame]:
    return spool.after(NOTHING, 10**6, 10**12)


def test_the_settings_that_keep_frames_safe_are_in_force(open_spool: Callable[..., Spool]) -> None:
    database = open_spool()._db
    found = {
        name: database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "locking_mode", "trusted_schema")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive", "trusted_schema": 0}


def test_no_shared_memory_index_is_made(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    """With it a full disk ends the process with SIGBUS."""
    open_spool().apply([frame(1, 1)], [])
    assert (tmp_path / "spool.db-wal").exists()
    assert not (tmp_path / "spool.db-shm").exists()


def test_a_setting_that_sqlite_does_not_take_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_SETTINGS", (("synchronous", "NORMAL", 2),))
    with pytest.raises(SpoolUnsafe, match="synchronous = 1, it must be 2"):
        Spool(tmp_path / "spool.db", ROOMY, b"rand")


def test_frames_come_back_in_order_byte_for_byte(open_spool: Callable[..., Spool]) -> None:
    frames = [frame(1, seq) for seq in range(1, 30)]
    spool = open_spool()
    for start in range(0, 29, 5):
        spool.apply(frames[start : start + 5], [])
    assert everything(spool) == frames
    assert spool.after(FrameNumber(boot=1, seq=10), 3, 10**6) == frames[10:13]
    assert spool.after(FrameNumber(boot=1, seq=10), 10, 50) == frames[10:12]
    assert spool.after(FrameNumber(boot=1, seq=10), 10, 1) == frames[10:11], "one always goes"


def test_a_boot_is_counted_from_the_file_and_named_at_random(open_spool: Callable[..., Spool]) -> None:
    names = []
    for randomness in (b"aaaa", b"bbbb", b"cccc"):
        spool = open_spool(randomness=randomness)
        names.append(spool.boot.id)
        spool.close()
    assert names == ["00000001-61616161", "00000002-62626262", "00000003-63636363"]


def test_boots_with_frames_are_remembered_and_others_forgotten(open_spool: Callable[..., Spool]) -> None:
    for number in range(1, 6):
        spool = open_spool()
        if number == 2:
            spool.apply([frame(2, 1)], [])
        spool.close()
    assert [boot.counter for boot in open_spool().boots] == [2, 5, 6]


def test_frames_of_an_older_boot_come_first(open_spool: Callable[..., Spool]) -> None:
    old = open_spool()
    old.apply([frame(1, 1), frame(1, 2)], [])
    old.close()
    spool = open_spool()
    spool.apply([frame(2, 1)], [])
    assert everything(spool) == [frame(1, 1), frame(1, 2), frame(2, 1)]
    assert (spool.last_seq(1), spool.last_seq(2), spool.last_seq(3)) == (2, 1, 0)


def test_forgetting_is_for_one_boot_up_to_one_number(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    spool.apply([frame(boot, seq) for boot in (1, 2, 3) for seq in (1, 2, 3)], [])
    spool.apply([], [FrameSpan(boot=2, first=1, last=2)])
    assert everything(spool) == [frame(b, s) for b in (1, 2, 3) for s in (1, 2, 3) if (b, s) not in ((2, 1), (2, 2))]
    assert spool.frames == 7


def test_storing_a_frame_again_changes_nothing(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    spool.apply([frame(1, 1)], [])
    spool.apply([frame(1, 1)], [])
    assert everything(spool) == [frame(1, 1)]
    assert spool.frames == 1


def test_a_second_owner_is_refused(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    open_spool()
    with pytest.raises(SpoolInUse, match="another process holds this spool"):
        Spool(tmp_path / "spool.db", ROOMY, b"rand")


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        (SpoolLimits(max_frames=3, max_bytes=10**7, min_free_bytes=0, ballast_bytes=0), "spool.max_frames is 3"),
        (SpoolLimits(max_frames=10**6, max_bytes=60, min_free_bytes=0, ballast_bytes=0), "spool.max_bytes is 60"),
    ],
)
def test_a_full_spool_stores_nothing_and_still_forgets(
    open_spool: Callable[..., Spool], limits: SpoolLimits, cause: str
) -> None:
    spool = open_spool(limits)
    spool.apply([frame(1, seq) for seq in (1, 2, 3)], [])
    assert not spool.roomy
    with pytest.raises(SpoolFull, match=cause):
        spool.apply([frame(1, 4)], [])
    assert len(everything(spool)) == 3
    spool.apply([], [FrameSpan(boot=1, first=1, last=2)])
    assert spool.roomy
    spool.apply([frame(1, 4)], [])
    assert everything(spool) == [frame(1, 3), frame(1, 4)]


def test_measuring_stops_while_the_disk_has_too_little_free(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(SpoolLimits(max_frames=10, max_bytes=10**7, min_free_bytes=2**62, ballast_bytes=0))
    with pytest.raises(SpoolFull, match=r"spool\.min_free_bytes"):
        spool.apply([frame(1, 1)], [])
    assert not spool.roomy


def test_bounds_hold_after_a_restart(open_spool: Callable[..., Spool]) -> None:
    limits = SpoolLimits(max_frames=3, max_bytes=10**7, min_free_bytes=0, ballast_bytes=0)
    spool = open_spool(limits)
    spool.apply([frame(1, seq, 50) for seq in (1, 2, 3)], [])
    spool.close()
    spool = open_spool(limits)
    assert (spool.frames, spool.bytes) == (3, 150)
    with pytest.raises(SpoolFull):
        spool.apply([frame(2, 1)], [])


def test_the_ballast_is_freed_at_start_and_laid_again(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    limits = SpoolLimits(max_frames=3, max_bytes=10**7, min_free_bytes=0, ballast_bytes=100_000)
    spool = open_spool(limits)
    ballast = tmp_path / "spool.db.ballast"
    assert ballast.stat().st_blocks * 512 >= 100_000, "really reserved, not sparse"
    first = ballast.stat().st_ctime_ns
    spool.close()
    assert open_spool(limits).ballast_ready
    assert ballast.stat().st_ctime_ns > first


def test_a_full_disk_frees_the_ballast_so_that_forgetting_works(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    """SQLite's own page limit stands for the disk's end: the same error code from the same statements."""
    spool = open_spool(SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=4096))
    spool.apply([frame(1, 1, 2000)], [])
    (pages,) = spool._db.execute("PRAGMA page_count").fetchone()
    spool._db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
    with pytest.raises(SpoolFull, match="free space on the disk"):
        spool.apply([frame(1, seq, 4000) for seq in range(2, 30)], [])
    assert not (tmp_path / "spool.db.ballast").exists()
    assert everything(spool) == [frame(1, 1, 2000)]
    spool.apply([], [FrameSpan(boot=1, first=1, last=1)])
    assert spool.roomy
    assert (tmp_path / "spool.db.ballast").exists()


def test_only_the_frames_of_a_span_are_forgotten(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    spool.apply([frame(1, seq, 50) for seq in range(1, 11)], [])
    spool.apply([], [FrameSpan(boot=1, first=1, last=2), FrameSpan(boot=1, first=5, last=9)])
    assert [each.seq for each in everything(spool)] == [3, 4, 10]
    assert (spool.frames, spool.bytes) == (3, 150)


def test_very_many_frames_are_forgotten_without_a_journal_as_large_as_they_are(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    """Of an earlier boot one receipt may cover all that is kept, and the disk may be nearly full."""
    spool = open_spool(SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0))
    for first in range(1, 10_001, 500):
        spool.apply([frame(1, seq, 2000) for seq in range(first, first + 500)], [])
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    spool.apply([frame(2, 1)], [FrameSpan(boot=1, first=1, last=9_999)])
    assert (tmp_path / "spool.db-wal").stat().st_size < 10_000_000
    assert [(each.boot, each.seq) for each in everything(spool)] == [(1, 10_000), (2, 1)]
    assert (spool.frames, spool.bytes) == (2, 2020)


def test_a_spool_that_filled_the_disk_itself_has_room_again_once_it_has_forgotten(
    open_spool: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite never gives emptied pages back to the disk: waiting for that would be waiting for ever."""
    limits = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=500_000, ballast_bytes=0)
    spool = open_spool(limits)
    spool.apply([frame(1, seq, 4000) for seq in range(1, 301)], [])
    monkeypatch.setattr(spool, "_free_bytes", lambda: 100_000)  # the rest is the spool's
    assert not spool.roomy
    with pytest.raises(SpoolFull, match=r"100000 bytes are free on the disk, spool\.min_free_bytes is 500000"):
        spool.apply([frame(1, 301)], [])
    spool.apply([], [FrameSpan(boot=1, first=1, last=300)])
    assert spool.roomy
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = (tmp_path / "spool.db").stat().st_size
    seq = 300
    while spool.roomy:
        seq += 1
        spool.apply([frame(1, seq, 4000)], [])
    with pytest.raises(SpoolFull):
        spool.apply([frame(1, seq + 1, 4000)], [])
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert spool.frames > 100
    assert (tmp_path / "spool.db").stat().st_size == size, "the disk had nothing to give"


def test_a_second_process_leaves_the_ballast_to_the_first(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    limits = SpoolLimits(max_frames=3, max_bytes=10**7, min_free_bytes=0, ballast_bytes=100_000)
    spool = open_spool(limits)
    with pytest.raises(SpoolInUse):
        Spool(tmp_path / "spool.db", limits, b"rand")
    assert (tmp_path / "spool.db.ballast").stat().st_size == 100_000
    spool.close()
    assert open_spool(limits).ballast_ready, "a ballast that nobody holds is freed and laid again"


def test_a_place_that_cannot_be_written_is_named(
    open_spool: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that was mounted read-only after an error."""
    limits = SpoolLimits(max_frames=3, max_bytes=10**7, min_free_bytes=0, ballast_bytes=4096)
    open_spool(limits).close()

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(SpoolError, match=r"spool\.db\.ballast: Read-only file system: may we write"):
        Spool(tmp_path / "spool.db", limits, b"rand")


def test_gaps_are_kept_with_their_cause(open_spool: Callable[..., Spool]) -> None:
    gap = Gap(cause="spool full", from_ns=5, to_ns=9, polls=3)
    spool = open_spool()
    spool.apply([], [], [gap])
    spool.close()
    assert open_spool().gaps() == [gap]


def test_a_file_that_is_no_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"not a database, whatever its name may say" * 100)
    with pytest.raises(SpoolError, match="keep the file as evidence"):
        Spool(tmp_path / "spool.db", ROOMY, b"rand")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="does the directory exist"):
        Spool(tmp_path / "nowhere" / "spool.db", ROOMY, b"rand")


def test_a_spool_of_another_version_is_refused(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    open_spool().close()
    with sqlite3.connect(tmp_path / "spool.db") as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(SpoolError, match="spool version 9"):
        open_spool()


WRITER = """
import sys
from pathlib import Path
from steelyard.edge.frames import SignedFrame
from steelyard.edge.spool import Spool, SpoolLimits
limits = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0)
spool = Spool(Path(sys.argv[1]), limits, b"rand")
for seq in range(1, 10**6):
    spool.apply([SignedFrame(boot=spool.boot.counter, seq=seq, message=b"%d" % seq)], [])
    print(spool.boot.counter, seq, flush=True)
"""


def test_r1_what_was_stored_survives_sigkill(tmp_path: Path, open_spool: Callable[..., Spool]) -> None:
    said: set[tuple[int, int]] = set()
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "spool.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(40):
                boot, seq = writer.stdout.readline().split()
                said.add((int(boot), int(seq)))
            writer.kill()
    kept = {(each.boot, each.seq) for each in everything(open_spool())}
    assert said <= kept
    for boot in (1, 2, 3):
        assert sorted(seq for b, seq in kept if b == boot) == list(range(1, 1 + sum(b == boot for b, _ in kept)))


class SpoolModel(RuleBasedStateMachine):
    """Whatever is stored, forgotten, refused and reopened: what is there is what was stored and not forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.limits = SpoolLimits(max_frames=40, max_bytes=2000, min_free_bytes=0, ballast_bytes=0)
        self.kept: dict[tuple[int, int], SignedFrame] = {}
        self.boot = 0
        self.reopen()

    def reopen(self) -> None:
        if self.boot:
            self.spool.close()
        self.spool = Spool(Path(self.directory.name) / "spool.db", self.limits, os.urandom(4))
        self.boot += 1
        self.seq = 0
        assert self.spool.boot.counter == self.boot

    @rule()
    def restart(self) -> None:
        self.reopen()

    @rule(sizes=st.lists(st.integers(20, 200), min_size=1, max_size=8))
    def store(self, sizes: list[int]) -> None:
        frames = [frame(self.boot, self.seq + 1 + place, size) for place, size in enumerate(sizes)]
        full = len(self.kept) + len(frames) > self.limits.max_frames
        full |= sum(len(f.message) for f in [*self.kept.values(), *frames]) > self.limits.max_bytes
        try:
            self.spool.apply(frames, [])
        except SpoolFull:
            assert full
            return
        assert not full
        self.seq += len(frames)
        self.kept |= {(each.boot, each.seq): each for each in frames}

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        boot, seq = data.draw(st.sampled_from(sorted(self.kept)))
        self.spool.apply([], [FrameSpan(boot=boot, first=1, last=seq)])
        self.kept = {key: value for key, value in self.kept.items() if key[0] != boot or key[1] > seq}

    @invariant()
    def the_file_holds_what_the_model_holds(self) -> None:
        assert everything(self.spool) == [self.kept[key] for key in sorted(self.kept)]
        assert self.spool.frames == len(self.kept)
        assert self.spool.bytes == sum(len(each.message) for each in self.kept.values())

    def teardown(self) -> None:
        self.spool.close()
        self.directory.cleanup()


SpoolModel.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=25)
TestSpoolNeverLoses = pytest.mark.slow(SpoolModel.TestCase)
