"""What ingest knows of the registry: whose key, whose instrument, which channels. Immutable; a new one replaces it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steelyard.contracts.identifiers import ChannelId, GatewayId, InstrumentId
    from steelyard.contracts.registry import Channel, Gateway, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredInstrument:
    """The gateway that reads an instrument, and the channels it may report."""

    gateway: GatewayId
    channels: frozenset[ChannelId]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryView:
    """The registry at one moment."""

    gateways: Mapping[GatewayId, Gateway] = field(default_factory=dict)
    instruments: Mapping[InstrumentId, RegisteredInstrument] = field(default_factory=dict)


def build_view(
    gateways: Iterable[Gateway], instruments: Iterable[Instrument], channels: Iterable[Channel]
) -> RegistryView:
    """Put the registry's tables together for judging frames."""
    of_instrument: dict[InstrumentId, set[ChannelId]] = {}
    for channel in channels:
        of_instrument.setdefault(channel.instrument, set()).add(channel.id)
    return RegistryView(
        gateways={gateway.id: gateway for gateway in gateways},
        instruments={
            instrument.id: RegisteredInstrument(
                gateway=instrument.gateway, channels=frozenset(of_instrument.get(instrument.id, ()))
            )
            for instrument in instruments
            if instrument.gateway is not None
        },
    )
