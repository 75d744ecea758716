"""R1 and R3 at the edge: gateway and broker are killed under load; truth minus ledger is nothing but the last round.

The truth is what the instruments served: each value once. The gateway keeps a journal of the frames that it handed to
its spool and of those that reached the disk. A value that was on its way through the gateway when it was killed may be
missing: the kill explains it, and nothing else does. No clock decides that, so a slow machine changes nothing.
"""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

from steelyard.contracts.cose import verify1
from steelyard.contracts.frame import Frame, decode_frame
from steelyard.contracts.keys import SigningKey

UNITS = (1, 2, 3, 4)
Value = tuple[int, int]
"""Unit and value."""

RUN = f"""
import functools, os, signal, sys, threading
from pathlib import Path
from steelyard.edge import agent, sender
from steelyard.edge.agent import Agent, run_edge
from steelyard.edge.spooler import Spooler
journal = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
append, on_stored = Spooler.append, Agent._on_stored

def append_and_note(spooler, frames):
    append(spooler, frames)
    for frame in frames:
        os.write(journal, f"handed {{frame.boot}} {{frame.seq}} {{frame.message.hex()}}\\n".encode())

def note_stored(this, frames):
    os.write(journal, ("stored " + " ".join(f"{{f.boot}}:{{f.seq}}" for f in frames) + "\\n").encode())
    on_stored(this, frames)

Spooler.append, Agent._on_stored = append_and_note, note_stored
agent.FAREWELL_S = {PATIENCE_S}
sender.WindowLimits = functools.partial(sender.WindowLimits, resend_after_ns=10**9)
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run_edge(Path(sys.argv[1]), stop, forget_on=sender.ForgetOn[sys.argv[2]])
"""
"""The gateway, which keeps that journal: a SIGKILL cannot take back what the kernel was given."""


class Truth:
    """Instruments that never serve a value twice."""

    def __init__(self, exact_reply: Callable[..., bytes]) -> None:
        self.served: set[Value] = set()
        self.count = dict.fromkeys(UNITS, 0)
        """By unit: the value served last."""
        self._exact_reply = exact_reply

    def respond(self, request: bytes) -> list[bytes]:
        unit = request[6]
        self.count[unit] += 1
        value = self.count[unit]
        self.served.add((unit, value))
        high, low = divmod(value, 65_536)
        return [self._exact_reply(request, lambda _unit, register: high if register == 0 else low)]

    def serve(self, more: int) -> None:
        """Wait until so many more values were served."""
        enough = len(self.served) + more
        until(lambda: len(self.served) >= enough, f"{more} more values")


class Gateway:
    """The gateway in a process of its own."""

    def __init__(self, path: Path, forget_on: str, truth: Truth) -> None:
        self.journal = path.with_name("journal")
        self._command = [sys.executable, "-c", RUN, str(path), forget_on, str(self.journal)]
        self._truth = truth
        self.kills: list[dict[int, int]] = []
        """What had been served when it was killed: by unit, the last value."""
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills.append(dict(self._truth.count))

    def finish(self) -> None:
        """SIGTERM: it sends all that it has."""
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0


@dataclass
class Journal:
    """What a gateway has noted."""

    stored: set[Value] = field(default_factory=set)
    """Values that had reached the disk."""
    in_flight: set[Value] = field(default_factory=set)
    """Values that were handed to the spool and never reached the disk."""
    left_waiting: list[str] = field(default_factory=list)
    """Frames that waited although the disk was free for them: nothing may wait for longer than two transactions."""


def values_of(frame: Frame) -> set[Value]:
    """The good values of a frame."""
    return {
        (int(block.instrument[1:]), int(value))
        for block in frame.blocks
        for (value,), (status,) in zip(block.values, block.status, strict=True)
        if status == 0 and value is not None
    }


