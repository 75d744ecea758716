"""S4 over TCP: a hostile instrument never gets a value into the system, and the next honest reply is the right one."""

import asyncio
import functools
import itertools
import struct
import threading
from collections.abc import Callable, Iterable

import pytest
import steered_loop
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import FIXTURE_SHARED_BY_EXAMPLES, examples
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from waiting import PATIENCE_S, until

from steelyard.contracts.profile import ChannelProfile
from steelyard.edge.errors import DeviceException, MalformedReply, NoReply, NotConnected, ReadError
from steelyard.edge.modbus import ModbusLine
from steelyard.edge.planner import ReadRequest

TIMEOUT_S = 10.0
"""Of steered time: none passes but by `Waiting`, so that no machine is too slow for the honest reply."""
HONEST = b"\x12\x34\x56\x78"
FORGED = b"\xde\xad\xbe\xef"

CHANNEL = ChannelProfile(
    id="a", quantity="q", unit="1", function=4, register=0, type="uint32", low=0.0, high=1e10, resolution=1.0
)
REQUEST = ReadRequest(function=4, register=0, count=2, channels=(CHANNEL,))

Step = bytes | Callable[[], object] | None
Steps = Iterable[Step]


class Waiting:
    """Steps of a server that lets its client wait."""

    def __init__(self) -> None:
        self.loop: steered_loop.SteeredLoop | None = None
        """The client's."""
        self.given_up = threading.Event()

    def a_tenth(self) -> None:
        """A tenth of the timeout passes."""
        self.loop.pass_time(TIMEOUT_S / 10)

    def too_long(self) -> None:
        """More than the timeout passes, and the client gives up."""
        self.loop.pass_time(2 * TIMEOUT_S)
        assert self.given_up.wait(PATIENCE_S), "the client waits for ever"


def frame(
    request: bytes,
    data: bytes = FORGED,
    *,
    transaction: int | None = None,
    protocol: int = 0,
    length: int | None = None,
    unit: int | None = None,
    function: int | None = None,
    byte_count: int | None = None,
) -> bytes:
    """The reply to `request` with any field forged."""
    tid, _, _, unit_id, code, _, _ = struct.unpack(">HHHBBHH", request)
    return (
        struct.pack(
            ">HHHBBB",
            tid if transaction is None else transaction,
            protocol,
            3 + len(data) if length is None else length,
            unit_id if unit is None else unit,
            code if function is None else function,
            len(data) if byte_count is None else byte_count,
        )
        + data
    )


def tid(request: bytes) -> int:
    return int.from_bytes(request[:2], "big")


