"""Modbus TCP as bytes in, bytes out: no sockets, no clock.

MODBUS Application Protocol Specification V1.1b3 (4.1 PDU, 6.3 and 6.4 reading registers, 7 exception codes) and MODBUS
Messaging on TCP/IP Implementation Guide V1.0b (3.1.3 MBAP header). Only reading is implemented: functions 03 and 04.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from steelyard.firmware_sim.device import Device, Served
from steelyard.firmware_sim.spoiled import Chunk, spoil

ILLEGAL_FUNCTION = 0x01
ILLEGAL_DATA_ADDRESS = 0x02
ILLEGAL_DATA_VALUE = 0x03
GATEWAY_TARGET_FAILED_TO_RESPOND = 0x0B

MAX_READ_REGISTERS = 125
HEADER = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows it, unit."""
LONGEST_BODY = 254
"""Unit id and PDU: 1 + 253 bytes (Implementation Guide 3.1.3, Application Protocol 4.1)."""
_READ = struct.Struct(">BHH")
_READING = frozenset({3, 4})


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send, when, and what a flawless reader finds in it.

    `served` is empty unless the reply is sent whole and unspoiled. `close`: end the connection after it.
    """

    chunks: tuple[Chunk, ...] = ()
    close: bool = False
    served: tuple[Served, ...] = ()


def split_requests(buffer: bytes) -> tuple[tuple[bytes, ...], bytes, bool]:
    """Cut a stream into requests.

    Returns:
        The whole requests (header and PDU), the bytes that remain, and whether the stream still makes sense: a
        wrong protocol id or an impossible length leaves no way to find the next request, and the connection
        must be closed.
    """
    requests: list[bytes] = []
    start = 0
    while len(buffer) - start >= HEADER.size:
        _, protocol, length, _ = HEADER.unpack_from(buffer, start)
        if protocol != 0 or not 2 <= length <= LONGEST_BODY:
            return tuple(requests), b"", False
        end = start + 6 + length
        if len(buffer) < end:
            break
        requests.append(buffer[start:end])
        start = end
    return tuple(requests), buffer[start:], True


def answer(adu: bytes, devices: Mapping[int, Device], t_ns: int) -> Reply:
    """The reply of the line to one whole request at `t_ns` (UTC nanoseconds).

    Args:
        adu: MBAP header and PDU, as `split_requests` cuts them.
        devices: the instruments on the line by unit id.
        t_ns: the instant at which the registers are looked at.
    """
    transaction, _, _, unit = HEADER.unpack_from(adu)
    pdu = adu[HEADER.size :]
    device = devices.get(unit)
    if device is None:
        return Reply((Chunk(0.0, _frame(transaction, unit, _exception(pdu[0], GATEWAY_TARGET_FAILED_TO_RESPOND))),))
    fault = device.faults.reply(t_ns)
    if fault is None:
        reply, served = _respond(pdu, device, t_ns)
        return Reply((Chunk(0.0, _frame(transaction, unit, reply)),), served=served)
    match fault.kind:
        case "dropout":
            return Reply()
        case "disconnect":
            return Reply(close=True)
        case "exception":
            return Reply((Chunk(0.0, _frame(transaction, unit, _exception(pdu[0], fault.code))),))
        case _:
            reply, _ = _respond(pdu, device, t_ns)
            return Reply(spoil(fault.kind, _frame(transaction, unit, reply), fault.delay_s))


def _respond(pdu: bytes, device: Device, t_ns: int) -> tuple[bytes, tuple[Served, ...]]:
    """The PDU that answers `pdu`, in the order of checks of Application Protocol figures 13 and 14."""
    function = pdu[0]
    if function not in _READING:
        return _exception(function, ILLEGAL_FUNCTION), ()
    if len(pdu) != _READ.size:
        return _exception(function, ILLEGAL_DATA_VALUE), ()
    _, register, count = _READ.unpack(pdu)
    if not 1 <= count <= min(MAX_READ_REGISTERS, device.profile.limits.max_registers):
        return _exception(function, ILLEGAL_DATA_VALUE), ()
    found = device.read(function, register, count, t_ns)
    if found is None:
        return _exception(function, ILLEGAL_DATA_ADDRESS), ()
    data, served = found
    return bytes((function, len(data))) + data, served


def _exception(function: int, code: int) -> bytes:
    return bytes((function & 0x7F | 0x80, code))


def _frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu
