"""What a gateway keeps: a full spool, a backlog that is drained, frames that nobody has confirmed."""

import bisect
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

from steelyard.broker_config.client import BrokerClient, BrokerSettings
from steelyard.contracts.clock import SystemClock
from steelyard.contracts.frame import Block
from steelyard.contracts.keys import SigningKey
from steelyard.edge.agent import Agent
from steelyard.edge.frames import FrameMaker, SignedFrame
from steelyard.edge.modbus import ModbusLine, _GuardedTransaction
from steelyard.edge.planner import ReadRequest
from steelyard.edge.sender import BURST, Sender
from steelyard.edge.spool import Spool, SpoolLimits
from steelyard.edge.window import SendWindow

TEN_A_SECOND = "period_s = 0.1\ntimeout_s = 60.0\n"
TWENTY_A_SECOND = "period_s = 0.05\ntimeout_s = 60.0\n"


def test_a_full_spool_stops_measuring_and_the_gap_is_recorded(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    lines: Callable[[], list[str]],
    spooled: Callable[[Path], Spool],
) -> None:
    consumer = consumer_factory(mosquitto.port, give_receipts=False)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", counting.port)],
        spool="max_frames = 20\n",
    )
    gateway = start_gateway(path)
    until(lambda: any("measuring stops" in line for line in lines()), "the full spool")
    until(lambda: any("measuring stopped" in status.reason for status in consumer.statuses), "the status that says so")
    asked, asked_ns = len(counting.requests), time.time_ns()
    until(lambda: gateway.agent._full_polls > 20, "deadlines that are let pass")
    assert len(counting.requests) <= asked + 1, "nothing is measured that cannot be kept"
    until(lambda: len(consumer.frames) >= 20, "what was kept")
    still_full_ns = time.time_ns()
    consumer.give_receipts = True
    consumer.send_receipt(consumer.order[0][0], 20)
    until(lambda: any("measuring goes on" in line for line in lines()), "room again")
    known = len(consumer.frames)
    until(lambda: len(consumer.frames) >= known + 20, "20 more frames")
    gateway.stop()
    assert consumer.gaps() == [], "numbers have no gap: nothing was measured, nothing was numbered"
    spool = spooled(path.parent)
    (gap,) = spool.gaps()
    spool.close()
    assert "spool.max_frames is 20" in gap.cause
    assert gap.polls > 20
    assert gap.from_ns <= asked_ns < still_full_ns <= gap.to_ns


@pytest.mark.slow
def test_r6_a_backlog_is_drained_fast_in_order_while_live_data_keep_coming(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    gateway_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As fast as this machine lets anybody be at that moment, holding up no poll."""
    backlog = 2000
    path = gateway_directory(
        broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)], poll=TWENTY_A_SECOND
    )
    fill(path.parent, backlog, gateway_key)
    consumer = consumer_factory(mosquitto.port)
    sent_meanwhile = count_what_is_sent_while_a_poll_waits(monkeypatch)
    with PlainPublisher(mosquitto.port) as publisher:
        gateway = start_gateway(path)
        until(lambda: len(consumer.frames) >= backlog, "the backlog")
        published = publisher.acknowledged
    until(lambda: any(boot.startswith("00000002") for boot in consumer.boots), "live data")
    gateway.stop()
    assert [number for number in consumer.order if number[0].startswith("00000001")] == sorted(
        number for number in consumer.frames if number[0].startswith("00000001")
    )
    assert consumer.gaps() == []
    # Six times as many are usual: nobody signs, keeps or verifies them.
    assert published < 20 * backlog, f"while {backlog} frames were drained, a bare client sent {published} as large"
    assert len(sent_meanwhile) > 40
    assert max(sent_meanwhile) <= 4 * BURST, "frames sent although a poll was due, or its answer there"


def count_what_is_sent_while_a_poll_waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames are sent between each deadline and its poll, and between each answer and its being taken.

    The rest of a poll is the instrument's. No pause of the machine makes a number larger, as it makes polls missed.
    """
    sent_at: list[int] = []
    answered_at: list[int] = []
    counts: list[int] = []
    sent, sleep_until, read = SendWindow.sent, Agent._sleep_until, ModbusLine.read
    data_received = _GuardedTransaction.data_received

    def note(since_ns: int) -> None:
        counts.append(len(sent_at) - bisect.bisect_left(sent_at, since_ns))

    def noting_sent(window: SendWindow, frame: SignedFrame, now_ns: int) -> None:
        sent_at.append(now_ns)
        sent(window, frame, now_ns)

    async def noting_sleep_until(agent: Agent, due_ns: int) -> None:
        due_ns = max(due_ns, time.monotonic_ns())  # later, where the poll before has just ended
        await sleep_until(agent, due_ns)
        note(due_ns)

    def noting_data_received(guard: _GuardedTransaction, data: bytes) -> None:
        answered_at.append(time.monotonic_ns())
        data_received(guard, data)

    async def noting_read(line: ModbusLine, unit: int, request: ReadRequest) -> bytes:
        registers = await read(line, unit, request)
        note(answered_at[-1])
        return registers

    monkeypatch.setattr(SendWindow, "sent", noting_sent)
    monkeypatch.setattr(Agent, "_sleep_until", noting_sleep_until)
    monkeypatch.setattr(_GuardedTransaction, "data_received", noting_data_received)
    monkeypatch.setattr(ModbusLine, "read", noting_read)
    return counts


class PlainPublisher:
    """A bare client that sends messages of a frame's size as fast as the broker acknowledges them."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self._stop = threading.Event()
        self._client = BrokerClient(BrokerSettings(client_id="plain", port=port), on_published=self._count)
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def _count(self, _packet: int, _code: int) -> None:
        self.acknowledged += 1

    def _publish(self) -> None:
        while not self._stop.is_set():
            if self._client.publish("plain", b"x" * 300) is None:
                time.sleep(0.001)

    def __enter__(self) -> "PlainPublisher":
        self._client.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._client.stop()


def test_a_stopping_gateway_waits_for_frames_that_are_still_on_their_way_to_the_disk(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    spooled: Callable[[Path], Spool],
) -> None:
    """The disk gives way only after the gateway has asked three times whether all is sent, or has gone."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    disk_works = threading.Event()
    disk_works.set()
    apply, idle, stop = Spool.apply, Sender.idle.fget, Sender.stop
    asked = itertools.count(1)

    def slow_apply(spool: Spool, *arguments: object) -> None:
        assert disk_works.wait(PATIENCE_S)
        apply(spool, *arguments)

    def counted_idle(sender: Sender) -> bool:
        if next(asked) == 3:
            disk_works.set()
        return idle(sender)

    async def stop_without_the_disk(sender: Sender) -> None:
        await stop(sender)
        disk_works.set()

    monkeypatch.setattr(Spool, "apply", slow_apply)
    monkeypatch.setattr(Sender, "idle", property(counted_idle))
    monkeypatch.setattr(Sender, "stop", stop_without_the_disk)
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 5, "5 frames")
    disk_works.clear()
    known = len(counting.requests)
    until(lambda: len(counting.requests) >= known + 5, "polls that the disk does not take")
    gateway.stop()
    assert len(consumer.frames) == gateway.statistics.frames
    spool = spooled(path.parent)
    assert spool.frames == 0
    spool.close()


