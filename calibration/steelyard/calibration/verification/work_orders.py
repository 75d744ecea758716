"""A work order's life: states, transitions and roles as one table, and the one function that moves an order.

The table is the whole of the flow: whatever is not in it cannot happen. An acknowledgement is a recorded act and moves
nothing. For instruments under mandatory verification three different people measure, check and decide; for a voluntary
calibration the checker is another person than the verifier (ISO/IEC 17025:2017, 6.2.6 and 7.8.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from steelyard.calibration.errors import TransitionRefused
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.roles import ENTERPRISE_ROLES, INSTITUTE_ROLES, Role
from steelyard.calibration.verification.triggers import TRIGGERS, Trigger
from steelyard.contracts.identifiers import InstrumentId, OrganizationId


class OrderState(StrEnum):
    """Where an order stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    SCHEDULED = "scheduled"
    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    MEASURED = "measured"
    REVIEWED = "reviewed"
    PASSED = "passed"
    FAILED = "failed"
    LIMITED = "limited"
    NOT_TESTABLE = "not_testable"
    CERTIFICATE_ISSUED = "certificate_issued"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    RETURNED_NO_WORK = "returned_no_work"


class Step(NamedTuple):
    """One row of the table: who may go from `source` to `target`."""

    source: OrderState
    target: OrderState
    roles: frozenset[Role]


_S = OrderState
_OWNER_PLANNER = frozenset({Role.OWNER, Role.PLANNER})
_PLANNER = frozenset({Role.PLANNER})
_INTAKE = frozenset({Role.RECEIVER, Role.VERIFIER})
_INSTITUTE_DESK = frozenset({Role.PLANNER, Role.RECEIVER})
_VERIFIER = frozenset({Role.VERIFIER})
_CHECKER = frozenset({Role.CHECKER})
_APPROVER = frozenset({Role.APPROVER})
_CLOSING = frozenset({Role.PLANNER, Role.RECEIVER, Role.APPROVER})
_SYSTEM = frozenset({Role.SYSTEM})

TRANSITIONS: tuple[Step, ...] = (
    Step(_S.PROPOSED, _S.APPROVED, _OWNER_PLANNER),
    Step(_S.APPROVED, _S.ASSIGNED, _PLANNER),
    Step(_S.ASSIGNED, _S.ACCEPTED, _INSTITUTE_DESK),
    Step(_S.ASSIGNED, _S.DECLINED, _INSTITUTE_DESK),
    Step(_S.DECLINED, _S.ASSIGNED, _PLANNER),
    Step(_S.ACCEPTED, _S.SCHEDULED, _PLANNER),
    Step(_S.SCHEDULED, _S.RECEIVED, _INTAKE),  # a verifier receives on site
    Step(_S.RECEIVED, _S.IN_PROGRESS, _VERIFIER),
    Step(_S.IN_PROGRESS, _S.MEASURED, _VERIFIER),
    Step(_S.MEASURED, _S.REVIEWED, _CHECKER),
    Step(_S.MEASURED, _S.IN_PROGRESS, _CHECKER),  # measure again
    Step(_S.REVIEWED, _S.IN_PROGRESS, _APPROVER),  # measure again
    Step(_S.REVIEWED, _S.PASSED, _APPROVER),
    Step(_S.REVIEWED, _S.FAILED, _APPROVER),
    Step(_S.REVIEWED, _S.LIMITED, _APPROVER),
    Step(_S.REVIEWED, _S.NOT_TESTABLE, _APPROVER),
    Step(_S.PASSED, _S.CERTIFICATE_ISSUED, _APPROVER),
    Step(_S.FAILED, _S.CERTIFICATE_ISSUED, _APPROVER),  # a result notice (检定结果通知书)
    Step(_S.LIMITED, _S.CERTIFICATE_ISSUED, _APPROVER),
    Step(_S.NOT_TESTABLE, _S.CERTIFICATE_ISSUED, _APPROVER),
    Step(_S.CERTIFICATE_ISSUED, _S.CLOSED, _CLOSING),
    # Side exits: before any work, by people; by the service only while nobody has approved.
    Step(_S.PROPOSED, _S.WITHDRAWN, _SYSTEM),
    # Once approved, only where an event has covered the cause or the device is stored, scrapped, taken out of service.
    Step(_S.APPROVED, _S.WITHDRAWN, _SYSTEM),
    Step(_S.ASSIGNED, _S.WITHDRAWN, _SYSTEM),
    Step(_S.DECLINED, _S.WITHDRAWN, _SYSTEM),
    Step(_S.ACCEPTED, _S.WITHDRAWN, _SYSTEM),
    Step(_S.SCHEDULED, _S.WITHDRAWN, _SYSTEM),
    Step(_S.PROPOSED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.APPROVED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.ASSIGNED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.DECLINED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.ACCEPTED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.SCHEDULED, _S.CANCELLED, _OWNER_PLANNER),
    Step(_S.RECEIVED, _S.RETURNED_NO_WORK, _INTAKE),
)

TERMINAL = frozenset({_S.CLOSED, _S.CANCELLED, _S.WITHDRAWN, _S.RETURNED_NO_WORK})
"""States that nothing leaves."""

