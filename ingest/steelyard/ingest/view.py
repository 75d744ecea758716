"""The readings store follows the ledger. It may be down, slow, or empty: the ledger never waits for it.

Frames that were just committed are handed over in memory; when the store has fallen behind, or at start, they are read
from the ledger at the position the store has reached.
"""

from __future__ import annotations

import logging
from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Protocol

from steelyard.storage.errors import StorageError
from steelyard.storage.view import frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steelyard.contracts.frame import Frame
    from steelyard.storage.ledger import LedgerFrame
    from steelyard.storage.readings.port import ReadingsStore

logger = logging.getLogger(__name__)

FIRST_FROM_LEDGER, LEAST_FROM_LEDGER, MOST_FROM_LEDGER = 64, 16, 1_000
"""Frames read from the ledger at once when catching up: at first, and the bounds of what follows."""
READINGS_FROM_LEDGER = 20_000
"""Readings that such a portion should have: it is what catching up holds in memory."""
WRITE_FRAMES = 500
"""Frames from memory written at once, and the rest of the portion in which that number is reached."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
_IDLE_S = 1.0


class FollowedLedger(Protocol):
    """What the follower needs of `storage.ledger.Ledger`."""

    @property
    def size(self) -> int:
        """Entries committed."""
        ...

    def frames(self, from_index: int = 0, limit: int = 1000) -> list[LedgerFrame]:
        """Entries in order."""
        ...

    def view_position(self, view: str) -> int:
        """How many entries the view has."""
        ...

    def advance_view(self, view: str, position: int) -> None:
        """Remember that."""
        ...


class ReadingsView:
    """Keeps one readings store up to date, in a thread of its own.

    Args:
        ledger: what is followed.
        open_store: opens the store; called again after a failure.
        max_readings: how many committed readings may wait in memory (one portion always may).
    """

    def __init__(self, ledger: FollowedLedger, open_store: Callable[[], ReadingsStore], *, max_readings: int) -> None:
        self._ledger, self._open_store, self._max_readings = ledger, open_store, max_readings
        self._offered: deque[tuple[int, Sequence[Frame]]] = deque()
        self._waiting = 0
        self._ready = Condition()
        self._stop = Event()
        self._store: ReadingsStore | None = None
        self._down = False
        self._behind = True
        self._position = 0
        self._name = ""
        self._portion = FIRST_FROM_LEDGER
        self._thread = Thread(target=self._run, name="readings-view", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what is waiting if the store takes it, then end; waits at most `timeout_s`."""
        self._stop.set()
        with self._ready:
            self._ready.notify()
        self._thread.join(timeout_s)

    def offer(self, first: int, frames: Sequence[Frame]) -> None:
        """Hand over frames that are in the ledger from index `first` on. Never waits."""
        readings = sum(frame.readings for frame in frames)
        with self._ready:
            if self._waiting and self._waiting + readings > self._max_readings:
                # The store is behind; it will find these in the ledger, and what waits would only be in the way.
                self._offered.clear()
                self._waiting = 0
            else:
                self._offered.append((first, frames))
                self._waiting += readings
            self._ready.notify()

    @property
    def position(self) -> int:
        """How many entries of the ledger are in the store, as far as is known."""
        return self._position

    @property
    def down(self) -> bool:
        """Whether the store could not be used when last tried."""
        return self._down

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            ending = self._stop.is_set()
            try:
                worked = self._step()
            except StorageError as error:
                self._say_down(error)
            except Exception:  # whatever a store does, the thread must live on and try again
                logger.exception("readings cannot be stored; the ledger goes on, trying again")
                self._down = True
            else:
                pause_s = FIRST_PAUSE_S
                if not worked:
                    if ending:
                        break
                    self._wait()
                continue
            self._close_store()
            if ending or self._stop.wait(pause_s):
                break
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._close_store()

    def _step(self) -> bool:
        """Write one portion; False when there was nothing to write."""
        store = self._store
        if store is None:
            store = self._store = self._open_store()
            # Not its address: a store that was dropped and made anew begins at the first frame.
            self._name = store.identity()
            self._position = self._ledger.view_position(self._name)
        frames = self._next_offered()
        if not frames:
            frames = self._read_from_ledger()
        if not frames:
            if self._behind:
                self._behind = False
                logger.info("readings store %s has all %d frames of the ledger", store.url, self._position)
            return False
        store.write(frames)
        self._position += len(frames)
        self._ledger.advance_view(self._name, self._position)
        if self._down:
            self._down, self._behind = False, True
            behind = self._ledger.size - self._position
            logger.info("readings store %s is back; %d frames to catch up with", store.url, behind)
        return True

    def _read_from_ledger(self) -> list[Frame]:
        frames = [frame_of(entry) for entry in self._ledger.frames(self._position, self._portion)]
        if frames:
            readings = sum(frame.readings for frame in frames) / len(frames)
            fitting = int(READINGS_FROM_LEDGER / max(readings, 1))
            self._portion = min(max(fitting, LEAST_FROM_LEDGER), MOST_FROM_LEDGER)
        return frames

    def _next_offered(self) -> list[Frame]:
        """Frames in memory that follow the position without a gap, as many as may be written at once."""
        found: list[Frame] = []
        with self._ready:
            while self._offered and len(found) < WRITE_FRAMES:
                first, frames = self._offered[0]
                position = self._position + len(found)
                if first > position:
                    break  # what lies between is in the ledger
                self._offered.popleft()
                self._waiting -= sum(frame.readings for frame in frames)
                found += frames[position - first :] if position > first else frames
        return found

    def _wait(self) -> None:
        with self._ready:
            if not self._offered and not self._stop.is_set():
                self._ready.wait(_IDLE_S)

    def _say_down(self, error: StorageError) -> None:
        if not self._down:
            self._down = True
            logger.error("readings store: %s; the ledger goes on, and the store follows when it is back", error)

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except StorageError as error:
                logger.warning("readings store could not be closed: %s", error)
