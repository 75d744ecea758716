"""Findings against orders: what to raise, what joins an open order, what to withdraw. A pure function.

An open order per instrument and trigger. The service raises, joins and withdraws; it withdraws only what nobody has
approved yet. A cause that people have dealt with is not raised again for as long as it is the same cause; what is found
after an order's measurement was not dealt with by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.verification.due_date import DueDates, legal_date
from steelyard.calibration.verification.events import Decision
from steelyard.calibration.verification.findings import Finding, Findings
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import (
    OrderChange,
    OrderState,
    Trigger,
    WorkOrder,
    join,
    raise_order,
    transition,
)
from steelyard.contracts.identifiers import OrganizationId

SERVICE = "calibration"
"""Who the service is in audit entries."""

SERVICE_TRIGGERS = frozenset({Trigger.DUE, Trigger.DRIFT, Trigger.JUMP, Trigger.SEAL_BROKEN, Trigger.FAILED_CHECK})

_SETTLED: dict[Trigger, frozenset[OrderState]] = {
    # A due date stands until an event moves it: only a person's decision to cancel silences it.
    Trigger.DUE: frozenset({OrderState.CANCELLED}),
    Trigger.DRIFT: frozenset({OrderState.CANCELLED, OrderState.CLOSED}),
    Trigger.JUMP: frozenset({OrderState.CANCELLED, OrderState.CLOSED}),
    Trigger.SEAL_BROKEN: frozenset({OrderState.CANCELLED, OrderState.CLOSED}),
    Trigger.FAILED_CHECK: frozenset({OrderState.CANCELLED, OrderState.CLOSED}),
}
"""By trigger, the ends of an order after which the same cause raises no new one."""

_UNTIL_VERIFIED = frozenset({Trigger.JUMP, Trigger.SEAL_BROKEN, Trigger.FAILED_CHECK})
"""Triggers whose cause stays until a verification has passed since."""

_MEASURED_ALREADY = frozenset(
    {
        OrderState.MEASURED,
        OrderState.REVIEWED,
        OrderState.PASSED,
        OrderState.FAILED,
        OrderState.LIMITED,
        OrderState.NOT_TESTABLE,
        OrderState.CERTIFICATE_ISSUED,
    }
)
"""Open orders whose measurement is over: what is found from then on waits for an order of its own."""

_SOONER_DAYS = 14
"""How much earlier a forecast must come to change the order that it raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What has to be stored, in this order."""

    raised: tuple[OrderChange, ...]
    joined: tuple[OrderChange, ...]
    withdrawn: tuple[OrderChange, ...]


def reconcile(
    legal: LegalStatus,
    organization: OrganizationId,
    findings: Findings,
    dates: DueDates,
    orders: Sequence[WorkOrder],
    *,
    at_ns: int,
    utc_offset_minutes: int,
) -> Reconciled:
    """Compare an instrument's findings with all its `orders`, open and ended."""
    today = legal_date(at_ns, utc_offset_minutes)
    raised: list[OrderChange] = []
    joined: list[OrderChange] = []
    for finding in findings.found:
        evidence = finding.evidence
        open_order = next((one for one in orders if one.open and one.trigger is evidence.trigger), None)
        if open_order is None:
            if not _settled(finding, organization, orders):
                raised.append(_new_order(legal, organization, finding, orders, at_ns, today))
        elif open_order.state not in _MEASURED_ALREADY and (why := _why_join(open_order, finding)) is not None:
            due_date = _joined_date(open_order, finding)
            joined.append(join(open_order, evidence, due_date=due_date, who=SERVICE, why=why, at_ns=at_ns))
    held = {finding.evidence.trigger for finding in findings.found} | findings.fading
    withdrawn = [
        transition(
            order,
            to=OrderState.WITHDRAWN,
            who=SERVICE,
            role=Role.SYSTEM,
            why=_why_gone(order, dates),
            at_ns=at_ns,
        )
        for order in orders
        if order.state is OrderState.PROPOSED
        and order.trigger in SERVICE_TRIGGERS
        and order.trigger not in held
        and _gone(order, dates, utc_offset_minutes)
    ]
    return Reconciled(raised=tuple(raised), joined=tuple(joined), withdrawn=tuple(withdrawn))


