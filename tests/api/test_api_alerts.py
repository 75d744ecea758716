"""Alerts: over a real mail server and a real HTTP server, once for each order and recipient, and with a log."""

import email
import email.policy
import json
import threading
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from api.devices import SERVED
from api.stage import DAY, NOW_NS, NS, PASSWORD, QUICK, TODAY
from hypothesis import given
from hypothesis import strategies as st
from waiting import PATIENCE_S

from steelyard.api.alerts import deliver_alerts, webhook
from steelyard.api.alerts.schedule import next_attempt_ns, pause_ns
from steelyard.api.people import create_account
from steelyard.api.settings import AlertSettings, MailboxSettings, SmtpSettings, WebhookSettings
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import OrderState, join, transition
from steelyard.storage.records import Registrar, Registration

SECRET = "a secret of the webhook"


class Inbox:
    """What a mail server received; `refuse` makes it answer with that line instead."""

    def __init__(self) -> None:
        self.messages: list[email.message.EmailMessage] = []
        self.recipients: list[str] = []
        self.refuse: str | None = None

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the mail server calls it so
        if self.refuse:
            return self.refuse
        self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.recipients += envelope.rcpt_tos
        return "250 taken"


@pytest.fixture
def mail(free_port):
    """A real SMTP server: `.inbox .settings .start() .stop()`."""

    class Mail:
        inbox = Inbox()
        port = free_port()
        settings = SmtpSettings(
            host="127.0.0.1", port=port, sender="Steelyard <alerts@steelyard.example>", timeout_s=PATIENCE_S
        )
        controller = None

        def start(self):
            self.controller = Controller(self.inbox, hostname="127.0.0.1", port=self.port, ready_timeout=PATIENCE_S)
            self.controller.start()

        def stop(self):
            if self.controller is not None:
                self.controller.stop()
                self.controller = None

    held = Mail()
    held.start()
    yield held
    held.stop()


@pytest.fixture
def receiver():
    """A real HTTP server that keeps what it is sent: `.calls .url .answers` (statuses to give, then 204)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.calls.append((dict(self.headers), body))
            self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.calls, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook?token=very-secret"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fresh(stage):
    """The stage's three orders; the drift order already has an alert, so two are new."""
    return stage.records


def test_each_new_order_is_told_once_to_its_owner_and_the_planner(fresh, mail):
    settings = AlertSettings(smtp=mail.settings, public_url="https://console.example/")
    done = deliver_alerts(fresh, settings, NOW_NS)
    assert (done.written, done.sent, done.failed) == (4, 4, 0)
    assert sorted(mail.inbox.recipients) == [
        "other-owner@linjiang.test",
        "owner@hengyuan.test",
        "planner@provincial.test",
        "planner@provincial.test",
    ]
    assert deliver_alerts(fresh, settings, NOW_NS + DAY) == type(done)(written=0, sent=0, failed=0, given_up=0)
    assert len(mail.inbox.messages) == 4


@pytest.mark.parametrize("state", [OrderState.PROPOSED, OrderState.APPROVED])
def test_a_moved_date_a_new_cause_and_a_date_that_comes_are_told_again(fresh, mail, state):
    settings = AlertSettings(smtp=mail.settings, public_url="https://console.example/")
    deliver_alerts(fresh, settings, NOW_NS)

    def told(at_ns):
        mail.inbox.messages.clear()
        deliver_alerts(fresh, settings, at_ns)
        return {message["Subject"] for message in mail.inbox.messages}

    order = fresh.orders.order("wo-ws-l-02-due")
    if state is OrderState.APPROVED:
        change = transition(order, to=state, who="olga", role=Role.OWNER, why="", at_ns=NOW_NS)
        fresh.orders.update_order(change.order, change.audit)
        order = change.order
        assert told(NOW_NS) == set(), "that people work on it is no news to them"
    evidence = replace(order.evidence[0], cause="due:2026-11-30")
    change = join(order, evidence, due_date=date(2026, 11, 30), who="calibration", why="moved", at_ns=NOW_NS)
    fresh.orders.update_order(change.order, change.audit)
    assert told(NOW_NS) == {"Due: Truck scale 2 (ws-l-02), verify by 2026-11-30"}
    assert told(NOW_NS + DAY) == set()
    assert "Due: Truck scale 2 (ws-l-02), verify by 2026-11-30" in told(NOW_NS + 9 * DAY)
    assert not {subject for subject in told(NOW_NS + 10 * DAY) if "ws-l-02" in subject}


def test_a_planner_is_not_told_of_an_enterprise_that_the_institute_serves_no_more(fresh, mail):
    over = replace(SERVED[0], until=TODAY)
    registrar = Registrar(who="test", role="administrator", why="notice given", at_ns=NOW_NS)
    fresh.registry.apply(Registration(service_relations=[over]), registrar)
    deliver_alerts(fresh, AlertSettings(smtp=mail.settings), NOW_NS)
    assert sorted(mail.inbox.recipients) == [
        "other-owner@linjiang.test", "owner@hengyuan.test", "planner@provincial.test",
    ]  # fmt: skip


