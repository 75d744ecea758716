"""Making a page: templates, the files they load, and what every page shows around its content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from steelyard.api.assets import Assets
from steelyard.api.errors import Refused
from steelyard.api.instants import plain
from steelyard.api.principals import Principal
from steelyard.api.problems import Problem, refused_headers
from steelyard.api.settings import ApiSettings
from steelyard.api.wording import ROLES
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.registry import Organization

PLACES = (("/", "Instruments"), ("/work-orders", "Work orders"), ("/gateways", "Gateways"), ("/alerts", "Alerts"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry of the main navigation."""

    href: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads the page, as the page says it."""

    who: str
    name: str
    role_name: str
    organization: Organization
    csrf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """In the demonstration: somebody whose eyes one may borrow."""

    id: str
    name: str
    organization: OrganizationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and what is to be said under it."""

    name: str
    text: str


class Pages:
    """Renders the templates of this package; everything is escaped.

    Args:
        settings: the table [api].
        notices: sentences that stand above the content of every page at the moment.
    """

    def __init__(self, settings: ApiSettings, notices: Callable[[], Sequence[str]] = tuple) -> None:
        self._notices = notices
        self.assets = Assets()
        self.zone: ZoneInfo = settings.zone()
        self._demo = settings.demo
        self._templates = Environment(
            loader=PackageLoader("steelyard.api"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["asset"] = self.assets.path

    def time(self, t_ns: int) -> str:
        """Return an instant as the console writes it."""
        return plain(t_ns, self.zone)

    def render(
        self,
        request: Request,
        template: str,
        principal: Principal | None,
        *,
        choices: Sequence[Choice] = (),
        status: int = 200,
        **content: Any,
    ) -> HTMLResponse:
        """Return a page.

        Args:
            request: which page is asked for.
            template: file name.
            principal: who reads it, None before signing in.
            choices: in the demonstration, whose eyes one may borrow.
            status: HTTP status.
            content: what the template shows.
        """
        reader = None
        if principal is not None:
            reader = Reader(
                who=principal.who,
                name=principal.name,
                role_name=ROLES[principal.role],
                organization=principal.organization,
                csrf=principal.csrf or "",
            )
        text = self._templates.get_template(template).render(
            me=reader,
            demo=self._demo,
            choices=choices,
            notices=self._notices() if reader is not None else (),
            places=[Place(href=href, name=name, here=_here(request.url.path, href)) for href, name in PLACES],
            zone_name=self.zone.key,
            style_nonce=request.scope["state"]["style_nonce"],
            **content,
        )
        return HTMLResponse(text, status_code=status)

    def problem(self, request: Request, problem: Problem, error: Refused | None = None) -> HTMLResponse:
        """Return the page that tells of an error."""
        answer = self.render(request, "problem.html", None, status=problem.status, problem=problem)
        answer.headers.update(refused_headers(error) if error is not None else {})
        return answer


def _here(path: str, href: str) -> bool:
    if href == "/":
        return path == "/" or path.startswith("/instruments")
    return path.startswith(href)
