"""A foreign implementation at the other end: pymodbus's own server."""

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer
from waiting import PATIENCE_S

from steelyard.contracts.profile import parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.edge.decoder import RequestDecoder
from steelyard.edge.errors import DeviceException
from steelyard.edge.modbus import ModbusLine
from steelyard.edge.planner import ReadRequest, plan


@pytest.fixture
def foreign_server(free_port: Callable[[], int]) -> Iterator[int]:
    """A server with 1000 registers each function; those of an SDM630 hold 100, 101, 102 … as floats."""
    registers = list(struct.unpack(">1000H", b"".join(struct.pack(">f", 100 + place) for place in range(500))))
    block = ModbusSequentialDataBlock(1, registers)
    context = ModbusServerContext(devices={1: ModbusDeviceContext(ir=block, hr=block)}, single=False)
    port = free_port()
    ready, end = threading.Event(), threading.Event()

    async def serve() -> None:
        server = ModbusTcpServer(context, address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        ready.set()
        await asyncio.to_thread(end.wait)
        await server.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    yield port
    end.set()
    thread.join(PATIENCE_S)


def test_an_sdm630_served_by_pymodbus_is_read_whole(foreign_server: int) -> None:
    profile = parse_profile(builtin("sdm630").read_text("utf-8"), "sdm630.toml")

    async def read() -> dict[str, float | None]:
        line = ModbusLine("127.0.0.1", foreign_server, PATIENCE_S)
        await line.open()
        values: dict[str, float | None] = {}
        for request in plan(profile.channels, profile.limits):
            decoded, _ = RequestDecoder(request, profile).decode(await line.read(1, request))
            values |= dict(zip((channel.id for channel in request.channels), decoded, strict=True))
        line.close()
        return values

    assert asyncio.run(read()) == {channel.id: 100 + channel.register / 2 for channel in profile.channels}


@pytest.mark.parametrize("function", [3, 4])
def test_both_functions_and_the_largest_read_work(foreign_server: int, function: int) -> None:
    async def read() -> bytes:
        line = ModbusLine("127.0.0.1", foreign_server, PATIENCE_S)
        await line.open()
        registers = await line.read(1, ReadRequest(function=function, register=10, count=125, channels=()))
        line.close()
        return registers

    assert asyncio.run(read())[:4] == struct.pack(">f", 105.0)


def test_an_address_that_is_not_there_is_a_device_exception(foreign_server: int) -> None:
    async def read() -> None:
        line = ModbusLine("127.0.0.1", foreign_server, PATIENCE_S)
        await line.open()
        try:
            await line.read(1, ReadRequest(function=4, register=60_000, count=2, channels=()))
        finally:
            line.close()

    with pytest.raises(DeviceException, match="illegal data address"):
        asyncio.run(read())


def test_the_transaction_number_is_right_beyond_its_end(foreign_server: int) -> None:
    """pymodbus counts to 65000 and begins again at 1; the guard must expect the same."""

    async def read() -> None:
        line = ModbusLine("127.0.0.1", foreign_server, PATIENCE_S)
        await line.open()
        assert line._guard is not None
        line._guard.next_tid = 64_995
        request = ReadRequest(function=4, register=0, count=2, channels=())
        for _ in range(10):
            assert await line.read(1, request) == struct.pack(">f", 100.0)
        assert line._guard.next_tid == 5
        line.close()

    asyncio.run(read())
