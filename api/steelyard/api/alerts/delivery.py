"""Telling people and programs of work orders: each recipient once for each news of each order, with a log of attempts.

News is a new order, a new cause that joined it, another due date, a due date that has come. The outbox is in the
records, so nothing is lost when this process dies or the mail server is down. An alert's id is made from order, news,
way and recipient, so that the same one is never written twice. Between handing a message over and
noting that it was taken lies a moment: if the process dies just there the message is sent again, under the same
Message-ID or Idempotency-Key, by which a receiver can tell. One process at a time should call `deliver_alerts`.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from steelyard.api.alerts import messages, webhook
from steelyard.api.alerts.mail import Mailer
from steelyard.api.alerts.messages import Medium, Subject, shown_recipient
from steelyard.api.alerts.schedule import next_attempt_ns
from steelyard.api.errors import DeliveryFailed
from steelyard.api.settings import AlertSettings, WebhookSettings
from steelyard.calibration.verification.due_date import legal_date
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.storage.records import Account, Alert, Records

log = logging.getLogger(__name__)

ROUND = 200
"""Messages tried in one call at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one call did: alerts newly written, sent, failed (to be tried again) and given up."""

    written: int
    sent: int
    failed: int
    given_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """To whom and by which way."""

    medium: Medium
    address: str


def deliver_alerts(records: Records, settings: AlertSettings, now_ns: int) -> Delivered:
    """Write an alert for each recipient of what is new about the open work orders, then send what is due.

    An order is news while no alert has told its present owner what it says today. Nothing is raised when a mail
    server or a webhook fails: the failure is noted with the alert, and a later call tries again.

    Args:
        records: orders, people, outbox and log.
        settings: ways, recipients, retries.
        now_ns: UTC ns.

    Raises:
        StoreUnavailable: the records cannot be reached.
    """
    written = _write_new(records, settings, now_ns)
    tally: dict[str, int] = defaultdict(int)
    hooks = {hook.url: hook for hook in settings.webhook}
    waiting = records.alerts.waiting(now_ns, ROUND)
    if not waiting:
        return Delivered(written=written, sent=0, failed=0, given_up=0)
    with _Ways(settings, hooks) as ways:
        for alert in waiting:
            tally[_attempt(records, alert, ways, settings, now_ns)] += 1
    return Delivered(written=written, sent=tally["sent"], failed=tally["failed"], given_up=tally["given up"])


def recipients(
    about: Subject, settings: AlertSettings, people: Sequence[Account], planning: frozenset[str]
) -> list[Recipient]:
    """Return who is told of an order, each once.

    Args:
        about: the order, its instrument, its owner.
        settings: mailboxes and webhooks, and whether accounts are told.
        people: all accounts.
        planning: ids of the institutes that serve the owner, whose planners are told.
    """
    found: dict[Recipient, None] = {}
    if settings.smtp is not None:
        for account in people if settings.tell_accounts else ():
            owns = account.organization == about.owner.id and account.role in {Role.OWNER, Role.PLANNER}
            plans = account.organization in planning and account.role is Role.PLANNER
            if account.disabled_ns is None and (owns or plans):
                found[Recipient(medium=Medium.EMAIL, address=account.email)] = None
        for box in settings.mailbox:
            if box.organization in {None, about.owner.id}:
                found[Recipient(medium=Medium.EMAIL, address=box.address.lower())] = None
    for hook in settings.webhook:
        if hook.organization in {None, about.owner.id}:
            found[Recipient(medium=Medium.WEBHOOK, address=hook.url)] = None
    return list(found)


def _write_new(records: Records, settings: AlertSettings, now_ns: int) -> int:
    open_orders = records.orders.open_orders()
    today = legal_date(now_ns, settings.utc_offset_minutes)
    # One query tells almost always; only an order that it does not name is looked up by itself.
    told_of = {(a.work_order, a.organization, a.news) for a in records.alerts.log(limit=8 * len(open_orders) + 100)}
    new = [
        order
        for order in open_orders
        if (order.id, order.organization, news_of(order, today)) not in told_of
        # An order that came with its instrument is news to the new owner.
        and all(
            (alert.organization, alert.news) != (order.organization, news_of(order, today))
            for alert in records.alerts.of_order(order.id)
        )
    ]
    if not new:
        return 0
    organizations = {each.id: each for each in records.registry.organizations()}
    instruments = {each.id: each for each in records.registry.instruments()}
    people = records.accounts.accounts()
    relations = records.registry.service_relations()
    today = legal_date(now_ns, settings.utc_offset_minutes)
    written = 0
    for order in new:
        about = Subject(order=order, instrument=instruments[order.instrument], owner=organizations[order.organization])
        planning = frozenset(r.institute for r in relations if r.enterprise == order.organization and r.holds(today))
        told = recipients(about, settings, people, planning)
        # One transaction for an order: either all of its recipients are written, or it is still new.
        written += records.alerts.add([_alert(about, each, settings, now_ns) for each in told])
    return written


def news_of(order: WorkOrder, today: date) -> str:
    """What an order says that is worth a message of its own: how many causes, by when, whether that day has come."""
    causes = len(order.causes - {""})
    overdue = order.due_date is not None and today >= order.due_date
    return f"{causes} by {order.due_date or 'no date'}{', overdue' if overdue else ''}"


def _alert(about: Subject, recipient: Recipient, settings: AlertSettings, now_ns: int) -> Alert:
    today = legal_date(now_ns, settings.utc_offset_minutes)
    if recipient.medium is Medium.EMAIL:
        text = messages.email(about, settings.public_url, today)
    else:
        text = messages.webhook(about, settings.public_url)
    news = news_of(about.order, today)
    same = f"{about.order.id}\n{news}\n{recipient.medium}\n{recipient.address}".encode()
    return Alert(
        id=f"alert-{hashlib.sha256(same).hexdigest()[:24]}",
        work_order=about.order.id,
        instrument=about.order.instrument,
        organization=about.order.organization,
        medium=recipient.medium.value,
        recipient=recipient.address,
        subject=text.subject,
        body=text.body,
        created_ns=now_ns,
        next_attempt_ns=now_ns,
        news=news,
    )


class _Ways:
    """The mail server and the webhooks of one call."""

    def __init__(self, settings: AlertSettings, hooks: Mapping[str, WebhookSettings]) -> None:
        self._mailer = Mailer(settings.smtp) if settings.smtp is not None else None
        self._hooks = hooks
        self._down: dict[str, str] = {}

    def __enter__(self) -> _Ways:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mailer is not None:
            self._mailer.__exit__(None, None, None)

    def send(self, alert: Alert, now_ns: int) -> str:
        """Send one alert; returns what the other side answered, or raises DeliveryFailed."""
        if alert.medium == Medium.EMAIL:
            if self._mailer is None:
                raise DeliveryFailed("no mail server is configured (table [alerts.smtp])", final=False)
            return self._mailer.send(
                message_id=alert.id,
                recipient=alert.recipient,
                subject=alert.subject,
                body=alert.body,
                now_ns=now_ns,
            )
        hook = self._hooks.get(alert.recipient)
        if hook is None:
            raise DeliveryFailed("this webhook is no longer configured (tables [[alerts.webhook]])", final=True)
        if alert.recipient in self._down:
            raise DeliveryFailed(self._down[alert.recipient], final=False)
        try:
            return webhook.call(hook, key=alert.id, body=alert.body, now_ns=now_ns)
        except DeliveryFailed as error:
            if not error.final:  # one that is down is not waited for again in this round
                self._down[alert.recipient] = str(error)
            raise


def _attempt(records: Records, alert: Alert, ways: _Ways, settings: AlertSettings, now_ns: int) -> str:
    try:
        outcome = ways.send(alert, now_ns)
    except DeliveryFailed as error:
        attempts = alert.attempts + 1
        again = None if error.final else next_attempt_ns(alert.created_ns, now_ns, attempts, settings)
        records.alerts.attempted(alert.id, outcome=str(error)[:500], sent_ns=None, next_attempt_ns=again)
        log.warning(
            "alert %s by %s to %s failed (attempt %d): %s",
            alert.id,
            alert.medium,
            shown_recipient(alert),
            attempts,
            error,
        )
        return "failed" if again is not None else "given up"
    records.alerts.attempted(alert.id, outcome=outcome, sent_ns=now_ns, next_attempt_ns=None)
    log.info("alert %s by %s to %s: %s", alert.id, alert.medium, shown_recipient(alert), outcome)
    return "sent"
