"""What each store can take: ready-made rows and lines (its ceiling), and the same readings through the port.

    python benchmarks/storage.py [--sizes 1,50,500] [--stores embedded,influxdb,ledger] [--scale 1.0]

A reading is one value of one channel at one instant; 50 readings are 2 instruments with 25 channels each, 500 are 20.
Values have the digits of a real meter (one after the point). "cpu" is the processor time of this process alone, in
microseconds a reading; InfluxDB, on the same machine, uses its own beside it.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers.influxdb import InfluxBucket, start_influxdb

from steelyard.contracts.frame import Block, ClockStatus, Frame, encode_frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId
from steelyard.storage.ledger import FrameEntry, Ledger, verify_ledger
from steelyard.storage.readings import ReadingsStore, open_readings
from steelyard.storage.readings.lines import frames_to_lines
from steelyard.storage.readings.packing import pack_block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T0 = 1_790_000_000_000_000_000
S = 1_000_000_000
READINGS = 1_000_000
BATCH_READINGS = 10_000
SERIES = 100_000
T = TypeVar("T")
GATEWAY, BOOT = GatewayId("gw-1"), BootId("00000001-0a0b0c0d")


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and processor seconds for `readings`."""

    readings: int
    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        rate, wall, cpu = self.readings / self.wall_s, self.wall_s / self.readings, self.cpu_s / self.readings
        return f"{rate / 1e3:9.0f} k/s   {wall * 1e6:7.2f} us   {cpu * 1e6:7.2f} us cpu"


