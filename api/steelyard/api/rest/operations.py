"""/api/v1: organizations, due dates, gateways, alerts, refused messages, and who you are."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query

from steelyard.api.problems import responses
from steelyard.api.rest import building, routing, shapes
from steelyard.api.rest.values import Day
from steelyard.api.room import Asking, RoomHere

router = routing.router("", "operations")


@router.get("/me")
def get_me(principal: Asking) -> shapes.Me:
    """Return who you are to this interface."""
    return shapes.Me(
        who=principal.who,
        name=principal.name,
        role=principal.role,
        organization=building.organization(principal.organization),
    )


@router.get("/organizations")
def list_organizations(room: RoomHere, principal: Asking) -> shapes.OrganizationList:
    """List the organizations whose instruments you may see."""
    sight = room.desk.sight(principal)
    return shapes.OrganizationList(items=[building.organization(each) for each in sight.values()])


@router.get("/due-dates")
def list_due_dates(
    room: RoomHere,
    principal: Asking,
    until: Annotated[Day | None, Query(description="Only dates up to and including this one.")] = None,
) -> shapes.DueList:
    """List when each instrument must be verified, the earliest first, and why."""
    due = [building.due(item) for item in room.desk.fleet(principal)]
    if until is not None:
        due = [each for each in due if each.due_date is not None and each.due_date <= until]
    due.sort(key=lambda each: (each.due_date is None, each.due_date or date.max, each.instrument))
    return shapes.DueList(items=due)


@router.get("/gateways")
def list_gateways(room: RoomHere, principal: Asking) -> shapes.GatewayList:
    """List the gateways that you may see, with their health."""
    return shapes.GatewayList(items=[building.gateway(item) for item in room.desk.gateways(principal)])


@router.get("/alerts")
def list_alerts(
    room: RoomHere,
    principal: Asking,
    limit: Annotated[int, Query(description="At most so many.", ge=1, le=1000)] = 200,
) -> shapes.AlertList:
    """List the newest alerts about your instruments: to whom, what, and what became of it."""
    return shapes.AlertList(items=[building.alert(each) for each in room.desk.alerts(principal, limit)])


@router.get("/quarantine", responses=responses(403, 404))
def list_refused(room: RoomHere, principal: Asking) -> shapes.QuarantineList:
    """List the newest refused messages and why each was refused; for institutes."""
    return shapes.QuarantineList(items=[building.refused(each) for each in room.desk.refused(principal)])
