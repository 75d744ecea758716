"""/api/v1/work-orders: what has to be done, why, and moving it along."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response

from steelyard.api import acts
from steelyard.api.principals import Principal
from steelyard.api.problems import responses
from steelyard.api.rest import building, routing, shapes
from steelyard.api.room import Asking, Changing, Room, RoomHere
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import WorkOrder

router = routing.router("/work-orders", "work orders")

Name = Annotated[str, Path(description="The work order's id.", max_length=200)]


@router.get("")
def list_orders(
    room: RoomHere,
    principal: Asking,
    state: Annotated[Literal["open", "ended", "all"], Query(description="Which orders.")] = "all",
    trigger: Annotated[Trigger | None, Query(description="Only those raised for this reason.")] = None,
) -> shapes.OrderList:
    """List the work orders that you may see: open ones first, then by due date."""
    found = [
        order
        for order in room.desk.orders(principal)
        if (state == "all" or order.open == (state == "open")) and trigger in {None, order.trigger}
    ]
    return shapes.OrderList(items=[building.order(order) for order in found])


LOCATION: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "The new order.", "required": True, "schema": {"type": "string"}}}}
}


@router.post("", status_code=201, responses=LOCATION | responses(400, 403, 404, 409, 413))
def raise_order(room: RoomHere, principal: Changing, response: Response, given: shapes.NewOrder) -> shapes.OrderDetail:
    """Raise a work order: for the owner's people, and for those of an institute that serves the owner."""
    order = acts.raise_request(room.desk, principal, given.instrument, trigger=Trigger(given.trigger), why=given.why)
    response.headers["Location"] = f"{routing.API}/work-orders/{order.id}"
    return _detail(room, principal, order)


@router.get("/{work_order}", responses=responses(404))
def get_order(room: RoomHere, principal: Asking, work_order: Name) -> shapes.OrderDetail:
    """Return one work order with its evidence, its history, and the states to which you may move it."""
    return _detail(room, principal, room.desk.order(principal, work_order))


@router.post("/{work_order}/transitions", responses=responses(400, 403, 404, 409, 413))
def move_order(
    room: RoomHere, principal: Changing, work_order: Name, given: shapes.NewTransition
) -> shapes.OrderDetail:
    """Move a work order one step along calibration's table of states and roles."""
    moved = acts.move_order(room.desk, principal, work_order, to=given.to, why=given.why, assign_to=given.assign_to)
    return _detail(room, principal, moved)


@router.post("/{work_order}/acknowledge", responses=responses(403, 404, 409, 413))
def acknowledge_order(room: RoomHere, principal: Changing, work_order: Name) -> shapes.OrderDetail:
    """Record that you have seen a work order; its state does not change."""
    return _detail(room, principal, acts.acknowledge_order(room.desk, principal, work_order))


def _detail(room: Room, principal: Principal, order: WorkOrder) -> shapes.OrderDetail:
    audit = room.desk.records.audit.entries_of("work_order", order.id)
    return building.order_detail(order, audit, acts.allowed(room.desk, principal, order))
