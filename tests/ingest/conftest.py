"""A registry, keys, frames and a running ingest for the tests of ingest."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import waiting
from servers.broker_client import acknowledged_subscriptions

from steelyard.broker_config.client import BrokerClient, BrokerSettings, Message
from steelyard.contracts.clock import SystemClock
from steelyard.contracts.cose import sign1, verify1
from steelyard.contracts.frame import Block, ClockStatus, Frame, encode_frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.receipt import Receipt, decode_receipt, encode_receipt
from steelyard.contracts.registry import Channel, Gateway, Instrument, Organization, OrganizationKind
from steelyard.contracts.status import GatewayStatus, encode_status
from steelyard.contracts.topics import frame_topic, receipt_topic, status_topic
from steelyard.ingest.service import run_ingest
from steelyard.ingest.settings import IngestSettings, IngestTable
from steelyard.storage.records.migration import upgrade
from steelyard.storage.records.opening import open_records
from steelyard.storage.records.registry import Registrar, Registration
from steelyard.storage.settings import StoresSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ORG = OrganizationId("hengyuan")
BOOT = BootId("00000001-aaaaaaaa")
_LAST_BOOT = BootId("ffffffff-ffffffff")
T0 = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
CHANNELS = (ChannelId("voltage_l1"), ChannelId("power_total"))


def instrument_of(gateway: GatewayId) -> InstrumentId:
    return InstrumentId(f"em-{gateway}")


@dataclass(slots=True)
class House:
    """One enterprise with some gateways, each with one meter of two channels; `register` puts more of them in."""

    directory: Path
    keys: dict[GatewayId, SigningKey] = field(default_factory=dict)
    ingest_key: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def records_url(self) -> str:
        return f"sqlite:///{self.directory}/records.db"

    @property
    def ledger_path(self) -> Path:
        return self.directory / "ledger.db"

    @property
    def readings_url(self) -> str:
        return f"sqlite:///{self.directory}/readings.db"

    def key(self, gateway: GatewayId) -> SigningKey:
        if gateway not in self.keys:
            self.keys[gateway] = SigningKey.generate()
        return self.keys[gateway]

    def registration(self, *gateways: GatewayId, channels: Sequence[ChannelId] = CHANNELS) -> Registration:
        return Registration(
            organizations=[Organization(id=ORG, name="Hengyuan", kind=OrganizationKind.ENTERPRISE, region="cn-zj")],
            gateways=[Gateway(id=each, organization=ORG, public_key=self.key(each).public) for each in gateways],
            instruments=[
                Instrument(
                    id=instrument_of(each),
                    organization=ORG,
                    gateway=each,
                    name="Feeder",
                    kind=InstrumentKind("electricity_meter"),
                    profile="sdm630",
                    serial="1",
                    location="hall",
                    accuracy_class="1",
                )
                for each in gateways
            ],
            channels=[
                Channel(instrument=instrument_of(each), id=channel, quantity="x", unit="V", resolution=0.1)
                for each in gateways
                for channel in channels
            ],
        )

    def register(self, *gateways: GatewayId, channels: Sequence[ChannelId] = CHANNELS) -> None:
        upgrade(self.records_url)
        with open_records(self.records_url) as records:
            records.registry.apply(
                self.registration(*gateways, channels=channels),
                Registrar(who="test", role="administrator", why="test", at_ns=T0),
            )

    def register_at_once(self, *gateways: GatewayId) -> None:
        """Register in a file elsewhere and put that in place: nobody can see half of it."""
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        House(elsewhere, self.keys, self.ingest_key).register(*gateways)
        (elsewhere / "records.db").rename(self.directory / "records.db")

    def frame(self, gateway: GatewayId, seq: int, *, boot: BootId = BOOT, value: float = 230.0) -> Frame:
        return Frame(
            gateway=gateway,
            boot=boot,
            seq=seq,
            sent=T0 + seq * SECOND,
            clock=ClockStatus(state="synced", error_ms=2.0),
            blocks=(
                Block(
                    instrument=instrument_of(gateway),
                    channels=CHANNELS,
                    t=(T0 + seq * SECOND,),
                    span_us=(900,),
                    values=((value,), (float(seq),)),
                    status=((0,), (0,)),
                ),
            ),
        )

    def signed(self, frame: Frame) -> bytes:
        return sign1(encode_frame(frame), self.key(frame.gateway))

    def message(self, gateway: GatewayId, seq: int, **more: Any) -> bytes:
        return self.signed(self.frame(gateway, seq, **more))

    def settings(self, port: int, *, readings: str | None = None, protocol: Any = "5", **table: Any) -> IngestSettings:
        key = self.directory / "ingest.pem"
        key.write_bytes(self.ingest_key.to_pem())
        return IngestSettings(
            broker=BrokerSettings(port=port, client_id="ingest", protocol=protocol, reconnect_max_s=1),
            stores=StoresSettings(
                records=self.records_url, readings=readings or self.readings_url, ledger=str(self.ledger_path)
            ),
            ingest=IngestTable(key=str(key), registry_refresh_s=0.2, health_every_s=0.2, **table),
        )


@dataclass(slots=True)
class GatewayDouble:
    """A gateway's line to the broker: publishes what the test hands it, and verifies every receipt."""

    house: House
    id: GatewayId
    client: BrokerClient
    receipts: queue.Queue[Receipt]

    def send(self, *messages: bytes) -> None:
        for message in messages:
            waiting.until(
                lambda: self.client.publish(frame_topic(ORG, self.id), message) is not None,  # noqa: B023 - asked here
                "the broker takes a message",
                pause_s=0.002,
            )

    def send_status(self, state: Any, *, boot: BootId = BOOT, spooled: int = 0) -> None:
        status = GatewayStatus(gateway=self.id, boot=boot, state=state, sent=T0, missed_polls=1, spooled_frames=spooled)
        assert self.client.publish(status_topic(ORG, self.id), encode_status(status), retain=True) is not None

    def deliver(self, *messages: bytes, upto: int) -> Receipt:
        """Send, and send again, until the receipt is there: what a gateway does."""
        pause_s = 0.1
        while True:
            self.send(*messages)
            try:
                return self.wait_for_receipt(upto, seconds=pause_s)
            except queue.Empty:
                pause_s *= 2
                assert pause_s < waiting.PATIENCE_S, "no receipt"

    def receipts_so_far(self) -> list[Receipt]:
        """Take out the receipts that have come before one which is published now."""
        last = Receipt(gateway=self.id, boot=_LAST_BOOT, contiguous_upto=0, ledger_size=0, root="0" * 64)
        message = sign1(encode_receipt(last), self.house.ingest_key)
        assert self.client.publish(receipt_topic(ORG, self.id), message) is not None
        came = []
        while (receipt := self.receipts.get(timeout=waiting.PATIENCE_S)) != last:
            came.append(receipt)
        return came

    def wait_for_receipt(self, upto: int, *, boot: BootId = BOOT, seconds: float = waiting.PATIENCE_S) -> Receipt:
        """The first receipt that says so much; `queue.Empty` when none comes for so many seconds."""
        while True:
            receipt = self.receipts.get(timeout=seconds)
            if receipt.boot == boot and receipt.contiguous_upto >= upto:
                return receipt


