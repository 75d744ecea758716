"""How well the deadlines are kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steelyard.contracts.identifiers import InstrumentId


class PollStatistics:
    """Counts since the boot; periods in nanoseconds of the monotonic clock."""

    def __init__(self) -> None:
        self.polls = 0
        """Polls made."""
        self.missed = 0
        """Deadlines that passed without a poll."""
        self.frames = 0
        """Frames made."""
        self.latest_ns = 0
        """The longest that a poll began after its deadline."""
        self._last: dict[InstrumentId, int] = {}
        self._periods = 0
        self._sum = 0
        self._sum_of_squares = 0

    def started(self, instrument: InstrumentId, due_ns: int, now_ns: int) -> None:
        """A poll that was due at `due_ns` begins at `now_ns`."""
        self.polls += 1
        self.latest_ns = max(self.latest_ns, now_ns - due_ns)
        last_ns = self._last.get(instrument)
        self._last[instrument] = now_ns
        if last_ns is not None:
            period_ns = now_ns - last_ns
            self._periods += 1
            self._sum += period_ns
            self._sum_of_squares += period_ns * period_ns

    @property
    def period_mean_s(self) -> float:
        """Mean time between two polls of an instrument, seconds; NaN before there were two."""
        return self._sum / self._periods / 1e9 if self._periods else math.nan

    @property
    def period_sd_s(self) -> float:
        """Standard deviation of that time, seconds; NaN before there were three polls."""
        if self._periods < 2:
            return math.nan
        # Whole numbers: the difference of two large sums stays exact.
        variance = (self._sum_of_squares * self._periods - self._sum**2) / (self._periods * (self._periods - 1))
        return math.sqrt(variance) / 1e9
