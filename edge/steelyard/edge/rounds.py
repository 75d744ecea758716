"""Which rounds are complete.

Instruments answer at their own pace; a round is complete when each of its instruments has been read in it or has missed
it. Rounds are handed on in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.contracts.frame import Block
    from steelyard.contracts.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRound:
    """A round: the blocks that were read, and who missed it."""

    number: int
    blocks: tuple[Block, ...]
    missed: tuple[InstrumentId, ...]


class Rounds:
    """Collects blocks until rounds are complete.

    A round that every instrument missed (the gateway was asleep) is never handed on: nothing was measured in it.
    """

    def __init__(self, instruments: Sequence[InstrumentId]) -> None:
        self._order = {instrument: place for place, instrument in enumerate(instruments)}
        self._reached = dict.fromkeys(instruments, -1)
        self._open: dict[int, dict[InstrumentId, Block]] = {}

    def report(self, instrument: InstrumentId, number: int, block: Block) -> list[CompletedRound]:
        """Take the block that `instrument` gave in round `number`; its rounds before that are missed unless reported.

        Returns:
            The rounds that are complete now, in order.
        """
        self._open.setdefault(number, {})[instrument] = block
        self._reached[instrument] = number
        if len(self._open) == 1 and len(self._open[number]) < len(self._order):
            return []
        return self._complete(min(self._reached.values()))

    def flush(self) -> list[CompletedRound]:
        """End: hand on what is there; who did not come to report has missed nothing, its block is absent."""
        rounds = [
            CompletedRound(number=number, blocks=self._sorted(self._open[number]), missed=())
            for number in sorted(self._open)
        ]
        self._open.clear()
        return rounds

    def _complete(self, upto: int) -> list[CompletedRound]:
        done = sorted(number for number in self._open if number <= upto)
        return [self._close(number) for number in done]

    def _close(self, number: int) -> CompletedRound:
        blocks = self._open.pop(number)
        missed = tuple(instrument for instrument in self._order if instrument not in blocks)
        return CompletedRound(number=number, blocks=self._sorted(blocks), missed=missed)

    def _sorted(self, blocks: dict[InstrumentId, Block]) -> tuple[Block, ...]:
        return tuple(blocks[instrument] for instrument in self._order if instrument in blocks)
