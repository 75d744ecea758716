"""Frames: what goes in comes out, and what must not go in does not."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.errors import FrameError, FrameMalformed, FrameTooLarge
from steelyard.contracts.frame import (
    EARLIEST_NS,
    LATEST_NS,
    MAX_FRAME_BYTES,
    MAX_SEQ,
    Block,
    ClockStatus,
    Frame,
    decode_frame,
    encode_frame,
)
from steelyard.contracts.identifiers import GRAMMAR
from steelyard.contracts.reading import WITHOUT_VALUE, Quality

T = 1_790_000_000_000_000_000
names = st.from_regex(GRAMMAR, fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
instants = st.integers(EARLIEST_NS, LATEST_NS)


@st.composite
def readings(draw: st.DrawFn) -> tuple[float | None, int]:
    quality = draw(st.sampled_from(Quality))
    return (None if quality in WITHOUT_VALUE else draw(finite)), int(quality)


@st.composite
def blocks(draw: st.DrawFn, instrument: str) -> Block:
    channels = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    times = draw(st.integers(1, 3))
    rows = [[draw(readings()) for _ in range(times)] for _ in channels]
    return Block(
        instrument=instrument,
        channels=tuple(channels),
        t=tuple(draw(instants) for _ in range(times)),
        span_us=tuple(draw(st.integers(0, 10**7)) for _ in range(times)),
        values=tuple(tuple(value for value, _ in row) for row in rows),
        status=tuple(tuple(status for _, status in row) for row in rows),
    )


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    instruments = draw(st.lists(names, max_size=3, unique=True))
    return Frame(
        gateway=draw(names),
        boot=draw(names),
        seq=draw(st.integers(1, MAX_SEQ)),
        sent=draw(instants),
        clock=ClockStatus(
            state=draw(st.sampled_from(["synced", "unsynced", "unknown", "simulated"])),
            error_ms=draw(st.none() | st.floats(0, 1e9)),
        ),
        blocks=tuple(draw(blocks(instrument)) for instrument in instruments),
    )


@given(frames())
def test_a_frame_survives_its_encoding(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


def good() -> dict[str, Any]:
    return {
        "gateway": "gw-7",
        "boot": "00000001-6f1c0a2b",
        "seq": 1042,
        "sent": T,
        "clock": {"state": "synced", "error_ms": 2.1},
        "blocks": [
            {
                "instrument": "em-0031",
                "channels": ["voltage_l1", "energy_import"],
                "t": [T],
                "span_us": [3100],
                "values": [[230.1], [None]],
                "status": [[0], [1]],
            }
        ],
    }


def test_control_the_good_frame_is_accepted() -> None:
    frame = decode_frame(json.dumps(good()).encode())
    assert frame.readings == 2
    assert frame.blocks[0].values == ((230.1,), (None,))


def put(path: str, value: object) -> bytes:
    frame = good()
    place: Any = frame
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return json.dumps(frame).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gateway", "GW/7"),
        ("gateway", None),
        ("boot", ""),
        ("seq", 0),
        ("seq", -1),
        ("seq", 1.5),
        ("seq", "1"),
        ("seq", MAX_SEQ + 1),
        ("sent", 5),
        ("sent", 2**63),
        ("clock.state", "fine"),
        ("clock.error_ms", -1.0),
        ("clock.drift", 1),
        ("extra", 1),
        ("blocks.0.instrument", "em 31"),
        ("blocks.0.channels", ["voltage_l1", "voltage_l1"]),
        ("blocks.0.channels", []),
        ("blocks.0.channels", ["voltage_l1"]),
        ("blocks.0.t", []),
        ("blocks.0.t", [T, T]),
        ("blocks.0.t", [0]),
        ("blocks.0.span_us", [-1]),
        ("blocks.0.values", [[230.1]]),
        ("blocks.0.values", [[230.1, 1.0], [None]]),
        ("blocks.0.values.0", [None]),
        ("blocks.0.values.1", [0.0]),
        ("blocks.0.values.0", ["230.1"]),
        ("blocks.0.status.0", [99]),
        ("blocks.0.status.0", [True]),
        ("blocks.0.unit", "V"),
    ],
)
def test_a_frame_with_one_fault_is_refused_and_the_fault_is_named(path: str, value: object) -> None:
    with pytest.raises(FrameMalformed) as caught:
        decode_frame(put(path, value))
    leaf = [step for step in path.split(".") if not step.isdigit()][-1]
    assert leaf.split("_")[0] in str(caught.value) or "values" in str(caught.value) or "clock" in str(caught.value)


def test_an_instrument_stands_in_a_frame_once() -> None:
    frame = good()
    frame["blocks"].append(frame["blocks"][0])
    with pytest.raises(FrameMalformed, match="twice"):
        decode_frame(json.dumps(frame).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_a_number_that_is_none_never_comes_in(number: str) -> None:
    text = json.dumps(good()).replace("230.1", number).encode()
    with pytest.raises(FrameMalformed):
        decode_frame(text)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_never_goes_out(number: float) -> None:
    block = decode_frame(json.dumps(good()).encode()).blocks[0]
    frame = msgspec.structs.replace(
        decode_frame(json.dumps(good()).encode()),
        blocks=(msgspec.structs.replace(block, values=((number,), (1.0,)), status=((0,), (0,))),),
    )
    with pytest.raises(FrameMalformed, match="finite"):
        encode_frame(frame)


def test_finite_values_whose_sum_overflows_are_still_values() -> None:
    frame = put("blocks.0.values", [[1.7e308], [1.7e308]]).replace(b"[1]]", b"[0]]")
    assert decode_frame(frame).blocks[0].values == ((1.7e308,), (1.7e308,))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 200_000, b'{"gateway":' * 10_000])
def test_text_that_is_no_frame_is_malformed_whatever_its_depth(payload: bytes) -> None:
    with pytest.raises(FrameMalformed):
        decode_frame(payload)


def test_size_is_judged_before_content() -> None:
    with pytest.raises(FrameTooLarge, match=str(MAX_FRAME_BYTES)):
        decode_frame(b" " * (MAX_FRAME_BYTES + 1))


def test_a_round_too_large_for_a_frame_is_refused_where_it_is_made() -> None:
    times = 20_000
    block = Block(
        instrument="a",
        channels=("b",),
        t=(T,) * times,
        span_us=(1,) * times,
        values=((1.25,) * times,),
        status=((0,) * times,),
    )
    frame = Frame(gateway="g", boot="b", seq=1, sent=T, clock=ClockStatus(state="unknown"), blocks=(block,))
    with pytest.raises(FrameTooLarge, match="fewer instruments"):
        encode_frame(frame)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_anything_but_a_frame_error(payload: bytes) -> None:
    with pytest.raises(FrameError):
        decode_frame(payload)
