"""How much a simulated line bears: a small request costs little more than what any server in Python pays for it."""

import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import PATIENCE_S

# Processes of their own, so that their processor time is the server's alone.
MEASURED = """
import resource, sys
from pathlib import Path
from threading import Event, Thread

stop = Event()
Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()

def ready(port):
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(port, used.ru_utime + used.ru_stime, flush=True)

{serve}
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
"""
SIMULATOR = """
from steelyard.contracts.clock import SystemClock
from steelyard.firmware_sim.runner import run_sim_from_file
run_sim_from_file(
    Path(sys.argv[1]), SystemClock(), stop, first_port=0, on_ready=lambda endpoints: ready(endpoints[0].port)
)
"""
PLAIN = """
import asyncio

class Zeros(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= 12:
            request, self.buffer = self.buffer[:12], self.buffer[12:]
            registers = int.from_bytes(request[10:12], "big")
            head = request[:4] + (3 + 2 * registers).to_bytes(2, "big") + request[6:8] + bytes((2 * registers,))
            self.transport.write(head + bytes(2 * registers))

async def serve():
    server = await asyncio.get_running_loop().create_server(Zeros, "127.0.0.1", 0)
    ready(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(stop.wait)
    server.close()

asyncio.run(serve())
"""
"""A server that answers the same requests with zeros: what the machine takes for that at this moment."""
REQUESTS = 6_000
CONNECTIONS = 20
BATCH = 30
"""Requests sent at a time to one server and then to the other, so that both meet the same moments."""
AT_MOST = 3.5
"""How many times the plain server's processor time a request may cost; twice is usual."""

# Unit, function, register, count: a small request to each kind of instrument.
SMALL = ((1, 4, 52, 2), (2, 3, 1, 1), (3, 3, 2, 2), (4, 4, 2, 2), (5, 4, 2, 2))


def _request(number: int) -> tuple[bytes, int]:
    unit, function, register, count = SMALL[number % len(SMALL)]
    return struct.pack(">HHHBBHH", number % 65_536, 0, 6, unit, function, register, count), 9 + 2 * count


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, "the server hung up"
        data += more
    return data


class Server:
    """A server process with its clients."""

    def __init__(self, serve: str, scenario: Path) -> None:
        self.served = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", MEASURED.format(serve=serve), str(scenario)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        port, cpu = self.process.stdout.readline().split()
        self._cpu_before = float(cpu)
        self._connections = [
            socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE_S) for _ in range(CONNECTIONS)
        ]

    def ask(self, batch: int) -> None:
        """Send so many requests, then take the answers."""
        waiting = []
        for number in range(self.served, self.served + batch):
            request, size = _request(number)
            connection = self._connections[number % CONNECTIONS]
            connection.sendall(request)
            waiting.append((connection, size, number))
        for connection, size, sent in waiting:
            reply = _receive(connection, size)
            assert struct.unpack_from(">H", reply)[0] == sent % 65_536
            assert reply[7] in (3, 4)
            self.served += 1

    def end(self) -> tuple[float, int]:
        """Processor seconds a request, and megabytes."""
        for connection in self._connections:
            connection.close()
        rest, _ = self.process.communicate("\n", timeout=PATIENCE_S)
        cpu_after, megabytes = rest.split()
        return (float(cpu_after) - self._cpu_before) / self.served, int(megabytes)


@contextmanager
def _server(serve: str, scenario: Path) -> Iterator[Server]:
    server = Server(serve, scenario)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.slow
def test_a_small_request_costs_no_more_than_a_few_times_what_a_server_of_zeros_takes(
    five_text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where zeros take 50 us it is three thousand a second in half a core; an absolute figure holds on one machine."""
    path = tmp_path / "scenario.toml"
    path.write_text(five_text, encoding="utf-8")
    with _server(SIMULATOR, path) as simulator, _server(PLAIN, path) as plain:
        while simulator.served < REQUESTS:
            simulator.ask(BATCH)
            plain.ask(BATCH)
        (cost, megabytes), (plain_cost, _) = simulator.end(), plain.end()
    with capsys.disabled():
        print(  # noqa: T201 - the figure is this test's second result
            f"\nsimulator: {1e6 * cost:.0f} us CPU a small request, zeros {1e6 * plain_cost:.0f} us; {megabytes} MB"
        )
    assert cost < AT_MOST * plain_cost