def measured(readings: int, work: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(readings, time.perf_counter() - wall, time.process_time() - cpu)


def make_frames(size: int, count: int) -> list[Frame]:
    dice = random.Random(size)
    instruments, channels = {1: (1, 1)}.get(size, (max(1, size // 25), min(size, 25)))
    names = tuple(ChannelId(f"channel_{n}") for n in range(channels))
    return [
        Frame(
            gateway=GATEWAY,
            boot=BOOT,
            seq=seq + 1,
            sent=T0 + seq * S,
            clock=ClockStatus(state="synced", error_ms=1.0),
            blocks=tuple(
                Block(
                    instrument=InstrumentId(f"em-{number:04d}"),
                    channels=names,
                    t=(T0 + seq * S,),
                    span_us=(3000,),
                    values=tuple((round(dice.uniform(220, 240), 1),) for _ in names),
                    status=((0,),) * channels,
                )
                for number in range(instruments)
            ),
        )
        for seq in range(count)
    ]


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def fill(store: ReadingsStore, frames: list[Frame], size: int) -> Cost:
    portions = batches(frames, max(1, BATCH_READINGS // size))

    def work() -> None:
        for portion in portions:
            store.write(portion)

    return measured(len(frames) * size, work)


def ceiling_embedded(path: Path, frames: list[Frame], size: int) -> Cost:
    """Rows as the store keeps them, packed beforehand, into the same table."""
    rows = [
        (hash(block.instrument), t, row) for frame in frames for block in frame.blocks for t, row in pack_block(block)
    ]
    portions = batches(rows, max(1, BATCH_READINGS // size) * len(frames[0].blocks))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE r (layout INTEGER, t INTEGER, row BLOB, PRIMARY KEY (layout, t)) WITHOUT ROWID;"
    )

    def work() -> None:
        for portion in portions:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO r VALUES (?, ?, ?)", portion)
            connection.execute("COMMIT")

    cost = measured(len(frames) * size, work)
    connection.close()
    return cost


def ceiling_influxdb(bucket: InfluxBucket, frames: list[Frame], size: int) -> Cost:
    """Lines made beforehand, sent by the same connection pool that the client uses."""
    import urllib3  # noqa: PLC0415 - only for this row

    portions = batches(frames, max(1, BATCH_READINGS // size))
    bodies = [b"\n".join(frames_to_lines(portion)) for portion in portions]
    pool = urllib3.PoolManager()
    url = f"{bucket.url}/api/v2/write?org={bucket.org}&bucket={bucket.bucket}&precision=ns"
    headers = {"Authorization": f"Token {bucket.token}"}

    def work() -> None:
        for body in bodies:
            assert pool.request("POST", url, body=body, headers=headers).status == 204

    return measured(len(frames) * size, work)


def read(store: ReadingsStore) -> list[tuple[str, str]]:
    """A series of 100,000 and its summary in 500 buckets, of an instrument with one channel."""
    instrument, channel = InstrumentId("long"), ChannelId("temperature")
    dice = random.Random(1)
    for first in range(0, SERIES, 1000):
        block = Block(
            instrument=instrument,
            channels=(channel,),
            t=tuple(T0 + k * S for k in range(first, first + 1000)),
            span_us=(0,) * 1000,
            values=(tuple(dice.uniform(20, 30) for _ in range(1000)),),
            status=((0,) * 1000,),
        )
        store.write(
            [Frame(gateway=GATEWAY, boot=BOOT, seq=1, sent=T0, clock=ClockStatus(state="synced"), blocks=(block,))]
        )
    whole = (instrument, channel, T0, T0 + SERIES * S)
    series = measured(SERIES, lambda: store.series(*whole))
    buckets = measured(SERIES, lambda: store.buckets(*whole, 500))
    latest = measured(1, lambda: store.latest(instrument))
    return [
        ("series of 100,000", f"{series.wall_s * 1e3:7.0f} ms"),
        ("500 buckets of 100,000", f"{buckets.wall_s * 1e3:7.0f} ms"),
        ("latest", f"{latest.wall_s * 1e3:7.1f} ms"),
    ]


def influx_url(bucket: InfluxBucket) -> str:
    return (
        f"influxdb://{bucket.url.removeprefix('http://')}/?org={bucket.org}&bucket={bucket.bucket}&token={bucket.token}"
    )


def row(store: str, what: str, found: object) -> None:
    print(f"{store:10} {what:38} {found}", flush=True)


def bench_embedded(directory: Path, sizes: list[int], count: Callable[[int], int]) -> None:
    for size in sizes:
        frames = make_frames(size, count(size))
        row("embedded", f"{size:3} a frame, ready-made rows", ceiling_embedded(directory / f"c{size}.db", frames, size))
        store = open_readings(f"sqlite:///{directory}/r{size}.db")
        row("embedded", f"{size:3} a frame, through the port", fill(store, frames, size))
        store.close()
        taken = (directory / f"r{size}.db").stat().st_size / (len(frames) * size)
        row("embedded", f"{size:3} a frame, on disk", f"{taken:9.1f} bytes a reading")
    store = open_readings(f"sqlite:///{directory}/long.db")
    for what, found in read(store):
        row("embedded", what, found)
    store.close()


def bench_influxdb(directory: Path, sizes: list[int], count: Callable[[int], int]) -> None:
    server = start_influxdb(directory)
    try:
        for size in sizes:
            frames = make_frames(size, count(size))
            row(
                "influxdb",
                f"{size:3} a frame, ready-made lines",
                ceiling_influxdb(server.create_bucket(), frames, size),
            )
            store = open_readings(influx_url(server.create_bucket()))
            row("influxdb", f"{size:3} a frame, through the port", fill(store, frames, size))
            store.close()
        store = open_readings(influx_url(server.create_bucket()))
        for what, found in read(store):
            row("influxdb", what, found)
        store.close()
    finally:
        server.daemon.stop()


def bench_ledger(directory: Path, sizes: list[int], count: Callable[[int], int]) -> None:
    for size in sizes:
        frames = make_frames(size, min(20_000, count(size)))
        entries = [
            FrameEntry(gateway=GATEWAY, boot=BOOT, seq=frame.seq, received_ns=T0, message=encode_frame(frame))
            for frame in frames
        ]
        for batch in (1, 20, 200):
            portions = batches(entries if batch > 1 else entries[:2000], batch)
            path = directory / f"l{size}-{batch}.db"
            with Ledger(path) as ledger:
                cost = measured(sum(map(len, portions)), lambda: [ledger.append(portion) for portion in portions])  # noqa: B023 - called at once
            row("ledger", f"frames of {size:3} readings, {batch:3} a commit", f"{cost} a frame")
        cost = measured(len(entries), lambda: verify_ledger(path))  # noqa: B023 - called at once
        row("ledger", f"frames of {size:3} readings, verified", f"{cost} a frame")


BENCHES = {"embedded": bench_embedded, "influxdb": bench_influxdb, "ledger": bench_ledger}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,50,500", help="readings a frame")
    parser.add_argument("--stores", default=",".join(BENCHES), help="which stores")
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer readings than a million")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]

    def count(size: int) -> int:
        return max(20, int(options.scale * min(READINGS, 100_000 * size) / size))

    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="steelyard-storage-")))
        for name in options.stores.split(","):
            BENCHES[name](directory, sizes, count)


if __name__ == "__main__":
    main()
