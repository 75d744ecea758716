"""R2 and R4 on a disk of its own: an ext4 image, cut off as by a power failure, and filled to the last byte.

Needs root for mounting; elsewhere these tests are skipped.
"""

import fcntl
import logging
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import until

from steelyard.edge.spool import Spool, SpoolLimits
from steelyard.edge.window import NOTHING

EXT4_IOC_SHUTDOWN = 0x8004587D
"""_IOR('X', 125, __u32): linux/fs/ext4/ext4.h."""
WITHOUT_FLUSHING_THE_JOURNAL = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what was not synced is gone, as when the power fails."""

LIMITS = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=65_536)


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, image: Path, place: Path, megabytes: int) -> None:
        self.image, self.place = image, place
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
        place.mkdir()
        self.mount()

    def mount(self) -> None:
        # The journal is written when somebody asks for it, and not when five seconds have passed on a slow machine.
        options = "loop,commit=3600"
        subprocess.run(["mount", "-o", options, str(self.image), str(self.place)], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.place)], check=False, capture_output=True)

    def cut_power(self) -> None:
        directory = os.open(self.place, os.O_RDONLY)
        fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_JOURNAL))
        os.close(directory)

    def fill(self) -> Path:
        """Leave not a byte."""
        junk = self.place / "junk"
        with junk.open("wb", buffering=0) as file:
            for size in (65_536, 4096, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue
        return junk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Makes a disk of so many megabytes."""
    made: list[Disk] = []

    def make(megabytes: int) -> Disk:
        if os.geteuid() != 0:
            pytest.skip("mounting an image needs root")
        try:
            made.append(Disk(tmp_path / "disk.img", tmp_path / "disk", megabytes))
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            pytest.skip(f"no loop devices here: {error}")
        return made[-1]

    yield make
    for each in made:
        each.unmount()


WRITER = """
import sys
from pathlib import Path
from steelyard.edge import spool as module
from steelyard.edge.frames import SignedFrame
settings = tuple(("synchronous", sys.argv[2], {"FULL": 2, "NORMAL": 1}[sys.argv[2]]) if name == "synchronous"
                 else (name, value, expected) for name, value, expected in module._SETTINGS)
module._SETTINGS = settings
limits = module.SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0)
spool = module.Spool(Path(sys.argv[1]), limits, b"rand")
for seq in range(1, 10**6):
    spool.apply([SignedFrame(boot=spool.boot.counter, seq=seq, message=b"%d" % seq * 100)], [])
    print(spool.boot.counter, seq, flush=True)
"""


def write_until_the_power_fails(disk: Disk, synchronous: str) -> set[tuple[int, int]]:
    """Returns what the writer said was stored."""
    command = [sys.executable, "-c", WRITER, str(disk.place / "spool.db"), synchronous]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(200)]
        disk.cut_power()
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    disk.unmount()
    disk.mount()
    return {(int(boot), int(seq)) for boot, seq in (line.split() for line in lines[:200])}


def kept(disk: Disk) -> set[tuple[int, int]]:
    spool = Spool(disk.place / "spool.db", LIMITS, b"test")
    frames = spool.after(NOTHING, 10**6, 10**12)
    spool.close()
    assert all(frame.message == b"%d" % frame.seq * 100 for frame in frames)
    return {(frame.boot, frame.seq) for frame in frames}


@pytest.mark.slow
def test_r2_what_was_stored_survives_a_power_failure(disk: Callable[[int], Disk]) -> None:
    made = disk(32)
    said: set[tuple[int, int]] = set()
    for _ in range(3):
        said |= write_until_the_power_fails(made, "FULL")
        assert said <= kept(made)


@pytest.mark.slow
def test_r2_control_without_full_synchronization_frames_are_lost(disk: Callable[[int], Disk]) -> None:
    """Else the test above would prove nothing."""
    made = disk(32)
    said: set[tuple[int, int]] = set()
    for _ in range(5):
        said |= write_until_the_power_fails(made, "NORMAL")
        try:
            found = kept(made)
        except Exception:  # noqa: BLE001 - however it is broken, it is lost
            found = set()
        if not said <= found:
            return
    pytest.fail("no frame was lost in five power failures with synchronous=NORMAL")


@pytest.mark.slow
@pytest.mark.parametrize("min_free_bytes", [1_000_000, 0])
def test_r4_a_full_disk_stops_measuring_and_a_freed_one_resumes(
    min_free_bytes: int,
    disk: Callable[[int], Disk],
    mosquitto: object,
    scripted_server: Callable[..., object],
    exact_reply: Callable[..., bytes],
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the bound (1 MB), and without it (0), where SQLite itself meets the end of the disk."""
    caplog.set_level(logging.INFO, logger="steelyard")
    made = disk(8)
    server = scripted_server(lambda r: [exact_reply(r, lambda *_: 5)])
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", server.port)],
        spool=f"min_free_bytes = {min_free_bytes}\n",
    )
    path.write_text(path.read_text().replace('"spool.db"', f'"{made.place}/spool.db"'))
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 10, "10 frames")
    consumer.give_receipts = False
    junk = made.fill()
    until(lambda: "measuring stops" in caplog.text, "the full disk")
    # What the first refusal left free may hold one frame more: measuring goes on for a moment, then stops for good.
    began = None
    while gateway.agent._full_from_ns != began:
        began, asked = gateway.agent._full_from_ns, len(server.requests)
        until(
            lambda since=began: gateway.agent._full_from_ns != since or gateway.agent._full_polls > 10,
            "deadlines that are let pass",
        )
    assert len(server.requests) <= asked + 1
    junk.unlink()
    consumer.give_receipts = True
    until(lambda: "measuring goes on" in caplog.text, "room again")
    known = len(consumer.frames)
    until(lambda: len(consumer.frames) >= known + 20, "20 more frames")
    gateway.stop()
    assert consumer.gaps() == []
    spool = Spool(made.place / "spool.db", LIMITS, b"test")
    gaps = spool.gaps()
    spool.close()
    assert gaps
    assert all(gap.cause for gap in gaps)
    assert sum(gap.polls for gap in gaps) > 10