AT_ONCE: dict[str, Callable[[bytes], Steps]] = {
    "too few registers": lambda r: [frame(r, b"\xde\xad")],
    "too many registers": lambda r: [frame(r, FORGED + b"\x00\x01")],
    "no registers": lambda r: [frame(r, b"")],
    "an odd number of bytes": lambda r: [frame(r, FORGED[:3])],
    "byte count too small": lambda r: [frame(r, byte_count=2)],
    "byte count too large": lambda r: [frame(r, byte_count=8)],
    "byte count odd": lambda r: [frame(r, byte_count=5)],
    "wrong function": lambda r: [frame(r, function=3)],
    "a coil's function": lambda r: [frame(r, function=1)],
    "wrong unit": lambda r: [frame(r, unit=9)],
    "unit 0": lambda r: [frame(r, unit=0)],
    "next transaction": lambda r: [frame(r, transaction=tid(r) + 1)],
    "transaction 0": lambda r: [frame(r, transaction=0)],
    "wrong protocol": lambda r: [frame(r, protocol=1)],
    "length too small": lambda r: [frame(r, length=5)],
    "length too large": lambda r: [frame(r, length=9)],
    "length huge": lambda r: [frame(r, length=65_535)],
    "a second frame smuggled behind": lambda r: [frame(r) + frame(r, b"\x00\x00\x00\x01")],
    "a frame of another transaction before": lambda r: [frame(r, transaction=tid(r) + 7) + frame(r)],
    "one byte behind": lambda r: [frame(r) + b"\x00"],
    "one byte before": lambda r: [b"\x00" + frame(r)],
    "the request sent back": lambda r: [r],
    "cut short and closed": lambda r: [frame(r)[:-1], None],
    "closed at once": lambda _: [None],
    "flood": lambda r: [b"\xff" * 100_000],
    "flood, then the reply": lambda r: [b"\x00" * 4096, frame(r)],
    "text": lambda _: [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    "exception with a tail": lambda r: [frame(r, b"", function=0x84, length=3, byte_count=2) + b"\x00"],
    "exception of another function": lambda r: [frame(r, b"", function=0x83, length=3, byte_count=2)],
}
"""What the client sees at once."""
IN_TIME: dict[str, Callable[[bytes, Waiting], Steps]] = {
    "drip, too slow": lambda r, wait: itertools.chain.from_iterable(
        (frame(r)[i : i + 1], wait.a_tenth) for i in range(13)
    ),
    "cut short": lambda r, wait: [frame(r)[:-1], wait.too_long],
    "nothing at all": lambda _, wait: [wait.too_long],
    "late": lambda r, wait: [wait.too_long, frame(r)],
}
"""What it sees when its patience ends."""


async def read_once(line: ModbusLine) -> bytes:
    if not line.is_open:
        await line.open()
    return await line.read(1, REQUEST)


@pytest.mark.parametrize("name", [*AT_ONCE, *IN_TIME])
def test_s4_a_malformed_reply_never_becomes_a_value(name: str, scripted_server: Callable[..., object]) -> None:
    """Hostile and honest in turn: never the forged value, and the honest one each time it is sent."""
    turn, wait = itertools.count(), Waiting()
    hostile = AT_ONCE.get(name) or functools.partial(lambda forge, request: forge(request, wait), IN_TIME[name])

    def respond(request: bytes) -> Steps:
        return hostile(request) if next(turn) % 2 == 0 else [frame(request, HONEST)]

    server = scripted_server(respond)

    async def talk(loop: steered_loop.SteeredLoop) -> None:
        wait.loop = loop
        line = ModbusLine("127.0.0.1", server.port, TIMEOUT_S)
        for _ in range(3):
            wait.given_up.clear()
            with pytest.raises((MalformedReply, NoReply)):
                await read_once(line)
            wait.given_up.set()
            assert not line.is_open, "what is still under way must meet a closed socket"
            assert await read_once(line) == HONEST
        line.close()

    steered_loop.run(talk)
    assert len(server.requests) == 6, "nothing is asked twice"


def test_s4_a_reply_in_small_pieces_within_the_time_is_a_reply(scripted_server: Callable[..., object]) -> None:
    wait = Waiting()

    def drip(request: bytes) -> Steps:
        reply = frame(request, HONEST)
        return [wait.a_tenth, *(step for i in range(8) for step in (reply[i : i + 1], wait.a_tenth)), reply[8:]]

    server = scripted_server(drip)

    async def talk(loop: steered_loop.SteeredLoop) -> None:
        wait.loop = loop
        line = ModbusLine("127.0.0.1", server.port, TIMEOUT_S)
        assert await read_once(line) == HONEST
        line.close()

    steered_loop.run(talk)


async def closed(line: ModbusLine) -> None:
    await asyncio.to_thread(until, lambda: not line.is_open, "the line is closed")


def test_s4_bytes_that_nobody_asked_for_close_the_line(scripted_server: Callable[..., object]) -> None:
    """A second frame that comes after the first was taken could be believed to answer the next request."""
    taken = threading.Event()

    def respond(request: bytes) -> Steps:
        wait = functools.partial(taken.wait, PATIENCE_S)
        return [frame(request, HONEST), wait, frame(request, FORGED, transaction=tid(request) + 1)]

    server = scripted_server(respond)

    async def talk() -> None:
        line = ModbusLine("127.0.0.1", server.port, PATIENCE_S)
        for _ in range(3):
            taken.clear()
            assert await read_once(line) == HONEST
            taken.set()
            await closed(line)
        line.close()

    asyncio.run(talk())
    assert server.connections == 3


def test_s4_a_greeting_is_no_reply(scripted_server: Callable[..., object]) -> None:
    server = scripted_server(lambda request: [frame(request, HONEST)])
    server.greeting = frame(struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0, 2))

    async def talk() -> None:
        line = ModbusLine("127.0.0.1", server.port, PATIENCE_S)
        await line.open()
        await closed(line)
        with pytest.raises(NotConnected):
            await line.read(1, REQUEST)
        line.close()

    asyncio.run(talk())


