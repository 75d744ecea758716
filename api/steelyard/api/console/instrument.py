"""The page of one instrument: what it says now, how wrong it probably is, and by when it must be verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi import Form as Posted
from starlette.responses import RedirectResponse, Response

from steelyard.api import acts
from steelyard.api.beam import error_text, limits_text, share_of_limit
from steelyard.api.charts import ReadingSpans, error_chart, readings_chart
from steelyard.api.console.device import DeviceView, device_facts, device_view, validity_facts
from steelyard.api.console.pages import Fact, Pages
from steelyard.api.console.reader import Reading, Visit, check_form, typed
from steelyard.api.desk import Desk, FleetItem
from steelyard.api.errors import Invalid, Missing
from steelyard.api.figures import percent, significant, symbol, value_with_uncertainty, with_unit
from steelyard.api.history import events_shown, observations_shown
from steelyard.api.instants import DAY_NS, in_days
from steelyard.api.live import LiveReading, main_channel, read_live
from steelyard.api.principals import Principal
from steelyard.api.room import Room, RoomHere
from steelyard.api.stores_guard import as_refused
from steelyard.api.wording import (
    DECISIONS,
    EVENTS,
    REGIMES,
    STANDINGS,
    STATES,
    TRIGGERS,
    Standing,
    channel_name,
    kind_name,
)
from steelyard.calibration.errors import OrderExists
from steelyard.calibration.verification.assessment import Assessment, Assumed, ErrorEstimate
from steelyard.calibration.verification.events import EventPoint, VerificationEvent
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.contracts.registry import Channel
from steelyard.storage.errors import StoreUnavailable

READINGS_SPAN_NS = 30 * DAY_NS
READINGS_SPANS = 360
FORM_TRIGGERS = (Trigger.REQUEST, Trigger.REPAIR, Trigger.COMPLAINT)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The date that holds, and why."""

    date: str
    in_words: str
    because: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLine:
    """One test point of a certificate, in words."""

    at: str
    found: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One verification, in words."""

    date: str
    what: str
    result: str
    points: list[PointLine]
    certificate: str
    by: str
    imported: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One of its work orders."""

    id: str
    short: str
    trigger: str
    state: str
    raised: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentView:
    """Everything the page shows."""

    id: str
    name: str
    kind: str
    place: str
    organization: str
    standing: Standing
    why: str
    open_order: str | None
    live: list[LiveReading]
    no_live: str
    due: Due
    assessed: bool
    error_sentence: str
    facts: list[Fact]
    chart_channel: str
    events: list[EventLine]
    orders: list[OrderLine]
    plate: list[Fact]
    reasons: list[Fact]
    """Why the reader may raise an order: the form's choices, empty where there is no form."""
    device: DeviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form that asks for a work order, as it was sent: what is wrong with it, and what was typed."""

    title: str = ""
    text: str = ""
    trigger: str = Trigger.REQUEST.value
    why: str = ""


@router.get("/instruments/{instrument}")
def instrument_page(request: Request, room: RoomHere, visit: Reading, instrument: str) -> Response:
    """Show one instrument."""
    return _page(request, room, visit, instrument, Form())


@router.post("/instruments/{instrument}/work-orders")
def raise_form(
    request: Request,
    room: RoomHere,
    visit: Reading,
    instrument: str,
    trigger: Annotated[Literal["request", "repair", "complaint"], Posted()],
    why: Annotated[str, Posted(max_length=1000)] = "",
    csrf: Annotated[str, Posted(max_length=200)] = "",
) -> Response:
    """Raise a work order for an instrument."""
    check_form(visit.principal, csrf)
    why = typed(why)
    try:
        order = acts.raise_request(room.desk, visit.principal, instrument, trigger=Trigger(trigger), why=why)
    except (Invalid, OrderExists) as error:
        told = as_refused(error) if isinstance(error, OrderExists) else error
        form = Form(title=told.title, text=told.remedy, trigger=trigger, why=why)
        return _page(request, room, visit, instrument, form, status=told.status)
    return RedirectResponse(f"/work-orders/{order.id}?done=raised", status_code=303)


def _page(request: Request, room: Room, visit: Visit, name: str, form: Form, *, status: int = 200) -> Response:
    item = room.desk.instrument(visit.principal, name)
    answer = room.pages.render(
        request,
        "instrument.html",
        visit.principal,
        choices=visit.choices,
        status=status,
        i=_view(room.desk, room.pages, item, visit.principal),
        form=form,
    )
    return visit.keep(request, answer)


@router.get("/instruments/{instrument}/charts/error")
def error_chart_data(
    room: RoomHere, visit: Reading, instrument: str, scheme: Annotated[Literal["light", "dark"], Query()] = "light"
) -> Response:
    """Return the chart of the error against its limits, for BokehJS."""
    item = room.desk.instrument(visit.principal, instrument)
    if item.assessment is None or item.assessment.estimate is None:
        raise Missing("Nothing is known of this instrument's error yet.", field="instrument", value=instrument)
    observations = observations_shown(room.desk, item)
    return Response(error_chart(item.assessment, observations, scheme), media_type="application/json")


@router.get("/instruments/{instrument}/charts/readings")
def readings_chart_data(
    room: RoomHere, visit: Reading, instrument: str, scheme: Annotated[Literal["light", "dark"], Query()] = "light"
) -> Response:
    """Return the chart of the last days' readings, for BokehJS."""
    item = room.desk.instrument(visit.principal, instrument)
    channel = _chart_channel(room.desk, item)
    if channel is None:
        raise Missing("This instrument has no channel.", field="instrument", value=instrument)
    now_ns = room.desk.clock.now_ns()
    spans = room.desk.readings.buckets(
        item.instrument.id, channel.id, max(now_ns - READINGS_SPAN_NS, item.since_ns), now_ns + 1, READINGS_SPANS
    )
    chart = ReadingSpans(
        name=channel_name(channel.id),
        unit=channel.unit,
        start_ns=spans.start.tolist(),
        mean=spans.mean.tolist(),
        minimum=spans.minimum.tolist(),
        maximum=spans.maximum.tolist(),
    )
    return Response(readings_chart(chart, scheme), media_type="application/json")


