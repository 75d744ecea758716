"""Frames are numbered without gaps, signed, and never larger than a frame may be."""

import pytest

from steelyard.contracts.clock import Clock
from steelyard.contracts.cose import verify1
from steelyard.contracts.errors import FrameTooLarge
from steelyard.contracts.frame import MAX_FRAME_BYTES, Block, ClockStatus, decode_frame
from steelyard.contracts.keys import SigningKey
from steelyard.edge.boot import make_boot
from steelyard.edge.frames import FrameMaker

NOW = 1_790_000_000_000_000_000
KEY = SigningKey.from_seed(b"\x07" * 32)


class StandingClock:
    status = ClockStatus(state="synced", error_ms=0.5)

    def now_ns(self) -> int:
        return NOW

    def to_wall_ns(self, t_ns: int) -> int:
        return t_ns


def maker(clock: Clock | None = None) -> FrameMaker:
    return FrameMaker(gateway="gw", boot=make_boot(3, b"\xab\xcd\xef\x01"), key=KEY, clock=clock or StandingClock())


def block(instrument: str, channels: int = 1) -> Block:
    row = ((1.2345678901234567,),) * channels
    names = tuple(f"channel-{place:05d}" for place in range(channels))
    return Block(instrument=instrument, channels=names, t=(NOW,), span_us=(5,), values=row, status=((0,),) * channels)


def test_a_frame_says_who_when_and_what_and_is_signed() -> None:
    (signed,) = maker().make((block("i1"),))
    frame = decode_frame(verify1(signed.message, KEY.public))
    assert (frame.gateway, frame.boot, frame.seq, frame.sent) == ("gw", "00000003-abcdef01", 1, NOW)
    assert frame.clock == ClockStatus(state="synced", error_ms=0.5)
    assert (signed.boot, signed.seq) == (3, 1)


def test_numbers_have_no_gaps_even_where_a_round_needs_two_frames() -> None:
    made = maker()
    frames = made.make((block("i1"),))
    frames += made.make(tuple(block(f"i{place}", 2000) for place in range(10)))
    frames += made.make((block("i1"),))
    assert len(frames) > 4
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert max(len(frame.message) for frame in frames) <= MAX_FRAME_BYTES
    decoded = [decode_frame(verify1(frame.message, KEY.public)) for frame in frames]
    assert [b.instrument for frame in decoded[1:-1] for b in frame.blocks] == [f"i{place}" for place in range(10)]


def test_an_instrument_too_large_for_a_frame_is_an_error_and_takes_no_number() -> None:
    made = maker()
    with pytest.raises(FrameTooLarge):
        made.make((block("huge", 9000),))
    assert made.make((block("i1"),))[0].seq == 1
    with pytest.raises(FrameTooLarge):
        made.make((block("i1"), block("i2"), block("i3"), block("huge", 9000)))
    assert made.make((block("i1"),))[0].seq == 2, "a number that never comes would hold back its gateway's receipts"


def test_a_boots_name_begins_with_its_counter() -> None:
    assert make_boot(12, b"\x00\x01\x02\x03").id == "00000012-00010203"
