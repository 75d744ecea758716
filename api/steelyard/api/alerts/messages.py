"""What an alert says: one work order, in plain words for people and as JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import msgspec

from steelyard.api.alerts.webhook import host_of
from steelyard.api.figures import percent
from steelyard.api.instants import in_days, rfc3339
from steelyard.api.wording import TRIGGERS
from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.contracts.registry import Instrument, Organization
from steelyard.storage.records import Alert


class Medium(StrEnum):
    """How an alert travels."""

    EMAIL = "email"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alert is about: an order, its instrument and whose it is."""

    order: WorkOrder
    instrument: Instrument
    owner: Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The words of an alert. A subject line has no line break."""

    subject: str
    body: str


class OrderNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A work order as a webhook tells of it."""

    id: str
    instrument: str
    instrument_name: str
    organization: str
    location: str
    trigger: str
    state: str
    due_date: str | None
    reason: str
    probability_out_of_tolerance: float | None
    raised: str
    url: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of a webhook call."""

    event: str
    work_order: OrderNotice


def shown_recipient(alert: Alert) -> str:
    """Return a recipient as people may see it: of a webhook the host alone."""
    return host_of(alert.recipient) if alert.medium == Medium.WEBHOOK else alert.recipient


def order_url(order_id: str, public_url: str) -> str:
    """Return the address of a work order's page."""
    return f"{public_url.rstrip('/')}/work-orders/{order_id}"


def email(about: Subject, public_url: str, today: date) -> Text:
    """Return the e-mail that tells of a work order as it is today."""
    order, instrument = about.order, about.instrument
    kind = TRIGGERS[order.trigger]
    lines = [
        f"{kind.meaning}.",
        "",
        f"Instrument:  {instrument.name} ({instrument.id})",
        f"Where:       {instrument.location}, {about.owner.name}",
        f"Serial no.:  {instrument.serial}",
        f"Verify by:   {_due(order.due_date, today)}",
        "",
        "Why:",
        order.reason,
    ]
    if order.evidence and order.evidence[-1].probability_out_of_tolerance is not None:
        chance = percent(order.evidence[-1].probability_out_of_tolerance)
        lines += ["", f"Chance that its error is outside the permitted range today: {chance}"]
    lines += [
        "",
        "See the evidence, and acknowledge that you have seen this:",
        order_url(order.id, public_url),
        "",
        "This message is sent once for each work order, and again when its date moves or comes, or a new cause joins.",
        "Steelyard, in-service monitoring of measuring instruments.",
        "It is a finding in service, not a verification.",
        "",
    ]
    return Text(subject=subject_line(about), body="\n".join(lines))


def subject_line(about: Subject) -> str:
    """Return what an alert is about in one line."""
    order, instrument = about.order, about.instrument
    due = f", verify by {order.due_date.isoformat()}" if order.due_date else ""
    return " ".join(f"{TRIGGERS[order.trigger].label}: {instrument.name} ({instrument.id}){due}".split())


def webhook(about: Subject, public_url: str) -> Text:
    """Return the JSON that tells a program of a work order as it is today."""
    order, instrument = about.order, about.instrument
    notice = Notice(
        event="work_order.raised",
        work_order=OrderNotice(
            id=order.id,
            instrument=order.instrument,
            instrument_name=instrument.name,
            organization=about.owner.id,
            location=instrument.location,
            trigger=order.trigger.value,
            state=order.state.value,
            due_date=order.due_date.isoformat() if order.due_date else None,
            reason=order.reason,
            probability_out_of_tolerance=order.evidence[-1].probability_out_of_tolerance if order.evidence else None,
            raised=rfc3339(order.raised_ns),
            url=order_url(order.id, public_url),
        ),
    )
    return Text(subject=subject_line(about), body=msgspec.json.encode(notice).decode())


def _due(day: date | None, today: date) -> str:
    return f"{day.isoformat()} ({in_days(day, today)})" if day else "no date is set"
