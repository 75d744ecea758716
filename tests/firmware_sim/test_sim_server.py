"""The sockets: what a client sees of a running scenario."""

import contextlib
import socket
import statistics
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from waiting import PATIENCE_S, until

from steelyard.contracts.clock import ScaledClock
from steelyard.firmware_sim.demo import PRESSURE_MPE_MPA, demo_scenario
from steelyard.firmware_sim.errors import ListenError, ScenarioError
from steelyard.firmware_sim.runner import Endpoint, run_sim, run_sim_from_file
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.served import read_served
from steelyard.firmware_sim.server import _Connection
from steelyard.firmware_sim.truth_file import read_truth

Running = Callable[..., AbstractContextManager[dict[str, Endpoint]]]


def request(unit: int, register: int, count: int, *, function: int = 4, transaction: int = 1) -> bytes:
    return struct.pack(">HHHBBHH", transaction, 0, 6, unit, function, register, count)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


def hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def connect(endpoint: Endpoint) -> socket.socket:
    return socket.create_connection((endpoint.host, endpoint.port), timeout=PATIENCE_S)


def test_all_instruments_of_a_site_answer_on_its_port(five: Scenario, clock: Any, running: Running) -> None:
    with running(five, clock) as endpoints:
        assert list(endpoints) == ["meter", "thermometer", "scale", "transmitter", "gauge"]
        assert len({endpoint.port for endpoint in endpoints.values()}) == 1
        assert [endpoint.unit for endpoint in endpoints.values()] == [1, 2, 3, 4, 5]
        with connect(endpoints["gauge"]) as connection:
            for unit in (4, 5):
                connection.sendall(request(unit, 2, 2))
                assert receive(connection, 13)[6:9] == bytes((unit, 4, 4))


def test_requests_may_come_together_or_in_pieces(five: Scenario, clock: Any, running: Running) -> None:
    with running(five, clock) as endpoints, connect(endpoints["meter"]) as connection:
        connection.sendall(b"".join(request(1, 0, 2, transaction=number) for number in range(50)))
        replies = receive(connection, 50 * 13)
        assert [struct.unpack(">H", replies[i : i + 2])[0] for i in range(0, len(replies), 13)] == list(range(50))
        for byte in request(1, 0, 2, transaction=77):
            connection.sendall(bytes((byte,)))
        assert receive(connection, 13)[:2] == b"\x00\x4d"


def test_client_that_speaks_something_else_is_cut_off_and_others_are_not(
    five: Scenario, clock: Any, running: Running
) -> None:
    with running(five, clock) as endpoints, connect(endpoints["meter"]) as good, connect(endpoints["meter"]) as bad:
        bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert hung_up(bad)
        good.sendall(request(1, 0, 2))
        assert len(receive(good, 13)) == 13


