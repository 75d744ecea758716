"""What the edge's tests share: profiles, a scripted Modbus server, a consumer that gives receipts, a configuration."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from steelyard.broker_config.client import BrokerClient, BrokerSettings
from steelyard.contracts.cose import sign1, verify1
from steelyard.contracts.frame import decode_frame
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.profile import parse_profile
from steelyard.contracts.receipt import Receipt, encode_receipt
from steelyard.contracts.status import decode_status
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, SUBSCRIBE_STATUS, receipt_topic
from steelyard.edge.agent import run_edge

GATEWAY_KEY = SigningKey.from_seed(b"\x01" * 32)
INGEST_KEY = SigningKey.from_seed(b"\x02" * 32)


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


def profile_text(
    channels: Iterable[tuple[str, int, str]], *, function: int = 4, head: str = "", extra: str = ""
) -> str:
    """A profile with `channels` of (id, register, type), from -1e6 to 1e6."""
    parts = [
        'id = "made"\nmaker = "none"\nmodel = "Made 1"\nkind = "pressure_gauge"\ndocument = "tests"\n' + head,
        '[probe]\nfunction = 4\nregister = 0\ntype = "uint16"\nlow = 0.0\nhigh = 60000.0\n',
    ]
    parts += [
        f'[[channel]]\nid = "{name}"\nquantity = "pressure"\nunit = "Pa"\nfunction = {function}\n'
        f'register = {register}\ntype = "{kind}"\nlow = -1e6\nhigh = 1e6\nresolution = 1.0\n'
        for name, register, kind in channels
    ]
    return "".join(parts)


@pytest.fixture(name="profile_text")
def _profile_text() -> Callable[..., str]:
    return profile_text


@pytest.fixture
def make_profile() -> Callable[..., object]:
    """Makes a profile: ``make_profile([("a", 0, "uint16")], head='word_order = "little"')``."""
    return lambda *arguments, **named: parse_profile(profile_text(*arguments, **named), "made.toml")


Step = bytes | float | None
"""Bytes to send, seconds to wait, None: close."""


def exact_reply(request: bytes, values: Callable[[int, int], int]) -> bytes:
    """The one right reply to a read `request`; `values(unit, register)` gives each register."""
    transaction, _protocol, _length, unit, function, register, count = struct.unpack(">HHHBBHH", request)
    registers = struct.pack(f">{count}H", *(values(unit, register + place) for place in range(count)))
    return struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count) + registers


class ScriptedServer:
    """A TCP server in a thread of its own; `respond(request)` gives the steps of each answer.

    It can be stopped and started again on its port.
    """

    def __init__(self, respond: Callable[[bytes], Iterable[Step]]) -> None:
        self.respond = respond
        self.greeting: bytes = b""
        self.requests: list[bytes] = []
        self.connections = 0
        self.host = "127.0.0.1"
        with socket.socket() as free:
            free.bind((self.host, 0))
            self.port = free.getsockname()[1]
        self._thread: threading.Thread | None = None

    def start(self) -> "ScriptedServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(5)
            self._thread = None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._talk, self.host, self.port)
        ready.set()
        await self._end.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            writer.write(self.greeting)
            while True:
                request = await reader.readexactly(12)
                self.requests.append(request)
                for step in self.respond(request):
                    if step is None:
                        writer.transport.abort()
                        return
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    else:
                        await asyncio.sleep(step)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


@pytest.fixture
def scripted_server() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server: ``scripted_server(respond)``."""
    servers: list[ScriptedServer] = []

    def start(respond: Callable[[bytes], Iterable[Step]]) -> ScriptedServer:
        servers.append(ScriptedServer(respond).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(name="exact_reply")
def _exact_reply() -> Callable[..., bytes]:
    return exact_reply


@dataclass
class Consumer:
    """Stands where ingest stands: keeps the exact bytes of each frame and gives signed receipts."""

    port: int
    client_id: str = "consumer"
    give_receipts: bool = True
    key: SigningKey = INGEST_KEY
    forgetful: bool = False
    frames: dict[tuple[str, int], bytes] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    altered: list[tuple[str, int]] = field(default_factory=list)
    statuses: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upto: dict[str, int] = {}
        self.come()

    def come(self) -> None:
        """Connect; the broker has kept what came meanwhile, if it still remembers."""
        self.client = BrokerClient(
            BrokerSettings(client_id=self.client_id, port=self.port, reconnect_max_s=1),
            on_message=self._take,
            on_connect=self._subscribe,
            clean_start=False,
            session_expiry_s=3600,
        )
        self.client.start()

    def go(self) -> None:
        """Disconnect, as an ingest that is being restarted."""
        self.client.stop()

    def _subscribe(self, _session_present: bool) -> None:
        self.client.subscribe(SUBSCRIBE_FRAMES)
        self.client.subscribe(SUBSCRIBE_STATUS)

    def _take(self, message: object) -> None:
        if message.topic.endswith("/status"):
            self.statuses.append(decode_status(message.payload))
            return
        frame = decode_frame(verify1(message.payload, GATEWAY_KEY.public))
        number = (frame.boot, frame.seq)
        self.order.append(number)
        if self.frames.setdefault(number, message.payload) != message.payload:
            self.altered.append(number)
        last = self.upto.get(frame.boot, 0)
        while (frame.boot, last + 1) in self.frames:
            last += 1
        self.upto[frame.boot] = last
        if self.give_receipts:
            self.send_receipt(frame.boot, last, beyond=self._beyond(frame.boot, last))

    def _beyond(self, boot: str, upto: int) -> tuple[tuple[int, int], ...]:
        """What came after a gap, as one run."""
        later = [seq for each, seq in self.frames if each == boot and seq > upto + 1] if self.forgetful else []
        return ((min(later), max(later)),) if later else ()

    def forget(self, boot: str, above: int) -> None:
        """As an ingest whose ledger was restored from a backup."""
        self.frames = {(each, seq): kept for (each, seq), kept in self.frames.items() if each != boot or seq <= above}
        self.upto[boot] = above
        self.forgetful = True

    def send_receipt(
        self,
        boot: str,
        upto: int,
        *,
        gateway: str = "gw",
        key: SigningKey | None = None,
        beyond: tuple[tuple[int, int], ...] = (),
    ) -> None:
        receipt = Receipt(
            gateway=gateway, boot=boot, contiguous_upto=upto, ledger_size=upto, root="0" * 64, beyond=beyond
        )
        self.client.publish(receipt_topic("org", "gw"), sign1(encode_receipt(receipt), key or self.key))

    def decoded(self) -> list[object]:
        """The frames in the order of boot and number."""
        return [decode_frame(verify1(self.frames[number], GATEWAY_KEY.public)) for number in sorted(self.frames)]

    def readings(self) -> list[tuple[str, str, float | None, int]]:
        """(instrument, channel, value, status) of all frames."""
        return [
            (block.instrument, channel, value, status)
            for frame in self.decoded()
            for block in frame.blocks
            for channel, values, statuses in zip(block.channels, block.values, block.status, strict=True)
            for value, status in zip(values, statuses, strict=True)
        ]

    @property
    def boots(self) -> set[str]:
        """The boots of which a frame has come."""
        return {boot for boot, _ in list(self.frames)}  # a copy: the client's thread goes on adding

    def gaps(self) -> list[tuple[str, int]]:
        """Numbers that are missing below the highest of their boot."""
        highest: dict[str, int] = {}
        for boot, seq in list(self.frames):
            highest[boot] = max(seq, highest.get(boot, 0))
        return [(boot, seq) for boot, top in highest.items() for seq in range(1, top) if (boot, seq) not in self.frames]


@pytest.fixture
def consumer_factory() -> Iterator[Callable[..., Consumer]]:
    """Starts consumers: ``consumer_factory(port)``."""
    consumers: list[Consumer] = []

    def start(port: int, **named: object) -> Consumer:
        consumers.append(Consumer(port, **named))
        wait_until(lambda: consumers[-1].client.connected)
        return consumers[-1]

    yield start
    for consumer in consumers:
        consumer.client.stop()


def config_text(
    *,
    broker_port: int,
    instruments: Iterable[tuple[str, str, int]],
    poll: str = "period_s = 0.05\ntimeout_s = 0.3\n",
    spool: str = "",
) -> str:
    """A gateway's configuration; `instruments` of (id, profile, port)."""
    head = (
        '[gateway]\norganization = "org"\nid = "gw"\nkey = "gateway.pem"\n'
        f'ingest_key = "{INGEST_KEY.public.text}"\n'
        f'[broker]\nclient_id = "gw"\nport = {broker_port}\nreconnect_max_s = 1\n'
        f'[spool]\npath = "spool.db"\nballast_bytes = 65536\n{spool}[poll]\n{poll}'
    )
    return head + "".join(
        f'[[instrument]]\nid = "{name}"\nprofile = "{profile}"\nhost = "127.0.0.1"\nport = {port}\n'
        for name, profile, port in instruments
    )


@pytest.fixture
def gateway_directory(tmp_path: Path) -> Callable[..., Path]:
    """Writes a gateway's files and returns the path of its configuration."""

    def write(profile: str | None = None, **named: object) -> Path:
        key = tmp_path / "gateway.pem"
        key.write_bytes(GATEWAY_KEY.to_pem())
        key.chmod(0o600)
        (tmp_path / "made.toml").write_text(profile or profile_text([("a", 0, "uint16"), ("b", 1, "uint16")]))
        path = tmp_path / "edge.toml"
        path.write_text(config_text(**named))
        return path

    return write


class RunningGateway:
    """`run_edge` in a thread."""

    def __init__(self, path: Path, **named: object) -> None:
        self._stop = threading.Event()
        self.statistics: object = None
        self.error: BaseException | None = None

        def run() -> None:
            try:
                self.statistics = run_edge(path, self._stop, **named)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the gateway did not end"
        if self.error is not None:
            raise self.error


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., RunningGateway]]:
    """Starts a gateway: ``start_gateway(config_path)``; ended after the test."""
    gateways: list[RunningGateway] = []

    def start(path: Path, **named: object) -> RunningGateway:
        gateways.append(RunningGateway(path, **named))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.stop()


@pytest.fixture
def gateway_key() -> SigningKey:
    return GATEWAY_KEY


@pytest.fixture
def ingest_key() -> SigningKey:
    return INGEST_KEY
