"""What the edge's tests share: profiles, a scripted Modbus server, a consumer that gives receipts, a configuration."""

import asyncio
import functools
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import steered_loop
from edge.scripted_server import ScriptedServer, Step, exact_reply
from waiting import PATIENCE_S, until

from steelyard.broker_config.client import BrokerClient, BrokerSettings
from steelyard.contracts.clock import Clock
from steelyard.contracts.cose import sign1, verify1
from steelyard.contracts.frame import ClockStatus, Frame, decode_frame
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.profile import parse_profile
from steelyard.contracts.receipt import Receipt, encode_receipt
from steelyard.contracts.status import decode_status
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, SUBSCRIBE_STATUS, receipt_topic
from steelyard.edge.agent import Agent, run_edge
from steelyard.edge.instrument import SharedLine
from steelyard.edge.settings import InstrumentConfig, InstrumentSettings, load_config, load_instrument
from steelyard.edge.spool import Spool, SpoolLimits
from steelyard.edge.window import WindowLimits

GATEWAY_KEY = SigningKey.from_seed(b"\x01" * 32)
INGEST_KEY = SigningKey.from_seed(b"\x02" * 32)


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
        self._decoded: dict[tuple[str, int], Frame] = {}
        self._unsent: deque[bytes] = deque()
        self.come()

    def come(self) -> None:
        """Connect; the broker has kept what came meanwhile, if it still remembers."""
        self.client = BrokerClient(
            BrokerSettings(client_id=self.client_id, port=self.port, reconnect_max_s=1),
            on_message=self._take,
            on_connect=self._subscribe,
            on_published=self._publish_unsent,
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
        self._decoded.setdefault(number, frame)
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
        self._unsent.append(sign1(encode_receipt(receipt), key or self.key))
        self._publish_unsent()

    def _publish_unsent(self, *_: object) -> None:
        """What the connection had no room for goes out with the next acknowledgement."""
        while self._unsent and self.client.publish(receipt_topic("org", "gw"), self._unsent[0]) is not None:
            self._unsent.popleft()

    def decoded(self) -> list[Frame]:
        """The frames in the order of boot and number."""
        return [self._decoded[number] for number in sorted(self.frames)]

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
        until(lambda: consumers[-1].client.connected, "the consumer is connected")
        return consumers[-1]

    yield start
    for consumer in consumers:
        consumer.client.stop()


def config_text(
    *,
    broker_port: int,
    instruments: Iterable[tuple[str, str, int]],
    poll: str = "period_s = 0.02\ntimeout_s = 60.0\n",
    spool: str = "",
) -> str:
    """A gateway's configuration; `instruments` of (id, profile, port).

    A reply may take as long as a busy machine likes, unless `poll` says otherwise.
    """
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

    def __init__(self, path: Path, patience: pytest.MonkeyPatch, **named: object) -> None:
        self._patience = patience
        self._stop = threading.Event()
        self.agent: Agent | None = None
        self.statistics: object = None
        self.error: BaseException | None = None

        def run() -> None:
            known_as.gateway = self
            try:
                self.statistics = run_edge(path, self._stop, **named)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self, *, farewell_s: float = PATIENCE_S) -> None:
        """End it in good order: when everything has its receipt, or after `farewell_s`."""
        self._patience.setattr("steelyard.edge.agent.FAREWELL_S", farewell_s)
        self._stop.set()
        self._thread.join(2 * PATIENCE_S)
        assert not self._thread.is_alive(), "the gateway did not end"
        if self.error is not None:
            raise self.error


known_as = threading.local()
"""In a gateway's thread: the `RunningGateway`, which wants to know its agent."""