def verified_since(dates: DueDates, day: date) -> bool:
    """Whether a verification has passed on or after `day`: whoever opens a seal or adjusts verifies the same day."""
    event = dates.last_event
    return event is not None and event.decision is not Decision.FAILED and event.completed >= day


def _why_join(order: WorkOrder, finding: Finding) -> str | None:
    """Why a finding adds to an open order; None when the order says it already."""
    cause = finding.evidence.cause
    if cause not in {order.cause, *(one.cause for one in order.evidence)}:
        return f"new finding while the order is open: {cause}"
    if finding.evidence.trigger is not Trigger.DRIFT or order.due_date is None:
        return None
    if finding.due_date > order.due_date - timedelta(days=_SOONER_DAYS):
        return None
    return f"the drift needs attention earlier: {finding.due_date.isoformat()}"


def _joined_date(order: WorkOrder, finding: Finding) -> date:
    """A statutory date replaces the one before; any other finding can only make it earlier."""
    if order.due_date is None or finding.evidence.trigger is Trigger.DUE:
        return finding.due_date
    return min(order.due_date, finding.due_date)


def _settled(finding: Finding, organization: OrganizationId, orders: Sequence[WorkOrder]) -> bool:
    """Whether people of this owner have dealt with the cause: a former owner's word binds nobody."""
    ends = _SETTLED[finding.evidence.trigger]
    return any(
        order.state in ends
        and order.trigger is finding.evidence.trigger
        and order.organization == organization
        and finding.evidence.cause in {order.cause, *(one.cause for one in order.evidence)}
        for order in orders
    )


def _new_order(
    legal: LegalStatus,
    organization: OrganizationId,
    finding: Finding,
    orders: Sequence[WorkOrder],
    at_ns: int,
    today: date,
) -> OrderChange:
    evidence = finding.evidence
    name = f"wo-{today:%Y%m%d}-{legal.instrument}-{evidence.trigger.value}"
    taken = {order.id for order in orders}
    count = 1
    while (order_id := name if count == 1 else f"{name}-{count}") in taken:
        count += 1
    order = WorkOrder(
        id=order_id,
        instrument=legal.instrument,
        organization=organization,
        trigger=evidence.trigger,
        cause=evidence.cause,
        state=OrderState.PROPOSED,
        due_date=finding.due_date,
        reason=evidence.sentence,
        mandatory=legal.mandatory,
        raised_ns=at_ns,
        updated_ns=at_ns,
        evidence=(evidence,),
    )
    return raise_order(order, who=SERVICE, role=Role.SYSTEM)


def _gone(order: WorkOrder, dates: DueDates, utc_offset_minutes: int) -> bool:
    if order.trigger not in _UNTIL_VERIFIED:
        return True
    if dates.last_event is not None and dates.last_event.decision is Decision.FAILED:
        return True
    newest = max((evidence.at_ns for evidence in order.evidence), default=order.raised_ns)
    return verified_since(dates, legal_date(newest, utc_offset_minutes))


def _why_gone(order: WorkOrder, dates: DueDates) -> str:
    event = dates.last_event
    raised = datetime.fromtimestamp(order.raised_ns // 1_000_000_000, UTC).date()
    if event is not None and event.decision is Decision.FAILED:
        return f"the instrument failed its verification of {event.completed.isoformat()} and is out of service"
    if event is not None and event.completed >= raised:
        return f"the cause ended with the verification of {event.completed.isoformat()} ({event.id})"
    if order.trigger is Trigger.DUE:
        day = "none" if dates.statutory is None else dates.statutory.isoformat()
        return f"the date that was due no longer holds; the statutory or agreed date is {day}"
    if order.trigger is Trigger.DRIFT:
        return "newer observations no longer support a drift out of the MPE within the lead"
    return "the cause no longer holds"
