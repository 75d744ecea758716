"""What a supervisor sees: a device by the region of the position at which it hangs today, else by its owner's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from steelyard.api.principals import in_region
from steelyard.contracts.devices import holds
from steelyard.contracts.identifiers import InstrumentId, OrganizationId
from steelyard.contracts.registry import Organization
from steelyard.storage.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """The instruments of a region on a day, and whose they are."""

    instruments: frozenset[InstrumentId]
    owners: dict[OrganizationId, Organization]


def supervised(records: Records, region: str, today: date) -> Supervised:
    """Return what lies in `region` or below on the legal date `today`. Four queries."""
    organizations = {each.id: each for each in records.registry.organizations()}
    positions = {each.id: each for each in records.devices.positions()}
    hung = {
        each.instrument: positions[each.position].region
        for each in records.devices.placements()
        if holds(each, today) and each.position in positions
    }
    found = [
        each
        for each in records.registry.instruments()
        if in_region(hung.get(each.id, organizations[each.organization].region), region)
    ]
    return Supervised(
        instruments=frozenset(each.id for each in found),
        owners={each.organization: organizations[each.organization] for each in found},
    )
