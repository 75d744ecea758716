"""Events in the order in which they happened, without those that another one replaces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent


def in_order(events: Sequence[VerificationEvent]) -> list[VerificationEvent]:
    """By day; on one day by the hour where all of that day are known, else as things happen, then by entry.

    What happens on one day: it fails, or is checked; it is repaired; it is verified, after that repair; and what was
    decided is disputed last.
    """
    found: list[VerificationEvent] = []
    by_day = sorted(events, key=_day)
    for _, group in groupby(by_day, key=_day):
        of_day = list(group)
        instants = [event.completed_at_ns for event in of_day]
        if None not in instants:
            found += sorted(of_day, key=lambda event: event.completed_at_ns or 0)
        else:
            touched = any(event.kind in _TOUCHING for event in of_day)
            found += sorted(of_day, key=lambda event: _rank(event, touched=touched))
    return found


_TOUCHING = frozenset({EventKind.REPAIR, EventKind.AFTER_REPAIR, EventKind.ARBITRATION})


def _day(event: VerificationEvent) -> date:
    return event.completed


def _rank(event: VerificationEvent, *, touched: bool) -> int:
    match event.kind:
        case EventKind.INTERMEDIATE_CHECK | EventKind.SEAL_OPENED:
            return 1
        case EventKind.REPAIR:
            return 2
        case EventKind.AFTER_REPAIR:
            return 4
        case EventKind.ARBITRATION:
            return 5
    return 0 if touched and event.decision is Decision.FAILED else 3


def later(one: VerificationEvent, other: VerificationEvent) -> bool | None:
    """Whether `one` happened after `other`; None on one day of which not both hours are known."""
    if one.completed != other.completed:
        return one.completed > other.completed
    if one.completed_at_ns is None or other.completed_at_ns is None:
        return None
    return one.completed_at_ns > other.completed_at_ns


def without_superseded(
    events: Sequence[VerificationEvent],
) -> tuple[list[VerificationEvent], list[VerificationEvent], list[tuple[VerificationEvent, str]]]:
    """Events that count, those that another one replaces, and references that name nothing that can be replaced.

    A replaced event stays replaced when its successor is replaced in turn. Of two that name each other the one that
    was entered first counts as replaced.
    """
    replaced_by: dict[int, VerificationEvent] = {}
    unknown = []
    for event in events:
        if event.supersedes is None:
            continue
        name = event.supersedes.casefold()
        named = [
            other
            for other in events
            if other is not event
            and name in {other.id.casefold(), (other.certificate or other.id).casefold()}
            and replaced_by.get(id(event)) is not other
        ]
        if not named:
            unknown.append((event, event.supersedes))
        for other in named:
            replaced_by.setdefault(id(other), event)
    kept = [event for event in events if id(event) not in replaced_by]
    return kept, [event for event in events if id(event) in replaced_by], unknown
