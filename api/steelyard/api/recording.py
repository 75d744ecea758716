"""Recording what was done to an instrument: by whom, on which ground, and what becomes of the work order.

There are four ways to an event, and no other:

- an institute's verifier or approver ends an order that the institute has carried out: the law asks that three
  different people measured, checked and decided (检定, 核验, 主管), a calibration that two did (ISO/IEC 17025:2017,
  6.2.6 and 7.8.1.1). Event and order's end are one transaction;
- who owns an instrument records its own calibrations and intermediate checks of it, which decide nothing by law;
- who owns or serves it tells of a repair or an opened seal: facts, without a decision;
- the installation's administrator takes over what a certificate of elsewhere says. Such an event is marked.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date

from steelyard.api.desk import Desk
from steelyard.api.errors import Conflict, Forbidden, Invalid
from steelyard.api.principals import Principal, require_writer
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import OrderChange, OrderState, WorkOrder
from steelyard.contracts.identifiers import InstrumentId, parse_instrument_id
from steelyard.contracts.registry import Instrument

INSTITUTE_EVENT_ROLES = frozenset({Role.VERIFIER, Role.APPROVER})

VERIFICATIONS = frozenset(
    {
        EventKind.FIRST_VERIFICATION,
        EventKind.SUBSEQUENT_VERIFICATION,
        EventKind.AFTER_REPAIR,
        EventKind.INTERIM,
        EventKind.ARBITRATION,
    }
)
"""What only an authorized body decides."""
OWN_KINDS = frozenset({EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK})
"""What an owner may record of its own instrument without anybody's order."""
FACTS = frozenset({EventKind.REPAIR, EventKind.SEAL_OPENED})
"""What happened to an instrument; each takes its validity, and gives none."""

