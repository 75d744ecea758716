"""What a readings store is, whichever database keeps it.

One contract test suite (``tests/storage/test_readings_contract.py``) holds for every adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from steelyard.contracts.reading import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from steelyard.contracts.frame import Frame
    from steelyard.contracts.identifiers import ChannelId, InstrumentId

COUNTED = frozenset({Quality.GOOD, Quality.CLOCK_UNSYNCED})
"""Qualities whose values enter buckets: the value is good. Out of range and instrument fault are kept, not averaged."""

MAX_BUCKETS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The readings of one channel in order of time.

    `t` int64[n] UTC nanoseconds, strictly increasing; `value` float64[n] in the channel's registered unit, nan where
    there is none; `status` int16[n], a `Quality` each.
    """

    t: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.t)

    @classmethod
    def empty(cls) -> Self:
        """No readings."""
        return cls(t=np.empty(0, np.int64), value=np.empty(0, np.float64), status=np.empty(0, np.int16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The counted readings of one channel, summarized over equal spans of time; empty spans are left out.

    `start` int64[n] UTC nanoseconds, where each span begins; `mean`, `minimum`, `maximum` float64[n] in the channel's
    unit;
    `count` int64[n] how many readings went in (those whose quality is in `COUNTED`).
    """

    start: NDArray[np.int64]
    mean: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def empty(cls) -> Self:
        """No buckets."""
        none = np.empty(0, np.float64)
        return cls(start=np.empty(0, np.int64), mean=none, minimum=none, maximum=none, count=np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading: `t` UTC nanoseconds, `value` in the channel's unit or None, `status` why."""

    t: int
    value: float | None
    status: Quality


class ReadingsStore(Protocol):
    """Values by instrument, channel and time.

    Every method raises StoreUnavailable, naming the store's URL and the remedy, when the database cannot be reached.
    The store may be dropped and rebuilt from the ledger at any time; one process writes it, any number read.
    """

    url: str
    """Where the store is, without secrets."""

    def identity(self) -> str:
        """Return the name of this very store: its address and a mark that is made with it and is gone with it.

        The ledger keeps under this name how far the store has been written. A store that was dropped and made anew at
        the same address has another name, so it is written from the first frame on.
        """
        ...

    def write(self, frames: Sequence[Frame]) -> None:
        """Store all readings of `frames`, later ones winning: (instrument, channel, t) that is there is overwritten.

        Idempotent. On return everything is on disk; on an error any part of it may be, so write the same frames again.
        """
        ...

    def series(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> Series:
        """Return the readings with `start_ns` <= t < `end_ns`; an unknown channel has none."""
        ...

    def buckets(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int, count: int) -> Buckets:
        """Summarize `start_ns` <= t < `end_ns` in at most `count` spans of ceil((end - start) / count) nanoseconds.

        Raises:
            ValueError: if `count` is not in 1..MAX_BUCKETS.
        """
        ...

    def latest(self, instrument: InstrumentId) -> Mapping[ChannelId, Sample]:
        """Return the youngest reading of each channel of `instrument`, good or not."""
        ...

    def check(self) -> None:
        """Ask the database whether it can be used; raise StoreUnavailable if not."""
        ...

    def close(self) -> None:
        """Let go of the database. A second call does nothing."""
        ...


def bucket_width_ns(start_ns: int, end_ns: int, count: int) -> int:
    """The span of one bucket, in nanoseconds: at most `count` of them cover [`start_ns`, `end_ns`)."""
    if not 1 <= count <= MAX_BUCKETS:
        raise ValueError(f"count: {count!r}: must be 1 to {MAX_BUCKETS} buckets")
    return max(1, -(-(end_ns - start_ns) // count))
