"""Which frames are on their way, and when to send them again.

Frames are sent in order; those sent and not yet receipted are bounded in number and bytes. When no receipt comes for
a while, or the connection was lost, everything after the last receipt is sent again (go-back-N): ingest stores a
repeated frame once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steelyard.edge.frames import FrameNumber

if TYPE_CHECKING:
    from steelyard.edge.frames import FrameSpan, SignedFrame

NOTHING = FrameNumber(boot=0, seq=0)
"""Before every frame: boots count from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLimits:
    """Bounds of what is under way; nanoseconds without a receipt until it is sent again, doubled each time."""

    max_frames: int = 1024
    max_bytes: int = 8 * 2**20
    resend_after_ns: int = 5_000_000_000
    resend_after_max_ns: int = 120_000_000_000


class SendWindow:
    """The frames that were handed to the broker and have no receipt yet. Instants are of the monotonic clock."""

    def __init__(self, limits: WindowLimits) -> None:
        self._limits = limits
        self._under_way: deque[tuple[FrameNumber, int]] = deque()
        self._bytes = 0
        self._patience_ns = limits.resend_after_ns
        self._since_ns = 0
        self.cursor = NOTHING
        """The frame sent last; the next to send is the one after it."""
        self.highest: dict[int, int] = {}
        """The highest seq ever sent, by boot."""

    @property
    def frames(self) -> int:
        """How many frames are under way."""
        return len(self._under_way)

    @property
    def has_room(self) -> bool:
        """Whether another frame may be sent."""
        return len(self._under_way) < self._limits.max_frames and self._bytes < self._limits.max_bytes

    def sent(self, frame: SignedFrame, now_ns: int) -> None:
        """The broker took `frame`, the one after the cursor."""
        if not self._under_way:
            self._since_ns = now_ns
        number = frame.number
        self._under_way.append((number, len(frame.message)))
        self._bytes += len(frame.message)
        self.cursor = number
        self.highest[number.boot] = max(number.seq, self.highest.get(number.boot, 0))

    def receipted(self, span: FrameSpan, now_ns: int) -> int:
        """The frames of `span` are in the ledger; returns how many of those under way that were.

        Patience is with the oldest one under way: that later ones arrive must not put off its being sent again.
        """
        before = len(self._under_way)
        oldest_came = before > 0 and self._under_way[0][0] in span
        while self._under_way and self._under_way[0][0] in span:
            self._bytes -= self._under_way.popleft()[1]
        if self._under_way and not oldest_came:
            # Another boot than the one that is being sent, or beyond a gap: rare, since frames arrive in order.
            kept = [(number, size) for number, size in self._under_way if number not in span]
            self._under_way = deque(kept)
            self._bytes = sum(size for _, size in kept)
        if self.cursor.boot == span.boot and span.first - 1 <= self.cursor.seq < span.last:
            # Sent, gone back over, and receipted in the meantime: not to be sent again.
            self.cursor = FrameNumber(boot=span.boot, seq=span.last)
        if oldest_came:
            self._since_ns = now_ns
            self._patience_ns = self._limits.resend_after_ns
        return before - len(self._under_way)

    def resend_at_ns(self) -> int | None:
        """When patience ends; None while nothing is under way."""
        return self._since_ns + self._patience_ns if self._under_way else None

    def overdue(self, now_ns: int) -> bool:
        """Whether receipts are overdue; if so, goes back, and waits twice as long the next time."""
        at_ns = self.resend_at_ns()
        if at_ns is None or now_ns < at_ns:
            return False
        self._patience_ns = min(2 * self._patience_ns, self._limits.resend_after_max_ns)
        self.go_back()
        return True

    def go_back(self) -> None:
        """Forget what is under way: sending goes on with the oldest frame that has no receipt."""
        if self._under_way:
            first = self._under_way[0][0]
            self.cursor = FrameNumber(boot=first.boot, seq=first.seq - 1)
        self._under_way.clear()
        self._bytes = 0
