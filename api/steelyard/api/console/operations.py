"""The pages of gateways and of alerts."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from steelyard.api.alerts.messages import shown_recipient
from steelyard.api.console.reader import Reading
from steelyard.api.desk import GatewayItem
from steelyard.api.figures import significant
from steelyard.api.instants import NS, ago
from steelyard.api.room import RoomHere
from steelyard.api.wording import Standing
from steelyard.contracts.clock import ScaledClock
from steelyard.storage.records import Alert, GatewayHealth

SILENT_AFTER_S = 300
"""A gateway that says it is online but sent no frame for so long is shown as silent."""
ALERTS_SHOWN = 200

CLOCKS = {
    "synced": "Right",
    "unsynced": "Not set: times are uncertain",
    "unknown": "Not checked",
    "simulated": "Simulated time",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """One gateway."""

    id: str
    organization: str
    instruments: str
    standing: Standing
    last: str
    clock: str
    missed: str
    spooled: str
    frames: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One message."""

    created: str
    order: str
    subject: str
    recipient: str
    medium: str
    standing: Standing
    outcome: str


@router.get("/gateways")
def gateways_page(request: Request, room: RoomHere, visit: Reading) -> Response:
    """Show the gateways' health."""
    clock = room.desk.clock
    playing_back = isinstance(clock, ScaledClock) and not clock.caught_up
    now_ns = clock.now_ns()
    rows = [_gateway_row(item, now_ns, playing_back=playing_back) for item in room.desk.gateways(visit.principal)]
    connected = sum(row.standing.tone == "valid" for row in rows)
    answer = room.pages.render(
        request,
        "gateways.html",
        visit.principal,
        choices=visit.choices,
        subtitle=f"{connected} of {len(rows)} connected. A gateway reads instruments and sends signed values.",
        rows=rows,
    )
    return visit.keep(request, answer)


@router.get("/alerts")
def alerts_page(request: Request, room: RoomHere, visit: Reading) -> Response:
    """Show what was sent, to whom, and what became of it."""
    alerts = room.desk.alerts(visit.principal, ALERTS_SHOWN)
    rows = [
        AlertRow(
            created=room.pages.time(alert.created_ns),
            order=alert.work_order,
            subject=alert.subject,
            recipient=shown_recipient(alert),
            medium="E-mail" if alert.medium == "email" else "Webhook",
            standing=_alert_standing(alert),
            outcome=_outcome(alert, room.pages.time(alert.sent_ns) if alert.sent_ns is not None else ""),
        )
        for alert in alerts
    ]
    answer = room.pages.render(
        request,
        "alerts.html",
        visit.principal,
        choices=visit.choices,
        subtitle="Every message about a work order: to whom it went, and what became of it. The newest come first.",
        rows=rows,
    )
    return visit.keep(request, answer)


def _gateway_row(item: GatewayItem, now_ns: int, *, playing_back: bool) -> GatewayRow:
    health = item.health
    many = "1 instrument" if item.instruments == 1 else f"{item.instruments} instruments"
    heard = health is not None and health.last_frame_ns is not None
    return GatewayRow(
        id=item.gateway.id,
        organization=item.owner.name,
        instruments=many,
        standing=gateway_standing(health, now_ns, playing_back=playing_back),
        last=ago(health.last_frame_ns, now_ns)
        if health is not None and health.last_frame_ns is not None
        else "None yet",
        clock=_clock(health) if health is not None and heard else "Not known yet",
        missed=str(health.missed_polls) if health is not None else "–",
        spooled=str(health.spooled_frames) if health is not None else "–",
        frames=str(health.received_frames) if health is not None else "–",
    )


def gateway_standing(health: GatewayHealth | None, now_ns: int, *, playing_back: bool = False) -> Standing:
    """Return how a gateway is shown; while a history is `playing_back`, its clock says nothing of silence."""
    if health is None or health.last_frame_ns is None:
        return Standing(tone="idle", sign="idle", label="Never heard of", meaning="It has not sent anything yet.")
    if health.state == "offline":
        return Standing(tone="overdue", sign="stop", label="Not connected", meaning="Its connection is gone.")
    if playing_back:
        return Standing(tone="valid", sign="valid", label="Connected", meaning="It sends its simulated history.")
    if now_ns - health.last_frame_ns > SILENT_AFTER_S * NS:
        return Standing(tone="due", sign="due", label="Silent", meaning="It is connected but sends nothing.")
    return Standing(tone="valid", sign="valid", label="Connected", meaning="It sends.")


def _clock(health: GatewayHealth) -> str:
    words = CLOCKS.get(health.clock_state, health.clock_state)
    if health.clock_error_ms is None:
        return words
    return f"{words}, within {significant(health.clock_error_ms, 2)} ms"


def _alert_standing(alert: Alert) -> Standing:
    if alert.sent_ns is not None:
        return Standing(tone="valid", sign="valid", label="Sent", meaning="It was taken by the other side.")
    if alert.next_attempt_ns is None:
        return Standing(tone="overdue", sign="stop", label="Given up", meaning="It could not be sent.")
    if alert.attempts:
        return Standing(tone="due", sign="due", label="Will be tried again", meaning="It could not be sent yet.")
    return Standing(tone="idle", sign="due", label="Waiting", meaning="It will be sent in a moment.")


def _outcome(alert: Alert, sent: str) -> str:
    parts = [sent, alert.outcome or "", f"{alert.attempts} attempts" if alert.attempts > 1 else ""]
    return " · ".join(part for part in parts if part)
