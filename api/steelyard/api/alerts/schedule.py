"""When a message is tried again: a pure function of when it was written and how often it failed."""

from __future__ import annotations

from steelyard.api.instants import NS
from steelyard.api.settings import AlertSettings


def pause_ns(failures: int, settings: AlertSettings) -> int:
    """Return how long to wait after the `failures`-th failed attempt (1 is the first): doubling, up to the longest."""
    if failures < 1:
        return 0
    doubled = settings.first_retry_s * 2.0 ** min(failures - 1, 40)
    return round(min(doubled, settings.longest_retry_s) * NS)


def next_attempt_ns(created_ns: int, last_attempt_ns: int | None, attempts: int, settings: AlertSettings) -> int | None:
    """Return when a message should next be tried, or None when it is given up.

    Args:
        created_ns: when it was written, UTC ns.
        last_attempt_ns: when it was last tried, or None.
        attempts: how often it was tried without success.
        settings: pauses and the number of attempts.
    """
    if attempts >= settings.max_attempts:
        return None
    if last_attempt_ns is None:
        return created_ns
    return last_attempt_ns + pause_ns(attempts, settings)
