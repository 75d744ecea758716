"""The frame: one poll round of a gateway, columnar, numbered without gaps.

Columnar because it was measured: 8.5 bytes a reading against 60 for a list of records, and ten times faster to decode.
Order is by (boot, seq), never by wall clock; wall time is itself a measured quantity and travels with its state and
error.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain
from typing import Literal

import msgspec

from steelyard.contracts.errors import FrameMalformed, FrameTooLarge, IdentifierError
from steelyard.contracts.identifiers import (
    BootId,
    ChannelId,
    GatewayId,
    InstrumentId,
    parse_boot_id,
    parse_channel_id,
    parse_gateway_id,
    parse_instrument_id,
)
from steelyard.contracts.reading import WITHOUT_VALUE, Quality

MAX_FRAME_BYTES = 262_144
"""The largest signed message anybody sends or accepts, in bytes."""

MAX_SEQ = 2**53 - 1
"""Numbers on the wire stay exact in every JSON reader."""

EARLIEST_NS = 946_684_800_000_000_000
"""2000-01-01T00:00:00Z: no instrument's value is older than this."""

LATEST_NS = 4_102_444_800_000_000_000
"""2100-01-01T00:00:00Z: a clock that shows more is broken, and the stores hold 64 signed bits."""

_KNOWN_QUALITIES = frozenset(int(quality) for quality in Quality)
_NULL_QUALITIES = frozenset(int(quality) for quality in WITHOUT_VALUE)


class ClockStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gateway knows of its own clock: `error_ms` is its estimated error in milliseconds, None if unknown."""

    state: Literal["synced", "unsynced", "unknown", "simulated"]
    error_ms: float | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The readings of one instrument in one round.

    `t` UTC nanoseconds, the middle between request and response; `span_us` the distance between them in microseconds.
    `values[channel][time]` in the registry's unit, None where there is none; `status[channel][time]` a Quality.
    """

    instrument: InstrumentId
    channels: tuple[ChannelId, ...]
    t: tuple[int, ...]
    span_us: tuple[int, ...]
    values: tuple[tuple[float | None, ...], ...]
    status: tuple[tuple[int, ...], ...]


class Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One numbered round of one gateway.

    `seq` starts at 1 in every boot; `sent` is UTC nanoseconds by the gateway's clock.
    """

    gateway: GatewayId
    boot: BootId
    seq: int
    sent: int
    clock: ClockStatus
    blocks: tuple[Block, ...]

    @property
    def readings(self) -> int:
        """How many readings the frame carries, missing ones included."""
        return sum(len(block.channels) * len(block.t) for block in self.blocks)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Frame)


def encode_frame(frame: Frame) -> bytes:
    """Return the frame's payload, or raise FrameMalformed if what it says is not allowed."""
    _check(frame)
    payload = _encoder.encode(frame)
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameTooLarge(
            "frame", len(payload), f"at most {MAX_FRAME_BYTES} bytes: poll fewer instruments in one round"
        )
    return payload


def decode_frame(payload: bytes) -> Frame:
    """Return the frame in `payload`; raise FrameTooLarge or FrameMalformed, naming what is wrong and where."""
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameTooLarge("frame", len(payload), f"at most {MAX_FRAME_BYTES} bytes are accepted")
    try:
        frame = _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FrameMalformed("payload", payload[:48], str(error)) from error
    _check(frame)
    return frame


def _check(frame: Frame) -> None:
    """Everything the types cannot say."""
    try:
        parse_gateway_id(frame.gateway)
        parse_boot_id(frame.boot)
    except IdentifierError as error:
        raise FrameMalformed(error.field, error.value, error.remedy) from error
    if not 1 <= frame.seq <= MAX_SEQ:
        raise FrameMalformed("seq", frame.seq, f"must be a whole number from 1 to {MAX_SEQ}")
    _check_instant("sent", frame.sent)
    error_ms = frame.clock.error_ms
    if error_ms is not None and not (math.isfinite(error_ms) and error_ms >= 0):
        raise FrameMalformed("clock.error_ms", error_ms, "must be finite and not negative")
    seen: set[InstrumentId] = set()
    for number, block in enumerate(frame.blocks):
        if block.instrument in seen:
            raise FrameMalformed(f"blocks[{number}].instrument", block.instrument, "stands in this frame twice")
        seen.add(block.instrument)
        _check_block(f"blocks[{number}]", block)


def _check_block(where: str, block: Block) -> None:
    try:
        parse_instrument_id(block.instrument)
        _check_channels(block.channels)
    except IdentifierError as error:
        raise FrameMalformed(f"{where}.{error.field}", error.value, error.remedy) from error
    times = len(block.t)
    if times == 0 or len(block.span_us) != times:
        raise FrameMalformed(
            f"{where}.span_us", len(block.span_us), f"must have one entry for each of {times} times, at least one"
        )
    for instant in (min(block.t), max(block.t)):
        _check_instant(f"{where}.t", instant)
    if min(block.span_us) < 0:
        raise FrameMalformed(f"{where}.span_us", min(block.span_us), "must not be negative")
    for name, rows in (("values", block.values), ("status", block.status)):
        if len(rows) != len(block.channels) or set(map(len, rows)) != {times}:
            shape = [len(row) for row in rows]
            raise FrameMalformed(f"{where}.{name}", shape, f"must be {len(block.channels)} channels of {times} times")
    _check_values(where, block)


@lru_cache(maxsize=4096)
def _check_channels(channels: tuple[ChannelId, ...]) -> None:
    # Cached because a gateway's rounds name the same channels again and again; what is refused is not cached.
    for channel in channels:
        parse_channel_id(channel)
    if not channels or len(set(channels)) != len(channels):
        raise IdentifierError("channels", channels, "must name each channel once, and at least one")


def _check_values(where: str, block: Block) -> None:
    values = list(chain.from_iterable(block.values))
    statuses = list(chain.from_iterable(block.status))
    # Nearly every block is wholly good; a sum is finite only if all its terms are.
    if not any(statuses) and None not in values and math.isfinite(sum(values)):  # type: ignore[arg-type]  # no None left
        return
    unknown = set(statuses) - _KNOWN_QUALITIES
    if unknown:
        raise FrameMalformed(f"{where}.status", min(unknown), f"must be one of {sorted(_KNOWN_QUALITIES)}")
    for value, status in zip(values, statuses, strict=True):
        if value is None:
            if status not in _NULL_QUALITIES:
                raise FrameMalformed(f"{where}.values", None, f"is missing, but its status {status} does not say why")
        elif status in _NULL_QUALITIES:
            raise FrameMalformed(f"{where}.values", value, f"must be null with status {status}")
        elif not math.isfinite(value):
            raise FrameMalformed(
                f"{where}.values", value, "must be finite; a value that is none is null with its cause"
            )


def _check_instant(field: str, instant: int) -> None:
    if not EARLIEST_NS <= instant <= LATEST_NS:
        raise FrameMalformed(field, instant, "must be UTC nanoseconds since 1970, in the years 2000 to 2099")