def _chart_channel(desk: Desk, item: FleetItem) -> Channel | None:
    channels = desk.records.registry.channels_of(item.instrument.id)
    main = main_channel(item.assessment, channels)
    return next((channel for channel in channels if channel.id == main), None)


def _view(desk: Desk, pages: Pages, item: FleetItem, reader: Principal) -> InstrumentView:
    sight = desk.sight(reader)
    held, assessment = item.instrument, item.assessment
    estimate = assessment.estimate if assessment else None
    channels = desk.records.registry.channels_of(held.id)
    no_live = "No values yet. They appear a moment after the gateway sends them."
    live: list[LiveReading] = []
    try:
        live = read_live(desk, item, channels)
    except StoreUnavailable:
        no_live = "The store of readings cannot be reached at the moment. Nothing is lost; reload the page in a minute."
    legal = desk.records.registry.legal_status(held.id)
    events = events_shown(item, desk.records.verification.events(held.id))
    chart_channel = _chart_channel(desk, item)
    return InstrumentView(
        id=held.id,
        name=held.name,
        kind=kind_name(held.kind),
        place=held.location,
        organization=item.owner.name,
        standing=STANDINGS[assessment.status if assessment else None],
        why=assessment.reason if assessment else "",
        open_order=item.orders[0].id if item.orders else None,
        live=live,
        no_live=no_live,
        due=_due(assessment, legal, events, desk.today(), validity_facts(desk, item, assessment) if assessment else []),
        assessed=estimate is not None,
        error_sentence=_error_sentence(estimate) if estimate else "",
        facts=_facts(assessment, estimate, pages) if assessment and estimate else [],
        chart_channel=channel_name(chart_channel.id) if chart_channel and live else "",
        events=[_event_line(event, legal) for event in reversed(events)],
        orders=[
            OrderLine(
                id=order.id,
                short=order.id,
                trigger=TRIGGERS[order.trigger].meaning,
                state=STATES[order.state][0],
                raised=pages.time(order.raised_ns),
            )
            for order in reversed(desk.records.orders.orders_of(held.id))
            if order.organization in sight
        ],
        plate=_plate(item, legal),
        reasons=[Fact(name=each.value, text=TRIGGERS[each].label) for each in FORM_TRIGGERS]
        if acts.may_raise(reader)
        else [],
        device=device_view(desk, item, reader, sight),
    )


def _due(
    assessment: Assessment | None,
    legal: LegalStatus | None,
    events: Sequence[VerificationEvent],
    today: date,
    validity: Sequence[Fact],
) -> Due:
    if assessment is None:
        return Due(date="", in_words="", because="It has not been assessed yet.", facts=[])
    facts = list(validity)
    if events:
        facts.append(Fact(name="Last event", text=f"{EVENTS[events[-1].kind]}, {events[-1].completed.isoformat()}"))
    if legal is not None and legal.period_months is not None:
        facts.append(Fact(name="Period", text=f"{legal.period_months} months ({legal.catalogue.document})"))
    mandatory = legal is not None and legal.mandatory
    if assessment.statutory_due is not None:
        name = "By law" if mandatory else "By agreement"
        facts.append(Fact(name=name, text=assessment.statutory_due.isoformat()))
    if assessment.recommended_due is not None:
        facts.append(Fact(name="By evidence", text=assessment.recommended_due.isoformat()))
    due = assessment.due_date
    if due is None:
        return Due(date="", in_words="", because=assessment.reason, facts=facts)
    # As the assessment has it: on the day itself the certificate holds no more; a date by evidence alone is no law.
    demanded = assessment.statutory_due
    late = today >= max(due, demanded) if demanded is not None else today > due
    return Due(
        date=due.isoformat(),
        in_words=f"{in_days(due, today)}{', overdue' if late else ''}",
        because=_because(assessment, mandatory=mandatory),
        facts=facts,
    )


