"""Registers to values with a status each.

A value that is none is None with its cause: never 0, never the one before.
"""

from __future__ import annotations

import math
import struct
from operator import itemgetter
from typing import TYPE_CHECKING

from steelyard.contracts.reading import Quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.contracts.profile import ChannelProfile, Profile
    from steelyard.edge.planner import ReadRequest

_CODES = {
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}

_GOOD = int(Quality.GOOD)
_OUT_OF_RANGE = int(Quality.OUT_OF_RANGE)
_NOT_A_NUMBER = int(Quality.NOT_A_NUMBER)


class RequestDecoder:
    """Decodes the registers of one request; made once, used every round.

    Args:
        request: which registers come, and which channels are in them.
        profile: whose `word_order` (of the registers in a value) and `byte_order` (in a register) apply.
    """

    __slots__ = ("_channels", "_reorder", "_unpack")

    def __init__(self, request: ReadRequest, profile: Profile) -> None:
        self._channels = tuple(
            (channel.scale, channel.offset, channel.low, channel.high, channel.not_available)
            for channel in request.channels
        )
        self._unpack = struct.Struct(_format(request)).unpack
        order = _byte_positions(request, word_order=profile.word_order, byte_order=profile.byte_order)
        self._reorder: Callable[[bytes], tuple[int, ...]] | None = None
        if order != list(range(2 * request.count)):
            self._reorder = itemgetter(*order)

    def decode(self, registers: bytes) -> tuple[list[float | None], list[int]]:
        """Values in the profile's units and their statuses, in the order of the request's channels.

        A value is ``raw * scale + offset``. One outside [low, high] is kept and marked OUT_OF_RANGE; one that is no
        finite number, or the profile's mark for "not available", is None with NOT_A_NUMBER.

        Args:
            registers: exactly two bytes for each register of the request, high byte first.

        Raises:
            struct.error: another number of bytes: the guard must not let it through.
        """
        if self._reorder is not None:
            registers = bytes(self._reorder(registers))
        values: list[float | None] = []
        statuses: list[int] = []
        for raw, (scale, offset, low, high, not_available) in zip(self._unpack(registers), self._channels, strict=True):
            value = raw * scale + offset
            if raw == not_available:
                values.append(None)
                statuses.append(_NOT_A_NUMBER)
            elif low <= value <= high:
                values.append(value)
                statuses.append(_GOOD)
            elif math.isfinite(value):
                values.append(value)
                statuses.append(_OUT_OF_RANGE)
            else:
                values.append(None)
                statuses.append(_NOT_A_NUMBER)
        return values, statuses


def _format(request: ReadRequest) -> str:
    """The struct format of the registers in big-endian order, gaps padded."""
    parts = [">"]
    position = request.register
    for channel in request.channels:
        parts.append(f"{2 * (channel.register - position)}x")
        parts.append(_CODES[channel.type])
        position = channel.register + channel.register_count
    return "".join(parts)


def _byte_positions(request: ReadRequest, *, word_order: str, byte_order: str) -> list[int]:
    """For each byte of the big-endian image, where it stands in what came over the line."""
    positions = list(range(2 * request.count))
    for channel in request.channels:
        start = 2 * (channel.register - request.register)
        words = _words(channel, start)
        if word_order == "little":
            words.reverse()
        if byte_order == "little":
            words = [word[::-1] for word in words]
        positions[start : start + 2 * channel.register_count] = [position for word in words for position in word]
    return positions


def _words(channel: ChannelProfile, start: int) -> list[list[int]]:
    return [[start + 2 * word, start + 2 * word + 1] for word in range(channel.register_count)]
