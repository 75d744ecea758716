"""A foreign client, pymodbus, reads every channel of every profile and finds the truth."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient
from waiting import PATIENCE_S

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.profile import ChannelProfile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.firmware_sim.runner import Endpoint
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.truth import Truth

PROFILES = {
    "meter": "sdm630",
    "thermometer": "pt100_transmitter",
    "scale": "weighing_indicator",
    "transmitter": "pressure_transmitter",
    "gauge": "reference_gauge",
}
CHANNELS = [
    (instrument, name, channel.id)
    for instrument, name in PROFILES.items()
    for channel in parse_profile(builtin(name).read_text(encoding="utf-8"), name).channels
]


@pytest.fixture
def client(
    five: Scenario, clock: Any, running: Callable[..., AbstractContextManager[dict[str, Endpoint]]]
) -> Iterator[ModbusTcpClient]:
    with running(five, clock) as endpoints:
        endpoint = endpoints["meter"]
        foreign = ModbusTcpClient(endpoint.host, port=endpoint.port, timeout=PATIENCE_S, retries=0)
        assert foreign.connect()
        yield foreign
        foreign.close()


def value(client: ModbusTcpClient, unit: int, channel: ChannelProfile, word_order: str) -> float:
    read = client.read_input_registers if channel.function == 4 else client.read_holding_registers
    reply = read(channel.register, count=channel.register_count, device_id=unit)
    assert not reply.isError(), reply
    kind = client.DATATYPE[channel.type.upper()]
    raw = client.convert_from_registers(reply.registers, kind, word_order=word_order)
    assert isinstance(raw, int | float)
    return raw * channel.scale + channel.offset


def test_every_channel_of_every_profile_shows_the_truth(client: ModbusTcpClient, five: Scenario, clock: Any) -> None:
    truth, t_ns = Truth(five), clock.t_ns
    units = {instrument.id: instrument.unit for instrument in five.instruments}
    for instrument, name, channel_id in CHANNELS:
        profile = parse_profile(builtin(name).read_text(encoding="utf-8"), name)
        channel = profile.channel(ChannelId(channel_id))
        seen = value(client, units[InstrumentId(instrument)], channel, profile.word_order)
        true = truth.true_value(InstrumentId(instrument), ChannelId(channel_id), t_ns)
        # Half a step of the indication, and for floats the last of 24 bits.
        tolerance = 0.5 * channel.resolution * (1 + 1e-9) + (abs(true) * 2.0**-23 if "float" in channel.type else 0.0)
        assert seen == pytest.approx(true, rel=0, abs=tolerance), f"{instrument}/{channel_id}"
        assert channel.low <= seen <= channel.high, f"{instrument}/{channel_id}"


@pytest.mark.parametrize("name", PROFILES.values())
def test_probe_finds_the_device(client: ModbusTcpClient, five: Scenario, name: str) -> None:
    profile = parse_profile(builtin(name).read_text(encoding="utf-8"), name)
    unit = next(instrument.unit for instrument in five.instruments if instrument.profile == name)
    probe = profile.probe
    channel = ChannelProfile(
        id=ChannelId("probe"), quantity="-", unit="1", function=probe.function, register=probe.register,
        type=probe.type, low=probe.low, high=probe.high, resolution=1.0,
    )  # fmt: skip
    assert probe.low <= value(client, unit, channel, profile.word_order) <= probe.high


def test_whole_meter_can_be_read_in_two_requests(client: ModbusTcpClient) -> None:
    first = client.read_input_registers(0, count=76, device_id=1)
    second = client.read_input_registers(342, count=10, device_id=1)
    assert (len(first.registers), len(second.registers)) == (76, 10)
    energies = [
        client.convert_from_registers(second.registers[i : i + 2], client.DATATYPE.FLOAT32) for i in (0, 4, 6, 8)
    ]
    assert all(isinstance(energy, float) and math.isfinite(energy) for energy in energies)


@pytest.mark.parametrize(
    ("register", "count", "unit", "code"), [(342, 125, 1, 3), (500, 2, 1, 2), (0, 2, 200, 11), (76, 2, 1, 2)]
)
def test_foreign_client_understands_the_exceptions(
    client: ModbusTcpClient, register: int, count: int, unit: int, code: int
) -> None:
    reply = client.read_input_registers(register, count=count, device_id=unit)
    assert reply.isError()
    assert reply.exception_code == code


def test_writing_is_refused(client: ModbusTcpClient) -> None:
    assert client.write_register(0, 1, device_id=1).exception_code == 1
    assert client.write_registers(0, [1, 2], device_id=1).exception_code == 1
