"""The console: signing in, forms that only it can send, and pages that say what to do."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from api.stage import DAY, NOW_NS, NS, PASSWORD, SettableClock

from steelyard.api.console.operations import gateway_standing
from steelyard.calibration.verification.due_date import legal_date
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.clock import ScaledClock
from steelyard.contracts.pace import Pace
from steelyard.storage.errors import StoreUnavailable

PAGES = ["/", "/instruments/pt-h-02", "/work-orders", "/work-orders/wo-pt-h-02-drift", "/gateways", "/alerts"]


class Outline(HTMLParser):
    """What matters to a reader with a screen reader or a keyboard."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "path", "circle", "rect", "line"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict] = []
        self.headings: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        if "id" in held:
            self.ids.append(held["id"])
        if tag == "label":
            self.labels.add(held.get("for", ""))
        if tag in {"input", "select", "textarea"} and held.get("type") != "hidden":
            self.fields.append(held)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "th" and "scope" not in held:
            self.faults.append("th without scope")
        if tag == "svg" and held.get("aria-hidden") != "true" and held.get("role") != "img":
            self.faults.append("svg without a name")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag == "svg":
            self.handle_starttag(tag, attrs)
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")


@pytest.mark.parametrize("path", [*PAGES, "/?q=nothing+fits", "/work-orders?state=ended", "/no-such-page"])
def test_a_page_is_sound_html_with_names_for_everything(stage, browse, path):
    text = browse(demo=True).page(path).text
    outline = Outline(text)
    assert outline.faults == []
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert all(field.get("id") in outline.labels for field in outline.fields)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert '<html lang="en">' in text
    assert 'href="#content"' in text


