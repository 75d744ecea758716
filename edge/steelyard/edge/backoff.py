"""How long to leave alone what does not answer.

One lost reply costs nothing: the next deadline is kept. From the second failure on the pauses double, so that a dead
instrument takes no time from those that share its line.
"""

from __future__ import annotations


class Backoff:
    """Pauses between attempts; instants and durations are nanoseconds of the monotonic clock."""

    def __init__(self, *, first_ns: int = 100_000_000, longest_ns: int = 10_000_000_000) -> None:
        self._first_ns = first_ns
        self._longest_ns = longest_ns
        self._failures = 0
        self._until_ns = 0

    def may_try(self, now_ns: int) -> bool:
        """Whether the pause is over."""
        return self._failures < 2 or now_ns >= self._until_ns

    def failed(self, now_ns: int) -> None:
        """An attempt failed."""
        self._failures += 1
        pause_ns = self._first_ns * 2 ** min(max(self._failures - 2, 0), 30)
        self._until_ns = now_ns + min(pause_ns, self._longest_ns)

    def succeeded(self) -> None:
        """An attempt succeeded: no pause any more."""
        self._failures = 0
