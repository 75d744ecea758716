"""What surrounds every answer: security headers, and a bound on what a request may carry.

The content security policy allows this origin alone. Bokeh puts style elements into its charts, so a page may ask for
a nonce (`request.state.style_nonce`) that its own script hands to those elements; scripts never get one.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from steelyard.api.errors import TooLarge
from steelyard.api.problems import Problem, problem_response, response

MAX_BODY_BYTES = 1_000_000
"""No request of this interface needs more: the longest is a verification event with some hundred test points."""

UNEXPECTED = Problem(
    title="Something went wrong here",
    status=500,
    detail="The request could not be answered because of a fault of the server.",
    remedy="Try again; if it happens again, tell the person who runs Steelyard the time at which it happened.",
)

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_FIXED = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(nonce: str) -> str:
    """Return the policy of one answer; the nonce is for style elements only."""
    return (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Surroundings:
    """ASGI middleware that adds the headers and refuses a body that is too large."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (the ASGI protocol)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["style_nonce"] = nonce
        https = scope.get("scheme") == "https"

        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
                present = {name.lower() for name, _ in headers}
                wanted = {**_FIXED, b"content-security-policy": content_security_policy(nonce).encode()}
                if https:
                    wanted[b"strict-transport-security"] = b"max-age=31536000"
                if b"cache-control" not in present:
                    wanted[b"cache-control"] = b"no-store"
                headers += [(name, value) for name, value in wanted.items() if name not in present]
                message = {**message, "headers": headers}
            await send(message)

        if _announced(scope) > MAX_BODY_BYTES:
            error = TooLarge(
                f"The request carries {_announced(scope)} bytes.",
                field="body",
                value=f"{_announced(scope)} bytes",
                remedy=f"Send at most {MAX_BODY_BYTES} bytes.",
            )
            await problem_response(error)(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, _bounded(receive), send_with_headers)
        except Exception:  # the server must live on: whatever it was is logged, and told without its inside
            log.exception("%s %s failed", scope.get("method"), scope.get("path"))
            if begun:
                raise
            await response(UNEXPECTED)(scope, receive, send_with_headers)


def _announced(scope: Scope) -> int:
    for name, value in scope.get("headers", []):
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


def _bounded(receive: Receive) -> Receive:
    """Stop reading a body of unannounced length at the bound: the rest is treated as a broken connection."""
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY_BYTES:
                return {"type": "http.disconnect"}
        return message

    return receive_bounded
