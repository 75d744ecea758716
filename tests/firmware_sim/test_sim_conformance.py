"""The worked examples of the Modbus specification, and any device that a profile can describe."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.profile import REGISTER_COUNTS, Profile, parse_profile
from steelyard.firmware_sim.device import Device
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.modbus import answer
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.world import World

START_NS = 1_767_225_600_000_000_000

SCENARIO = """
start = 2026-01-01T00:00:00Z
seed = 1
site = [{{ id = "s" }}]
process = [{{ id = "p", {process} }}]
[[instrument]]
id = "device"
profile = "device.toml"
site = "s"
process = "p"
{instrument}
"""

HEAD = """
id = "device"
maker = "nobody"
model = "a device of the specification"
kind = "{kind}"
document = "MODBUS Application Protocol V1.1b3, 6.3 and 6.4"
word_order = "{word_order}"
byte_order = "{byte_order}"
[probe]
function = {function}
register = 60000
type = "uint16"
low = 0.5
high = 1.5
"""

CHANNEL = """
[[channel]]
id = "{id}"
quantity = "example"
unit = "{unit}"
function = {function}
register = {register}
type = "{type}"
low = -1e9
high = 1e9
resolution = {resolution}
scale = {scale}
offset = {offset}
"""


def head(kind: str, function: int, word_order: str = "big", byte_order: str = "big") -> str:
    return HEAD.format(kind=kind, function=function, word_order=word_order, byte_order=byte_order)


def channel(name: str, unit: str, function: int, register: int, kind: str, **more: float) -> str:
    numbers = {"resolution": 1.0, "scale": 1.0, "offset": 0.0, **more}
    return CHANNEL.format(id=name, unit=unit, function=function, register=register, type=kind, **numbers)


def device(profile_text: str, process: str, instrument: str = "") -> tuple[Device, Profile]:
    profile = parse_profile(profile_text, "device.toml")
    scenario = load_scenario(SCENARIO.format(process=process, instrument=instrument))
    return World(scenario, {"device.toml": profile}).devices_at("s")[1], profile


def exchange(target: Device, pdu: str) -> str:
    body = bytes.fromhex(pdu)
    reply = answer(struct.pack(">HHHB", 1, 0, len(body) + 1, 1) + body, {1: target}, START_NS)
    return reply.chunks[0].data[7:].hex()


def test_reading_holding_registers_108_to_110_as_in_section_6_3() -> None:
    # Registers 108, 109, 110 hold 555, 0 and 100: a scale that shows 100 too much, with 455 on it and 555 as tare.
    text = head("digital_indicating_scale", 3) + "".join(
        channel(name, "kg", 3, register, "uint16") for name, register in (("gross", 107), ("net", 108), ("zero", 109))
    )
    target, _ = device(
        text,
        'load = { kind = "smooth", level = 455.0 }',
        "tare = 555.0\nmeasurand.load.zero = { offset = 100.0 }",
    )
    assert exchange(target, "03 006B 0003") == "0306022b00000064"


def test_a_kind_without_a_model_is_refused_with_the_kinds_that_have_one() -> None:
    text = head("water_meter", 4) + channel("volume", "m3", 4, 8, "int16")
    with pytest.raises(ScenarioError, match=r"water_meter.*electricity_meter, resistance_thermometer"):
        device(text, 'temperature = { kind = "smooth", level = 10.0 }')


def test_reading_input_register_9_as_in_section_6_4() -> None:
    text = head("resistance_thermometer", 4) + channel("temperature", "Cel", 4, 8, "int16")
    target, _ = device(text, 'temperature = { kind = "smooth", level = 10.0 }')
    assert exchange(target, "04 0008 0001") == "0402000a"


def test_unknown_function_is_answered_with_the_function_plus_80_hex_as_in_section_7() -> None:
    text = head("resistance_thermometer", 4) + channel("temperature", "Cel", 4, 8, "int16")
    target, _ = device(text, 'temperature = { kind = "smooth", level = 10.0 }')
    assert exchange(target, "01 04A1 0001") == "8101"
    assert exchange(target, "04 04A1 0001") == "8402"


CODES = {"uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q"}
CODES |= {"float32": "f", "float64": "d"}


def by_hand(data: bytes, kind: str, word_order: str, byte_order: str) -> float:
    """Undo the orders one register at a time: nothing of this is taken from the simulator."""
    words = [
        data[i : i + 2] if byte_order == "big" else data[i + 1 : i - 1 if i else None : -1]
        for i in range(0, len(data), 2)
    ]
    number: float = struct.unpack(">" + CODES[kind], b"".join(words if word_order == "big" else reversed(words)))[0]
    return number


def test_helper_undoes_the_four_orders() -> None:
    for data, words, order in (
        ("43663333", "big", "big"),
        ("33334366", "little", "big"),
        ("66433333", "big", "little"),
    ):
        assert by_hand(bytes.fromhex(data), "float32", words, order) == pytest.approx(230.2)
    assert by_hand(bytes.fromhex("33336643"), "float32", "little", "little") == pytest.approx(230.2)


orders = st.sampled_from(["big", "little"])


@given(
    kind=st.sampled_from(sorted(CODES)),
    word_order=orders,
    byte_order=orders,
    register=st.integers(0, 59_000),
    function=st.sampled_from([3, 4]),
    scale=st.sampled_from([1.0, 0.1, 0.01, 10.0]),
    offset=st.sampled_from([0.0, -40.0, 5.5]),
    level=st.floats(10.0, 250.0),
)
def test_any_register_type_order_scale_and_offset_carries_the_value(
    kind: str, word_order: str, byte_order: str, register: int, function: int, scale: float, offset: float, level: float
) -> None:
    text = head("resistance_thermometer", function, word_order, byte_order)
    text += channel("temperature", "Cel", function, register, kind, resolution=0.5, scale=scale, offset=offset)
    target, profile = device(text, f'temperature = {{ kind = "smooth", level = {level!r} }}')
    found = target.read(function, register, REGISTER_COUNTS[kind], START_NS)
    assert found is not None
    data, (served,) = found
    value = by_hand(data, kind, profile.word_order, profile.byte_order) * scale + offset
    # Half the resolution, half a step of a whole-number register, and a float's last bit.
    tolerance = 0.25 + (0.0 if kind.startswith("float") else 0.5 * scale) + 1e-4
    assert value == pytest.approx(level, abs=tolerance)
    assert served.value == value


@given(begin=st.integers(0, 60), count=st.integers(1, 60))
def test_any_part_of_a_block_reads_the_same_bytes_as_the_whole(begin: int, count: int) -> None:
    text = head("pressure_transmitter", 4)
    text += channel("pressure", "MPa", 4, 3, "float64", resolution=0.001) + channel(
        "sensor_temperature", "Cel", 4, 20, "int32", resolution=0.1, scale=0.1
    )
    target, _ = device(text, 'pressure = { kind = "smooth", level = 0.7 }')
    whole = target.read(4, 3, 19, START_NS)
    assert whole is not None
    part = target.read(4, begin, count, START_NS)
    inside = begin >= 3 and begin + count <= 22
    holes_only = begin >= 7 and begin + count <= 20
    if inside and not holes_only:
        assert part is not None
        assert part[0] == whole[0][2 * (begin - 3) : 2 * (begin - 3 + count)]
    elif not inside:
        assert part is None
