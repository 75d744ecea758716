"""A world, and a client that talks to the application in this process."""

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest
from api.stage import PASSWORD, PEOPLE, Stage


class Browser:
    """Sends requests to an application in this process; keeps cookies. One event loop for its whole life."""

    def __init__(self, app, *, key: str | None = None, base_url: str = "http://console.test") -> None:
        self.app = app
        self._runner = asyncio.Runner()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base_url, headers=headers)

    def request(self, method: str, path: str, **more) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **more))

    def get(self, path: str, **more) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more) -> httpx.Response:
        return self.request("POST", path, **more)

    def page(self, path: str, **more) -> httpx.Response:
        return self.get(path, headers={"Accept": "text/html"}, **more)

    def csrf(self, path: str = "/") -> str:
        """The token of the first form on a page."""
        return re.search(r'name="csrf" value="([^"]+)"', self.page(path).text)[1]

    def sign_in(self, name: str) -> httpx.Response:
        organization, _ = PEOPLE[name]
        form = {"csrf": self.csrf("/sign-in"), "email": f"{name}@{organization}.test", "password": PASSWORD}
        return self.post("/sign-in", data=form)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Stage:
    """A closed world to copy."""
    held = Stage(tmp_path_factory.mktemp("template"))
    held.close()
    return held


@pytest.fixture
def stage(tmp_path, template) -> Iterator[Stage]:
    """A world of this test's own."""
    held = Stage(tmp_path, like=template)
    yield held
    held.close()


@pytest.fixture
def browse(stage) -> Iterator:
    """Makes clients: ``browse(key="planner")`` with a key, ``browse(demo=True)`` for the demonstration."""
    opened: list[Browser] = []

    def make(app=None, *, key: str | None = None, base_url: str = "http://console.test", **settings) -> Browser:
        browser = Browser(app or stage.app(**settings), key=stage.keys[key] if key else None, base_url=base_url)
        opened.append(browser)
        return browser

    yield make
    for browser in opened:
        browser.close()


@pytest.fixture(scope="session")
def quiet_stage(tmp_path_factory, template) -> Iterator[Stage]:
    """One world for all tests that only read."""
    held = Stage(tmp_path_factory.mktemp("stage"), like=template)
    yield held
    held.close()


@pytest.fixture(scope="session")
def readers(quiet_stage) -> Iterator[dict[str, Browser]]:
    """A client for each of PEOPLE, by key, on the world that is only read."""
    app = quiet_stage.app()
    opened = {name: Browser(app, key=key) for name, key in quiet_stage.keys.items()}
    yield opened
    for browser in opened.values():
        browser.close()
