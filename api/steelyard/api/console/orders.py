"""The pages of work orders: the list, one order with its evidence and history, and moving it along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from steelyard.api import acts
from steelyard.api.beam import limits_text
from steelyard.api.console.pages import Fact, Pages
from steelyard.api.console.reader import Reading, Visit, check_form, typed
from steelyard.api.desk import Desk
from steelyard.api.errors import Conflict, Refused
from steelyard.api.figures import percent, significant, value_with_uncertainty, with_unit
from steelyard.api.instants import in_days, rfc3339
from steelyard.api.recording import may_close
from steelyard.api.room import Room, RoomHere
from steelyard.api.stores_guard import as_refused
from steelyard.api.wording import ACTIONS, MAIN_WAY, ROLES, STATES, TRIGGERS, Standing
from steelyard.calibration.errors import WorkOrderError
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import TRANSITIONS, Evidence, OrderState, WorkOrder

router = APIRouter(include_in_schema=False)

FILTERS = (("open", "Open"), ("ended", "Ended"), ("all", "All"))
EMPTY = {
    "open": "No work order is open. One appears here when an instrument is due, drifts, or changes suddenly.",
    "ended": "No work order has ended yet.",
    "all": "No work order was ever raised.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One choice of which orders to list."""

    href: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order in the list."""

    id: str
    instrument: str
    instrument_name: str
    organization: str
    trigger: Standing
    state: str
    acknowledged: str
    due_date: str
    due_in: str
    reason: str
    raised: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop on an order's way: `where` is done, now or ahead."""

    name: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A state to which the reader may move the order."""

    to: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailLine:
    """One entry of the history."""

    at: str
    at_plain: str
    what: str
    who: str
    role: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """Everything the page of an order shows."""

    id: str
    short: str
    heading: str
    instrument: str
    instrument_name: str
    organization: str
    trigger: Standing
    reason: str
    evidence: list[Fact]
    state: str
    state_meaning: str
    due_date: str
    due_in: str
    raised: str
    acknowledged: str
    may_acknowledge: bool
    path: list[Stop]
    steps: list[NextStep]
    no_steps: str
    trail: list[TrailLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What went wrong with a form, above the page it came from."""

    title: str
    text: str


@router.get("/work-orders")
def orders_page(
    request: Request,
    room: RoomHere,
    visit: Reading,
    state: Annotated[Literal["open", "ended", "all"], Query()] = "open",
) -> Response:
    """List the work orders."""
    desk, today = room.desk, room.desk.today()
    everything = desk.orders(visit.principal)
    found = [order for order in everything if state == "all" or order.open == (state == "open")]
    owners = {each.id: each.name for each in desk.sight(visit.principal).values()}
    # An instrument that went to somebody else is named by its id: its name is its owner's.
    names = {each.id: each.name for each in desk.records.registry.instruments() if each.organization in owners}
    people = _people(desk)
    rows = [
        OrderRow(
            id=order.id,
            instrument=order.instrument,
            instrument_name=names.get(order.instrument, order.instrument),
            organization=owners[order.organization],
            trigger=TRIGGERS[order.trigger],
            state=STATES[order.state][0],
            acknowledged=_acknowledged(order, people, room.pages),
            due_date=order.due_date.isoformat() if order.due_date else "No date",
            due_in=in_days(order.due_date, today) if order.due_date and order.open else "",
            reason=order.reason,
            raised=room.pages.time(order.raised_ns),
        )
        for order in found
    ]
    waiting = sum(order.open for order in everything)
    answer = room.pages.render(
        request,
        "orders.html",
        visit.principal,
        choices=visit.choices,
        subtitle=f"{waiting} open, {len(everything) - waiting} ended. The earliest date comes first.",
        filters=[Filter(href=f"/work-orders?state={key}", name=name, here=key == state) for key, name in FILTERS],
        rows=rows,
        empty_text=EMPTY[state],
    )
    return visit.keep(request, answer)


