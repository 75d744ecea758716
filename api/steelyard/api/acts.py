"""What people and programs change: work orders and verification events. Each act leaves exactly one audit entry.

Who may do what to a work order is calibration's table; nothing here goes around it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date

from steelyard.api.desk import Desk
from steelyard.api.errors import Forbidden, Invalid
from steelyard.api.principals import Principal, require_writer
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import (
    ACKNOWLEDGING_ROLES,
    OrderState,
    WorkOrder,
    acknowledge,
    allowed_targets,
    transition,
)
from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import OrganizationId, parse_organization_id
from steelyard.contracts.registry import OrganizationKind

INSTITUTE_EVENT_ROLES = frozenset({Role.VERIFIER, Role.APPROVER})
OWNER_EVENT_KINDS = frozenset({EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK})
"""What an enterprise may record of its own: verifications are decided by authorized bodies alone."""


def may_acknowledge(principal: Principal, order: WorkOrder) -> bool:
    """Return whether the principal may acknowledge this order now."""
    return order.open and order.acknowledged_by is None and principal.role in ACKNOWLEDGING_ROLES


def allowed(principal: Principal, order: WorkOrder) -> tuple[OrderState, ...]:
    """Return the states to which the principal may move this order now."""
    if principal.organization.kind is OrganizationKind.SUPERVISOR or _another_institutes(principal, order):
        return ()
    return allowed_targets(order, principal.role)


def move_order(
    desk: Desk, principal: Principal, name: str, *, to: OrderState, why: str, assign_to: str | None = None
) -> WorkOrder:
    """Move a work order one step.

    Args:
        desk: the stores.
        principal: who moves it.
        name: the order's id.
        to: the next state.
        why: for the history; the table says where it may be empty.
        assign_to: the institute, when `to` is ASSIGNED; the principal's own if left out.

    Raises:
        Missing: no such order in sight.
        Forbidden: a supervisor asks, or an institute that the order is not assigned to.
        Invalid: `assign_to` is no institute.
        TransitionRefused, OrderChanged: the table or somebody else's change stands against it.
    """
    require_writer(principal)
    order = desk.order(principal, name)
    if _another_institutes(principal, order):
        raise Forbidden(
            f"The order is assigned to {order.assigned_to}.",
            field="assigned_to",
            value=order.assigned_to,
            remedy="Ask that institute: it measures and decides, or declines.",
        )
    institute = _institute(desk, principal, assign_to) if to is OrderState.ASSIGNED or assign_to else None
    change = transition(
        order, to=to, who=principal.who, role=principal.role, why=why, at_ns=desk.clock.now_ns(), assign_to=institute
    )
    desk.records.orders.update_order(change.order, change.audit)
    return change.order


def acknowledge_order(desk: Desk, principal: Principal, name: str) -> WorkOrder:
    """Record that the principal has seen a work order; its state does not change.

    Raises:
        Missing: no such order in sight.
        Forbidden: a supervisor asks.
        TransitionRefused, OrderChanged: it is acknowledged already, has ended, or not by this role.
    """
    require_writer(principal)
    order = desk.order(principal, name)
    change = acknowledge(order, who=principal.who, role=principal.role, at_ns=desk.clock.now_ns())
    desk.records.orders.update_order(change.order, change.audit)
    return change.order


def record_event(
    desk: Desk,
    principal: Principal,
    name: str,
    *,
    kind: EventKind,
    completed: date,
    decision: Decision,
    performed_by: str,
    certificate: str | None,
    points: Sequence[EventPoint],
    why: str,
) -> VerificationEvent:
    """Record a completed verification, calibration or check.

    Raises:
        Missing: no such instrument in sight.
        Forbidden: not for this role.
        Invalid: the date lies in the future by the legal date, or a point's unit is not the instrument's.
    """
    require_writer(principal)
    instrument = desk.instrument(principal, name).instrument
    _may_record(principal, kind)
    now_ns = desk.clock.now_ns()
    require_plausible_date(completed)
    if completed > desk.today():
        raise Invalid(
            "An event is recorded when it is completed.",
            field="completed",
            value=completed.isoformat(),
            remedy="Give the day on which it was completed, today at the latest.",
        )
    legal = desk.records.registry.legal_status(instrument.id)
    for point in points:
        if legal is not None and point.unit not in legal.mpe.error_units:
            raise Invalid(
                f"The permitted error of this instrument is given in {legal.mpe.limit_unit}.",
                field="points.unit",
                value=point.unit,
                remedy=f"Give the errors in {legal.mpe.error_units_text}.",
            )
    event = VerificationEvent(
        id=f"event-{secrets.token_hex(8)}",
        instrument=instrument.id,
        kind=kind,
        completed=completed,
        decision=decision,
        performed_by=performed_by,
        certificate=certificate,
        points=tuple(points),
    )
    desk.records.verification.add_event(
        event,
        AuditEntry(
            at_ns=now_ns,
            who=principal.who,
            role=principal.role.value,
            action="record_event",
            object_kind="instrument",
            object_id=instrument.id,
            old=None,
            new=f"{event.id} {kind.value} {completed.isoformat()} {decision.value}",
            why=why,
        ),
    )
    return event


def _another_institutes(principal: Principal, order: WorkOrder) -> bool:
    """Whether the work is another institute's: from the assignment on, unless that institute has declined."""
    if order.assigned_to is None or order.state is OrderState.DECLINED:
        return False
    return principal.institute and principal.organization.id != order.assigned_to


def _may_record(principal: Principal, kind: EventKind) -> None:
    if principal.institute and principal.role in INSTITUTE_EVENT_ROLES:
        return
    if principal.role is Role.OWNER and kind in OWNER_EVENT_KINDS:
        return
    raise Forbidden(
        f"The role {principal.role.value} may not record an event of kind {kind.value}.",
        field="role",
        value=principal.role.value,
        remedy="Ask a verifier or an approver of the institute; an owner records calibrations and intermediate checks.",
    )


def _institute(desk: Desk, principal: Principal, name: str | None) -> OrganizationId:
    if name is None and principal.institute:
        return principal.organization.id
    try:
        organization = desk.records.registry.organization(parse_organization_id(name or "", "assign_to"))
    except IdentifierError:
        organization = None
    if organization is None or organization.kind is not OrganizationKind.INSTITUTE:
        raise Invalid(
            "An order is assigned to an institute.",
            field="assign_to",
            value=name,
            remedy="Give the id of a registered institute.",
        )
    return organization.id
