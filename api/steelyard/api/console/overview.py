"""The first page: the fleet, gravest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from steelyard.api.beam import Beam, draw, error_text, limits_text
from steelyard.api.console.reader import Reading
from steelyard.api.desk import FleetItem
from steelyard.api.figures import percent
from steelyard.api.instants import in_days
from steelyard.api.principals import Principal
from steelyard.api.room import RoomHere
from steelyard.api.wording import GROUP_OF, GROUPS, NOT_ASSESSED, NOT_IN_USE, STANDINGS, Standing
from steelyard.contracts.registry import OrganizationKind

PAGE = 100
"""Instruments on one page: as many as a reader scans, and few enough for a phone."""
RISKY = 0.05
"""A chance of being wrong above this is set in bold."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One of the large figures."""

    key: str
    label: str
    tone: str
    sign: str
    number: int
    href: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instrument in the table."""

    id: str
    name: str
    place: str
    standing: Standing
    beam: Beam | None
    error_text: str
    limits_text: str
    probability: str
    risky: bool
    due_date: str
    due_in: str
    why: str
    order: str | None


@router.get("/")
def overview(
    request: Request,
    room: RoomHere,
    visit: Reading,
    q: Annotated[str, Query(max_length=100)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show the fleet: counts, and a table ordered by urgency."""
    now_ns, today = room.desk.clock.now_ns(), room.desk.today()
    fleet = room.desk.fleet(visit.principal)
    words = q.lower().split()
    found = [item for item in fleet if _fits(item, words)]
    shown = [item for item in found if not status or GROUPS[_group(item)].key == status]
    pages = max(1, -(-len(shown) // PAGE))
    page = min(page, pages)
    part = shown[(page - 1) * PAGE : page * PAGE]
    foreign = visit.principal.organization.kind is not OrganizationKind.ENTERPRISE
    filtered = bool(words or status)
    answer = room.pages.render(
        request,
        "overview.html",
        visit.principal,
        choices=visit.choices,
        heading=_heading(visit.principal),
        subtitle=_subtitle(fleet, room.pages.time(now_ns)),
        counts=_counts(found, q, status),
        query=q,
        filtered=filtered,
        rows=[_row(item, today, foreign=foreign) for item in part],
        caption=_caption(len(shown), len(fleet), filtered=filtered),
        page=page,
        pages=pages,
        previous_href=_href(q, status, page - 1) if page > 1 else None,
        next_href=_href(q, status, page + 1) if page < pages else None,
    )
    return visit.keep(request, answer)


def _group(item: FleetItem) -> int:
    return GROUP_OF[item.assessment.status if item.assessment else None]


def _fits(item: FleetItem, words: Sequence[str]) -> bool:
    held = item.instrument
    text = f"{held.id} {held.name} {held.serial} {held.location} {item.owner.id} {item.owner.name}".lower()
    return all(word in text for word in words)


def _heading(principal: Principal) -> str:
    if principal.organization.kind is OrganizationKind.ENTERPRISE:
        return "Your instruments"
    if principal.organization.kind is OrganizationKind.SUPERVISOR:
        return "Instruments in your region"
    return "Instruments you look after"


def _subtitle(fleet: Sequence[FleetItem], time: str) -> str:
    organizations = len({item.owner.id for item in fleet})
    places = "1 organization" if organizations == 1 else f"{organizations} organizations"
    return f"{len(fleet)} instruments at {places}, as of {time}. The most urgent come first."


def _caption(shown: int, total: int, *, filtered: bool) -> str:
    return f"{shown} of {total} instruments" if filtered else f"All {total} instruments, the most urgent first"


def _counts(found: Sequence[FleetItem], query: str, status: str) -> list[Count]:
    numbers = Counter(_group(item) for item in found)
    return [
        Count(
            key=group.key,
            label=group.label,
            tone=group.tone,
            sign=group.sign,
            number=numbers[rank],
            # Choosing the chosen one again shows all.
            href=_href(query, "" if status == group.key else group.key, 1),
            here=status == group.key,
        )
        for rank, group in enumerate(GROUPS)
        if numbers[rank] or group.key not in {NOT_ASSESSED, NOT_IN_USE}  # most of the time there is none
    ]


def _href(query: str, status: str, page: int) -> str:
    wanted = {"q": query, "status": status, "page": str(page) if page > 1 else ""}
    text = urlencode({name: value for name, value in wanted.items() if value})
    return f"/?{text}" if text else "/"


def _why(item: FleetItem) -> str:
    """The reason, where something has to be done; the numbers of the others stand beside it in the row already."""
    assessment = item.assessment
    if assessment is None:
        return STANDINGS[None].meaning
    return "Nothing has to be done." if GROUPS[_group(item)].key == "valid" else assessment.reason


def _row(item: FleetItem, today: date, *, foreign: bool) -> Row:
    held, assessment = item.instrument, item.assessment
    estimate = assessment.estimate if assessment else None
    due = assessment.due_date if assessment else None
    return Row(
        id=held.id,
        name=held.name,
        place=f"{item.owner.name}, {held.location}" if foreign else held.location,
        standing=STANDINGS[assessment.status if assessment else None],
        beam=draw(estimate) if estimate else None,
        error_text=error_text(estimate) if estimate else "",
        limits_text=limits_text(estimate.mpe_lower, estimate.mpe_upper, estimate.unit) if estimate else "",
        probability=percent(estimate.probability_out_of_tolerance) if estimate else "Not known yet",
        risky=bool(estimate and estimate.probability_out_of_tolerance > RISKY),
        due_date=due.isoformat() if due else "No date",
        due_in=in_days(due, today) if due else "",
        why=_why(item),
        order=item.orders[0].id if item.orders else None,
    )
