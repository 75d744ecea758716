"""How much a simulated line bears: thousands of small requests a second in less than half a core."""

import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A process of its own, so that its processor time is the server's alone.
SERVER = """
import resource, sys
from pathlib import Path
from threading import Event, Thread
from steelyard.contracts.clock import SystemClock
from steelyard.firmware_sim.runner import run_sim_from_file

stop = Event()
Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()

def ready(endpoints):
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(endpoints[0].port, used.ru_utime + used.ru_stime, flush=True)

run_sim_from_file(Path(sys.argv[1]), SystemClock(), stop, first_port=0, on_ready=ready)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
"""
RATE = 3_000
SECONDS = 2.0
CONNECTIONS = 20
BATCH = 30
"""Requests sent at a time: one round of the clients every 10 ms."""

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


@pytest.mark.slow
def test_three_thousand_small_requests_a_second_take_less_than_half_a_core(
    five_text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(five_text, encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        port, cpu_before = server.stdout.readline().split()
        connections = [socket.create_connection(("127.0.0.1", int(port)), timeout=10) for _ in range(CONNECTIONS)]
        began, number, served = time.monotonic(), 0, 0
        while time.monotonic() - began < SECONDS:
            waiting = []
            for _ in range(BATCH):
                request, size = _request(number)
                connection = connections[number % CONNECTIONS]
                connection.sendall(request)
                waiting.append((connection, size, number))
                number += 1
            for connection, size, sent in waiting:
                reply = _receive(connection, size)
                assert struct.unpack_from(">H", reply)[0] == sent % 65_536
                assert reply[7] in (3, 4)
                served += 1
            time.sleep(max(0.0, began + served / RATE - time.monotonic()))
        took = time.monotonic() - began
        for connection in connections:
            connection.close()
    finally:
        rest, _ = server.communicate("\n", timeout=20)
    cpu_after, megabytes = rest.split()
    cpu = float(cpu_after) - float(cpu_before)
    with capsys.disabled():
        print(  # noqa: T201 - the figure is this test's second result
            f"\nsimulator: {served / took:.0f} small requests/s, {1e6 * cpu / served:.0f} us CPU a request, "
            f"{cpu / took:.2f} core, {megabytes} MB"
        )
    # What the machine's other work leaves decides the rate; the processor time a request costs is the simulator's own.
    assert cpu / served < 0.5 / RATE
