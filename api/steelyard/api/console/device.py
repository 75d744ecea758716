"""What the page of an instrument says of the device: its name plate."""

from __future__ import annotations

from steelyard.api.console.pages import Fact
from steelyard.api.figures import significant, with_unit
from steelyard.contracts.registry import Instrument


def device_facts(held: Instrument) -> list[Fact]:
    """What is known of a device beside its number, serial number, kind and place; what is not known is left out."""
    unit = held.unit or ""
    said: list[tuple[str, str | None]] = [
        ("Accuracy class", held.accuracy_class),
        ("Maker", held.maker),
        ("Model", held.model),
        ("Type approval", held.type_approval),
        ("Batch", held.batch),
        ("Scale interval", None if held.scale_interval is None else with_unit(significant(held.scale_interval), unit)),
        ("Put into use", None if held.put_into_use is None else held.put_into_use.isoformat()),
        ("Device profile", held.profile),
        ("Gateway", held.gateway or "None: nothing reads it"),
    ]
    return [Fact(name=name, text=text) for name, text in said if text]
