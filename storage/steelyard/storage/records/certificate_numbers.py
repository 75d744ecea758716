"""A certificate's number is unique to the body that issued it: looked up within the transaction that stores an event.

No unique index says so: what was stored before this rule may break it, one certificate may be for many items, and a
corrected certificate may keep its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from steelyard.storage.errors import RecordRefused
from steelyard.storage.records.database import take_turns
from steelyard.storage.records.schema import verification_event as table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from steelyard.calibration.verification.events import VerificationEvent
    from steelyard.contracts.identifiers import InstrumentId

_KIND = "verification event"


def require_free_number(connection: Connection, event: VerificationEvent, items: Sequence[InstrumentId]) -> None:
    """Refuse a number that another event of the same body has.

    Free are the numbers of the events in whose place this one stands, and that of one certificate for many items: then
    `items` names all its instruments, each of which has it once, completed on the same day.

    Raises:
        RecordRefused: naming the other event.
    """
    if items and (event.instrument not in items or len(set(items)) != len(items)):
        raise RecordRefused(
            _KIND,
            event.id,
            f"its certificate is for {', '.join(items)}",
            field="items",
            value=", ".join(items),
            remedy=f"name every instrument of the certificate once, {event.instrument} among them",
        )
    if event.certificate is None:
        return
    take_turns(connection, f"certificates of {event.performed_by}")
    same = (table.c.performed_by == event.performed_by) & (table.c.certificate == event.certificate)
    query = select(table.c.id, table.c.instrument, table.c.completed).where(same, table.c.id != event.id)
    replaced = _replaced(connection, event)
    for other in connection.execute(query.order_by(table.c.number)).all():
        if other.id in replaced:
            continue
        one_of_many = other.instrument in items and other.instrument != event.instrument
        if one_of_many and other.completed == event.completed:
            continue
        raise RecordRefused(
            _KIND,
            event.id,
            f"certificate {event.certificate} of {event.performed_by} is that of event {other.id} "
            f"({other.instrument}, {other.completed.isoformat()})",
            field="certificate",
            value=event.certificate,
            remedy="correct the number; or name the event that this one supersedes; or, for one certificate of one day "
            "for many instruments, name them all as items",
        )


def require_superseded(connection: Connection, event: VerificationEvent) -> None:
    """Refuse to stand in the place of an event that is not on record, or another instrument's.

    Raises:
        RecordRefused: naming it.
    """
    if event.supersedes is None:
        return
    found = connection.execute(select(table.c.instrument).where(table.c.id == event.supersedes)).scalar()
    if found == event.instrument and event.supersedes != event.id:
        return
    raise RecordRefused(
        _KIND,
        event.id,
        "it supersedes an event that is not on record" if found is None else f"it supersedes an event of {found}",
        field="supersedes",
        value=event.supersedes,
        remedy=f"name an event of {event.instrument} that is on record",
    )


def _replaced(connection: Connection, event: VerificationEvent) -> set[str]:
    """The events in whose place this one stands: the one that it names, the one that that replaced, and so on."""
    found: set[str] = set()
    name = event.supersedes
    while name is not None and name not in found:
        found.add(name)
        name = connection.execute(select(table.c.supersedes).where(table.c.id == name)).scalar()
    return found
