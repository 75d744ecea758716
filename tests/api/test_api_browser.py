"""The console in a real browser: from the overview to the drifting instrument to its work order, and acknowledging it.

With STEELYARD_SCREENSHOTS set to a directory the pictures of the documentation are made there.
"""

import os
import socket
import threading
from pathlib import Path

import pytest
import uvicorn
import waiting
from api.stage import Stage
from playwright.sync_api import expect, sync_playwright
from servers.chromium import ARGUMENTS

pytestmark = pytest.mark.slow
PATIENCE_MS = 1000 * waiting.PATIENCE_S
expect.set_options(timeout=PATIENCE_MS)
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The demonstration's console, served by uvicorn in a thread."""
    stage = Stage(tmp_path_factory.mktemp("browser"), history=True)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(stage.app(demo=True), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    waiting.until(lambda: server.started, "uvicorn has started")
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(waiting.PATIENCE_S)
    listening.close()
    stage.close()


@pytest.fixture(scope="module")
def chromium(chromium_path):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium_path), args=list(ARGUMENTS), timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Opens a page: ``visit(viewport, scheme)``; afterwards there must be no console error and no foreign request."""
    opened, faults = [], []

    def open_page(viewport=DESKTOP, scheme="light", scale=1):
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, device_scale_factor=scale)
        opened.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda m: faults.append(f"{m.type}: {m.text}") if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        page.on("request", lambda r: None if r.url.startswith((address, "data:")) else faults.append(r.url))
        page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert faults == []


def drawn(page):
    """Wait until both charts of an instrument's page are drawn, in which scheme."""
    places = [page.locator(f"[data-chart$={name}]") for name in ("error", "readings")]
    for place in places:
        place.and_(page.locator("[data-drawn]")).wait_for()
        place.locator("canvas").first.wait_for()
    page.wait_for_function("Bokeh.documents.every(drawing => drawing.is_idle)")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return {place.get_attribute("data-drawn") for place in places}


def picture(page, name, *, whole=False):
    directory = os.environ.get("STEELYARD_SCREENSHOTS")
    if directory:
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=whole)


def test_the_way_from_the_overview_to_the_acknowledged_work_order(visit, address):
    page = visit()
    page.goto(address)
    picture(page, "overview-desktop")
    page.get_by_role("link", name="Drifting").first.click()
    page.get_by_role("link", name="Steam pressure 2").click()
    assert drawn(page) == {"light"}
    expect(page.get_by_text("Verify it before the error leaves the permitted range")).to_be_visible()
    picture(page, "instrument", whole=True)
    page.get_by_role("link", name="See the work order").click()
    expect(page.get_by_role("heading", name="Verify early")).to_be_visible()
    picture(page, "work-order", whole=True)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("You have acknowledged this work order.")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(page.get_by_text("Seen by Planner")).to_be_visible()
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()


def test_the_same_way_by_the_keyboard_alone(visit, address):
    page = visit()
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1] == "Steam pressure 2":
            break
    assert reached[-1] == "Steam pressure 2"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/instruments/pt-h-02")
    drawn(page)


def test_the_dark_scheme_draws_dark_charts_and_follows_a_change(visit, address):
    page = visit(scheme="dark")
    page.goto(address)
    picture(page, "overview-dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 26)"
    page.goto(f"{address}/instruments/pt-h-02")
    assert drawn(page) == {"dark"}
    picture(page, "instrument-dark", whole=True)
    page.emulate_media(color_scheme="light")
    page.locator("[data-chart$=error][data-drawn=light]").wait_for()
    page.locator("[data-chart$=readings][data-drawn=light]").wait_for()
    assert drawn(page) == {"light"}


@pytest.mark.parametrize(
    "path", ["/", "/instruments/pt-h-02", "/instruments/em-h-03", "/work-orders", "/work-orders/wo-pt-h-02-drift",
             "/gateways", "/alerts", "/?q=nothing-fits"]
)  # fmt: skip
@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_page_is_wider_than_a_narrow_screen(visit, address, path, width):
    page = visit({"width": width, "height": 700})
    page.goto(f"{address}{path}")
    if path.startswith("/instruments"):
        drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_table_becomes_cards(visit, address):
    page = visit(PHONE, scale=2)
    page.goto(address)
    assert page.locator("table.cards tbody tr").first.evaluate("e => getComputedStyle(e).display") == "block"
    picture(page, "overview-phone")
    page.goto(f"{address}/instruments/pt-h-02")
    drawn(page)
    picture(page, "instrument-phone")


def test_the_live_value_is_refreshed_without_a_reload(visit, address):
    page = visit()
    page.clock.install()
    page.goto(f"{address}/instruments/pt-h-02")
    drawn(page)
    page.locator("[data-channel=pressure] [data-part=text]").evaluate("e => { e.textContent = 'old' }")
    with page.expect_response("**/live"):
        page.clock.fast_forward("00:10")
    page.locator("[data-channel=pressure] [data-part=text]", has_text="kPa").wait_for()


def test_a_page_prints_without_what_only_a_screen_needs(visit, address):
    page = visit()
    page.goto(f"{address}/work-orders/wo-pt-h-02-drift")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Switch")).not_to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).not_to_be_visible()
    expect(page.get_by_text("Why this order exists")).to_be_visible()


@pytest.mark.parametrize(("width", "instrument"), [(320, "pt-l-01"), (1280, "pt-h-01")])
def test_the_state_of_a_device_is_changed_by_the_keyboard_on_its_page(visit, address, width, instrument):
    page = visit({"width": width, "height": 860})
    page.goto(f"{address}/instruments/{instrument}")
    drawn(page)
    choice = page.get_by_role("combobox", name="State", exact=True)
    choice.focus()
    page.keyboard.press("S")  # Stored
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "date"
    page.get_by_role("textbox", name="Why").focus()
    page.keyboard.type(f"to the store, at {width} pixels")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**#device-heading")
    drawn(page)
    expect(page.locator("[aria-labelledby=device-heading] dd").first).to_contain_text("Stored, since 2026-11-21")
    expect(page.get_by_role("heading", name="State, owner and position")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