REASON_REQUIRED = frozenset(
    {_S.DECLINED, _S.CANCELLED, _S.WITHDRAWN, _S.RETURNED_NO_WORK, _S.FAILED, _S.LIMITED, _S.NOT_TESTABLE}
)
"""States that cannot be entered without saying why; so does going back to IN_PROGRESS."""

ACKNOWLEDGING_ROLES = ENTERPRISE_ROLES | INSTITUTE_ROLES

_STEPS: dict[tuple[OrderState, OrderState], frozenset[Role]] = {(s.source, s.target): s.roles for s in TRANSITIONS}
_OUTCOMES = frozenset({_S.PASSED, _S.FAILED, _S.LIMITED, _S.NOT_TESTABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers behind a trigger, as they were at `at_ns`.

    `cause` is the finding's identity as in `WorkOrder.cause`, `sentence` says the numbers in words. Errors,
    uncertainty and MPE in `unit`; None where the trigger does not rest on one.
    """

    trigger: Trigger
    at_ns: int
    sentence: str
    cause: str = ""
    unit: str | None = None
    test_point: float | None = None
    error: float | None = None
    standard_uncertainty: float | None = None
    mpe_lower: float | None = None
    mpe_upper: float | None = None
    rate_per_year: float | None = None
    probability_out_of_tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """A demand for verification or calibration of one instrument.

    At most one open order exists per (instrument, trigger). `cause` identifies what set it off ("due:2027-01-15"), so
    that a cause which people have dealt with is not raised again; `reason` is the newest evidence's sentence;
    `evidence` grows as new findings join. `due_date` is when the work should be done. `mandatory` is
    the regime's at raising. `verified_by`, `checked_by`, `approved_by` are account ids. `revision` starts at 1 and
    counts stored changes.
    """

    id: str
    instrument: InstrumentId
    organization: OrganizationId
    trigger: Trigger
    cause: str
    state: OrderState
    due_date: date | None
    reason: str
    mandatory: bool
    raised_ns: int
    updated_ns: int
    evidence: tuple[Evidence, ...] = ()
    acknowledged_ns: int | None = None
    acknowledged_by: str | None = None
    assigned_to: OrganizationId | None = None
    verified_by: str | None = None
    checked_by: str | None = None
    approved_by: str | None = None
    revision: int = 1

    @property
    def causes(self) -> frozenset[str]:
        """What set it off, and what has joined since."""
        return frozenset({self.cause, *(one.cause for one in self.evidence)})

    @property
    def open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state not in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """A changed order and the audit entry that belongs to it; both are stored in one transaction, or neither."""

    order: WorkOrder
    audit: AuditEntry


def allowed_targets(order: WorkOrder, role: Role) -> tuple[OrderState, ...]:
    """The states to which `role` may move the order now, in the table's order."""
    return tuple(
        step.target
        for step in TRANSITIONS
        if step.source is order.state and role in step.roles and not _bound(order, step.target)
    )


def transition(
    order: WorkOrder,
    *,
    to: OrderState,
    who: str,
    role: Role,
    why: str,
    at_ns: int,
    assign_to: OrganizationId | None = None,
) -> OrderChange:
    """Move an order one step along the table.

    `who` is the account id; `why` may be empty except for the states of REASON_REQUIRED and steps back; `assign_to` is
    the institute, needed exactly for ASSIGNED. Raises TransitionRefused when the table has no such step, not for this
    role, or when the person already acted where another one must.
    """
    _require_step(order, to, role)
    if _bound(order, to):
        remedy = f"a mandatory {order.trigger.value} order ends by a verification, or when the instrument is {_ENDINGS}"
        raise TransitionRefused("to", to.value, remedy)
    if not who:
        raise TransitionRefused("who", who, "name the person")
    step_back = to is _S.IN_PROGRESS and order.state is not _S.RECEIVED
    if (to in REASON_REQUIRED or step_back) and not why.strip():
        raise TransitionRefused("why", why, f"say why the order becomes {to.value}")
    if (to is _S.ASSIGNED) != (assign_to is not None):
        raise TransitionRefused("assign_to", assign_to, "name the institute when, and only when, an order is assigned")
    _require_another_person(order, to, who)
    moved = replace(
        _with_person(order, to, who),
        state=to,
        assigned_to=order.assigned_to if assign_to is None else assign_to,
        updated_ns=at_ns,
        revision=order.revision + 1,
    )
    audit = _audit(order, "transition", order.state.value, to.value, who=who, role=role, why=why, at_ns=at_ns)
    return OrderChange(order=moved, audit=audit)


def acknowledge(order: WorkOrder, *, who: str, role: Role, at_ns: int) -> OrderChange:
    """Record that somebody has seen the order. It keeps its state; the first acknowledgement stands.

    Raises TransitionRefused for a role outside ACKNOWLEDGING_ROLES, an ended order or one already acknowledged.
    """
    if role not in ACKNOWLEDGING_ROLES:
        raise TransitionRefused("role", role.value, f"ask one of: {', '.join(sorted(ACKNOWLEDGING_ROLES))}")
    if not who:
        raise TransitionRefused("who", who, "name the person")
    if not order.open:
        raise TransitionRefused("state", order.state.value, "an ended order needs no acknowledgement")
    if order.acknowledged_by is not None:
        raise TransitionRefused("acknowledged_by", order.acknowledged_by, "the order is acknowledged already")
    seen = replace(order, acknowledged_ns=at_ns, acknowledged_by=who, updated_ns=at_ns, revision=order.revision + 1)
    return OrderChange(
        order=seen, audit=_audit(order, "acknowledge", None, who, who=who, role=role, why="", at_ns=at_ns)
    )


def join(order: WorkOrder, evidence: Evidence, *, due_date: date | None, who: str, why: str, at_ns: int) -> OrderChange:
    """Let a new finding of the same trigger join an open order instead of raising a second one.

    `due_date` is when the work should be done now. Raises TransitionRefused for an ended order or another trigger.
    """
    if not order.open:
        raise TransitionRefused("state", order.state.value, "raise a new order; this one has ended")
    if evidence.trigger is not order.trigger:
        raise TransitionRefused("trigger", evidence.trigger.value, f"this order is about {order.trigger.value}")
    joined = replace(
        order,
        evidence=(*order.evidence, evidence),
        reason=evidence.sentence,
        due_date=due_date,
        updated_ns=at_ns,
        revision=order.revision + 1,
    )
    audit = _audit(
        order, "join_evidence", order.reason, evidence.sentence, who=who, role=Role.SYSTEM, why=why, at_ns=at_ns
    )
    return OrderChange(order=joined, audit=audit)


def propose(
    evidence: Evidence,
    *,
    instrument: InstrumentId,
    organization: OrganizationId,
    due_date: date | None,
    mandatory: bool,
    at_ns: int,
    today: date,
    known: Iterable[WorkOrder],
) -> WorkOrder:
    """A new order for `evidence`, with an id that none of the instrument's `known` orders has."""
    name = f"wo-{today:%Y%m%d}-{instrument}-{evidence.trigger.value}"
    taken = {order.id for order in known}
    count = 1
    while (order_id := name if count == 1 else f"{name}-{count}") in taken:
        count += 1
    return WorkOrder(
        id=order_id,
        instrument=instrument,
        organization=organization,
        trigger=evidence.trigger,
        cause=evidence.cause,
        state=_S.PROPOSED,
        due_date=due_date,
        reason=evidence.sentence,
        mandatory=mandatory,
        raised_ns=at_ns,
        updated_ns=at_ns,
        evidence=(evidence,),
    )


def raise_order(order: WorkOrder, *, who: str, role: Role) -> OrderChange:
    """The audit entry that a new order is stored with."""
    if order.state is not _S.PROPOSED or order.revision != 1:
        raise TransitionRefused("state", order.state.value, "a new order is proposed, revision 1")
    audit = _audit(order, "raise", None, order.state.value, who=who, role=role, why=order.reason, at_ns=order.raised_ns)
    return OrderChange(order=order, audit=audit)


_ENDINGS = "stored, scrapped or taken out of service"


def _bound(order: WorkOrder, to: OrderState) -> bool:
    """Whether no person may end the order like this: what the law demands is nobody's to cancel."""
    return to is _S.CANCELLED and order.mandatory and TRIGGERS[order.trigger].binding


def _require_step(order: WorkOrder, to: OrderState, role: Role) -> None:
    roles = _STEPS.get((order.state, to))
    if roles is None:
        targets = [step.target.value for step in TRANSITIONS if step.source is order.state]
        remedy = f"from {order.state.value} an order goes to {', '.join(targets) or 'nowhere: it has ended'}"
        raise TransitionRefused("to", to.value, remedy)
    if role not in roles:
        raise TransitionRefused("role", role.value, f"ask one of: {', '.join(sorted(roles))}")


def _with_person(order: WorkOrder, to: OrderState, who: str) -> WorkOrder:
    if to is _S.IN_PROGRESS:
        return replace(order, verified_by=None, checked_by=None, approved_by=None)
    if to is _S.MEASURED:
        return replace(order, verified_by=who)
    if to is _S.REVIEWED:
        return replace(order, checked_by=who)
    if to in _OUTCOMES:
        return replace(order, approved_by=who)
    return order


def _require_another_person(order: WorkOrder, to: OrderState, who: str) -> None:
    if to is _S.REVIEWED and who == order.verified_by:
        raise TransitionRefused("who", who, "the checker must be another person than the verifier")
    deciding = to in _OUTCOMES or to is _S.CERTIFICATE_ISSUED
    if deciding and order.mandatory and who in {order.verified_by, order.checked_by}:
        raise TransitionRefused("who", who, "the approver must be another person than the verifier and the checker")


def _audit(
    order: WorkOrder, action: str, old: str | None, new: str, *, who: str, role: Role, why: str, at_ns: int
) -> AuditEntry:
    return AuditEntry(
        at_ns=at_ns,
        who=who,
        role=role.value,
        action=action,
        object_kind="work_order",
        object_id=order.id,
        old=old,
        new=new,
        why=why,
    )
