"""Calling a webhook: JSON by POST, signed with a shared secret.

The header ``Steelyard-Signature: t=UNIX,v1=HEX`` carries an HMAC-SHA256 (RFC 2104) over ``UNIX.BODY``; the time stands
in it so that a receiver can refuse an old message played again. ``Idempotency-Key`` is the same for every attempt at
the same alert.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

import httpx

from steelyard.api.errors import DeliveryFailed
from steelyard.api.instants import NS
from steelyard.api.settings import WebhookSettings

TRY_AGAIN = frozenset({408, 425, 429})
"""Client errors that pass (RFC 9110, 15.5.9; RFC 8470; RFC 6585); every other 4xx says that the message is wrong."""


def signature(secret: str, unix_s: int, body: bytes) -> str:
    """Return the value of the signature header."""
    digest = hmac.new(secret.encode(), str(unix_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={unix_s},v1={digest}"


def verify(header: str, secret: str, body: bytes, now_s: int, tolerance_s: int = 300) -> bool:
    """Return whether a signature header is right and not older than `tolerance_s`: for receivers written in Python."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    stamp = parts.get("t", "")
    if not stamp.isdigit() or abs(now_s - int(stamp)) > tolerance_s:
        return False
    return hmac.compare_digest(signature(secret, int(stamp), body), header)


def host_of(url: str) -> str:
    """Return the host and port of an address: what may be shown of it, since its path can hold a secret."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "the webhook"
    except ValueError:
        return "the webhook"


def call(hook: WebhookSettings, *, key: str, body: str, now_ns: int) -> str:
    """Send one message; returns what the receiver answered.

    Raises:
        DeliveryFailed: the receiver cannot be reached, is too slow, or does not answer 2xx. Redirects are not followed.
    """
    content = body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "steelyard",
        "Idempotency-Key": key,
        "Steelyard-Signature": signature(hook.secret, now_ns // NS, content),
    }
    try:
        answer = httpx.post(
            hook.url, content=content, headers=headers, timeout=hook.timeout_s, follow_redirects=False, trust_env=False
        )
    except httpx.InvalidURL as cause:
        raise DeliveryFailed(f"{host_of(hook.url)} is no address: {cause}", final=True) from cause
    except httpx.HTTPError as cause:
        raise DeliveryFailed(
            f"{host_of(hook.url)} cannot be reached: {str(cause) or type(cause).__name__}", final=False
        ) from cause
    if answer.is_success:
        return f"answered {answer.status_code}"
    final = answer.status_code < 500 and answer.status_code not in TRY_AGAIN
    raise DeliveryFailed(f"{host_of(hook.url)} answered {answer.status_code}", final=final)
