"""What to send next: frames fresh from the spool's thread, or the backlog from the disk.

Live, a frame goes out from memory as soon as it is stored. Behind (after a restart, an outage, a missing receipt)
frames are read back from the spool in order, and memory holds no more than a few batches of them, however long the
outage was.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steelyard.edge.frames import SignedFrame
    from steelyard.edge.window import SendWindow

MAX_FRESH = 256
"""Frames kept in memory while the sender cannot take them; beyond, they are read back from the spool."""


class Outbox:
    """The frames that follow the window's cursor.

    The spool's thread tells what it stored and what it read back in the order in which it did so; that order is what
    makes "nothing was left to read" mean "whatever is stored from now on is all there is".
    """

    def __init__(self, window: SendWindow) -> None:
        self._window = window
        self._waiting: deque[SignedFrame] = deque()
        self._live = False
        self._reading = False
        self._reads = 0

    @property
    def live(self) -> bool:
        """Whether everything that follows the cursor is in memory."""
        return self._live

    def stored(self, frames: list[SignedFrame]) -> None:
        """`frames` have reached the disk."""
        if self._live:
            self._waiting.extend(frames)
            if len(self._waiting) > MAX_FRESH:
                self._fall_behind()

    def must_read(self) -> int | None:
        """The ticket of the read that is wanted now, None when none is."""
        if self._live or self._reading or self._waiting:
            return None
        self._reading = True
        self._reads += 1
        return self._reads

    def read(self, ticket: int, frames: list[SignedFrame]) -> None:
        """The spool gave `frames` after the cursor; what was ordered before going back is ignored."""
        if ticket != self._reads or not self._reading:
            return
        self._reading = False
        if frames:
            self._waiting.extend(frames)
        else:
            self._live = True

    def peek(self) -> SignedFrame | None:
        """The frame to send next, if it is in memory; those that got their receipt meanwhile are passed over."""
        while self._waiting and self._waiting[0].number <= self._window.cursor:
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else None

    def pop(self) -> None:
        """The frame that `peek` gave was sent."""
        self._waiting.popleft()

    def go_back(self) -> None:
        """The cursor went back: memory does not hold what follows it any more."""
        self._window.go_back()
        self._fall_behind()

    def _fall_behind(self) -> None:
        self._waiting.clear()
        self._live = False
        self._reading = False
