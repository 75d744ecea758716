"""Which receipts to believe.

A frame is forgotten on a receipt that ingest signed, for this gateway, for a boot of ours, and for no more than was
sent. Anything else is ignored and logged: a forged receipt would make a gateway throw its evidence away.

Of an earlier boot the ledger may hold more than is here: a spool that was restored from a backup knows the beginning
only. What it knows is a beginning of the same frames, so it may go.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from steelyard.contracts.cose import verify1
from steelyard.contracts.errors import ContractError
from steelyard.contracts.receipt import decode_receipt
from steelyard.edge.frames import FrameSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steelyard.contracts.identifiers import GatewayId
    from steelyard.contracts.keys import PublicKey
    from steelyard.edge.boot import Boot

logger = logging.getLogger(__name__)


class ReceiptReader:
    """Turns a message on the receipt topic into what may be forgotten.

    Args:
        gateway: ours.
        ingest_key: the one key that signs receipts.
        boots: those of which frames may be in the spool, the present one last.
        highest: the highest number of a boot (by its counter) that may have been sent; 0 for none.
    """

    def __init__(
        self, *, gateway: GatewayId, ingest_key: PublicKey, boots: Sequence[Boot], highest: Callable[[int], int]
    ) -> None:
        self._gateway = gateway
        self._key = ingest_key
        self._boots: dict[str, int] = {boot.id: boot.counter for boot in boots}
        self._present = boots[-1].counter
        self._highest = highest
        self.ignored: Counter[str] = Counter()
        """How many receipts were ignored, by reason."""

    def read(self, message: bytes) -> list[FrameSpan]:
        """The frames that may be forgotten; none when the message allows nothing."""
        try:
            receipt = decode_receipt(verify1(message, self._key))
        except ContractError as error:
            self._ignore("not signed by ingest", error)
            return []
        counter = self._boots.get(receipt.boot)
        highest = 0 if counter is None else self._highest(counter)
        runs = [(1, receipt.contiguous_upto), *receipt.beyond]
        if receipt.gateway != self._gateway:
            self._ignore("for another gateway", receipt.gateway)
        elif counter is None:
            self._ignore("for a boot of which nothing is here", receipt.boot)
        elif counter == self._present and highest and runs[-1][1] > highest:
            self._ignore("for more than was sent", f"{runs[-1][1]}, sent {highest}")
        else:
            # None for a boot that is forgotten already, or for a beginning: true, and nothing to do.
            return [
                FrameSpan(boot=counter, first=first, last=min(last, highest))
                for first, last in runs
                if first <= min(last, highest)
            ]
        return []

    def _ignore(self, reason: str, evidence: object) -> None:
        self.ignored[reason] += 1
        count = self.ignored[reason]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th: a flood of them must not flood the log
            logger.warning("receipt ignored, %s (%s), %d times", reason, evidence, count)
