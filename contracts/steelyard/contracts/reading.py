"""What a reading's status may say."""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    """Why a value is good, or what is the matter with it.

    A value whose quality is in `WITHOUT_VALUE` is null on the wire: never 0, never the one before.
    """

    GOOD = 0
    NO_REPLY = 1
    """The instrument did not answer in time."""
    MALFORMED_REPLY = 2
    """It answered, but not exactly what was asked for."""
    DEVICE_EXCEPTION = 3
    """It refused (a Modbus exception)."""
    NOT_A_NUMBER = 4
    """Its registers hold no finite number, or its profile's mark for "not available"."""
    OUT_OF_RANGE = 5
    """The value lies outside what the instrument can indicate; it is kept as it came."""
    NOT_CONNECTED = 6
    """No connection to the instrument could be made."""
    INSTRUMENT_FAULT = 7
    """The instrument itself reports a fault; the value is kept as it came."""
    CLOCK_UNSYNCED = 8
    """The gateway's clock was not known to be right; the value is good, its time is not."""


WITHOUT_VALUE = frozenset(
    {
        Quality.NO_REPLY,
        Quality.MALFORMED_REPLY,
        Quality.DEVICE_EXCEPTION,
        Quality.NOT_A_NUMBER,
        Quality.NOT_CONNECTED,
    }
)
"""Qualities that come with null: there is nothing to keep."""
