"""How far back somebody sees a device: a buyer sees its certificates, and nothing else of before.

Readings, and what was observed from them, are the business of whoever owned the device then. Certificates, repairs and
openings of the seal go with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.api.desk import Desk, FleetItem
from steelyard.calibration.verification.events import EventKind, VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation
from steelyard.calibration.verification.standing import AUTHORITY
from steelyard.contracts.devices import FIRST_DAY

_OF_THE_DEVICE = AUTHORITY | {EventKind.REPAIR, EventKind.SEAL_OPENED}


def events_shown(item: FleetItem, events: Sequence[VerificationEvent]) -> list[VerificationEvent]:
    """Return those events of a device that are shown: all of its present owner's time, certificates of before."""
    return [event for event in events if event.completed >= item.since or _goes_with_it(event)]


def observations_shown(desk: Desk, item: FleetItem) -> list[ErrorObservation]:
    """Return those observed errors that are shown: of the present owner's time, and what certificates say of before."""
    found = desk.records.verification.observations(item.instrument.id)
    if item.since <= FIRST_DAY:
        return list(found)
    papers = {event.id for event in events_shown(item, desk.records.verification.events(item.instrument.id))}
    return [one for one in found if one.t_ns >= item.since_ns or one.event in papers]


def _goes_with_it(event: VerificationEvent) -> bool:
    return event.certificate is not None or event.kind in _OF_THE_DEVICE


def newest_evidence_ns(desk: Desk, item: FleetItem) -> int | None:
    """Return when the error was last observed (UTC ns), by the estimate or else by the newest event with values."""
    estimate = item.assessment.estimate if item.assessment is not None else None
    if estimate is not None:
        return estimate.last_observation_ns
    days = [event.completed for event in desk.records.verification.events(item.instrument.id) if event.points]
    return desk.legal_day_ns(max(days)) if days else None
