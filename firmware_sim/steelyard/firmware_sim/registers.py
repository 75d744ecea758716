"""From a value to registers, by the profile.

Written without looking at any decoder: the two share the profile file and nothing else.
MODBUS Application Protocol V1.1b3, 4.2: a register is 16 bits, its high byte first. How larger numbers are spread over
registers is each maker's own: the profile's word order (which register first) and byte order (within a register).
"""

from __future__ import annotations

import struct

from steelyard.contracts.profile import ChannelProfile, Order

_INTEGER_RANGES = {
    "uint16": (0, 2**16 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint64": (0, 2**64 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
_BIG_ENDIAN = {
    "uint16": struct.Struct(">H"),
    "int16": struct.Struct(">h"),
    "uint32": struct.Struct(">I"),
    "int32": struct.Struct(">i"),
    "uint64": struct.Struct(">Q"),
    "int64": struct.Struct(">q"),
    "float32": struct.Struct(">f"),
    "float64": struct.Struct(">d"),
}
_LARGEST_FLOAT32 = (2.0 - 2.0**-23) * 2.0**127


def raw_number(value: float, channel: ChannelProfile) -> int | float:
    """The number in the registers that stands for `value` (in the channel's unit).

    A value beyond the type saturates, as an instrument's register does.
    """
    raw = (value - channel.offset) / channel.scale
    limits = _INTEGER_RANGES.get(channel.type)
    if limits is not None:
        return min(max(round(raw), limits[0]), limits[1])
    if channel.type == "float32":
        return min(max(raw, -_LARGEST_FLOAT32), _LARGEST_FLOAT32)
    return raw


def encode(raw: float, type_name: str, *, word_order: Order, byte_order: Order) -> bytes:
    """The bytes of the registers that hold `raw`, in the order in which they are sent.

    Raises:
        struct.error, OverflowError: if `raw` does not fit the type (`raw_number` gives one that does).
    """
    data = _BIG_ENDIAN[type_name].pack(raw)
    if word_order == "little":
        data = b"".join(data[index : index + 2] for index in range(len(data) - 2, -1, -2))
    return swap_bytes(data) if byte_order == "little" else data


def swap_bytes(data: bytes) -> bytes:
    """The two bytes of each register exchanged."""
    swapped = bytearray(len(data))
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)


def stored_number(raw: float, type_name: str) -> float:
    """The number as the register keeps it (a float32 has 24 bits of it)."""
    if type_name == "float32":
        packer = _BIG_ENDIAN["float32"]
        number: float = packer.unpack(packer.pack(raw))[0]
        return number
    return raw