@router.get("/work-orders/{work_order}")
def order_page(
    request: Request, room: RoomHere, visit: Reading, work_order: str, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Show one work order."""
    order = room.desk.order(visit.principal, work_order)
    notices = {
        "acknowledged": "You have acknowledged this work order.",
        "moved": "The work order has moved on.",
        "raised": "You have raised this work order.",
    }
    return _page(request, room, visit, order, notice=notices.get(done, ""))


@router.post("/work-orders/{work_order}/acknowledge")
def acknowledge_form(
    request: Request, room: RoomHere, visit: Reading, work_order: str, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Acknowledge an order."""
    check_form(visit.principal, csrf)
    try:
        acts.acknowledge_order(room.desk, visit.principal, work_order)
    except WorkOrderError as error:
        return _again(request, room, visit, work_order, as_refused(error), "")
    return RedirectResponse(f"/work-orders/{work_order}?done=acknowledged", status_code=303)


@router.post("/work-orders/{work_order}/transitions")
def transition_form(
    request: Request,
    room: RoomHere,
    visit: Reading,
    work_order: str,
    to: Annotated[OrderState, Form()],
    why: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Move an order one step."""
    check_form(visit.principal, csrf)
    why = typed(why)
    try:
        acts.move_order(room.desk, visit.principal, work_order, to=to, why=why)
    except WorkOrderError as error:
        return _again(request, room, visit, work_order, as_refused(error), why)
    except Conflict as error:
        return _again(request, room, visit, work_order, error, why)
    return RedirectResponse(f"/work-orders/{work_order}?done=moved", status_code=303)


def _again(request: Request, room: Room, visit: Visit, name: str, error: Refused, why: str) -> Response:
    """Show the order again with what went wrong and what was typed."""
    order = room.desk.order(visit.principal, name)
    notice = Notice(title=error.title, text=error.remedy or str(error))
    return _page(request, room, visit, order, problem=notice, why=why, status=error.status)


def _page(
    request: Request,
    room: Room,
    visit: Visit,
    order: WorkOrder,
    *,
    notice: str = "",
    problem: Notice | None = None,
    why: str = "",
    status: int = 200,
) -> Response:
    answer = room.pages.render(
        request,
        "order.html",
        visit.principal,
        choices=visit.choices,
        status=status,
        o=_view(room, visit, order),
        notice=notice,
        problem=problem,
        why=why,
    )
    return visit.keep(request, answer)


def _view(room: Room, visit: Visit, order: WorkOrder) -> OrderView:
    desk, pages, today = room.desk, room.pages, room.desk.today()
    owners = desk.sight(visit.principal)
    held = desk.records.registry.instrument(order.instrument)
    people = _people(desk)
    trail = desk.records.audit.entries_of("work_order", order.id)
    steps = acts.allowed(desk, visit.principal, order)
    return OrderView(
        id=order.id,
        short=order.id,
        heading=TRIGGERS[order.trigger].meaning,
        instrument=order.instrument,
        instrument_name=held.name if held is not None and held.organization in owners else order.instrument,
        organization=owners[order.organization].name,
        trigger=TRIGGERS[order.trigger],
        reason=order.reason,
        evidence=_evidence(order.evidence, pages),
        state=STATES[order.state][0],
        state_meaning=STATES[order.state][1],
        due_date=order.due_date.isoformat() if order.due_date else "No date",
        due_in=in_days(order.due_date, today) if order.due_date and order.open else "",
        raised=pages.time(order.raised_ns),
        acknowledged=_acknowledged(order, people, pages),
        may_acknowledge=acts.may_acknowledge(visit.principal, order),
        path=_path(order, trail),
        steps=[NextStep(to=state.value, name=ACTIONS[state]) for state in steps],
        no_steps=_no_steps(
            order, waits_for_event=order.state is OrderState.CERTIFICATE_ISSUED and not may_close(desk, order)
        ),
        trail=[_line(entry, people, pages) for entry in trail],
    )


def _people(desk: Desk) -> dict[str, str]:
    """Names for the ids that orders and the audit trail hold."""
    names = {account.id: account.name for account in desk.records.accounts.accounts()}
    return names | {key.id: f"program “{key.name}”" for key in desk.records.accounts.api_keys()}


def _acknowledged(order: WorkOrder, people: Mapping[str, str], pages: Pages) -> str:
    if order.acknowledged_by is None or order.acknowledged_ns is None:
        return ""
    return f"Seen by {people.get(order.acknowledged_by, order.acknowledged_by)}, {pages.time(order.acknowledged_ns)}"


def _evidence(found: Sequence[Evidence], pages: Pages) -> list[Fact]:
    if not found:
        return []
    newest = found[-1]
    facts = []
    unit = newest.unit or "1"
    if newest.error is not None:
        expanded = 2 * newest.standard_uncertainty if newest.standard_uncertainty is not None else None
        facts.append(
            Fact(name="Error then", text=f"{value_with_uncertainty(newest.error, expanded, unit, sign=True)} (k = 2)")
        )
    if newest.mpe_lower is not None and newest.mpe_upper is not None:
        facts.append(Fact(name="Permitted in use", text=limits_text(newest.mpe_lower, newest.mpe_upper, unit)))
    if newest.rate_per_year is not None:
        facts.append(
            Fact(name="Change per year", text=with_unit(significant(newest.rate_per_year, 3, sign=True), unit))
        )
    if newest.probability_out_of_tolerance is not None:
        facts.append(Fact(name="Chance of being outside then", text=percent(newest.probability_out_of_tolerance)))
    # A jump's time is its own, often days before it could be told from chance.
    when = "Changed about" if newest.trigger is Trigger.JUMP else "Found"
    facts.append(Fact(name=when, text=pages.time(newest.at_ns)))
    if len(found) > 1:
        facts.append(Fact(name="Findings", text=f"{len(found)}, the first {pages.time(found[0].at_ns)}"))
    return facts


def _path(order: WorkOrder, trail: Sequence[AuditEntry]) -> list[Stop]:
    """The main way with the present stop; an order that left it shows where it went and then where it is."""
    if order.state in MAIN_WAY:
        here = MAIN_WAY.index(order.state)
        places = ["done"] * here + ["now"] + ["ahead"] * (len(MAIN_WAY) - here - 1)
        return [Stop(name=STATES[state][0], where=where) for state, where in zip(MAIN_WAY, places, strict=True)]
    visited = [OrderState.PROPOSED]
    visited += [OrderState(e.new) for e in trail if e.action == "transition" and e.new in set(OrderState)]
    if visited[-1] is not order.state:
        visited.append(order.state)
    ahead = [OrderState.CERTIFICATE_ISSUED, OrderState.CLOSED] if order.open and _decided(order) else []
    return [
        *(Stop(name=STATES[state][0], where="done") for state in visited[:-1]),
        Stop(name=STATES[order.state][0], where="now"),
        *(Stop(name=STATES[state][0], where="ahead") for state in ahead),
    ]


def _decided(order: WorkOrder) -> bool:
    return order.state in {OrderState.FAILED, OrderState.LIMITED, OrderState.NOT_TESTABLE}


def _no_steps(order: WorkOrder, *, waits_for_event: bool) -> str:
    if not order.open:
        return "This work order has ended."
    if waits_for_event:
        return "It ends with the record of its event, which the institute's verifier or approver makes."
    roles = {role for step in TRANSITIONS if step.source is order.state for role in step.roles} - {Role.SYSTEM}
    names = ", ".join(sorted(ROLES[role].lower() for role in roles))
    return f"The next step is for somebody else: {names}."


def _line(entry: AuditEntry, people: Mapping[str, str], pages: Pages) -> TrailLine:
    return TrailLine(
        at=rfc3339(entry.at_ns),
        at_plain=pages.time(entry.at_ns),
        what=_what(entry),
        who=people.get(entry.who, "Steelyard" if entry.role == Role.SYSTEM else entry.who),
        role="" if entry.role == Role.SYSTEM or entry.role not in set(Role) else ROLES[Role(entry.role)].lower(),
        why=entry.why,
    )


def _what(entry: AuditEntry) -> str:
    if entry.action == "raise":
        return "Raised"
    if entry.action == "hand_over":
        return "Handed over with the instrument"
    if entry.action == "acknowledge":
        return "Acknowledged"
    if entry.action == "join_evidence":
        return "New finding"
    if entry.action == "transition" and entry.new in set(OrderState):
        return STATES[OrderState(entry.new)][0]
    return entry.action.replace("_", " ").capitalize()
