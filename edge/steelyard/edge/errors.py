"""What goes wrong at the edge, and with which evidence.

    EdgeError
    ├── PlanError            channels that no allowed read request can cover
    ├── ReadError            a read that gave no value; carries the Quality that says why
    │   ├── NotConnected     no connection to the instrument
    │   ├── NoReply          nothing, or not all of it, before the deadline
    │   ├── MalformedReply   not exactly the reply that was asked for; carries the bytes
    │   └── DeviceException  a Modbus exception response; carries its code
    └── SpoolError           the spool cannot do what it promises
        ├── SpoolInUse       another process holds it
        ├── SpoolUnsafe      SQLite would not take the settings that make it safe
        └── SpoolFull        its bounds, or the disk's, are reached

Settings that cannot be right are `steelyard.contracts.errors.SettingsError`.
"""

from __future__ import annotations

from typing import ClassVar

from steelyard.contracts.reading import Quality


class EdgeError(Exception):
    """Something at the edge went wrong."""


class PlanError(EdgeError):
    """Channels that no allowed read request can cover."""


class ReadError(EdgeError):
    """A read that gave no value. It never becomes a number, only a status."""

    quality: ClassVar[Quality] = Quality.NO_REPLY


class NotConnected(ReadError):
    """No connection to the instrument could be made, or it broke before the request was sent."""

    quality = Quality.NOT_CONNECTED


class NoReply(ReadError):
    """Nothing, or not all of it, came before the deadline."""

    quality = Quality.NO_REPLY


class MalformedReply(ReadError):
    """Something came, but not exactly the reply that was asked for.

    Args:
        what: the deviation, with the expected and the received value.
        received: the bytes since the request, as evidence.
    """

    quality = Quality.MALFORMED_REPLY

    def __init__(self, what: str, received: bytes) -> None:
        self.received = received
        shown = received[:32].hex(" ")
        super().__init__(f"{what}; received {len(received)} bytes: {shown}{' …' if len(received) > 32 else ''}")


class DeviceException(ReadError):
    """The instrument refused with a Modbus exception response (Application Protocol V1.1b3, section 7)."""

    quality = Quality.DEVICE_EXCEPTION

    def __init__(self, function: int, code: int) -> None:
        self.code = code
        name = _EXCEPTION_NAMES.get(code, "not in the standard")
        super().__init__(f"function {function:02d} refused with exception {code} ({name})")


class SpoolError(EdgeError):
    """The spool cannot do what it promises."""


class SpoolInUse(SpoolError):
    """Another process holds the spool."""


class SpoolUnsafe(SpoolError):
    """SQLite would not take a setting without which frames could be lost."""


class SpoolFull(SpoolError):
    """The spool's bounds, or the disk's, are reached: measuring stops."""


_EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
