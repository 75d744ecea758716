"""The spool's thread: SQLite waits for the disk here, the polling loop does not.

Group commit without delay: whatever came while the last transaction was on its way to the disk goes into the next one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steelyard.edge.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from steelyard.edge.frames import FrameNumber, FrameSpan, SignedFrame
    from steelyard.edge.spool import Gap, Spool

logger = logging.getLogger(__name__)

RETRY_S = 0.5
"""Seconds between attempts to store while there is no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOrder:
    """Frames that somebody wants to have: at most `max_frames` and `max_bytes` after `after`."""

    after: FrameNumber
    max_frames: int
    max_bytes: int
    deliver: Callable[[list[SignedFrame]], None]


@dataclass(slots=True)
class _Work:
    append: list[SignedFrame] = field(default_factory=list)
    forget: dict[tuple[int, int], FrameSpan] = field(default_factory=dict)
    """By boot and first number: the longest says all."""
    gaps: list[Gap] = field(default_factory=list)
    reads: list[ReadOrder] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.append or self.forget or self.gaps or self.reads)

    def merge(self, spans: Iterable[FrameSpan]) -> None:
        for span in spans:
            known = self.forget.get((span.boot, span.first))
            if known is None or known.last < span.last:
                self.forget[span.boot, span.first] = span


class Spooler:
    """Runs a spool in a thread of its own; but for `stop`, every method returns at once and may be called anywhere.

    Args:
        spool: to be used by this thread alone from `start` on.
        on_stored: called (in this thread) with frames that have reached the disk, in order.
        on_full: called (in this thread) with the cause when there is no room, with None when there is again.
    """

    def __init__(
        self,
        spool: Spool,
        *,
        on_stored: Callable[[list[SignedFrame]], None],
        on_full: Callable[[str | None], None],
    ) -> None:
        self._spool = spool
        self._on_stored = on_stored
        self._on_full = on_full
        self._wake = threading.Condition()
        self._work = _Work()
        self._stopping = False
        self._full: str | None = None
        self._unreadable = False
        self.appended = 0
        """How many frames were given to `append`, stored or not."""
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)

    @property
    def frames(self) -> int:
        """How many frames wait for a receipt (of a moment ago)."""
        return self._spool.frames

    @property
    def alive(self) -> bool:
        """Whether the thread works."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def append(self, frames: list[SignedFrame]) -> None:
        """Store `frames`, after those given before."""
        with self._wake:
            self.appended += len(frames)
            self._work.append.extend(frames)
            self._wake.notify()

    def forget(self, spans: Sequence[FrameSpan]) -> None:
        """Forget the frames of `spans`, which have their receipt."""
        with self._wake:
            self._work.merge(spans)
            self._wake.notify()

    def record(self, gap: Gap) -> None:
        """Record a time in which nothing was measured."""
        with self._wake:
            self._work.gaps.append(gap)
            self._wake.notify()

    def read(self, order: ReadOrder) -> None:
        """Call `order.deliver` (in this thread) with the frames that were ordered."""
        with self._wake:
            self._work.reads.append(order)
            self._wake.notify()

    def stop(self, timeout_s: float) -> bool:
        """Store what was given, close the spool, end the thread; False when `timeout_s` seconds did not do."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        kept = _Work()
        while True:
            work, stopping = self._take(kept)
            kept = self._apply(work)
            unread = [order for order in work.reads if not self._serve(order)]
            kept.reads = [] if stopping else unread
            if stopping and (not kept or self._full is not None):
                break
        self._spool.close()

    def _take(self, kept: _Work) -> tuple[_Work, bool]:
        """Wait for something to do; what could not be done before comes first."""
        with self._wake:
            if self._full is not None or kept.reads:
                if not self._work.forget and not self._work.reads and not self._stopping:
                    self._wake.wait(RETRY_S)
            else:
                while not self._work and not self._stopping:
                    self._wake.wait()
            work, self._work = self._work, _Work()
            stopping = self._stopping
        work.append = kept.append + work.append
        work.gaps = kept.gaps + work.gaps
        work.reads = kept.reads + work.reads
        work.merge(kept.forget.values())
        return work, stopping

    def _apply(self, work: _Work) -> _Work:
        """Do what can be done; return what could not."""
        kept = _Work()
        forget = list(work.forget.values())
        try:
            if work.append or forget or work.gaps:
                self._spool.apply(work.append, forget, work.gaps)
        except SpoolError as error:
            kept.gaps = work.gaps
            if not self._try((), forget):
                kept.forget = work.forget
            self._say_full(str(error))
            kept.append = self._store_what_fits(work.append)
            return kept
        if work.append:
            self._on_stored(work.append)
        if self._full is not None and self._spool.roomy:
            self._say_full(None)
        return kept

    def _store_what_fits(self, frames: list[SignedFrame]) -> list[SignedFrame]:
        """Store frames one by one until there is no room; return those that are left."""
        for place, frame in enumerate(frames):
            if not self._try([frame], []):
                return frames[place:]
            self._on_stored([frame])
        return []

    def _try(self, append: Sequence[SignedFrame], forget: list[FrameSpan]) -> bool:
        try:
            self._spool.apply(append, forget)
        except SpoolError:
            return False
        return True

    def _say_full(self, cause: str | None) -> None:
        if (cause is None) != (self._full is None):
            self._full = cause
            self._on_full(cause)

    def _serve(self, order: ReadOrder) -> bool:
        """Deliver what was ordered; False if the disk does not give it now: it is tried again."""
        try:
            frames = self._spool.after(order.after, order.max_frames, order.max_bytes)
        except SpoolError as error:
            if not self._unreadable:
                logger.error("the spool cannot be read, trying again: %s", error)  # noqa: TRY400 - the disk's trouble
            self._unreadable = True
            return False
        if self._unreadable:
            logger.info("the spool can be read again")
        self._unreadable = False
        order.deliver(frames)
        return True
