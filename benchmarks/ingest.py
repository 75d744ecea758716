"""What ingest costs, from MQTT to the committed frame and the readings store, beside the store alone and Telegraf.

    python benchmarks/ingest.py [--sizes 1,50,500] [--stores embedded,influxdb] [--scale 1.0] [--no-telegraf]

Everything runs on this machine: Mosquitto (QoS 1), a publisher that only copies ready-made packets, the consumer in a
process of its own, and InfluxDB. A reading is one value of one channel at one instant (in InfluxDB: one field). Frames
come from four gateways in turn; 50 and 500 readings are 2 and 20 instruments with 25 channels each, read once.

Measured for the consumer's process alone: readings a second from the first publish until the last reading is in the
store, processor time (user and system) per reading, resident memory after the warm-up and at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import select
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers.influxdb import InfluxBucket, InfluxServer, start_influxdb
from servers.mosquitto import Mosquitto, start_mosquitto

from steelyard.contracts.cose import sign1
from steelyard.contracts.frame import Block, ClockStatus, Frame, encode_frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Channel, Gateway, Instrument, Organization, OrganizationKind
from steelyard.contracts.topics import frame_topic
from steelyard.storage.ledger import LedgerReader
from steelyard.storage.readings.lines import frames_to_lines
from steelyard.storage.readings.opening import open_readings
from steelyard.storage.readings.packing import pack_block
from steelyard.storage.records.migration import upgrade
from steelyard.storage.records.opening import open_records
from steelyard.storage.records.registry import Registrar, Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ORG = OrganizationId("hengyuan")
GATEWAYS = tuple(GatewayId(f"gw-{number}") for number in range(4))
KEYS = {gateway: SigningKey.generate() for gateway in GATEWAYS}
SHAPES = {1: (1, 1), 50: (2, 25), 500: (20, 25)}
FRAMES = {1: 12_000, 50: 8_000, 500: 2_400}
WARM_UP = 0.1
T0 = 1_790_000_000_000_000_000
WINDOW = 400
TICKS = os.sysconf("SC_CLK_TCK")
CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 2000
set_tcp_nodelay true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `cpu_us` per reading; memory in MB."""

    who: str
    readings_a_frame: int
    rate: float
    cpu_us: float | None = None
    memory_start: float | None = None
    memory_end: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,50,500", help="readings a frame")
    parser.add_argument("--stores", default="embedded,influxdb")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times as many frames")
    parser.add_argument("--no-telegraf", action="store_true")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    stores = arguments.stores.split(",")
    with contextlib.ExitStack() as started, tempfile.TemporaryDirectory(prefix="steelyard-bench-") as directory:
        influx = None
        if "influxdb" in stores:
            influx = start_influxdb(_new(Path(directory), "influxdb"))
            started.callback(influx.daemon.stop)
        rows: list[Row] = []
        before = _verification_us()
        for size in sizes:
            count = int(FRAMES[size] * arguments.scale)
            frames = list(make_frames(size, count))
            for store in stores:
                bench = Bench(_new(Path(directory), f"{store}-{size}"), influx if store == "influxdb" else None)
                rows.append(bench.steelyard(store, size, frames))
                rows.append(bench.store_alone(store, size, frames))
                if store == "influxdb" and not arguments.no_telegraf:
                    rows.append(bench.telegraf("line protocol", size, frames))
                    rows.append(bench.telegraf("JSON", size, frames))
    print_table(rows)
    # What part is this machine's mood: every frame costs one such verification, whoever writes the code around it.
    print(f"\nOne Ed25519 verification of 2 kB took {before:.0f} us before and {_verification_us():.0f} us after.")


def _verification_us() -> float:
    """The median of some hundreds, in microseconds: 60 on the machine at rest that the aims were set on."""
    key, data = SigningKey.generate(), bytes(2_000)
    signature = key.sign(data)
    taken = []
    for _ in range(500):
        began = time.perf_counter()
        key.public.verify(signature, data)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def make_frames(size: int, count: int) -> Iterator[Frame]:
    """Poll rounds of the four gateways in turn, with values that change a little."""
    instruments, channels = SHAPES[size]
    names = _channels(channels)
    chance = random.Random(1)
    for number in range(count):
        gateway = GATEWAYS[number % len(GATEWAYS)]
        t = T0 + number * 20_000_000
        yield Frame(
            gateway=gateway,
            boot=BootId("00000001-aaaaaaaa"),
            seq=number // len(GATEWAYS) + 1,
            sent=t + 5_000_000,
            clock=ClockStatus(state="synced", error_ms=2.0),
            blocks=tuple(
                Block(
                    instrument=_instrument(gateway, place),
                    channels=names,
                    t=(t + place * 1_000,),
                    span_us=(3_100,),
                    values=tuple((round(230 + chance.random(), 3),) for _ in names),
                    status=((0,),) * channels,
                )
                for place in range(instruments)
            ),
        )


