"""Findings against orders: what to raise, what joins an open order, what to withdraw. A pure function.

An open order per instrument and trigger. The service raises, joins and withdraws; it withdraws only what nobody has
approved yet. A cause that people have dealt with is not raised again for as long as it is the same cause; what is found
after an order's measurement was not dealt with by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.verification.case import Case
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.due_date import DueDates
from steelyard.calibration.verification.findings import Finding, Findings
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.triggers import TRIGGERS, Trigger
from steelyard.calibration.verification.work_orders import (
    OrderChange,
    OrderState,
    WorkOrder,
    join,
    propose,
    raise_order,
    transition,
)
from steelyard.contracts.identifiers import OrganizationId

SERVICE = "calibration"
"""Who the service is in audit entries."""

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
    case: Case, organization: OrganizationId, findings: Findings, dates: DueDates, orders: Sequence[WorkOrder]
) -> Reconciled:
    """Compare an instrument's findings with all its `orders`, open and ended."""
    raised: list[OrderChange] = []
    joined: list[OrderChange] = []
    for finding in findings.found:
        evidence = finding.evidence
        open_order = next((one for one in orders if one.open and one.trigger is evidence.trigger), None)
        if open_order is None:
            if not _settled(case, finding, organization, orders):
                raised.append(_new_order(case, organization, finding, orders))
        elif open_order.state not in _MEASURED_ALREADY and (why := _why_join(open_order, finding)) is not None:
            due_date = _joined_date(open_order, finding)
            joined.append(join(open_order, evidence, due_date=due_date, who=SERVICE, why=why, at_ns=case.at_ns))
    held = findings.triggers | findings.fading
    withdrawn = [
        transition(
            order,
            to=OrderState.WITHDRAWN,
            who=SERVICE,
            role=Role.SYSTEM,
            why=_why_gone(case, order, dates),
            at_ns=case.at_ns,
        )
        for order in orders
        if order.trigger not in held and _ends(case, order, dates)
    ]
    return Reconciled(raised=tuple(raised), joined=tuple(joined), withdrawn=tuple(withdrawn))


def verified_since(dates: DueDates, at_ns: int, case: Case) -> bool:
    """Whether a verification has passed since an instant: by its hour where that is known, else by its day."""
    event = dates.last_event
    if event is None or case.standing.failed:
        return False
    if event.completed_at_ns is not None:
        return event.completed_at_ns > at_ns
    return event.completed >= case.day_of(at_ns)


def _why_join(order: WorkOrder, finding: Finding) -> str | None:
    """Why a finding adds to an open order; None when the order says it already."""
    cause = finding.evidence.cause
    if cause not in order.causes:
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


def _settled(case: Case, finding: Finding, organization: OrganizationId, orders: Sequence[WorkOrder]) -> bool:
    """Whether people of this owner have dealt with the cause: a former owner's word binds nobody.

    What the law demands is settled by nobody's cancelling, not even one of before that was allowed.
    """
    trigger = finding.evidence.trigger
    rule = TRIGGERS[trigger]
    ends = set() if rule.binding and case.mandatory else {OrderState.CANCELLED}
    if rule.settled_by_closing:
        ends.add(OrderState.CLOSED)
    return any(
        order.state in ends
        and order.trigger is trigger
        and order.organization == organization
        and finding.evidence.cause in order.causes
        for order in orders
    )


def _new_order(case: Case, organization: OrganizationId, finding: Finding, orders: Sequence[WorkOrder]) -> OrderChange:
    order = propose(
        finding.evidence,
        instrument=case.instrument,
        organization=organization,
        due_date=finding.due_date,
        mandatory=case.mandatory,
        at_ns=case.at_ns,
        today=case.today,
        known=orders,
    )
    return raise_order(order, who=SERVICE, role=Role.SYSTEM)


def _ends(case: Case, order: WorkOrder, dates: DueDates) -> bool:
    """Whether the service withdraws the order now.

    What people have approved it leaves to them, unless a verification has covered the cause meanwhile (an imported
    certificate, say) or the device has left service: an order without a cause would swallow the next one.
    """
    if not order.open or not TRIGGERS[order.trigger].of_service or order.state in _AT_WORK:
        return False
    if case.state in _LEFT or case.standing.failed:
        return True
    if order.state is OrderState.PROPOSED and not TRIGGERS[order.trigger].until_verified:
        return True
    newest = max((evidence.at_ns for evidence in order.evidence), default=order.raised_ns)
    if order.state is not OrderState.PROPOSED:
        newest = max(newest, order.raised_ns)
    return verified_since(dates, newest, case)


_AT_WORK = _MEASURED_ALREADY | {OrderState.RECEIVED, OrderState.IN_PROGRESS}
_LEFT = frozenset({DeviceState.SCRAPPED, DeviceState.STORED, DeviceState.OUT_OF_SERVICE})


def _why_gone(case: Case, order: WorkOrder, dates: DueDates) -> str:
    event = dates.last_event
    raised = datetime.fromtimestamp(order.raised_ns // 1_000_000_000, UTC).date()
    if case.state in _LEFT:
        return f"the instrument is {case.state.value.replace('_', ' ')}"
    if event is not None and case.standing.failed:
        return f"the instrument failed its verification of {event.completed.isoformat()} and is out of service"
    if event is not None and event.completed >= raised:
        number = event.id if event.certificate is None else event.certificate
        return f"the cause ended with the verification of {event.completed.isoformat()} ({number})"
    if order.trigger is Trigger.DUE:
        day = "none" if dates.statutory is None else dates.statutory.isoformat()
        return f"the date that was due no longer holds; the statutory or agreed date is {day}"
    if order.trigger is Trigger.DRIFT:
        return "newer observations no longer support a drift out of the MPE within the lead"
    return "the cause no longer holds"