@dataclass(slots=True)
class Running:
    """An ingest in a thread."""

    stop: threading.Event
    thread: threading.Thread
    failure: list[BaseException]


@contextmanager
def _running(settings: IngestSettings) -> Iterator[Running]:
    stop = threading.Event()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            run_ingest(settings, SystemClock(), stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield Running(stop, thread, failure)
    finally:
        stop.set()
        thread.join(waiting.PATIENCE_S)
        assert not thread.is_alive()
    assert not failure, failure


@contextmanager
def _gateway(house: House, port: int, gateway: GatewayId, *, protocol: Any = "5") -> Iterator[GatewayDouble]:
    receipts: queue.Queue[Receipt] = queue.Queue()

    def on_message(message: Message) -> None:
        receipts.put(decode_receipt(verify1(message.payload, house.ingest_key.public)))

    def on_connect(_session: bool) -> None:
        client.subscribe(receipt_topic(ORG, gateway))

    settings = BrokerSettings(port=port, client_id=gateway, protocol=protocol, reconnect_max_s=1)
    client = BrokerClient(settings, on_message=on_message, on_connect=on_connect)
    subscribed = acknowledged_subscriptions(client)
    client.start()
    try:
        waiting.until(lambda: subscribed, "the gateway has subscribed to its receipts")
        yield GatewayDouble(house, gateway, client, receipts)
    finally:
        client.stop()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def running() -> Any:
    """`with running(settings): …` runs ingest."""
    return _running


@pytest.fixture
def gateway_double(house: House) -> Any:
    """`with gateway_double(port, gateway) as gateway: …` connects a gateway."""

    def make(port: int, gateway: GatewayId, **more: Any) -> Any:
        return _gateway(house, port, gateway, **more)

    return make


def replaced(frame: Frame, **changes: Any) -> Frame:
    return msgspec.structs.replace(frame, **changes)