def test_an_exception_response_leaves_the_line_open(scripted_server: Callable[..., object]) -> None:
    server = scripted_server(lambda r: [frame(r, b"", function=0x84, length=3, byte_count=2)])

    async def talk() -> None:
        line = ModbusLine("127.0.0.1", server.port, PATIENCE_S)
        for _ in range(3):
            with pytest.raises(DeviceException) as caught:
                await read_once(line)
            assert caught.value.code == 2
            assert line.is_open
        line.close()

    asyncio.run(talk())
    assert server.connections == 1


def test_a_cancelled_read_closes_the_line(scripted_server: Callable[..., object]) -> None:
    server = scripted_server(lambda _: [])

    async def talk() -> None:
        line = ModbusLine("127.0.0.1", server.port, PATIENCE_S)
        await line.open()
        task = asyncio.create_task(line.read(1, REQUEST))
        await asyncio.to_thread(until, lambda: server.requests, "the request is under way")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not line.is_open

    asyncio.run(talk())


def test_nobody_there_is_not_connected() -> None:
    async def talk() -> None:
        with pytest.raises(NotConnected, match=r"127\.0\.0\.1:1"):
            await ModbusLine("127.0.0.1", 1, PATIENCE_S).open()

    asyncio.run(talk())


@st.composite
def spoiled_replies(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A reply changed, cut, lengthened, doubled or replaced."""
    kind = draw(st.sampled_from(["bytes", "header", "tail", "cut", "insert"]))
    noise = draw(st.binary(min_size=1, max_size=40))
    place = draw(st.integers(0, 12))
    change = draw(st.integers(1, 255))

    def spoil(request: bytes) -> bytes:
        exact = frame(request)
        if kind == "bytes":
            return noise
        if kind == "header":
            return bytes(byte ^ (change if at == place % 9 else 0) for at, byte in enumerate(exact))
        if kind == "tail":
            return exact + noise
        if kind == "cut":
            return exact[:place]
        return exact[: place % 9] + noise + exact[place % 9 :]

    return spoil


@settings(max_examples=examples(60), suppress_health_check=FIXTURE_SHARED_BY_EXAMPLES)
@given(spoils=st.lists(spoiled_replies(), min_size=1, max_size=6))
def test_s4_no_generated_reply_but_an_exact_one_gives_a_value(
    spoils: list[Callable[[bytes], bytes]], scripted_server: Callable[..., object]
) -> None:
    sent: list[tuple[bytes, bytes]] = []
    pending = list(spoils)

    def respond(request: bytes) -> Steps:
        reply = pending.pop(0)(request)
        sent.append((reply, frame(request)))
        # Closed after it, so that an unfinished reply costs no timeout.
        return [reply, None]

    server = scripted_server(respond)

    async def talk() -> list[bytes | None]:
        line = ModbusLine("127.0.0.1", server.port, PATIENCE_S)
        results: list[bytes | None] = []
        for _ in spoils:
            line.close()
            try:
                results.append(await read_once(line))
            except ReadError:
                results.append(None)
        line.close()
        return results

    results = asyncio.run(talk())
    server.stop()
    for result, (reply, exact) in zip(results, sent, strict=True):
        assert (result is not None) == (reply == exact)


def test_s4_control_the_bare_library_takes_forged_replies(scripted_server: Callable[..., object]) -> None:
    """What the guard is for: without it, pymodbus makes values of several of these replies."""

    async def ask(name: str) -> list[int] | None:
        server = scripted_server(AT_ONCE[name])
        client = AsyncModbusTcpClient("127.0.0.1", port=server.port, timeout=PATIENCE_S, retries=0, reconnect_delay=0)
        await client.connect()
        transport = client.ctx.transport
        try:
            reply = await client.read_input_registers(0, count=2, device_id=1)
        except ModbusException:
            return None
        finally:
            client.close()
            transport.abort()
        return None if reply.isError() else list(reply.registers)

    names = ("too few registers", "too many registers", "no registers", "wrong function", "byte count too small")
    accepted = {name: asyncio.run(ask(name)) for name in names}
    taken = [name for name, registers in accepted.items() if registers is not None]
    assert len(taken) >= 4, accepted


def test_the_forgers_honest_frame_is_the_one_of_the_specification() -> None:
    """The tests above compare with the right thing."""
    request = struct.pack(">HHHBBHH", 5, 0, 6, 1, 4, 0, 2)
    assert frame(request, HONEST) == bytes.fromhex("0005 0000 0007 01 04 04 12345678")