def read_journal(path: Path, key: SigningKey) -> Journal:
    journal = Journal()
    stored: set[str] = set()
    handed: dict[str, set[Value]] = {}
    transactions: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        kind, *rest = line.split()
        if kind == "handed":
            number = f"{rest[0]}:{rest[1]}"
            values = values_of(decode_frame(verify1(bytes.fromhex(rest[2]), key.public)))
            if number in stored:  # before this line was written
                journal.stored |= values
            else:
                handed[number] = values
            continue
        stored.update(rest)
        for number in rest:
            journal.stored |= handed.pop(number, set())
        boot = rest[0].split(":")[0]
        for number in handed:
            if number.split(":")[0] == boot:
                transactions[number] += 1
                if transactions[number] == 2:
                    journal.left_waiting.append(number)
    journal.in_flight = set().union(*handed.values())
    return journal


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
    path = gateway_directory(profile_text([("count", 0, "uint32")]), broker_port=mosquitto.port, instruments=[])
    tables = (
        f'[[instrument]]\nid = "u{unit}"\nprofile = "made.toml"\nhost = "127.0.0.1"\n'
        f"port = {server.port}\nunit = {unit}\n"
        for unit in UNITS
    )
    path.write_text(path.read_text() + "".join(tables))
    started: list[Gateway] = []

    def start(forget_on: str) -> Gateway:
        started.append(Gateway(path, forget_on, truth))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def ledger_of(consumer: object) -> Counter[Value]:
    """Every good value in the ledger, with how often it stands there."""
    return Counter(value for frame in consumer.decoded() for value in values_of(frame))


def unexplained(lost: set[Value], running: Gateway, journal: Journal) -> list[Value]:
    """Lost values that no kill explains.

    A kill explains what was on its way to the disk, and what had not been handed over yet: of each instrument at most
    one value of the round that is being read, one of the round before, which waits for the others, and one request that
    was answered when its gateway was dead.
    """
    last_rounds = {
        (unit, value)
        for served in running.kills
        for unit, last in served.items()
        for value in (last - 1, last, last + 1)
    }
    return sorted(lost - journal.in_flight - last_rounds)


@pytest.mark.slow
def test_r1_killing_gateway_and_broker_under_load_loses_nothing(
    truth: Truth,
    mosquitto: object,
    gateway: Callable[[str], Gateway],
    consumer_factory: Callable[..., object],
    gateway_key: SigningKey,
) -> None:
    chance = random.Random(20241121)
    consumer = consumer_factory(mosquitto.port)
    running = gateway("RECEIPT")
    until(lambda: len(consumer.frames) > 20, "frames")
    for turn in range(8):
        truth.serve(chance.randrange(40, 160))
        if turn % 4 == 2:
            mosquitto.forget_everything()
            truth.serve(40)
            mosquitto.start()
        else:
            running.kill()
            running.start()
            until(lambda: len(consumer.boots) == len(running.kills) + 1, "frames of the new boot")
    until(lambda: consumer.gaps() == [], "no gaps", say=lambda: str(consumer.gaps()))
    running.finish()
    journal = read_journal(running.journal, gateway_key)
    ledger = ledger_of(consumer)
    lost = truth.served - set(ledger)
    assert lost & journal.stored == set()
    assert unexplained(lost, running, journal) == []
    assert journal.left_waiting == []
    assert consumer.gaps() == []
    assert max(ledger.values()) == 1, "no value twice"
    assert set(ledger) <= truth.served, "no value that was not served"
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
    gateway_key: SigningKey,
) -> None:
    """The control (PUBACK) must lose: else this test, and the receipt, would prove nothing."""
    consumer = consumer_factory(mosquitto.port)
    running = gateway(forget_on)
    until(lambda: len(consumer.frames) > 20, "frames")
    consumer.go()  # ingest is being restarted; the broker keeps its session and acknowledges for it
    acknowledged = mosquitto.log.count("Sending PUBACK to gw")
    until(lambda: mosquitto.log.count("Sending PUBACK to gw") > acknowledged + 40, "frames that only the broker has")
    mosquitto.forget_everything()
    mosquitto.start()
    consumer.come()
    known = len(consumer.frames)
    until(lambda: len(consumer.frames) > known + 20, "frames by way of the new broker")
    if forget_on == "RECEIPT":
        # What reached the new broker before its consumer did is sent again when its receipt is overdue.
        until(lambda: consumer.gaps() == [], "no gaps", say=lambda: str(consumer.gaps()))
    running.finish()
    lost = truth.served - set(ledger_of(consumer))
    if forget_on == "RECEIPT":
        assert lost == set()
        assert consumer.gaps() == []
    else:
        assert len(lost & read_journal(running.journal, gateway_key).stored) > 20


def test_sigterm_ends_in_good_order_with_nothing_left_to_send(
    truth: Truth,
    mosquitto: object,
    gateway: Callable[[str], Gateway],
    consumer_factory: Callable[..., object],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    running = gateway("RECEIPT")
    until(lambda: len(consumer.frames) > 20, "frames")
    running.finish()
    assert set(ledger_of(consumer)) == truth.served, "the round was finished, and sent"
    until(lambda: consumer.statuses[-1].reason == "stopped", "the goodbye")
