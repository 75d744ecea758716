"""Random numbers without memory, durations as text, numbers as registers."""

import math
import statistics
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.identifiers import ChannelId
from steelyard.contracts.profile import ChannelProfile
from steelyard.firmware_sim.durations import NS_PER_DAY, format_duration, parse_duration
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.registers import encode, raw_number, stored_number, swap_bytes


def test_random_numbers_are_the_same_in_another_process() -> None:
    program = (
        "from steelyard.firmware_sim.randomness import RandomStream as R;"
        "r = R(3, 'noise', 'pt-1'); print(r.gauss(10**18), r.uniform(-5))"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    stream = RandomStream(3, "noise", "pt-1")
    assert [float(text) for text in seen] == [stream.gauss(10**18), stream.uniform(-5)]


def test_random_numbers_do_not_depend_on_the_order_of_asking() -> None:
    forward, backward = RandomStream(3, "a"), RandomStream(3, "a")
    assert [forward.gauss(i) for i in range(5)] == [backward.gauss(i) for i in reversed(range(5))][::-1]


def test_streams_differ_by_seed_and_by_each_name() -> None:
    streams = [RandomStream(1, "a", "b"), RandomStream(2, "a", "b"), RandomStream(1, "ab"), RandomStream(1, "a", "c")]
    assert len({stream.uniform(0) for stream in streams}) == 4


def test_random_numbers_have_their_distribution() -> None:
    stream = RandomStream(11, "distribution")
    uniform = [stream.uniform(i) for i in range(20_000)]
    normal = [stream.gauss(i) for i in range(20_000)]
    assert statistics.fmean(uniform) == pytest.approx(0.5, abs=0.01)
    assert statistics.fmean(normal) == pytest.approx(0.0, abs=0.03)
    assert statistics.stdev(normal) == pytest.approx(1.0, abs=0.03)
    assert statistics.fmean(abs(x) > 1.96 for x in normal) == pytest.approx(0.05, abs=0.006)


@given(st.integers(0, 10**20))
def test_duration_read_back_is_the_one_written(ns: int) -> None:
    assert parse_duration(format_duration(ns), "x") == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("730d", 730 * NS_PER_DAY),
        ("1min30s", 90 * 10**9),
        ("250ms", 250 * 10**6),
        ("0s", 0),
        ("1d6h", 30 * 3_600 * 10**9),
    ],
)
def test_duration_is_what_people_mean(text: str, ns: int) -> None:
    assert parse_duration(text, "x") == ns


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "1.5h", "3s 4ms", "4ms3s", "1d1d", "5 d", "1y"])
def test_duration_that_is_none_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ScenarioError, match="1min30s") as refused:
        parse_duration(text, "fault.from")
    assert refused.value.field == "fault.from"


def _channel(kind: str, scale: float = 1.0, offset: float = 0.0) -> ChannelProfile:
    return ChannelProfile(
        id=ChannelId("x"), quantity="q", unit="1", function=3, register=0, type=kind, scale=scale, offset=offset,
        low=-1.0, high=1.0, resolution=1.0,
    )  # fmt: skip


# The bytes as the four common dialects are drawn in makers' manuals: ABCD, CDAB, BADC, DCBA.
@pytest.mark.parametrize(
    ("word_order", "byte_order", "expected"),
    [
        ("big", "big", "43663333"),
        ("little", "big", "33334366"),
        ("big", "little", "66433333"),
        ("little", "little", "33336643"),
    ],
)
def test_float_of_230_2_volts_in_all_four_orders(word_order: str, byte_order: str, expected: str) -> None:
    assert encode(230.2, "float32", word_order=word_order, byte_order=byte_order).hex() == expected


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("uint16", 65_535, "ffff"),
        ("int16", -2, "fffe"),
        ("uint32", 0x12345678, "12345678"),
        ("int32", -1, "ffffffff"),
        ("uint64", 0x0102030405060708, "0102030405060708"),
        ("int64", -2, "fffffffffffffffe"),
        ("float64", 1.0, "3ff0000000000000"),
    ],
)
def test_numbers_fill_registers_high_byte_first(kind: str, raw: float, expected: str) -> None:
    assert encode(raw, kind, word_order="big", byte_order="big").hex() == expected


INTEGERS = {
    "uint16": (0, 16),
    "int16": (1, 16),
    "uint32": (0, 32),
    "int32": (1, 32),
    "uint64": (0, 64),
    "int64": (1, 64),
}


@given(
    st.data(), st.sampled_from(sorted(INTEGERS)), st.sampled_from(["big", "little"]), st.sampled_from(["big", "little"])
)
def test_integers_can_be_put_together_again_by_hand(data: st.DataObject, kind: str, words: str, order: str) -> None:
    signed, bits = INTEGERS[kind]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    raw = data.draw(st.integers(low, high))
    sent = encode(raw, kind, word_order=words, byte_order=order)
    registers = [int.from_bytes(sent[i : i + 2], order) for i in range(0, len(sent), 2)]
    total = 0
    for register in registers if words == "big" else registers[::-1]:
        total = total * 65_536 + register
    assert (total - 2**bits if signed and total >= 2 ** (bits - 1) else total) == raw


@given(st.floats(-1e300, 1e300), st.sampled_from(["float32", "float64", *sorted(INTEGERS)]))
def test_any_value_finds_a_raw_number_that_fits(value: float, kind: str) -> None:
    raw = raw_number(value, _channel(kind, scale=0.01))
    assert len(encode(raw, kind, word_order="big", byte_order="big")) % 2 == 0


@given(st.integers(-30_000, 30_000), st.sampled_from([0.01, 0.1, 1.0, 5.0]), st.sampled_from([0.0, -273.15]))
def test_raw_number_inverts_scale_and_offset(raw: int, scale: float, offset: float) -> None:
    assert raw_number(raw * scale + offset, _channel("int16", scale, offset)) == raw


def test_value_beyond_the_type_saturates() -> None:
    assert raw_number(1e9, _channel("int16", 0.01)) == 32_767
    assert raw_number(-5.0, _channel("uint16")) == 0
    assert math.isfinite(stored_number(raw_number(1e60, _channel("float32")), "float32"))


@given(st.binary(max_size=40).filter(lambda data: len(data) % 2 == 0))
def test_swapping_bytes_twice_changes_nothing(data: bytes) -> None:
    assert swap_bytes(swap_bytes(data)) == data


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_stored_number_is_what_a_float_register_keeps(number: float) -> None:
    assert stored_number(number, "float32") == number
    assert stored_number(0.1, "float32") == struct.unpack(">f", struct.pack(">f", 0.1))[0] != 0.1
    assert stored_number(0.1, "float64") == 0.1
