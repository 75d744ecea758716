"""Replies that no reader may believe: each a correct reply with one thing wrong.

The list is that of the ways in which a reply is known to go wrong on real lines and in real gateways; a strict reader
takes none of these for a value, except the correct bytes inside `drip` and `late`, which only come slowly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_HEADER = struct.Struct(">HHHB")
FLOOD_FRAMES = 2_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes to send, `delay_s` seconds after the request came (wall clock, not simulated time)."""

    delay_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class _Parts:
    """A correct reply taken apart; `content` is what follows function and byte count."""

    transaction: int
    unit: int
    function: int
    content: bytes

    def frame(
        self,
        content: bytes,
        *,
        byte_count: int | None = None,
        function: int | None = None,
        transaction: int | None = None,
        unit: int | None = None,
        protocol: int = 0,
        longer: int = 0,
    ) -> bytes:
        pdu = bytes(
            (self.function if function is None else function, len(content) if byte_count is None else byte_count)
        )
        return (
            _HEADER.pack(
                self.transaction if transaction is None else transaction,
                protocol,
                len(pdu) + len(content) + 1 + longer,
                self.unit if unit is None else unit,
            )
            + pdu
            + content
        )


_SPOILED: Mapping[str, Callable[[_Parts], bytes]] = {
    "short_reply": lambda p: p.frame(p.content[:-2]),
    "long_reply": lambda p: p.frame(p.content + b"\x12\x34", byte_count=min(len(p.content) + 2, 255)),
    "empty_reply": lambda p: p.frame(b""),
    "lying_byte_count": lambda p: p.frame(p.content, byte_count=min(len(p.content) + 2, 255)),
    "wrong_function": lambda p: p.frame(p.content, function=7 - p.function),
    "wrong_unit": lambda p: p.frame(p.content, unit=p.unit % 247 + 1),
    "wrong_transaction": lambda p: p.frame(p.content, transaction=(p.transaction + 1) % 65_536),
    "wrong_protocol": lambda p: p.frame(p.content, protocol=1),
    "wrong_length": lambda p: p.frame(p.content, longer=2),
    # A second frame in the same segment, with the next transaction number: it lies in wait for the next request.
    "smuggled_frame": lambda p: (
        p.frame(p.content) + p.frame(bytes(len(p.content)), transaction=(p.transaction + 1) % 65_536)
    ),
    "flood": lambda p: (
        p.frame(b"\x55" * len(p.content), transaction=(p.transaction + 7) % 65_536) * FLOOD_FRAMES + p.frame(p.content)
    ),
}
"""Each kind's bytes, from a correct reply to a read."""


def spoil(kind: str, frame: bytes, delay_s: float) -> tuple[Chunk, ...]:
    """The chunks sent instead of the correct `frame`.

    Args:
        kind: a reply fault of the scenario other than dropout, disconnect and exception.
        frame: the correct reply.
        delay_s: how late `late` comes, and how long `drip` takes, in seconds.
    """
    if kind == "late":
        return (Chunk(delay_s, frame),)
    if kind == "drip":
        return tuple(Chunk(delay_s * (i + 1) / len(frame), frame[i : i + 1]) for i in range(len(frame)))
    transaction, _, _, unit = _HEADER.unpack_from(frame)
    function = frame[_HEADER.size]
    if function & 0x80:  # an exception has no content that could be spoiled
        return (Chunk(0.0, frame),)
    return (Chunk(0.0, _SPOILED[kind](_Parts(transaction, unit, function, frame[_HEADER.size + 2 :]))),)