class Bench:
    """A broker of its own, and the consumers one after the other."""

    def __init__(self, directory: Path, influx: InfluxServer | None) -> None:
        self.directory = directory
        self.influx = influx

    def steelyard(self, store: str, size: int, frames: Sequence[Frame]) -> Row:
        """Signed frames through `steelyard ingest` into ledger and store."""
        packets = [
            _packet(frame_topic(ORG, frame.gateway), sign1(encode_frame(frame), KEYS[frame.gateway]))
            for frame in frames
        ]
        ledger = self.directory / "ledger.db"
        bucket = self._bucket() if store == "influxdb" else None
        readings = f"sqlite:///{self.directory}/readings.db" if bucket is None else self._url(bucket)
        name = open_readings(readings).identity()
        with self._broker() as broker:
            config = self._write_server_file(broker.port, readings)
            command = [sys.executable, "-m", "steelyard.cli.main", "ingest", "--config", str(config)]

            def stored() -> int:
                if not ledger.exists():
                    return 0
                with LedgerReader(ledger) as reader:
                    return reader.view_position(name)

            return self._measure(f"Steelyard ingest, {store}", size, command, broker, packets, stored)

    def telegraf(self, form: str, size: int, frames: Sequence[Frame]) -> Row:
        """The same readings, unsigned, through Telegraf into InfluxDB; there is no ledger and no receipt."""
        program = subprocess.run(
            [str(Path(__file__).resolve().parents[1] / "tests/servers/build_telegraf.sh")],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        bucket = self._bucket()
        payloads = _line_payloads(frames) if form == "line protocol" else _json_payloads(frames)
        with self._broker() as broker:
            config = self._write_telegraf_file(broker.port, bucket, form)
            command = [program, "--config", str(config), "--quiet"]
            packets = [
                _packet(f"bench/{frame.gateway}", payload) for frame, payload in zip(frames, payloads, strict=True)
            ]
            return self._measure(
                f"Telegraf, {form}", size, command, broker, packets, lambda: _count_fields(bucket) // size
            )

    def store_alone(self, store: str, size: int, frames: Sequence[Frame]) -> Row:
        """Ready-made lines or rows, as large batches as the store likes; one writer."""
        if store == "embedded":
            rate = _sqlite_ceiling(self.directory / "ceiling.db", size, frames)
            return Row(who="SQLite alone, ready-made rows", readings_a_frame=size, rate=rate)
        bucket = self._bucket()
        lines = list(frames_to_lines(frames))
        portion = max(1, 50_000 // (min(25, size)))
        bodies = [b"\n".join(lines[first : first + portion]) for first in range(0, len(lines), portion)]
        address = f"{bucket.url}/api/v2/write?org={bucket.org}&bucket={bucket.bucket}&precision=ns"
        began = time.perf_counter()
        for body in bodies:
            request = urllib.request.Request(address, data=body, headers={"Authorization": f"Token {bucket.token}"})  # noqa: S310 - our own server
            urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - likewise
        seconds = time.perf_counter() - began
        return Row(who="InfluxDB alone, ready-made lines", readings_a_frame=size, rate=size * len(frames) / seconds)

    def _measure(
        self,
        who: str,
        size: int,
        command: list[str],
        broker: Mosquitto,
        packets: list[bytes],
        stored: Callable[[], int],
    ) -> Row:
        with (self.directory / "consumer.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            warm = int(len(packets) * WARM_UP)
            publisher = Publisher(broker.port)
            self._wait_for_subscriber(publisher, packets[0], stored)
            publisher.publish(packets[:warm])
            _wait_until(lambda: stored() >= warm)
            time.sleep(1.0)
            cpu, memory = _cpu_s(process.pid), _memory_mb(process.pid)
            began = time.perf_counter()
            thread = threading.Thread(target=publisher.publish, args=(packets[warm:],))
            thread.start()
            _wait_until(lambda: stored() >= len(packets))
            seconds = time.perf_counter() - began
            thread.join()
            readings = size * (len(packets) - warm)
            return Row(
                who=who,
                readings_a_frame=size,
                rate=readings / seconds,
                cpu_us=(_cpu_s(process.pid) - cpu) * 1e6 / readings,
                memory_start=memory,
                memory_end=_memory_mb(process.pid),
            )
        finally:
            process.terminate()
            process.wait(30)

    def _wait_for_subscriber(self, publisher: Publisher, packet: bytes, stored: Callable[[], int]) -> None:
        end = time.monotonic() + 60
        while not stored():
            if time.monotonic() > end:
                raise SystemExit((self.directory / "consumer.log").read_text())
            publisher.publish([packet])
            time.sleep(0.3)

    @contextlib.contextmanager
    def _broker(self) -> Iterator[Mosquitto]:
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            broker = start_mosquitto(Path(directory), CONFIGURATION)
            try:
                yield broker
            finally:
                broker.stop()

    def _bucket(self) -> InfluxBucket:
        assert self.influx is not None
        return self.influx.create_bucket()

    def _url(self, bucket: InfluxBucket) -> str:
        token = self.directory / "token"
        token.write_text(bucket.token)
        host = bucket.url.removeprefix("http://")
        return f"influxdb://{host}/?org={bucket.org}&bucket={bucket.bucket}&token_file={token}"

    def _write_server_file(self, port: int, readings: str) -> Path:
        records = f"sqlite:///{self.directory}/records.db"
        _register(records)
        (self.directory / "ingest.pem").write_bytes(SigningKey.generate().to_pem())
        file = self.directory / "server.toml"
        file.write_text(
            f'[broker]\nclient_id = "ingest"\nport = {port}\n[stores]\nrecords = "{records}"\nreadings = "{readings}"\n'
            f'ledger = "{self.directory}/ledger.db"\n[ingest]\nkey = "ingest.pem"\n'
        )
        return file

    def _write_telegraf_file(self, port: int, bucket: InfluxBucket, form: str) -> Path:
        shape = (
            'data_format = "influx"'
            if form == "line protocol"
            else 'data_format = "json"\ntag_keys = ["instrument"]\njson_time_key = "t"\njson_time_format = "unix_ns"'
        )
        file = self.directory / "telegraf.conf"
        file.write_text(
            '[agent]\nflush_interval = "200ms"\nmetric_batch_size = 5000\nmetric_buffer_limit = 500000\n'
            "omit_hostname = true\n"
            f'[[inputs.mqtt_consumer]]\nservers = ["tcp://127.0.0.1:{port}"]\ntopics = ["bench/#"]\nqos = 1\n'
            'client_id = "telegraf"\npersistent_session = true\nmax_undelivered_messages = 2000\ntopic_tag = ""\n'
            f"{shape}\n"
            f'[[outputs.influxdb_v2]]\nurls = ["{bucket.url}"]\ntoken = "{bucket.token}"\n'
            f'organization = "{bucket.org}"\nbucket = "{bucket.bucket}"\ncontent_encoding = "identity"\n'
        )
        return file


class Publisher:
    """Sends ready-made QoS 1 packets (MQTT 3.1.1) as fast as they are acknowledged, `WINDOW` at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"\x10\x15\x00\x04MQTT\x04\x02\x00\x00\x00\x09publisher")
        assert self._socket.recv(4) == b"\x20\x02\x00\x00"

    def publish(self, packets: Sequence[bytes]) -> None:
        """Return when the broker has acknowledged all of them."""
        sent = acknowledged = partial = 0
        while acknowledged < len(packets):
            room = min(len(packets) - sent, WINDOW - (sent - acknowledged))
            if room > 0:
                self._socket.sendall(b"".join(packets[sent : sent + room]))
                sent += room
            select.select([self._socket], [], [])
            partial += len(self._socket.recv(65_536))
            acknowledged += partial // 4
            partial %= 4


def _packet(topic: str, payload: bytes) -> bytes:
    name = topic.encode()
    # One packet id for all: the broker acknowledges QoS 1 at once and keeps no state of it.
    body = struct.pack("!H", len(name)) + name + b"\x00\x01" + payload
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return b"\x32" + length + body


def _register(url: str) -> None:
    instruments, channels = SHAPES[500]
    every = [(gateway, _instrument(gateway, place)) for gateway in GATEWAYS for place in range(instruments)]
    upgrade(url)
    with open_records(url) as records:
        records.registry.apply(
            Registration(
                organizations=[Organization(id=ORG, name="Hengyuan", kind=OrganizationKind.ENTERPRISE, region="cn")],
                gateways=[Gateway(id=each, organization=ORG, public_key=KEYS[each].public) for each in GATEWAYS],
                instruments=[
                    Instrument(
                        id=instrument, organization=ORG, gateway=gateway, name="Feeder",
                        kind=InstrumentKind("electricity_meter"), profile="sdm630", serial="1", location="hall",
                        accuracy_class="1",
                    )
                    for gateway, instrument in every
                ],
                channels=[
                    Channel(instrument=instrument, id=channel, quantity="x", unit="V", resolution=0.1)
                    for _, instrument in every
                    for channel in _channels(channels)
                ],
            ),
            Registrar(who="benchmark", role="administrator", why="benchmark", at_ns=T0),
        )  # fmt: skip


def _instrument(gateway: GatewayId, place: int) -> InstrumentId:
    return InstrumentId(f"em-{gateway}-{place:02}")


def _channels(count: int) -> tuple[ChannelId, ...]:
    return tuple(ChannelId(f"channel_{number:02}") for number in range(count))


def _line_payloads(frames: Sequence[Frame]) -> Iterator[bytes]:
    return (b"\n".join(frames_to_lines([frame])) for frame in frames)


def _json_payloads(frames: Sequence[Frame]) -> Iterator[bytes]:
    for frame in frames:
        objects = [
            f'{{"instrument":"{block.instrument}","t":{block.t[0]},'
            + ",".join(f'"{name}":{column[0]!r}' for name, column in zip(block.channels, block.values, strict=True))
            + "}"
            for block in frame.blocks
        ]
        yield f"[{','.join(objects)}]".encode()


def _count_fields(bucket: InfluxBucket) -> int:
    query = (
        f'from(bucket: "{bucket.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) |> count() |> group() |> sum()'
    )
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{bucket.url}/api/v2/query?org={bucket.org}",
        data=query.encode(),
        headers={"Authorization": f"Token {bucket.token}", "Content-Type": "application/vnd.flux"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - likewise
        rows = [line for line in reply.read().decode().splitlines() if line.strip()]
    return int(rows[1].split(",")[-1]) if len(rows) > 1 else 0


def _sqlite_ceiling(path: Path, size: int, frames: Sequence[Frame]) -> float:
    """The embedded store's own table, its rows packed before the clock starts, 500 frames a transaction."""
    rows = [
        [
            (hash(block.instrument) & 0xFFFF, t, row)
            for frame in frames[first : first + 500]
            for block in frame.blocks
            for t, row in pack_block(block)
        ]
        for first in range(0, len(frames), 500)
    ]
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(
        "CREATE TABLE reading (layout INTEGER, t INTEGER, row BLOB, PRIMARY KEY (layout, t)) WITHOUT ROWID"
    )
    began = time.perf_counter()
    for portion in rows:
        database.execute("BEGIN")
        database.executemany("INSERT INTO reading VALUES (?, ?, ?)", portion)
        database.execute("COMMIT")
    seconds = time.perf_counter() - began
    database.close()
    return size * len(frames) / seconds


def _wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not done():
        if time.monotonic() > end:
            raise SystemExit("the consumer did not finish within 300 s")
        time.sleep(0.05)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _new(parent: Path, name: str) -> Path:
    directory = parent / name
    directory.mkdir()
    return directory


def print_table(rows: Sequence[Row]) -> None:
    print("| readings a frame | consumer | readings/s | CPU, us a reading | memory at start, MB | at the end, MB |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        cpu, start, end = (
            "" if value is None else f"{value:{form}}"
            for value, form in ((row.cpu_us, ".2f"), (row.memory_start, ".0f"), (row.memory_end, ".0f"))
        )
        print(f"| {row.readings_a_frame} | {row.who} | {row.rate:,.0f} | {cpu} | {start} | {end} |")


if __name__ == "__main__":
    main()
