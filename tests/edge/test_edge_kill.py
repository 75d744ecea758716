"""R1 and R3 at the edge: gateway and broker are killed under load; truth minus ledger is nothing but the last round.

The truth is what the instruments served: each value once, with its time. A value whose reply was on its way through the
gateway when it was killed was never stored, so it may be missing; it is explained by the kill, and by nothing else.
"""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

UNITS = (1, 2, 3, 4)
IN_FLIGHT_S = 0.35
"""Seconds before a kill within which a served value may not have reached the spool yet."""

RUN = """
import signal, sys, threading
from pathlib import Path
from steelyard.edge.agent import run_edge
from steelyard.edge.sender import ForgetOn
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run_edge(Path(sys.argv[1]), stop, forget_on=ForgetOn[sys.argv[2]])
"""


class Truth:
    """Instruments that never serve a value twice, and remember when they served it."""

    def __init__(self, exact_reply: Callable[..., bytes]) -> None:
        self.served: dict[tuple[int, int], float] = {}
        self._count = dict.fromkeys(UNITS, 0)
        self._exact_reply = exact_reply

    def respond(self, request: bytes) -> list[bytes]:
        unit = request[6]
        self._count[unit] += 1
        value = self._count[unit]
        self.served[unit, value] = time.monotonic()
        high, low = divmod(value, 65_536)
        return [self._exact_reply(request, lambda _unit, register: high if register == 0 else low)]


class Gateway:
    """The gateway in a process of its own."""

    def __init__(self, path: Path, forget_on: str) -> None:
        self._command = [sys.executable, "-c", RUN, str(path), forget_on]
        self.kills: list[float] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills.append(time.monotonic())


@pytest.fixture
def truth(exact_reply: Callable[..., bytes]) -> Truth:
    return Truth(exact_reply)


@pytest.fixture
def gateway(
    truth: Truth,
    mosquitto: object,
    scripted_server: Callable[..., object],
    gateway_directory: Callable[..., Path],
    profile_text: Callable[..., str],
) -> Iterator[Callable[[str], Gateway]]:
    server = scripted_server(truth.respond)
    path = gateway_directory(
        profile_text([("count", 0, "uint32")]),
        broker_port=mosquitto.port,
        instruments=[],
        poll="period_s = 0.02\ntimeout_s = 0.3\n",
    )
    tables = (
        f'[[instrument]]\nid = "u{unit}"\nprofile = "made.toml"\nhost = "127.0.0.1"\n'
        f"port = {server.port}\nunit = {unit}\n"
        for unit in UNITS
    )
    path.write_text(path.read_text() + "".join(tables))
    started: list[Gateway] = []

    def start(forget_on: str) -> Gateway:
        started.append(Gateway(path, forget_on))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def ledger_of(consumer: object) -> Counter[tuple[int, int]]:
    """(unit, value) of every good reading in the ledger, with how often it stands there."""
    return Counter(
        (int(instrument[1:]), int(value))
        for instrument, _, value, status in consumer.readings()
        if status == 0 and value is not None
    )


def missing(truth: Truth, consumer: object, kills: list[float], until: float) -> list[tuple[int, int]]:
    """Served values that are not in the ledger and that no kill explains."""
    ledger = ledger_of(consumer)
    return [
        value
        for value, served in truth.served.items()
        if served < until
        and value not in ledger
        and not any(kill - IN_FLIGHT_S <= served <= kill + 0.01 for kill in kills)
    ]


def wait_for_everything(truth: Truth, consumer: object, wait_until: Callable[..., None]) -> float:
    """Wait until what is served now has arrived; returns that time."""
    now = time.monotonic()
    newest = {unit: max(v for u, v in truth.served if u == unit) for unit in UNITS}
    wait_until(lambda: all((unit, value) in ledger_of(consumer) for unit, value in newest.items()), 30)
    return now


@pytest.mark.slow
def test_r1_killing_gateway_and_broker_under_load_loses_nothing(
    truth: Truth,
    mosquitto: object,
    gateway: Callable[[str], Gateway],
    consumer_factory: Callable[..., object],
    wait_until: Callable[..., None],
) -> None:
    chance = random.Random(20241121)
    consumer = consumer_factory(mosquitto.port)
    running = gateway("RECEIPT")
    wait_until(lambda: len(consumer.frames) > 20)
    for turn in range(8):
        time.sleep(chance.uniform(0.2, 0.8))
        if turn % 4 == 2:
            mosquitto.forget_everything()
            time.sleep(0.2)
            mosquitto.start()
        else:
            running.kill()
            running.start()
            wait_until(lambda: len(consumer.boots) == len(running.kills) + 1, 20)
    until = wait_for_everything(truth, consumer, wait_until)
    wait_until(lambda: consumer.gaps() == [], 20)
    running.kill()
    assert missing(truth, consumer, running.kills, until) == []
    assert max(ledger_of(consumer).values()) == 1, "no value twice"
    assert set(ledger_of(consumer)) <= set(truth.served), "no value that was not served"
    assert consumer.altered == []
    assert len(consumer.boots) == 7, "each start is a boot of its own"


@pytest.mark.slow
@pytest.mark.parametrize("forget_on", ["RECEIPT", "PUBACK"])
def test_r3_a_broker_that_forgets_loses_frames_only_where_puback_is_believed(
    forget_on: str,
    truth: Truth,
    mosquitto: object,
    gateway: Callable[[str], Gateway],
    consumer_factory: Callable[..., object],
    wait_until: Callable[..., None],
) -> None:
    """The control (PUBACK) must lose: else this test, and the receipt, would prove nothing."""
    consumer = consumer_factory(mosquitto.port)
    running = gateway(forget_on)
    wait_until(lambda: len(consumer.frames) > 20)
    consumer.go()  # ingest is being restarted; the broker keeps its session and acknowledges for it
    time.sleep(0.8)
    mosquitto.forget_everything()
    mosquitto.start()
    consumer.come()
    wait_until(lambda: consumer.client.connected)
    until = wait_for_everything(truth, consumer, wait_until)
    if forget_on == "RECEIPT":
        # What reached the new broker before its consumer did is sent again when its receipt is overdue (5 s).
        wait_until(lambda: consumer.gaps() == [], 20)
    running.kill()
    lost = missing(truth, consumer, running.kills, until)
    if forget_on == "RECEIPT":
        assert lost == []
    else:
        assert len(lost) > 20


def test_sigterm_ends_in_good_order_with_nothing_left_to_send(
    truth: Truth,
    mosquitto: object,
    gateway: Callable[[str], Gateway],
    consumer_factory: Callable[..., object],
    wait_until: Callable[..., None],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    running = gateway("RECEIPT")
    wait_until(lambda: len(consumer.frames) > 20)
    running.process.terminate()
    assert running.process.wait(10) == 0
    assert set(ledger_of(consumer)) == set(truth.served), "the round was finished, and sent"
    wait_until(lambda: consumer.statuses[-1].reason == "stopped")
