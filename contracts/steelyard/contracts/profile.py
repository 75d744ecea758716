"""Device profiles: a register map as a TOML file. Adding a meter is adding a file.

    id = "sdm630"                    the file's name without .toml
    maker, model, kind, document     document: title, edition, section of the vendor's register list
    word_order, byte_order           "big" (Modbus) or "little"
    [limits]    max_registers, max_gap
    [probe]     function, register, type, low, high: is this the device?
    [[channel]] id, quantity, unit, function, register, type, scale, offset, low, high, resolution, not_available

A channel's value is ``raw * scale + offset`` in `unit` (UCUM). Registers count from 0 as on the wire, not from 30001.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from steelyard.contracts.errors import ContractError, ProfileError
from steelyard.contracts.identifiers import (
    ChannelId,
    InstrumentKind,
    parse_channel_id,
    parse_instrument_id,
    parse_instrument_kind,
)
from steelyard.contracts.toml import convert, parse_toml
from steelyard.contracts.units import parse_unit

RegisterType = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
Order = Literal["big", "little"]

REGISTER_COUNTS: dict[str, int] = {
    "uint16": 1,
    "int16": 1,
    "uint32": 2,
    "int32": 2,
    "float32": 2,
    "uint64": 4,
    "int64": 4,
    "float64": 4,
}
"""How many 16-bit registers a type fills."""

MAX_READ_REGISTERS = 125
"""The most registers one request may read (MODBUS Application Protocol V1.1b3, 6.3 and 6.4)."""


class ReadLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request to this device may ask: `max_registers` at most, reading over up to `max_gap` unused ones."""

    max_registers: int = MAX_READ_REGISTERS
    max_gap: int = 16


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A register whose value, from `low` to `high`, says that this is the device."""

    function: Literal[3, 4]
    register: int
    type: RegisterType
    low: float
    high: float


class ChannelProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity of the device.

    ``value = raw * scale + offset`` in `unit`; `low` and `high` bound what the device can indicate, `resolution` is the
    step of its indication, all in `unit`. `not_available` is the raw integer with which the device says that it has no
    value.
    """

    id: ChannelId
    quantity: str
    unit: str
    function: Literal[3, 4]
    register: int
    type: RegisterType
    low: float
    high: float
    resolution: float
    scale: float = 1.0
    offset: float = 0.0
    not_available: int | None = None

    @property
    def register_count(self) -> int:
        """How many registers the value fills."""
        return REGISTER_COUNTS[self.type]


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"channels": "channel"}):
    """A device's register map, with the document it was taken from; `kind` is a name of the catalogue."""

    id: str
    maker: str
    model: str
    kind: InstrumentKind
    document: str
    channels: tuple[ChannelProfile, ...]
    probe: Probe
    word_order: Order = "big"
    byte_order: Order = "big"
    limits: ReadLimits = ReadLimits()

    def channel(self, channel: ChannelId) -> ChannelProfile:
        """The channel of this name; ProfileError naming the ones there are."""
        for candidate in self.channels:
            if candidate.id == channel:
                return candidate
        raise ProfileError(f"{self.id}: channel", channel, f"not one of {', '.join(c.id for c in self.channels)}")


def parse_profile(text: str, source: str) -> Profile:
    """Read a profile's TOML text.

    Args:
        text: the file's content.
        source: its name, for messages.

    Raises:
        ProfileError: naming the file, the key, the value and the remedy.
    """
    profile = convert(parse_toml(text, source, ProfileError), Profile, source, ProfileError)
    try:
        parse_instrument_id(profile.id, "id")
        parse_instrument_kind(profile.kind)
        _check(profile)
    except ContractError as error:
        raise ProfileError(f"{source}: {error.field}", error.value, error.remedy) from error
    return profile


def _check(profile: Profile) -> None:
    limits = profile.limits
    if not 1 <= limits.max_registers <= MAX_READ_REGISTERS:
        raise ProfileError("limits.max_registers", limits.max_registers, f"must be 1 to {MAX_READ_REGISTERS}")
    if limits.max_gap < 0:
        raise ProfileError("limits.max_gap", limits.max_gap, "must not be negative")
    if not profile.channels:
        raise ProfileError("channel", [], "a profile has at least one channel")
    _check_place("probe", profile.probe.register, profile.probe.type, limits)
    if not profile.probe.low <= profile.probe.high:
        raise ProfileError("probe.low", profile.probe.low, f"must not be above probe.high ({profile.probe.high})")
    seen: set[str] = set()
    taken: dict[tuple[int, int], str] = {}
    for channel in profile.channels:
        where = f"channel '{channel.id}'"
        parse_channel_id(channel.id, "channel.id")
        if channel.id in seen:
            raise ProfileError("channel.id", channel.id, "stands in this profile twice; rename one")
        seen.add(channel.id)
        _check_channel(where, channel)
        _check_place(where, channel.register, channel.type, limits)
        for register in range(channel.register, channel.register + channel.register_count):
            other = taken.setdefault((channel.function, register), channel.id)
            if other != channel.id:
                raise ProfileError(f"{where}.register", register, f"channel '{other}' uses this register too")


def _check_channel(where: str, channel: ChannelProfile) -> None:
    parse_unit(channel.unit, f"{where}.unit")
    for name, number in (
        ("scale", channel.scale),
        ("offset", channel.offset),
        ("low", channel.low),
        ("high", channel.high),
    ):
        if not math.isfinite(number):
            raise ProfileError(f"{where}.{name}", number, "must be finite")
    if channel.scale == 0:
        raise ProfileError(f"{where}.scale", channel.scale, "must not be 0: every value would be the offset")
    if not channel.low < channel.high:
        raise ProfileError(f"{where}.low", channel.low, f"must be below high ({channel.high})")
    if not (math.isfinite(channel.resolution) and channel.resolution > 0):
        raise ProfileError(f"{where}.resolution", channel.resolution, "must be above 0")
    if channel.not_available is not None and channel.type.startswith("float"):
        raise ProfileError(
            f"{where}.not_available", channel.not_available, "is for whole-number types; a float says NaN"
        )


def _check_place(where: str, register: int, kind: str, limits: ReadLimits) -> None:
    count = REGISTER_COUNTS[kind]
    if register < 0 or register + count > 65_536:
        raise ProfileError(f"{where}.register", register, "registers run from 0 to 65535")
    if count > limits.max_registers:
        raise ProfileError(f"{where}.type", kind, f"fills {count} registers, more than limits.max_registers")
