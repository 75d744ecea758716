"""The strict guard: which bytes are the reply to a request, and which are not.

Modbus Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (MBAP header) and Modbus Application Protocol V1.1b3,
6.3, 6.4 and 7. Everything in the header and the byte count is known before the reply comes, so the only question is
whether it is
that: anything less is waited for, anything else is refused. Libraries are more generous and turn too few registers,
lying byte counts or another function's answer into values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from steelyard.edge.errors import DeviceException, MalformedReply

_MBAP = struct.Struct(">HHHB")
_HEADER = struct.Struct(">HHHBBB")
_EXCEPTION_LENGTH = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedReply:
    """What the one right reply to a read begins with, and how long it is.

    `transaction` 0..65535, `unit` 0..255, `function` 3 or 4, `count` registers 1..125.
    """

    header: bytes
    """The nine bytes before the register values."""
    exception_header: bytes
    """The eight bytes before the exception code."""
    length: int
    """Bytes of the whole reply."""
    function: int

    @classmethod
    def to_read(cls, *, transaction: int, unit: int, function: int, count: int) -> ExpectedReply:
        """The reply to a read of `count` registers."""
        return cls(
            header=_HEADER.pack(transaction, 0, 3 + 2 * count, unit, function, 2 * count),
            exception_header=_MBAP.pack(transaction, 0, 3, unit) + bytes([function | 0x80]),
            length=9 + 2 * count,
            function=function,
        )


def register_bytes(received: bytes, expected: ExpectedReply) -> bytes | None:
    """The bytes of the registers, if `received` is exactly the expected reply.

    Args:
        received: everything that came since the request was sent.
        expected: the one right reply.

    Returns:
        The register values as they came (two bytes each, high byte first), or None while `received` is only a
        beginning.

    Raises:
        MalformedReply: `received` cannot become the expected reply, whatever may follow.
        DeviceException: `received` is exactly an exception response to the request.
    """
    if len(received) == expected.length and received.startswith(expected.header):
        return received[9:]
    if received.startswith(expected.exception_header):
        if len(received) == _EXCEPTION_LENGTH:
            raise DeviceException(expected.function, received[8])
        if len(received) < _EXCEPTION_LENGTH:
            return None
        raise MalformedReply(f"{len(received) - _EXCEPTION_LENGTH} bytes after an exception response", received)
    known = received[:9]
    if expected.header.startswith(known) and len(received) <= expected.length:
        return None
    if expected.exception_header.startswith(known):
        return None
    raise MalformedReply(_deviation(received, expected), received)


_FIELDS = (
    ("transaction", 0, 2),
    ("protocol", 2, 4),
    ("length", 4, 6),
    ("unit", 6, 7),
    ("function", 7, 8),
    ("byte count", 8, 9),
)


def _deviation(received: bytes, expected: ExpectedReply) -> str:
    """Say in which field the bytes first differ from the reply that was asked for."""
    for name, start, end in _FIELDS:
        got, wanted = received[start:end], expected.header[start:end]
        if got and not wanted.startswith(got):
            return f"{name} is 0x{got.hex()}, expected 0x{wanted.hex()}"
    return f"{len(received) - expected.length} bytes after the reply"
