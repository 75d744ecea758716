"""Frames and stores for the tests of storage."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from servers.postgres import PostgresServer

from steelyard.contracts.frame import Block, ClockStatus, Frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Channel, Gateway, Instrument, Organization, OrganizationKind
from steelyard.storage.readings import ReadingsStore, open_readings
from steelyard.storage.records import Records, Registrar, Registration, open_records, upgrade

T0 = 1_790_000_000_000_000_000
"""2026-09-21, UTC nanoseconds."""


def _block(
    instrument: str,
    channels: Sequence[str],
    t: Sequence[int],
    values: Sequence[Sequence[float | None]],
    status: Sequence[Sequence[int]] | None = None,
) -> Block:
    return Block(
        instrument=InstrumentId(instrument),
        channels=tuple(ChannelId(channel) for channel in channels),
        t=tuple(t),
        span_us=(3000,) * len(t),
        values=tuple(tuple(row) for row in values),
        status=tuple(tuple(row) for row in status or [[0] * len(t) for _ in channels]),
    )


def _frame(*blocks: Block, seq: int = 1, gateway: str = "gw-1", boot: str = "00000001-0a0b0c0d") -> Frame:
    return Frame(
        gateway=GatewayId(gateway),
        boot=BootId(boot),
        seq=seq,
        sent=T0,
        clock=ClockStatus(state="synced", error_ms=1.0),
        blocks=blocks,
    )


@pytest.fixture(scope="session")
def block() -> Callable[..., Block]:
    """Make a block: ``block(instrument, channels, t, values[channel][time], status=all good)``."""
    return _block


@pytest.fixture(scope="session")
def frame() -> Callable[..., Frame]:
    """Make a frame of blocks: ``frame(*blocks, seq=1)``."""
    return _frame


@pytest.fixture(params=["embedded", "influxdb"])
def readings_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty readings store of each kind."""
    if request.param == "embedded":
        return f"sqlite:///{tmp_path / 'readings.db'}"
    bucket = request.getfixturevalue("influxdb")
    (tmp_path / "token").write_text(f"{bucket.token}\n")
    host = bucket.url.removeprefix("http://")
    return f"influxdb://{host}/?org={bucket.org}&bucket={bucket.bucket}&token_file={tmp_path / 'token'}"


@pytest.fixture
def readings(readings_url: str) -> Iterator[ReadingsStore]:
    """An open, empty readings store of each kind."""
    store = open_readings(readings_url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def registration() -> Registration:
    """An enterprise with a gateway, a pressure transmitter and a meter, and an institute."""
    hengyuan, gateway = OrganizationId("hengyuan"), GatewayId("gw-hengyuan")
    transmitter = Instrument(
        id=InstrumentId("pt-1"),
        organization=hengyuan,
        gateway=gateway,
        name="boiler pressure",
        kind=InstrumentKind("pressure_transmitter"),
        profile="pressure_transmitter",
        serial="PT-0001",
        location="hall 1",
        accuracy_class="0.5",
    )
    meter = Instrument(
        id=InstrumentId("em-1"),
        organization=hengyuan,
        gateway=gateway,
        name="feeder 1",
        kind=InstrumentKind("electricity_meter"),
        profile="sdm630",
        serial="EM-0001",
        location="hall 1",
        accuracy_class="1",
    )
    return Registration(
        organizations=[
            Organization(id=hengyuan, name="恒远", kind=OrganizationKind.ENTERPRISE, region="cn-zj-hangzhou"),
            Organization(
                id=OrganizationId("provincial"), name="Provincial", kind=OrganizationKind.INSTITUTE, region="cn-zj"
            ),
        ],
        gateways=[Gateway(id=gateway, organization=hengyuan, public_key=SigningKey.generate().public)],
        instruments=[transmitter, meter],
        channels=[
            Channel(
                instrument=transmitter.id, id=ChannelId("pressure"), quantity="pressure", unit="kPa", resolution=0.1
            ),
            Channel(
                instrument=transmitter.id, id=ChannelId("seal"), quantity="seal_openings", unit="1", resolution=1.0
            ),
            Channel(instrument=meter.id, id=ChannelId("power_total"), quantity="power", unit="W", resolution=1.0),
        ],
    )


def _register(url: str, registration: Registration) -> None:
    upgrade(url)
    with open_records(url) as records:
        registrar = Registrar(who="admin", role="administrator", why="first registration", at_ns=T0)
        records.registry.apply(registration, registrar)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, registration: Registration) -> Path:
    """A file with the registration in it, to copy: much quicker than to migrate and register each time."""
    path = tmp_path_factory.mktemp("template") / "records.db"
    _register(f"sqlite:///{path}", registration)
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer, registration: Registration) -> str:
    """The name of a database with the registration in it, likewise."""
    name = postgres_server.create_database()
    _register(postgres_server.url(name), registration)
    postgres_server.wait_until_left(name)
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new database of each kind: with the registration if the test asks for `records`, else empty."""
    registered = "records" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "records.db"
        if registered:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database(like=request.getfixturevalue("postgres_template") if registered else None)
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def records(records_url: str) -> Iterator[Records]:
    """Open records of each kind, with the registration applied."""
    with open_records(records_url) as opened:
        yield opened