def test_an_e_mail_says_what_where_why_and_where_to_look(fresh, mail):
    deliver_alerts(fresh, AlertSettings(smtp=mail.settings, public_url="https://console.example/"), NOW_NS)
    message = next(m for m in mail.inbox.messages if m["To"] == "other-owner@linjiang.test")
    text = message.get_content()
    assert message["Subject"] == "Due: Truck scale 2 (ws-l-02), verify by 2026-12-11"
    assert "Gate south, Linjiang Grain" in text
    assert "2026-12-11 (in 20 days)" in text
    assert "The statutory period of 12 months ends on 2026-12-11." in text
    assert "https://console.example/work-orders/wo-ws-l-02-due" in text
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@steelyard.example>")


def test_a_mail_server_that_is_down_is_tried_again_later_and_nothing_is_lost(fresh, mail):
    settings = AlertSettings(smtp=mail.settings, first_retry_s=60)
    mail.stop()
    down = deliver_alerts(fresh, settings, NOW_NS)
    assert (down.written, down.sent, down.failed) == (4, 0, 4)
    assert deliver_alerts(fresh, settings, NOW_NS + 59 * NS).failed == 0  # not before its time
    assert deliver_alerts(fresh, settings, NOW_NS + 60 * NS).failed == 4
    mail.start()
    assert deliver_alerts(fresh, settings, NOW_NS + 179 * NS).sent == 0  # the second pause is twice as long
    assert deliver_alerts(fresh, settings, NOW_NS + 180 * NS).sent == 4
    assert len(mail.inbox.messages) == 4
    alert = next(a for a in fresh.alerts.log() if a.recipient == "other-owner@linjiang.test")
    assert (alert.attempts, alert.sent_ns) == (3, NOW_NS + 180 * NS)


def test_a_refused_address_is_given_up_and_a_busy_server_is_not(fresh, mail):
    settings = AlertSettings(smtp=mail.settings)
    mail.inbox.refuse = "550 no such mailbox"
    first = deliver_alerts(fresh, settings, NOW_NS)
    assert (first.given_up, first.failed) == (4, 0)
    assert all("550" in a.outcome for a in fresh.alerts.log() if a.id != "alert-1")
    create_account(
        fresh, QUICK, organization="hengyuan", name="Second owner", email="second@hengyuan.test", role=Role.OWNER,
        password=PASSWORD, created_by="test", now_ns=NOW_NS,
    )  # fmt: skip
    assert deliver_alerts(fresh, settings, NOW_NS).written == 0  # told once, though not everybody was there


def test_a_temporary_refusal_is_tried_again(fresh, mail):
    mail.inbox.refuse = "451 try later"
    assert deliver_alerts(fresh, AlertSettings(smtp=mail.settings), NOW_NS).failed == 4
    mail.inbox.refuse = None
    assert deliver_alerts(fresh, AlertSettings(smtp=mail.settings), NOW_NS + 60 * NS).sent == 4


def test_a_message_is_given_up_after_the_allowed_attempts(fresh, mail):
    mail.stop()
    settings = AlertSettings(smtp=mail.settings, max_attempts=2, first_retry_s=1)
    assert deliver_alerts(fresh, settings, NOW_NS).failed == 4
    assert deliver_alerts(fresh, settings, NOW_NS + NS).given_up == 4
    assert deliver_alerts(fresh, settings, NOW_NS + DAY) == type(deliver_alerts(fresh, settings, NOW_NS))(
        written=0, sent=0, failed=0, given_up=0
    )


def test_nothing_is_written_while_nobody_is_to_be_told(fresh):
    assert deliver_alerts(fresh, AlertSettings(), NOW_NS).written == 0
    assert len(fresh.alerts.log()) == 1


@pytest.mark.parametrize("address", ["müller@hengyuan.test", "a@["])
def test_an_address_that_cannot_be_served_holds_up_nobody_else(fresh, free_port, address):
    """A mail server without SMTPUTF8, and a person whose address needs it."""
    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False, ready_timeout=PATIENCE_S)
    server.start()
    try:
        smtp = SmtpSettings(host="127.0.0.1", port=port, sender="alerts@steelyard.example", timeout_s=PATIENCE_S)
        boxes = tuple(MailboxSettings(address=each) for each in (address, *(f"box{n}@x.test" for n in range(4))))
        settings = AlertSettings(smtp=smtp, mailbox=boxes, tell_accounts=False)
        done = deliver_alerts(fresh, settings, NOW_NS)
    finally:
        server.stop()
    assert (done.sent, done.failed, done.given_up) == (len(inbox.recipients), 0, done.written // 5)
    assert sorted(set(inbox.recipients)) == [f"box{n}@x.test" for n in range(4)]


def test_a_password_that_the_mail_server_cannot_be_told_is_the_servers_trouble(fresh, free_port, tmp_path):
    (tmp_path / "password").write_text("geheimnisvoll-ü", encoding="utf-8")
    inbox, port = Inbox(), free_port()
    server = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        ready_timeout=PATIENCE_S,
        auth_require_tls=False,
        authenticator=lambda *_: AuthResult(success=True),
    )
    server.start()
    try:
        smtp = SmtpSettings(
            host="127.0.0.1", port=port, sender="alerts@steelyard.example", username="alerts",
            password_file=str(tmp_path / "password"), timeout_s=PATIENCE_S,
        )  # fmt: skip
        done = deliver_alerts(fresh, AlertSettings(smtp=smtp), NOW_NS)
    finally:
        server.stop()
    assert (done.sent, done.failed, done.given_up) == (0, done.written, 0)


