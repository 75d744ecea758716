"""Which numbers of a stream have arrived: pure, no database.

Frames are numbered without gaps from 1 in every boot of a gateway. They may arrive in any order; what a receipt
promises is the number up to which none is missing.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Arrived:
    """The numbers of one stream that are in the ledger.

    Args:
        contiguous_upto: every number from 1 to this one has arrived; 0 if 1 has not.
        runs: what arrived beyond it, as (first, last), each run apart from the next, in order.
    """

    def __init__(self, contiguous_upto: int = 0, runs: Iterable[tuple[int, int]] = ()) -> None:
        self.contiguous_upto = contiguous_upto
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in runs:
            self._first.append(first)
            self._last.append(last)
        self._absorb()

    def __contains__(self, number: int) -> bool:
        if number <= self.contiguous_upto:
            return number >= 1
        place = bisect_right(self._first, number) - 1
        return place >= 0 and number <= self._last[place]

    @property
    def highest(self) -> int:
        """The highest number that has arrived; 0 if none has."""
        return self._last[-1] if self._last else self.contiguous_upto

    def runs(self, most: int) -> list[tuple[int, int]]:
        """Return the last `most` runs beyond the contiguous part, as (first, last), in order."""
        return list(zip(self._first[-most:], self._last[-most:], strict=True))

    def add(self, number: int) -> None:
        """Note that `number` (1 or above) has arrived; a second time changes nothing."""
        if number == self.contiguous_upto + 1:  # nearly always: frames come in order
            self.contiguous_upto = number
            self._absorb()
        elif number not in self:
            self._insert(number)

    def missing(self) -> list[tuple[int, int]]:
        """Return the gaps below the highest number, as (first, last), in order."""
        edges = [self.contiguous_upto, *self._last]
        return [(before + 1, first - 1) for before, first in zip(edges, self._first, strict=False)]

    def _insert(self, number: int) -> None:
        place = bisect_right(self._first, number)
        joins_left = place > 0 and self._last[place - 1] == number - 1
        joins_right = place < len(self._first) and self._first[place] == number + 1
        if joins_left and joins_right:
            self._last[place - 1] = self._last.pop(place)
            del self._first[place]
        elif joins_left:
            self._last[place - 1] = number
        elif joins_right:
            self._first[place] = number
        else:
            self._first.insert(place, number)
            self._last.insert(place, number)

    def _absorb(self) -> None:
        """Let the contiguous part swallow a run that begins right after it."""
        if self._first and self._first[0] <= self.contiguous_upto + 1:
            self.contiguous_upto = max(self.contiguous_upto, self._last[0])
            del self._first[0], self._last[0]