class KnownAgent(Agent):
    """The agent as it is, with the test knowing it."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        known_as.gateway.agent = self


@pytest.fixture
def resend_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """After how many seconds without a receipt gateways started from now on send again: ``resend_after(1)``."""

    def choose(seconds: float) -> None:
        limits = functools.partial(WindowLimits, resend_after_ns=int(seconds * 1e9))
        monkeypatch.setattr("steelyard.edge.sender.WindowLimits", limits)

    return choose


@pytest.fixture
def start_gateway(
    monkeypatch: pytest.MonkeyPatch, resend_after: Callable[[float], None]
) -> Iterator[Callable[..., RunningGateway]]:
    """Starts a gateway: ``start_gateway(config_path)``; ended after the test.

    It waits for receipts as long as a busy machine likes; a test in which they are missing says `resend_after`.
    """
    gateways: list[RunningGateway] = []
    monkeypatch.setattr("steelyard.edge.agent.Agent", KnownAgent)
    resend_after(PATIENCE_S)

    def start(path: Path, **named: object) -> RunningGateway:
        gateways.append(RunningGateway(path, monkeypatch, **named))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.stop(farewell_s=0.0)


class LoopClock:
    """The wall clock of a steered loop: right, and as slow as that."""

    status = ClockStatus(state="synced", error_ms=1.0)

    def __init__(self, loop: steered_loop.SteeredLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        return 1_790_000_000_000_000_000 + self._loop.time_ns()


@pytest.fixture
def live(resend_after: Callable[[float], None]) -> Callable[..., Agent]:
    """A gateway's life of so many seconds, as on a machine that is never late: ``live(config_path, 2.0)``.

    No time passes while an instrument has not answered, or a frame has no receipt. ``then=[function, …]``: each is
    called and followed by as many seconds again. ``silent=server``: nobody waits for the answers of this one.
    ``clock=function``: the gateway's clock, made of the true one.
    """

    def run(
        path: Path,
        seconds: float,
        *,
        then: Iterable[Callable[[], object]] = (),
        silent: ScriptedServer | None = None,
        clock: Callable[[Clock], Clock] = lambda true: true,
    ) -> Agent:
        resend_after(PATIENCE_S)

        async def main(loop: steered_loop.SteeredLoop) -> Agent:
            true = LoopClock(loop)
            agent = Agent(
                load_config(path), clock=clock(true), wall=true, monotonic_ns=loop.time_ns, randomness=b"test"
            )

            def busy(line: SharedLine) -> bool:
                in_vain = silent is not None and line.line.port == silent.port and line.line._guard is not None
                return line.turn.locked() and not (in_vain and line.line._guard._expected is not None)

            def quiet() -> bool:
                return agent._sender.idle and not any(busy(line) for line in agent._lines)

            stop = asyncio.Event()
            task = asyncio.create_task(agent.run(stop))
            await loop.live(seconds, quiet)
            for step in then:
                step()
                await loop.live(seconds, quiet)
            stop.set()
            while not task.done():
                await loop.live(0.05, lambda: quiet() or not agent._sender.connected)
            await task
            return agent

        return steered_loop.run(main)

    return run


@pytest.fixture
def impatient_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives an instrument a short timeout of its own, the others keep theirs: ``impatient_with("silent")``."""

    def give(instrument: str) -> None:
        def load(table: InstrumentSettings, *arguments: object) -> InstrumentConfig:
            config = load_instrument(table, *arguments)
            return replace(config, timeout_s=0.1) if table.id == instrument else config

        monkeypatch.setattr("steelyard.edge.settings.load_instrument", load)
        monkeypatch.setattr("steelyard.edge.check.load_instrument", load)

    return give


@pytest.fixture
def gateway_key() -> SigningKey:
    return GATEWAY_KEY


@pytest.fixture
def ingest_key() -> SigningKey:
    return INGEST_KEY


@pytest.fixture
def counting(scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]) -> object:
    """An instrument whose register 0 counts its answers (modulo 60000) and whose register 1 is 7."""
    count = itertools.count(1)

    def respond(request: bytes) -> list[bytes]:
        answer = next(count) % 60_000
        return [exact_reply(request, lambda _unit, register: answer if register == 0 else 7)]

    return scripted_server(respond)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, logger="steelyard")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def spooled() -> Callable[[Path], Spool]:
    """Opens the spool that a gateway has left in a directory: ``spooled(directory)``."""
    return _spooled


def _spooled(directory: Path) -> Spool:
    return Spool(
        directory / "spool.db", SpoolLimits(max_frames=1, max_bytes=1, min_free_bytes=0, ballast_bytes=0), b"test"
    )
