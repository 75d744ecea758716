"""R9: the readings store can be rebuilt from the ledger, bit for bit; what is changed in it is found."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from steelyard.contracts.cose import sign1
from steelyard.contracts.frame import Frame, encode_frame
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.storage.ledger import FrameEntry, Ledger
from steelyard.storage.readings import ReadingsStore, open_readings
from steelyard.storage.view import compare, digests, frames_from, rebuild

T0 = 1_790_000_000_000_000_000
EM, TT = InstrumentId("em-1"), InstrumentId("tt-1")
U, I = ChannelId("voltage_l1"), ChannelId("current_l1")  # noqa: E741 - the symbols of voltage and current
T = ChannelId("temperature")


@pytest.fixture
def frames(block: Callable, frame: Callable) -> list[Frame]:
    """60 rounds of two instruments: some readings missing or doubtful, two frames late, some times twice."""
    dice = random.Random(20260921)
    made = []
    for n in range(60):
        quality = dice.choice(list(Quality)) if n % 7 == 0 else Quality.GOOD
        value = None if quality in WITHOUT_VALUE else dice.uniform(220, 240)
        meter = block(EM, [U, I], [T0 + n], [[value], [dice.uniform(0, 5)]], [[quality], [0]])
        thermometer = block(TT, [T], [T0 + n - n % 2], [[dice.uniform(20, 30)]])
        made.append(frame(meter, thermometer, seq=n + 1))
    made[10], made[40] = made[40], made[10]
    return made


@pytest.fixture
def ledger(tmp_path: Path, frames: list[Frame]) -> Iterator[Ledger]:
    key = SigningKey.generate()
    with Ledger(tmp_path / "ledger.db", min_free_bytes=0) as opened:
        opened.append(
            [
                FrameEntry(
                    gateway=each.gateway,
                    boot=each.boot,
                    seq=each.seq,
                    received_ns=T0,
                    message=sign1(encode_frame(each), key),
                )
                for each in frames
            ]
        )
        yield opened


def test_the_ledger_gives_the_frames_back_in_its_own_order(ledger: Ledger, frames: list[Frame]) -> None:
    assert [frame for portion in frames_from(ledger, portion=7) for frame in portion] == frames
    assert [frame for portion in frames_from(ledger, 50) for frame in portion] == frames[50:]


def test_r9_a_rebuilt_store_has_the_same_digest_of_every_series(
    ledger: Ledger, frames: list[Frame], readings: ReadingsStore, tmp_path: Path
) -> None:
    names = [(EM, U), (EM, I), (TT, T)]
    for each in frames:  # as they came, one by one
        readings.write([each])
    live = digests(readings, names)

    dropped_and_made_anew = open_readings(f"sqlite:///{tmp_path / 'anew.db'}")
    assert rebuild(ledger, dropped_and_made_anew) == len(frames)

    assert digests(dropped_and_made_anew, names) == live
    assert rebuild(ledger, readings) == len(frames)
    assert digests(readings, names) == live
    assert compare(ledger, readings) == []
    assert compare(ledger, dropped_and_made_anew) == []
    dropped_and_made_anew.close()


@pytest.mark.parametrize("what", ["value", "status", "added", "empty"])
def test_r9_a_changed_store_is_found(
    ledger: Ledger, readings: ReadingsStore, block: Callable, frame: Callable, what: str
) -> None:
    if what != "empty":
        rebuild(ledger, readings)
        t = T0 + 1000 if what == "added" else T0 + 5
        current = readings.series(EM, I, t, t + 1).value
        value = float(current[0]) if what == "status" else 4.2
        readings.write([frame(block(EM, [I], [t], [[value]], [[8 if what == "status" else 0]]))])

    found = compare(ledger, readings)

    expected = {(EM, U), (EM, I), (TT, T)} if what == "empty" else {(EM, I)}
    assert {(each.instrument, each.channel) for each in found} == expected
    assert all(each.expected != each.found for each in found)


def test_a_store_made_anew_has_another_identity(
    readings_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The ledger's cursor is kept by identity: it must not call an empty store complete."""
    store = open_readings(readings_url)
    first = store.identity()
    assert store.identity() == first
    assert first.startswith(store.url)
    store.close()
    store = open_readings(readings_url)
    assert store.identity() == first
    store.close()
    if readings_url.startswith("sqlite"):
        for path in tmp_path.glob("readings.db*"):
            path.unlink()
    else:
        _delete_everything(request.getfixturevalue("influxdb"))

    store = open_readings(readings_url)
    assert store.identity() != first
    store.close()


def _delete_everything(bucket: object) -> None:
    with InfluxDBClient(url=bucket.url, token=bucket.token, org=bucket.org) as client:
        client.delete_api().delete(
            "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "", bucket=bucket.bucket, org=bucket.org
        )