def test_without_a_session_every_page_leads_to_the_sign_in_page(browse):
    client = browse()
    for path in PAGES:
        answer = client.page(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/")
    assert client.get("/instruments/pt-h-02/charts/error").status_code == 401


def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(browse):
    client = browse()
    form = {"csrf": client.csrf("/sign-in?next=/alerts"), "email": "Owner@Hengyuan.test", "password": PASSWORD}
    answer = client.post("/sign-in", data={**form, "next": "/alerts"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    assert "Hengyuan Chemical" in client.page("/").text
    token = client.cookies["steelyard_session"]
    assert client.post("/sign-out", data={"csrf": client.csrf("/")}).status_code == 303
    client.cookies.set("steelyard_session", token)
    assert client.page("/").status_code == 303  # the session itself has ended, not only the cookie


@pytest.mark.parametrize(
    "location", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/\nx"]
)
def test_signing_in_never_leads_elsewhere(browse, location):
    client = browse()
    form = {"csrf": client.csrf("/sign-in"), "email": "owner@hengyuan.test", "password": PASSWORD, "next": location}
    assert client.post("/sign-in", data=form).headers["location"] == "/"


def test_the_session_cookie_is_closed_to_scripts_other_sites_and_plain_http(browse):
    client = browse()
    cookie = client.sign_in("owner").headers.get_list("set-cookie")
    session = next(c for c in cookie if c.startswith("steelyard_session=") and "Max-Age=0" not in c)
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Secure" not in session
    secure = browse(base_url="https://console.test").sign_in("owner").headers.get_list("set-cookie")
    assert "Secure" in next(c for c in secure if c.startswith("steelyard_session=") and "Max-Age=0" not in c)


def test_the_sixth_wrong_password_must_wait_and_even_the_right_one_with_it(stage, browse):
    client = browse()
    form = {"csrf": "", "email": "owner@hengyuan.test", "password": "wrong password"}
    for _ in range(5):
        answer = client.post("/sign-in", data={**form, "csrf": client.csrf("/sign-in")})
        assert answer.status_code == 401
        assert "E-mail or password is wrong" in answer.text
    answer = client.post("/sign-in", data={**form, "csrf": client.csrf("/sign-in"), "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    assert "Wait 15 minutes" in answer.text
    stage.clock.t += 901 * NS
    assert client.sign_in("owner").status_code == 303


def test_a_disabled_account_cannot_sign_in_and_its_session_ends(stage, browse):
    client = browse()
    client.sign_in("owner")
    account = stage.records.accounts.account_by_email("owner@hengyuan.test")
    stage.records.accounts.disable(account.id, NOW_NS, stage.records.audit.latest(1)[0])
    assert client.page("/").status_code == 303
    assert client.sign_in("owner").status_code == 401


def test_a_session_ends_by_itself(stage, browse):
    client = browse(session_hours=1)
    client.sign_in("owner")
    stage.clock.t += 3599 * NS
    assert client.page("/").status_code == 200
    stage.clock.t += 2 * NS
    assert client.page("/").status_code == 303


@pytest.mark.parametrize("path", ["acknowledge", "transitions"])
@pytest.mark.parametrize("csrf", ["", "another", "\N{SNOWMAN}"])
def test_a_form_without_the_sessions_token_changes_nothing(stage, browse, path, csrf):
    client = browse()
    client.sign_in("owner")
    before = stage.records.audit.count()
    answer = client.post(
        f"/work-orders/wo-pt-h-02-drift/{path}",
        data={"csrf": csrf, "to": "approved"},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 403
    assert "Reload the page" in answer.text
    assert stage.records.audit.count() == before


def test_a_session_needs_its_token_for_the_interface_too(stage, browse):
    client = browse()
    client.sign_in("owner")
    path = "/api/v1/work-orders/wo-pt-h-02-drift/acknowledge"
    assert client.post(path).status_code == 403
    assert client.post(path, headers={"X-CSRF-Token": client.csrf("/")}).status_code == 200


def test_a_sign_in_form_of_another_site_is_not_taken(browse):
    client = browse()
    client.page("/sign-in")
    form = {"csrf": "made up", "email": "owner@hengyuan.test", "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 403
    assert "steelyard_session" not in client.cookies


def test_the_demonstration_opens_as_the_institute_and_lets_one_see_it_as_others(browse):
    client = browse(demo=True)
    text = client.page("/").text
    assert "Instruments you look after" in text
    assert "demonstration" in text
    for who, heading, seen in (
        ("demo-hengyuan-owner", "Your instruments", "pt-h-02"),
        ("demo-supervision-supervisor", "Instruments in your region", "ws-l-02"),
        ("demo-provincial-verifier", "Instruments you look after", "tt-i-01"),
    ):
        answer = client.post("/demo/switch", data={"csrf": client.csrf("/"), "account": who})
        assert answer.status_code == 303
        text = client.page("/").text
        assert heading in text
        assert seen in text
    assert client.page("/sign-in").status_code == 303


def test_while_the_demonstration_tells_its_history_every_page_says_so(stage, browse, tmp_path):
    hour = 3600 * NS
    begin = NOW_NS - 100 * hour
    Pace.create(tmp_path / "pace", 1, begin - hour)
    wall = SettableClock()
    stage.clock = ScaledClock(
        wall,
        simulated_from_ns=begin,
        wall_from_ns=NOW_NS,
        rate=3600.0,
        step_ns=hour,
        pace=Pace(tmp_path / "pace", 0),
    )
    client = browse(demo=True)
    for path in ("/", "/instruments/pt-h-02", "/work-orders", "/gateways", "/alerts"):
        text = client.page(path).text
        assert f"these pages stand at {legal_date(begin, 480)}" in text
        assert "busy" not in text
    wall.t += 10 * NS
    assert "This machine is busy" in client.page("/").text
    outside = browse(key=None)
    outside.sign_in("owner")
    assert "still being" not in outside.page("/").text, "the demonstration alone"


def test_what_nobody_has_assessed_is_not_counted_as_in_order(stage, browse, monkeypatch):
    client = browse()
    client.sign_in("owner")
    assert "Not assessed" not in client.page("/").text
    monkeypatch.setattr(stage.records.verification, "latest_assessments", dict)
    text = client.page("/").text
    figures = re.findall(r'class="figure">(\d+)</span>.*?class="name">([^<]+)<', text, re.DOTALL)
    numbers = {name: int(number) for number, name in figures}
    assert numbers["In order"] == 0
    assert numbers["Not assessed"] > 0
    assert client.page("/?status=not_assessed").text.count("It has not been assessed yet") == numbers["Not assessed"]


def test_what_is_not_assessed_yet_is_said_until_it_is(stage, browse):
    client = browse(demo=True)
    assert "still being" not in client.page("/").text
    stage.clock.t += DAY
    text = client.page("/").text
    assert re.search(r"\d+ of \d+ instruments are still being assessed", text)


def test_outside_the_demonstration_nobody_becomes_somebody_else(browse):
    client = browse()
    client.sign_in("owner")
    form = {"csrf": client.csrf("/"), "account": "demo-provincial-planner"}
    assert client.post("/demo/switch", data=form).status_code == 404
    assert "See it as" not in client.page("/").text


def test_in_the_demonstration_only_its_own_people_can_be_chosen(stage, browse):
    client = browse(demo=True)
    real = stage.records.accounts.account_by_email("approver@provincial.test")
    form = {"csrf": client.csrf("/"), "account": real.id}
    assert client.post("/demo/switch", data=form).status_code == 404


def test_the_overview_counts_and_orders_by_urgency(browse):
    text = browse(demo=True).page("/").text
    figures = re.findall(r'<span class="figure">(\d+)</span>.*?<span class="name">([^<]+)</span>', text, re.DOTALL)
    assert [(int(n), label) for n, label in figures] == [
        (0, "Overdue or out of service"),
        (1, "Sudden change"),
        (1, "Drifting"),
        (1, "Due soon"),
        (11, "In order"),
    ]
    shown = re.findall(r'href="/instruments/([\w-]+)"', text)
    assert shown[:3] == ["em-h-03", "pt-h-02", "ws-l-02"]


def test_the_overview_is_searched_by_words_and_filtered_by_status(browse):
    client = browse(demo=True)

    def shown(query):
        return re.findall(r'href="/instruments/([\w-]+)"', client.page(f"/?{query}").text)

    assert shown("q=truck+linjiang") == ["ws-l-02", "ws-l-01"]
    assert shown("status=drifting") == ["pt-h-02"]
    assert shown("q=pt-h&status=valid") == ["pt-h-01"]
    assert shown("q=%3Cscript%3E") == []
    assert "<script>" not in client.page("/?q=<script>").text.split("<main")[1]


def test_the_instruments_page_explains_its_date_with_numbers(browse):
    text = browse(demo=True).page("/instruments/pt-h-02").text
    assert "brought forward, never put off" in text
    assert "12 months (JJG 882-2019)" in text
    assert "85 % of what is permitted" in text
    assert "+6.80 ± 0.90" in text
    assert "PMI-2026-pt-h-02" in text
    assert "Uncertainty not known" not in text
    assert "learned from 860 certificates of 214 instruments of its kind" in text
    assert "for want of certificates of its kind" in browse(demo=True).page("/instruments/em-h-03").text


def test_a_readings_store_that_is_away_leaves_the_rest_of_the_page(stage, browse, monkeypatch):
    def away(*_):
        raise StoreUnavailable("x", "y", "z")

    monkeypatch.setattr(stage.readings, "latest", away)
    answer = browse(demo=True).page("/instruments/pt-h-02")
    assert answer.status_code == 200
    assert "Nothing is lost" in answer.text
    assert "Verify by" in answer.text


def test_an_order_is_acknowledged_and_moved_by_forms(stage, browse):
    client = browse(demo=True)
    csrf = client.csrf("/work-orders/wo-pt-h-02-drift")
    answer = client.post("/work-orders/wo-pt-h-02-drift/acknowledge", data={"csrf": csrf})
    page = client.page(answer.headers["location"]).text
    assert "You have acknowledged this work order." in page
    assert "Seen by Planner" in page
    assert "Acknowledge</button>" not in page
    form = {"csrf": csrf, "to": "approved", "why": "agreed\r\nby phone\x00"}
    answer = client.post("/work-orders/wo-pt-h-02-drift/transitions", data=form)
    assert "has moved on" in client.page(answer.headers["location"]).text
    assert stage.records.orders.order("wo-pt-h-02-drift").state is OrderState.APPROVED
    assert stage.records.audit.entries_of("work_order", "wo-pt-h-02-drift")[-1].why == "agreed\nby phone"


def test_a_refused_form_shows_the_order_again_with_what_was_typed(browse):
    client = browse(demo=True)
    csrf = client.csrf("/work-orders/wo-pt-h-02-drift")
    answer = client.post("/work-orders/wo-pt-h-02-drift/transitions", data={"csrf": csrf, "to": "cancelled", "why": ""})
    assert answer.status_code == 422
    assert "Say why the order becomes cancelled." in answer.text
    answer = client.post(
        "/work-orders/wo-pt-h-02-drift/transitions", data={"csrf": csrf, "to": "closed", "why": "<b>done</b>"}
    )
    assert answer.status_code == 409
    assert "&lt;b&gt;done&lt;/b&gt;" in answer.text


def test_an_order_that_left_the_main_way_shows_where_it_went(browse):
    client = browse(demo=True)
    csrf = client.csrf("/")
    form = {"csrf": csrf, "to": "cancelled", "why": "sold"}
    client.post("/work-orders/wo-pt-h-02-drift/transitions", data=form)
    text = client.page("/work-orders/wo-pt-h-02-drift").text
    stops = re.findall(r'<li class="(done|now|ahead)"[^>]*>([^<]+)</li>', text)
    assert stops == [("done", "Proposed"), ("now", "Cancelled")]
    assert "This work order has ended." in text


@pytest.mark.parametrize("status", InstrumentStatus)
def test_every_status_has_its_words_on_the_page(stage, browse, monkeypatch, status):
    held = stage.records.verification.latest_assessments()
    stage.records.verification.save_assessments(
        [replace(held["pt-h-02"], status=status, estimate=None, at_ns=NOW_NS + DAY)]
    )
    client = browse(demo=True)
    assert client.page("/").status_code == 200
    text = client.page("/instruments/pt-h-02").text
    assert "Nothing is known about its error yet" in text


def test_empty_pages_say_what_happens_next(browse, stage, monkeypatch):
    monkeypatch.setattr(stage.records.registry, "instruments", list)
    monkeypatch.setattr(stage.records.registry, "gateways", list)
    monkeypatch.setattr(stage.records.orders, "orders", lambda organizations=None: [])
    monkeypatch.setattr(stage.records.alerts, "log", lambda organizations=None, limit=200: [])
    client = browse(demo=True)
    assert "No instruments yet" in client.page("/").text
    orders = client.page("/work-orders").text
    assert "No work orders here" in orders
    assert "has to be done" not in orders, "an empty list claims nothing"
    assert "No gateways yet" in client.page("/gateways").text
    assert "No alert has been sent" in client.page("/alerts").text


def test_a_page_that_is_not_there_leads_back(browse):
    answer = browse(demo=True).page("/no-such-page")
    assert answer.status_code == 404
    assert "To the instruments" in answer.text


def test_gateways_are_shown_with_the_state_they_are_in(stage, browse):
    text = browse(demo=True).page("/gateways").text
    for words in ("Connected", "Not connected", "Never heard of", "2 of 4 connected", "Right, within 2.1 ms"):
        assert words in text
    stage.clock.t += 400 * NS
    assert "Silent" in browse(demo=True).page("/gateways").text


def test_a_gateway_whose_history_is_played_back_is_not_called_silent(stage):
    health = next(each for each in stage.records.health.all() if each.last_frame_ns is not None)
    health = replace(health, state="online")
    long_after = health.last_frame_ns + 3600 * NS
    assert gateway_standing(health, long_after).label == "Silent"
    assert gateway_standing(health, long_after, playing_back=True).label == "Connected"


def test_times_are_shown_in_the_zone_of_the_setting(browse):
    assert "2026-11-21 16:30 CST" in browse(demo=True, time_zone="Asia/Shanghai").page("/").text


@pytest.mark.parametrize(("trigger", "label"), [(Trigger.JUMP, "Changed about"), (Trigger.DRIFT, "Found")])
def test_the_time_of_a_jump_is_not_said_to_be_when_it_was_found(stage, browse, trigger, label):
    client = browse(demo=True)
    page = client.page(f"/work-orders/{stage.orders[trigger]}").text
    assert f"<dt>{label}</dt>" in page
    assert page.count("Changed about") + page.count("<dt>Found</dt>") == 1
