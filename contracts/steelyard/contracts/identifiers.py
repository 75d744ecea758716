"""Identifiers: one grammar, checked where text enters, never mixed afterwards.

The grammar keeps an identifier one MQTT topic level, one certificate name, one file name and one URL segment: ``/``,
``+`` and ``#`` in a name would let a gateway write under another's topic.
"""

from __future__ import annotations

import re
from typing import NewType

from steelyard.contracts.errors import IdentifierError

OrganizationId = NewType("OrganizationId", str)
GatewayId = NewType("GatewayId", str)
InstrumentId = NewType("InstrumentId", str)
InstrumentKind = NewType("InstrumentKind", str)
"""What an instrument is: the name of a kind in the catalogue, which knows which there are."""
ChannelId = NewType("ChannelId", str)
PositionId = NewType("PositionId", str)
BootId = NewType("BootId", str)
KeyId = NewType("KeyId", str)

GRAMMAR = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
"""1 to 63 lower-case letters, digits, ``-`` and ``_``; a letter or digit at both ends."""

_IDENTIFIER = re.compile(GRAMMAR)
_KIND = re.compile(r"(?=.{1,63}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def _parse(text: object, field: str) -> str:
    if isinstance(text, str) and _IDENTIFIER.fullmatch(text):
        return text
    raise IdentifierError(
        field,
        text,
        "use 1 to 63 lower-case letters, digits, '-' or '_', beginning and ending with a letter or digit",
    )


def parse_organization_id(text: object, field: str = "organization") -> OrganizationId:
    """Accept an organization's name or raise IdentifierError naming `field`."""
    return OrganizationId(_parse(text, field))


def parse_gateway_id(text: object, field: str = "gateway") -> GatewayId:
    """Accept a gateway's name or raise IdentifierError naming `field`."""
    return GatewayId(_parse(text, field))


def parse_instrument_id(text: object, field: str = "instrument") -> InstrumentId:
    """Accept an instrument's name or raise IdentifierError naming `field`."""
    return InstrumentId(_parse(text, field))


def parse_instrument_kind(text: object, field: str = "kind") -> InstrumentKind:
    """Accept the name of a kind of instrument or raise IdentifierError naming `field`."""
    if isinstance(text, str) and _KIND.fullmatch(text):
        return InstrumentKind(text)
    raise IdentifierError(
        field, text, "use lower-case words with '_' between, as the catalogue does: electricity_meter, pressure_gauge"
    )


def parse_channel_id(text: object, field: str = "channel") -> ChannelId:
    """Accept a channel's name or raise IdentifierError naming `field`."""
    return ChannelId(_parse(text, field))


def parse_position_id(text: object, field: str = "position") -> PositionId:
    """Accept a position's id or raise IdentifierError naming `field`."""
    return PositionId(_parse(text, field))


def parse_boot_id(text: object, field: str = "boot") -> BootId:
    """Accept the name of one run of a gateway or raise IdentifierError naming `field`."""
    return BootId(_parse(text, field))


def parse_key_id(text: object, field: str = "kid") -> KeyId:
    """Accept a key's name or raise IdentifierError naming `field`."""
    return KeyId(_parse(text, field))