OUTCOMES: dict[OrderState, Decision] = {
    OrderState.PASSED: Decision.PASSED,
    OrderState.FAILED: Decision.FAILED,
    OrderState.LIMITED: Decision.LIMITED,
    OrderState.NOT_TESTABLE: Decision.NOT_TESTABLE,
}
"""What an order's outcome decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEvent:
    """What a caller says of a completed event; fields as in `VerificationEvent`.

    `items` names all instruments of one certificate for many, else it is empty. `why` is for the audit trail.
    """

    kind: EventKind
    completed: date
    decision: Decision
    performed_by: str
    certificate: str | None = None
    points: tuple[EventPoint, ...] = ()
    limited_to: str | None = None
    supersedes: str | None = None
    items: tuple[str, ...] = ()
    work_order: str | None = None
    imported_from: str | None = None
    why: str = ""


def record_event(desk: Desk, principal: Principal, name: str, given: GivenEvent) -> VerificationEvent:
    """Record a completed verification, calibration, check, repair or opening, and end the work order it belongs to.

    Raises:
        Missing: no such instrument, or no such order, in sight.
        Forbidden: not for this role, institute or kind; or not enough different people acted on the order.
        Conflict: the order has no outcome yet or another one, or has ended.
        Invalid: a date or unit cannot be, or an imported event lacks its certificate's number.
        OrderChanged: somebody else changed the order a moment ago.
        RecordRefused: the certificate's number is another event's.
    """
    require_writer(principal)
    if given.imported_from is not None and principal.role is Role.ADMINISTRATOR:
        instrument, order = desk.any_instrument(name), None
        _require_importable(given)
        legal = desk.records.registry.legal_status(instrument.id)
    else:
        instrument = desk.instrument(principal, name).instrument
        legal = desk.records.registry.legal_status(instrument.id)
        order = _ground(desk, principal, instrument, legal, given)
    _require_usable(desk, legal, given)
    items = tuple(_item(each) for each in given.items)
    event = VerificationEvent(
        id=f"event-{secrets.token_hex(8)}",
        instrument=instrument.id,
        kind=given.kind,
        completed=given.completed,
        decision=given.decision,
        performed_by=given.performed_by,
        certificate=given.certificate,
        points=given.points,
        limited_to=given.limited_to,
        supersedes=given.supersedes,
        work_order=order.id if order is not None else None,
        imported_from=given.imported_from,
    )
    now_ns = desk.clock.now_ns()
    audit = _audit(event, principal, given, now_ns)
    if order is None:
        desk.records.verification.add_event(event, audit, items=items)
    else:
        closing = _closed(order, event, principal, now_ns)
        desk.records.verification.add_closing_event(event, audit, closing, items=items)
    return event


def outcome_of(desk: Desk, order: WorkOrder) -> OrderState | None:
    """Return what was decided about an order, None while nothing is: its state, or the last one in its history."""
    if order.state in OUTCOMES:
        return order.state
    if order.state is not OrderState.CERTIFICATE_ISSUED:
        return None
    trail = desk.records.audit.entries_of("work_order", order.id)
    decided = [entry.new for entry in trail if entry.action == "transition" and entry.new in set(OUTCOMES)]
    return OrderState(decided[-1]) if decided else None


def may_close(desk: Desk, order: WorkOrder) -> bool:
    """Return whether an order may be closed by hand: what was decided about its instrument is on record.

    An order that could not be tested moves nothing; any other that has an outcome ends with its event.
    """
    if outcome_of(desk, order) is OrderState.NOT_TESTABLE:
        return True
    return any(event.work_order == order.id for event in desk.records.verification.events(order.instrument))


def _ground(
    desk: Desk, principal: Principal, instrument: Instrument, legal: LegalStatus | None, given: GivenEvent
) -> WorkOrder | None:
    """The order that the event ends, None where it needs none; Forbidden or Conflict where there is no ground."""
    if given.imported_from is not None:
        raise Forbidden(
            "Only the installation's administrator takes over events of elsewhere.",
            field="imported",
            value=given.imported_from,
            remedy="Ask the administrator, or leave it out.",
        )
    own = instrument.organization == principal.organization.id
    _require_role(principal, given.kind, own=own)
    _require_name(desk, principal, given.performed_by)
    # An institute may also have a calibration of its own instrument done by order: then the order is asked for.
    by_order = principal.institute and given.work_order is not None
    if given.kind in FACTS or (given.kind in OWN_KINDS and own and not by_order):
        if given.kind in FACTS and given.decision is not Decision.NONE:
            raise Forbidden(
                "A repair or an opened seal decides nothing.",
                field="decision",
                value=given.decision.value,
                remedy="Give the decision none; what follows is decided by a verification.",
            )
        if given.work_order is not None:
            raise Forbidden(
                f"An event of kind {given.kind.value} ends no work order.",
                field="work_order",
                value=given.work_order,
                remedy="Leave it out.",
            )
        return None
    mandatory = legal is not None and legal.mandatory
    if given.kind is EventKind.INTERMEDIATE_CHECK or (mandatory and given.kind not in VERIFICATIONS):
        raise Forbidden(
            "An institute records verifications, and calibrations of what is under voluntary control.",
            field="kind",
            value=given.kind.value,
            remedy="Give the kind of verification; checks and calibrations of its own are the owner's to record.",
        )
    return _finished_order(desk, principal, instrument, given, mandatory=mandatory)


def _require_role(principal: Principal, kind: EventKind, *, own: bool) -> None:
    if principal.institute and principal.role in INSTITUTE_EVENT_ROLES:
        return
    if own and principal.role is Role.OWNER and kind in OWN_KINDS | FACTS:
        return
    raise Forbidden(
        f"The role {principal.role.value} may not record an event of kind {kind.value}.",
        field="role",
        value=principal.role.value,
        remedy="Ask a verifier or an approver of the institute; an owner records calibrations and intermediate checks.",
    )


def _require_name(desk: Desk, principal: Principal, performed_by: str) -> None:
    """Nobody records in the name of another organization: what it certifies is its own to say."""
    own = principal.organization
    others = {each.name.casefold() for each in desk.records.registry.organizations() if each.id != own.id}
    if performed_by.casefold() in others:
        raise Forbidden(
            "An event in the name of another organization is that one's to record.",
            field="performed_by",
            value=performed_by,
            remedy=f"Give {own.name}, or ask that organization.",
        )


def _finished_order(
    desk: Desk, principal: Principal, instrument: Instrument, given: GivenEvent, *, mandatory: bool
) -> WorkOrder:
    if given.work_order is None:
        raise Forbidden(
            f"An event of kind {given.kind.value} ends a work order that this institute has carried out.",
            field="work_order",
            value="none",
            remedy="Name the order; nobody verifies alone: others check the record and decide.",
        )
    order = desk.order(principal, given.work_order)
    if order.instrument != instrument.id:
        raise Forbidden(
            f"This order is for {order.instrument}.",
            field="work_order",
            value=order.id,
            remedy=f"Name the order of {instrument.id}.",
        )
    if order.assigned_to != principal.organization.id:
        raise Forbidden(
            "The order is not assigned to this institute.",
            field="assigned_to",
            value=order.assigned_to or "none",
            remedy="Ask the institute that it is assigned to: what it measured it records.",
        )
    if given.performed_by != principal.organization.name:
        raise Forbidden(
            "An institute records in its own name what it has carried out.",
            field="performed_by",
            value=given.performed_by,
            remedy=f"Give {principal.organization.name}.",
        )
    outcome = outcome_of(desk, order)
    if outcome is None:
        raise Conflict(
            "Nothing has been decided about this order." if order.open else "This order has ended.",
            field="state",
            value=order.state.value,
            remedy="Record the event once the order is decided: passed, failed, limited or not testable.",
        )
    _require_people(order, mandatory=mandatory or order.mandatory)
    values_only = given.kind is EventKind.CALIBRATION and given.decision is Decision.NONE
    if given.decision is not OUTCOMES[outcome] and not (values_only and outcome is OrderState.PASSED):
        raise Conflict(
            f"The order's outcome is {outcome.value}.",
            field="decision",
            value=given.decision.value,
            remedy=f"Give {OUTCOMES[outcome].value}, as was decided.",
        )
    return order


def _require_people(order: WorkOrder, *, mandatory: bool) -> None:
    acted = {"verified_by": order.verified_by, "checked_by": order.checked_by}
    if mandatory:
        acted["approved_by"] = order.approved_by
    seen: set[str] = set()
    for field, person in acted.items():
        if person is None:
            raise Forbidden(
                f"Nobody is on record for {field}.",
                field=field,
                value="none",
                remedy="Have the order measured, checked and decided by the people who are asked for.",
            )
        if person in seen:
            raise Forbidden(
                f"The order was not in the hands of {'three' if mandatory else 'two'} different people.",
                field=field,
                value=person,
                remedy="Have it measured again, and checked and decided by others.",
            )
        seen.add(person)


def _require_importable(given: GivenEvent) -> None:
    if given.certificate is None:
        raise Invalid(
            "What is taken over rests on a certificate.",
            field="certificate",
            value="none",
            remedy="Give the certificate's number and the body that issued it.",
        )
    if given.work_order is not None:
        raise Invalid(
            "What is taken over was not done for a work order of this installation.",
            field="work_order",
            value=given.work_order,
            remedy="Leave it out; or let the institute record the event that ends the order.",
        )


def _require_usable(desk: Desk, legal: LegalStatus | None, given: GivenEvent) -> None:
    require_plausible_date(given.completed)
    if given.completed > desk.today():
        raise Invalid(
            "An event is recorded when it is completed.",
            field="completed",
            value=given.completed.isoformat(),
            remedy="Give the day on which it was completed, today at the latest.",
        )
    for point in given.points:
        if legal is not None and point.unit not in legal.mpe.error_units:
            raise Invalid(
                f"The permitted error of this instrument is given in {legal.mpe.limit_unit}.",
                field="points.unit",
                value=point.unit,
                remedy=f"Give the errors in {legal.mpe.error_units_text}.",
            )
    if given.limited_to is not None and given.decision is not Decision.LIMITED:
        raise Invalid(
            "Only a limited decision leaves a lower class.",
            field="limited_to",
            value=given.limited_to,
            remedy="Leave it out, or give the decision limited.",
        )


def _item(name: str) -> InstrumentId:
    return parse_instrument_id(name, "items")


def _closed(order: WorkOrder, event: VerificationEvent, principal: Principal, now_ns: int) -> OrderChange:
    """The order, ended by its event. People close it only where there is no event (`may_close`)."""
    closed = replace(order, state=OrderState.CLOSED, updated_ns=now_ns, revision=order.revision + 1)
    audit = AuditEntry(
        at_ns=now_ns,
        who=principal.who,
        role=principal.role.value,
        action="transition",
        object_kind="work_order",
        object_id=order.id,
        old=order.state.value,
        new=OrderState.CLOSED.value,
        why=f"ended by its event {event.id}",
    )
    return OrderChange(order=closed, audit=audit)


def _audit(event: VerificationEvent, principal: Principal, given: GivenEvent, now_ns: int) -> AuditEntry:
    told = [event.id, event.kind.value, event.completed.isoformat(), event.decision.value]
    told += [f"certificate {event.certificate} of {event.performed_by}"] if event.certificate else []
    told += [f"for {', '.join(given.items)}"] if given.items else []
    told += [f"in place of {event.supersedes}"] if event.supersedes else []
    told += [f"order {event.work_order}"] if event.work_order else []
    told += [f"imported from {event.imported_from}"] if event.imported_from else []
    return AuditEntry(
        at_ns=now_ns,
        who=principal.who,
        role=principal.role.value,
        action="record_event" if event.imported_from is None else "import_event",
        object_kind="instrument",
        object_id=event.instrument,
        old=None,
        new=" ".join(told),
        why=given.why,
    )