def test_a_further_mailbox_is_told_of_its_own_organization_alone(fresh, mail):
    boxes = (
        MailboxSettings(address="Duty@example.org"),
        MailboxSettings(address="grain@example.org", organization="linjiang"),
    )
    deliver_alerts(fresh, AlertSettings(smtp=mail.settings, tell_accounts=False, mailbox=boxes), NOW_NS)
    assert sorted(mail.inbox.recipients) == ["duty@example.org", "duty@example.org", "grain@example.org"]


def test_a_webhook_is_told_in_signed_json(fresh, receiver):
    hook = WebhookSettings(url=receiver.url, secret=SECRET, timeout_s=PATIENCE_S)
    settings = AlertSettings(webhook=(hook,), public_url="https://c.example")
    assert deliver_alerts(fresh, settings, NOW_NS).sent == 2
    headers, body = receiver.calls[0]
    assert webhook.verify(headers["Steelyard-Signature"], SECRET, body, NOW_NS // NS)
    assert not webhook.verify(headers["Steelyard-Signature"], SECRET, body + b" ", NOW_NS // NS)
    assert not webhook.verify(headers["Steelyard-Signature"], "another secret here", body, NOW_NS // NS)
    assert not webhook.verify(headers["Steelyard-Signature"], SECRET, body, NOW_NS // NS + 301)
    told = {json.loads(body)["work_order"]["trigger"]: json.loads(body)["work_order"] for _, body in receiver.calls}
    assert set(told) == {"jump", "due"}
    assert told["due"]["instrument"] == "ws-l-02"
    assert told["due"]["due_date"] == "2026-12-11"
    assert told["due"]["url"] == "https://c.example/work-orders/wo-ws-l-02-due"
    assert headers["Idempotency-Key"].startswith("alert-")


def test_a_webhook_that_fails_is_tried_again_with_the_same_key(fresh, receiver):
    settings = AlertSettings(webhook=(WebhookSettings(url=receiver.url, secret=SECRET, timeout_s=PATIENCE_S),))
    receiver.answers = [503]
    first = deliver_alerts(fresh, settings, NOW_NS)
    assert (first.sent, first.failed) == (0, 2)
    assert len(receiver.calls) == 1  # one that is down is asked once in a round
    assert deliver_alerts(fresh, settings, NOW_NS + 60 * NS).sent == 2
    keys = [headers["Idempotency-Key"] for headers, _ in receiver.calls]
    assert keys[0] in keys[1:]


@pytest.mark.parametrize(("status", "given_up"), [(400, 1), (410, 1), (429, 0), (500, 0), (301, 1)])
def test_only_an_answer_that_blames_the_message_ends_the_attempts(fresh, receiver, status, given_up):
    settings = AlertSettings(
        webhook=(WebhookSettings(url=receiver.url, secret=SECRET, timeout_s=PATIENCE_S, organization="linjiang"),)
    )
    receiver.answers = [status]
    done = deliver_alerts(fresh, settings, NOW_NS)
    assert (done.given_up, done.failed) == (given_up, 1 - given_up)


def test_a_webhook_of_one_organization_is_not_told_of_anothers_orders(fresh, receiver):
    hook = WebhookSettings(url=receiver.url, secret=SECRET, timeout_s=PATIENCE_S, organization="linjiang")
    deliver_alerts(fresh, AlertSettings(webhook=(hook,)), NOW_NS)
    assert [json.loads(body)["work_order"]["organization"] for _, body in receiver.calls] == ["linjiang"]


def test_a_webhook_that_nobody_listens_on_is_noted_without_its_path_in_the_log(fresh, free_port, caplog):
    hook = WebhookSettings(url=f"http://127.0.0.1:{free_port()}/very-secret", secret=SECRET)
    with caplog.at_level("WARNING"):
        assert deliver_alerts(fresh, AlertSettings(webhook=(hook,)), NOW_NS).failed == 2
    assert "very-secret" not in caplog.text


@given(st.integers(0, 60), st.floats(1, 1e4), st.floats(1e4, 1e6))
def test_pauses_double_and_never_exceed_the_longest(failures, first, longest):
    settings = AlertSettings(first_retry_s=first, longest_retry_s=longest)
    pause, following = pause_ns(failures, settings), pause_ns(failures + 1, settings)
    assert 0 <= pause <= following <= longest * NS + 1
    assert following <= max(2 * pause + 1, first * NS + 1)


def test_a_message_never_tried_is_due_at_once_and_one_given_up_never():
    settings = AlertSettings(max_attempts=3)
    assert next_attempt_ns(5, None, 0, settings) == 5
    assert next_attempt_ns(5, 10, 3, settings) is None