def test_client_that_asks_and_never_reads_is_cut_off(
    with_lines: Callable[..., Scenario], clock: Any, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off, abort = Event(), _Connection.abort

    def noted_abort(connection: _Connection) -> None:
        abort(connection)
        cut_off.set()

    monkeypatch.setattr(_Connection, "abort", noted_abort)
    scenario = with_lines('[[fault]]\ninstrument = "meter"\nkind = "flood"')
    with running(scenario, clock) as endpoints, connect(endpoints["meter"]) as greedy:
        greedy.sendall(request(1, 0, 76) * 100)  # 32 MB of answers, more than any socket buffer takes
        assert cut_off.wait(PATIENCE_S)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := greedy.recv(1_000_000):
                received += len(data)
        assert received < 30_000_000
        with connect(endpoints["gauge"]) as other:
            other.sendall(request(5, 2, 2))
            assert len(receive(other, 13)) == 13


def test_site_takes_no_more_connections_than_its_limit(
    five: Scenario, clock: Any, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steelyard.firmware_sim.server.MAX_CONNECTIONS", 2)
    with running(five, clock) as endpoints, connect(endpoints["meter"]) as first, connect(endpoints["meter"]) as second:
        for connection in (first, second):
            connection.sendall(request(1, 0, 2))
            assert len(receive(connection, 13)) == 13
        with connect(endpoints["meter"]) as third:
            assert hung_up(third)
        first.close()

        def answered() -> bool:
            """Whether another connection is taken in: not before the server knows that the first has gone."""
            with connect(endpoints["meter"]) as fourth, contextlib.suppress(ConnectionError):
                fourth.sendall(request(1, 0, 2))
                return len(receive(fourth, 13)) == 13
            return False

        until(answered, "a place is free again")


def test_simulator_stops_although_clients_are_connected(five: Scenario, clock: Any, running: Running) -> None:
    with contextlib.ExitStack() as clients:
        with running(five, clock) as endpoints:
            connection = clients.enter_context(connect(endpoints["meter"]))
            connection.sendall(request(1, 0, 2))
            assert len(receive(connection, 13)) == 13
        assert hung_up(connection)


def test_pair_read_on_a_clock_a_million_times_too_fast_still_agrees(clock: Any, running: Running) -> None:
    now_ns = 1_795_248_000 * 10**9
    start_ns = now_ns - 730 * 86_400 * 10**9
    clock.t_ns = now_ns
    fast = ScaledClock(clock, simulated_from_ns=start_ns, wall_from_ns=now_ns, rate=876_000)
    with running(demo_scenario(start_ns, now_ns), fast) as endpoints:
        with connect(endpoints["pt-h-01"]) as connection:
            differences = []
            for _ in range(200):
                # Three milliseconds apart: three quarters of an hour of the fast clock.
                connection.sendall(request(41, 2, 2))
                low, high = struct.unpack(">HH", receive(connection, 13)[9:])
                clock.t_ns += 3_000_000
                connection.sendall(request(42, 2, 2))
                gauge = struct.unpack(">f", receive(connection, 13)[9:])[0]
                differences.append(struct.unpack(">f", struct.pack(">HH", high, low))[0] - gauge)
        assert fast.now_ns() > start_ns + 5 * 86_400 * 10**9
    # The transmitter is 0.18 of its MPE too high; noise is 0.025 of it.
    assert statistics.median(differences) / PRESSURE_MPE_MPA == pytest.approx(0.17, abs=0.04)
    assert statistics.stdev(differences) < 0.05 * PRESSURE_MPE_MPA


def test_clock_decides_what_is_indicated(five: Scenario, clock: Any, running: Running) -> None:
    with running(five, clock) as endpoints, connect(endpoints["meter"]) as connection:

        def energy() -> float:
            connection.sendall(request(1, 72, 2))
            number: float = struct.unpack(">f", receive(connection, 13)[9:])[0]
            return number

        before = energy()
        assert energy() == before
        clock.t_ns += 3_600 * 10**9
        assert energy() - before == pytest.approx(30.0, rel=0.2)


def test_late_and_dripping_replies_come_slowly_over_the_wire(
    with_lines: Callable[..., Scenario], clock: Any, running: Running
) -> None:
    scenario = with_lines(
        '[[fault]]\ninstrument = "meter"\nkind = "late"\ndelay = "200ms"',
        '[[fault]]\ninstrument = "gauge"\nkind = "drip"\ndelay = "200ms"',
        '[[fault]]\ninstrument = "scale"\nkind = "disconnect"',
        '[[fault]]\ninstrument = "thermometer"\nkind = "dropout"',
    )
    with running(scenario, clock) as endpoints:
        for unit in (1, 5):
            with connect(endpoints["meter"]) as connection:
                began = time.monotonic()
                connection.sendall(request(unit, 2, 2))
                assert len(receive(connection, 13)) == 13
                assert time.monotonic() - began >= 0.19
        with connect(endpoints["scale"]) as connection:
            connection.sendall(request(3, 2, 2, function=3))
            assert hung_up(connection)
        with connect(endpoints["thermometer"]) as connection:
            connection.sendall(request(2, 1, 1, function=3, transaction=7))
            connection.sendall(request(4, 2, 2, transaction=8))
            connection.shutdown(socket.SHUT_WR)
            assert receive(connection, 1000)[:2] == b"\x00\x08", "nothing but the answer to what was asked after it"


def test_client_that_leaves_before_a_late_reply_harms_nothing(
    with_lines: Callable[..., Scenario], clock: Any, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    replied, send = Event(), _Connection._send

    def noted_send(connection: _Connection, data: bytes) -> None:
        send(connection, data)
        replied.set()

    monkeypatch.setattr(_Connection, "_send", noted_send)
    scenario = with_lines('[[fault]]\ninstrument = "meter"\nkind = "late"\ndelay = "100ms"')
    with running(scenario, clock) as endpoints:
        with connect(endpoints["meter"]) as connection:
            connection.sendall(request(1, 0, 2))
        assert replied.wait(PATIENCE_S)
        with connect(endpoints["gauge"]) as connection:
            connection.sendall(request(5, 2, 2))
            assert len(receive(connection, 13)) == 13


def test_everything_served_is_recorded_and_nothing_else(
    with_lines: Callable[..., Scenario], clock: Any, running: Running, tmp_path: Path
) -> None:
    scenario = with_lines('[[fault]]\ninstrument = "gauge"\nkind = "short_reply"')
    path = tmp_path / "served.sqlite"
    seen = []
    with running(scenario, clock, served_path=path) as endpoints, connect(endpoints["meter"]) as connection:
        for _ in range(20):
            clock.t_ns += 10**9
            connection.sendall(request(1, 72, 2))
            seen.append(struct.unpack(">f", receive(connection, 13)[9:])[0])
        connection.sendall(request(5, 2, 2))
        receive(connection, 11)
        connection.sendall(request(1, 500, 2))
        receive(connection, 9)
    recorded = list(read_served(path))
    assert [(served.channel, served.value) for served in recorded] == [("energy_import", value) for value in seen]
    assert [served.t_ns for served in recorded] == sorted({served.t_ns for served in recorded})


def test_truth_file_is_there_when_the_instruments_answer(
    five: Scenario, clock: Any, running: Running, tmp_path: Path
) -> None:
    with running(five, clock, truth_path=tmp_path / "truth.json"):
        assert read_truth(tmp_path / "truth.json").load_scenario() == five


def test_taken_port_is_named(five: Scenario, clock: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127.0.0.1:{port}: no Modbus server can listen there"):
            run_sim(five, clock, Event(), first_port=port)


def test_sites_get_the_first_port_and_those_after_it(
    five_text: str, clock: Any, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    text = five_text.replace('id = "hall"', 'id = "hall"\n[[site]]\nid = "yard"').replace(
        'site = "hall"', 'site = "yard"', 1
    )
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    first, stop, found = free_port(), Event(), []

    def ready(endpoints: tuple[Endpoint, ...]) -> None:
        found.extend(endpoints)
        stop.set()

    run_sim_from_file(path, clock, stop, first_port=first, on_ready=ready)
    assert {endpoint.site: endpoint.port for endpoint in found} == {"hall": first, "yard": first + 1}


def test_profile_beside_the_scenario_file_is_found(five_text: str, clock: Any, tmp_path: Path) -> None:
    from steelyard.contracts.profiles import builtin  # noqa: PLC0415 - only here

    (tmp_path / "mine.toml").write_text(builtin("sdm630").read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "scenario.toml"
    path.write_text(five_text.replace('"sdm630"', '"mine.toml"'), encoding="utf-8")
    stop, found = Event(), []

    def ready(endpoints: tuple[Endpoint, ...]) -> None:
        found.extend(endpoints)
        stop.set()

    run_sim_from_file(path, clock, stop, first_port=0, on_ready=ready)
    assert found[0].profile == "mine.toml"


def test_scenario_file_that_is_not_there_is_named(clock: Any, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"scenario: '.*missing.toml': cannot be read"):
        run_sim_from_file(tmp_path / "missing.toml", clock, Event())