def fill(directory: Path, count: int, key: SigningKey) -> None:
    """A spool with `count` frames of an earlier boot, as an outage leaves it."""
    limits = SpoolLimits(max_frames=10**6, max_bytes=10**9, min_free_bytes=0, ballast_bytes=0)
    spool = Spool(directory / "spool.db", limits, b"old.")
    maker = FrameMaker(gateway="gw", boot=spool.boot, key=key, clock=SystemClock())
    frames: list[SignedFrame] = []
    for place in range(count):
        values = ((float(place),), (7.0,))
        frames += maker.make(
            (
                Block(
                    instrument="i1",
                    channels=("a", "b"),
                    t=(1_700_000_000_000_000_000 + place,),
                    span_us=(1,),
                    values=values,
                    status=((0,), (0,)),
                ),
            )
        )
    spool.apply(frames, [])
    spool.close()


def test_frames_without_receipt_are_sent_again_after_a_restart(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
) -> None:
    deaf = consumer_factory(mosquitto.port, give_receipts=False)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: len(deaf.frames) >= 15, "15 frames")
    gateway.stop(farewell_s=0.0)
    sent = dict(deaf.frames)
    deaf.give_receipts = True
    again = start_gateway(path)
    until(lambda: all(deaf.order.count(number) >= 2 for number in sent), "every frame a second time")
    again.stop()
    assert deaf.altered == [], "the same bytes"
    assert {boot[:8] for boot, _ in deaf.frames} >= {"00000001"}


def test_a_stopping_gateway_sends_again_what_a_forgetful_broker_gave_to_nobody(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    resend_after: Callable[[float], None],
    spooled: Callable[[Path], Spool],
) -> None:
    """The broker started anew and the gateway was faster than ingest: reason code 0x10, and no receipt ever."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    resend_after(0.2)
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) > 5, "frames")
    consumer.go()
    mosquitto.forget_everything()
    mosquitto.start()
    to_nobody = mosquitto.log.count("rc16")
    until(lambda: mosquitto.log.count("rc16") > to_nobody + 5, "frames that no subscriber gets")
    ending = threading.Thread(target=gateway.stop)
    ending.start()
    until(lambda: gateway.agent._stopping, "the end of polling")
    sent = mosquitto.log.count("Received PUBLISH from gw")
    until(lambda: mosquitto.log.count("Received PUBLISH from gw") > sent, "what is sent again")
    consumer.come()
    ending.join(2 * PATIENCE_S)
    assert not ending.is_alive()
    assert consumer.gaps() == []
    spool = spooled(path.parent)
    assert spool.frames == 0
    spool.close()