def _because(assessment: Assessment, *, mandatory: bool) -> str:
    statutory, recommended = assessment.statutory_due, assessment.recommended_due
    if recommended is not None and (statutory is None or recommended < statutory):
        if mandatory:
            return "Evidence asks for an earlier date than the law: the date is brought forward, never put off."
        return "Evidence asks for an earlier date than the agreed interval."
    if statutory is not None and assessment.due_date is not None and assessment.due_date > statutory:
        return "Evidence allows a later date than the agreed interval, as far as the owner's policy lets it."
    if mandatory:
        return "The period that the law sets, counted from the last completed verification."
    return "The agreed interval, counted from the last completed calibration."


def _error_sentence(estimate: ErrorEstimate) -> str:
    chance = percent(estimate.probability_out_of_tolerance).replace("< ", "below ").replace("> ", "above ")
    return (
        f"Its error today is {error_text(estimate)} (k = 2), {share_of_limit(estimate)} of what is permitted. "
        f"The chance that it is outside the limits is {chance}."
    )


def _facts(assessment: Assessment, estimate: ErrorEstimate, pages: Pages) -> list[Fact]:
    unit = estimate.unit
    rate = value_with_uncertainty(estimate.rate_per_year, 2 * estimate.rate_standard_uncertainty, unit, sign=True)
    meaning = "a real drift" if estimate.drift_significant else "no drift that can be told from chance"
    facts = [
        Fact(name="Estimated error", text=f"{error_text(estimate)} (k = 2)"),
        Fact(
            name="Permitted in use",
            text=f"{limits_text(estimate.mpe_lower, estimate.mpe_upper, unit)} at "
            f"{with_unit(significant(estimate.test_point), estimate.test_point_unit)}",
        ),
        Fact(name="Change per year", text=f"{rate}: {meaning}"),
        Fact(name="Chance of being outside today", text=percent(estimate.probability_out_of_tolerance)),
    ]
    if estimate.forecast.days:
        ahead = round(estimate.forecast.days[-1])
        facts.append(Fact(name=f"The same in {ahead} days", text=percent(estimate.forecast.probability[-1])))
    if estimate.jump is not None:
        size = value_with_uncertainty(estimate.jump.size, 2 * estimate.jump.standard_uncertainty, unit, sign=True)
        facts.append(Fact(name="Sudden change", text=f"{size}, about {pages.time(estimate.jump.t_ns)}"))
    facts.append(
        Fact(
            name="What it rests on",
            text=f"{estimate.observation_count} observations of {channel_name(estimate.channel).lower()}, "
            f"the last {pages.time(estimate.last_observation_ns)}",
        )
    )
    if estimate.assumed is not None:
        facts.append(Fact(name="Before its own data", text=_assumed(estimate.assumed, unit)))
    facts.append(Fact(name="Assessed", text=pages.time(assessment.at_ns)))
    return facts


def _assumed(assumed: Assumed, unit: str) -> str:
    """What was thought possible at first, and why: it counts as much as the instrument's own record is short."""
    reach = f"changes up to ± {with_unit(significant(2 * assumed.rate_per_year, 2), unit)} a year thought possible"
    if assumed.instruments == 0:
        return f"{reach}: an assumption, for want of certificates of its kind"
    return f"{reach}: learned from {assumed.certificates} certificates of {assumed.instruments} instruments of its kind"


def _event_line(event: VerificationEvent, legal: LegalStatus | None) -> EventLine:
    unit = legal.mpe.unit if legal is not None else ""
    return EventLine(
        date=event.completed.isoformat(),
        what=EVENTS[event.kind],
        result=DECISIONS[event.decision],
        points=[_point_line(point, unit or point.unit) for point in event.points],
        certificate=event.certificate or "None",
        by=event.performed_by,
        imported=f"Imported from {event.imported_from}" if event.imported_from is not None else "",
    )


def _point_line(point: EventPoint, measurand_unit: str) -> PointLine:
    def said(error: float | None, otherwise: str) -> str:
        if error is None:
            return otherwise
        text = value_with_uncertainty(error, point.expanded_uncertainty, point.unit, sign=True)
        return text if point.expanded_uncertainty is not None else f"{text}, uncertainty not stated"

    return PointLine(
        at=with_unit(significant(point.test_point), measurand_unit),
        found=said(point.as_found, "Not applicable"),
        left=said(point.as_left, "Not adjusted"),
    )


def _plate(item: FleetItem, legal: LegalStatus | None) -> list[Fact]:
    held = item.instrument
    facts = [
        Fact(name="Number", text=held.id),
        Fact(name="Serial number", text=held.serial),
        Fact(name="Accuracy class", text=held.accuracy_class),
        Fact(name="Kind", text=kind_name(held.kind)),
        Fact(name="Place", text=", ".join(part for part in (held.location, item.owner.name) if part)),
        *device_facts(held),
    ]
    if legal is not None:
        facts.append(Fact(name="Control", text=REGIMES[legal.regime]))
        facts.append(Fact(name="Limits from", text=legal.mpe.origin))
        if legal.range_low is not None and legal.range_high is not None:
            low, high = significant(legal.range_low), significant(legal.range_high)
            facts.append(Fact(name="Range", text=f"{low} to {high} {symbol(legal.mpe.unit)}"))
    return facts
