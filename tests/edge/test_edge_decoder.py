"""The decoder: a value and a status for each channel; what is no value is None with its cause."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.profile import Profile, parse_profile
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.edge.decoder import RequestDecoder
from steelyard.edge.planner import plan

PACK = {
    "uint16": ">H",
    "int16": ">h",
    "uint32": ">I",
    "int32": ">i",
    "uint64": ">Q",
    "int64": ">q",
    "float32": ">f",
    "float64": ">d",
}
RAW = {
    "uint16": st.integers(0, 2**16 - 1),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
}


def profile(channels: str, head: str = "") -> Profile:
    text = (
        f'id = "made"\nmaker = "m"\nmodel = "m"\nkind = "pressure_gauge"\ndocument = "d"\n{head}'
        "[limits]\nmax_registers = 125\nmax_gap = 125\n"
        '[probe]\nfunction = 4\nregister = 0\ntype = "uint16"\nlow = 0.0\nhigh = 1.0\n'
    )
    return parse_profile(text + channels, "made.toml")


def channel(name: str, register: int, kind: str, **named: float) -> str:
    fields = {"low": -1e300, "high": 1e300, "scale": 1.0, "offset": 0.0} | named
    lines = "".join(f"{key} = {value}\n" for key, value in fields.items())
    return (
        f'[[channel]]\nid = "{name}"\nquantity = "q"\nunit = "1"\nfunction = 4\nregister = {register}\n'
        f'type = "{kind}"\nresolution = 1.0\n{lines}'
    )


def decode(made: Profile, registers: bytes) -> tuple[list[float | None], list[int]]:
    (request,) = plan(made.channels, made.limits)
    return RequestDecoder(request, made).decode(registers)


@given(st.data(), st.sampled_from(sorted(PACK)), st.sampled_from(["big", "little"]), st.sampled_from(["big", "little"]))
def test_every_type_in_every_order_gives_its_value(data: st.DataObject, kind: str, words: str, octets: str) -> None:
    raw = data.draw(RAW[kind])
    packed = struct.pack(PACK[kind], raw)
    pairs = [packed[place : place + 2] for place in range(0, len(packed), 2)]
    if words == "little":
        pairs.reverse()
    if octets == "little":
        pairs = [pair[::-1] for pair in pairs]
    made = profile(channel("a", 0, kind), f'word_order = "{words}"\nbyte_order = "{octets}"\n')
    (value,), (status,) = decode(made, b"".join(pairs))
    if not math.isfinite(raw):
        assert (value, status) == (None, Quality.NOT_A_NUMBER)
    elif abs(float(raw)) > 1e300:
        assert (value, status) == (float(raw), Quality.OUT_OF_RANGE)
    else:
        assert (value, status) == (float(raw), Quality.GOOD)


def test_a_published_sdm630_reply_gives_its_value() -> None:
    # Eastron SDM630-Modbus V2 user manual, protocol section: 43 66 33 34 is 230.2 V.
    (value,), (status,) = decode(profile(channel("voltage", 0, "float32")), bytes.fromhex("43663334"))
    assert status == Quality.GOOD
    assert value == pytest.approx(230.2, abs=2**-16)  # one step of a float32 of this size


def test_gaps_are_passed_over() -> None:
    made = profile(channel("a", 10, "uint16") + channel("b", 13, "float32") + channel("c", 16, "int16"))
    registers = struct.pack(">HHHfHh", 7, 0xDEAD, 0xBEEF, 1.5, 0xFFFF, -2)
    assert decode(made, registers) == ([7.0, 1.5, -2.0], [0, 0, 0])


def test_scale_and_offset_apply_to_the_raw_value() -> None:
    made = profile(channel("a", 0, "int16", scale=0.1, offset=-40.0))
    assert decode(made, struct.pack(">h", 253)) == ([253 * 0.1 + -40.0], [0])


@pytest.mark.parametrize(("raw", "status"), [(0, Quality.GOOD), (100, Quality.GOOD), (101, Quality.OUT_OF_RANGE)])
def test_a_value_outside_the_range_is_kept_and_marked(raw: int, status: Quality) -> None:
    made = profile(channel("a", 0, "uint16", low=0.0, high=100.0))
    assert decode(made, struct.pack(">H", raw)) == ([float(raw)], [status])


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_none(raw: float) -> None:
    made = profile(channel("a", 0, "float32") + channel("b", 2, "uint16"))
    assert decode(made, struct.pack(">fH", raw, 5)) == ([None, 5.0], [Quality.NOT_A_NUMBER, Quality.GOOD])


def test_a_value_that_scaling_makes_infinite_is_none() -> None:
    made = profile(channel("a", 0, "float64", scale=1e300, low=0.0, high=1e308))
    assert decode(made, struct.pack(">d", 1e300)) == ([None], [Quality.NOT_A_NUMBER])


def test_the_mark_for_not_available_is_none_even_within_the_range() -> None:
    made = profile(channel("a", 0, "int16", not_available=-32768) + channel("b", 1, "int16", not_available=0))
    assert decode(made, struct.pack(">hh", -32768, 0)) == ([None, None], [Quality.NOT_A_NUMBER] * 2)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 6])
def test_another_number_of_bytes_is_refused(length: int) -> None:
    with pytest.raises(struct.error):
        decode(profile(channel("a", 0, "float32")), bytes(length))


@given(st.binary(min_size=14, max_size=14))
def test_any_registers_give_values_that_a_frame_may_carry(registers: bytes) -> None:
    made = profile(
        channel("a", 0, "float32", low=0.0, high=10.0)
        + channel("b", 2, "float64")
        + channel("c", 6, "int16", not_available=3)
    )
    values, statuses = decode(made, registers)
    for value, status in zip(values, statuses, strict=True):
        assert (value is None) == (status in WITHOUT_VALUE)
        assert value is None or math.isfinite(value)
