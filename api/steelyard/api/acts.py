"""What people and programs do with work orders. Each act leaves exactly one audit entry.

Who may do what to a work order is calibration's table; nothing here goes around it.
"""

from __future__ import annotations

from steelyard.api.desk import Desk
from steelyard.api.errors import Conflict, Forbidden, Invalid
from steelyard.api.principals import Principal, require_role, require_writer, served
from steelyard.api.recording import may_close
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import (
    ACKNOWLEDGING_ROLES,
    Evidence,
    OrderState,
    WorkOrder,
    acknowledge,
    allowed_targets,
    propose,
    raise_order,
    transition,
)
from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import OrganizationId, parse_organization_id
from steelyard.contracts.registry import OrganizationKind

PEOPLES_TRIGGERS = frozenset({Trigger.REQUEST, Trigger.REPAIR, Trigger.COMPLAINT})
"""Why people raise orders; the calibration service raises the others."""


def may_raise(principal: Principal) -> bool:
    """Return whether the principal may raise orders for instruments that it sees."""
    return principal.role in ACKNOWLEDGING_ROLES


def may_acknowledge(principal: Principal, order: WorkOrder) -> bool:
    """Return whether the principal may acknowledge this order now."""
    return order.open and order.acknowledged_by is None and principal.role in ACKNOWLEDGING_ROLES


def allowed(desk: Desk, principal: Principal, order: WorkOrder) -> tuple[OrderState, ...]:
    """Return the states to which the principal may move this order now."""
    if principal.organization.kind is OrganizationKind.SUPERVISOR or _another_institutes(principal, order):
        return ()
    targets = allowed_targets(order, principal.role)
    if OrderState.CLOSED in targets and not may_close(desk, order):
        return tuple(target for target in targets if target is not OrderState.CLOSED)
    return targets


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
        Invalid: `assign_to` is no institute, or does not serve the owner.
        Conflict: it would be closed although what was decided is not on record as an event.
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
    institute = _institute(desk, principal, order, assign_to) if to is OrderState.ASSIGNED or assign_to else None
    change = transition(
        order, to=to, who=principal.who, role=principal.role, why=why, at_ns=desk.clock.now_ns(), assign_to=institute
    )
    if to is OrderState.CLOSED and not may_close(desk, order):
        raise Conflict(
            "What was decided is not on record as an event.",
            field="to",
            value=to.value,
            remedy="Record the event of this order; that closes it.",
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


def raise_request(desk: Desk, principal: Principal, name: str, *, trigger: Trigger, why: str) -> WorkOrder:
    """Raise a work order that people ask for: a request, a repair, a complaint.

    Args:
        desk: the stores.
        principal: who asks: somebody of the owner, or of an institute that serves it.
        name: the instrument's id.
        trigger: one of PEOPLES_TRIGGERS; the others are the calibration service's.
        why: what is the matter; the order's reason.

    Raises:
        Missing: no such instrument in sight.
        Forbidden: not for this role.
        Invalid: nothing is said, or the trigger is the service's.
        OrderExists: an order of this trigger is open for the instrument.
    """
    require_role(principal, ACKNOWLEDGING_ROLES)
    instrument = desk.instrument(principal, name).instrument
    if trigger not in PEOPLES_TRIGGERS:
        raise Invalid(
            "Orders of this kind are raised by the calibration service.",
            field="trigger",
            value=trigger.value,
            remedy=f"Use one of: {', '.join(sorted(each.value for each in PEOPLES_TRIGGERS))}.",
        )
    if not why.strip():
        raise Invalid("An order says why it was raised.", field="why", value=why, remedy="Say what is the matter.")
    now_ns, today = desk.clock.now_ns(), desk.today()
    legal = desk.records.registry.legal_status(instrument.id)
    said, cause = why.strip(), f"{trigger.value}:{today.isoformat()}"
    order = propose(
        Evidence(trigger=trigger, at_ns=now_ns, sentence=said, cause=cause),
        instrument=instrument.id,
        organization=instrument.organization,
        due_date=None,
        mandatory=legal is not None and legal.mandatory,
        at_ns=now_ns,
        today=today,
        known=desk.records.orders.orders_of(instrument.id),
    )
    change = raise_order(order, who=principal.who, role=principal.role)
    desk.records.orders.add_order(change.order, change.audit)
    return change.order


def _another_institutes(principal: Principal, order: WorkOrder) -> bool:
    """Whether the work is another institute's: from the assignment on, unless that institute has declined."""
    if order.assigned_to is None or order.state is OrderState.DECLINED:
        return False
    return principal.institute and principal.organization.id != order.assigned_to


def _institute(desk: Desk, principal: Principal, order: WorkOrder, name: str | None) -> OrganizationId:
    if name is None and principal.institute:
        return principal.organization.id  # which serves the owner, or it would not see the order
    registry = desk.records.registry
    try:
        organization = registry.organization(parse_organization_id(name or "", "assign_to"))
    except IdentifierError:
        organization = None
    if organization is None or organization.kind is not OrganizationKind.INSTITUTE:
        raise Invalid(
            "An order is assigned to an institute.",
            field="assign_to",
            value=name,
            remedy="Give the id of a registered institute.",
        )
    clients = served(organization.id, registry.service_relations(), desk.today()) | {organization.id}
    if order.organization not in clients:
        raise Invalid(
            f"The institute {organization.id} does not serve {order.organization} today.",
            field="assign_to",
            value=name,
            remedy="Give the id of an institute that serves the instrument's owner.",
        )
    return organization.id
