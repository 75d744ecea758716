"""How many failed sign-ins an account and an address may have before they must wait.

A sliding window over failures, kept in memory: it is lost when the process restarts, which shortens a wait but
never weakens a password. Both tables are bounded, so an attacker who invents names cannot fill the memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleLimits:
    """Failed attempts allowed within a window."""

    per_account: int = 5
    """Failures for one e-mail address, from anywhere."""
    per_address: int = 20
    """Failures from one network address, for any account."""
    window_s: int = 900
    """Seconds over which failures count."""
    max_keys: int = 10_000
    """Accounts and addresses remembered at most (each)."""


@dataclass(slots=True)
class _Table:
    """Times of failures by key, the least recently touched key first."""

    failures: OrderedDict[str, deque[int]] = field(default_factory=OrderedDict)


class Throttle:
    """Counts failed sign-ins; the time is always passed in."""

    def __init__(self, limits: ThrottleLimits | None = None) -> None:
        self._limits = limits or ThrottleLimits()
        self._accounts = _Table()
        self._addresses = _Table()
        self._lock = threading.Lock()

    def attempt(self, account: str, address: str, now_ns: int) -> int:
        """Record an attempt as failed, unless it must wait.

        Args:
            account: the e-mail as it will be looked up.
            address: the network address of the caller.
            now_ns: UTC nanoseconds.

        Returns:
            The seconds that this account or address must still wait; 0 when it may try now.
        """
        with self._lock:
            wait_s = max(
                self._wait(self._accounts, account, self._limits.per_account, now_ns),
                self._wait(self._addresses, address, self._limits.per_address, now_ns),
            )
            if wait_s > 0:
                return wait_s
            for table, key in ((self._accounts, account), (self._addresses, address)):
                table.failures.setdefault(key, deque()).append(now_ns)
                table.failures.move_to_end(key)
                while len(table.failures) > self._limits.max_keys:
                    table.failures.popitem(last=False)
            return 0

    def succeeded(self, account: str, address: str, now_ns: int) -> None:
        """Forget an account's failures, and of its address this attempt alone.

        One right guess does not excuse a hundred wrong ones. `now_ns` as given to `attempt`.
        """
        with self._lock:
            self._accounts.failures.pop(account, None)
            times = self._addresses.failures.get(address)
            if times is not None and now_ns in times:
                times.remove(now_ns)

    def _wait(self, table: _Table, key: str, allowed: int, now_ns: int) -> int:
        times = table.failures.get(key)
        if times is None:
            return 0
        window_ns = self._limits.window_s * NS
        while times and times[0] <= now_ns - window_ns:
            times.popleft()
        if not times:
            del table.failures[key]
            return 0
        if len(times) < allowed:
            return 0
        # The wait ends when so many old failures have left the window that fewer than `allowed` remain.
        leaves_ns = times[len(times) - allowed] + window_ns
        return -((now_ns - leaves_ns) // NS)
