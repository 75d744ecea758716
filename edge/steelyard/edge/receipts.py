"""Which receipts to believe.

A frame is forgotten on a receipt that ingest signed, for this gateway, for a boot of ours, and for no more than was
sent. Anything else is ignored and logged: a forged receipt would make a gateway throw its evidence away.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from steelyard.contracts.cose import verify1
from steelyard.contracts.errors import ContractError
from steelyard.contracts.receipt import decode_receipt
from steelyard.edge.frames import FrameNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steelyard.contracts.identifiers import GatewayId
    from steelyard.contracts.keys import PublicKey
    from steelyard.edge.boot import Boot

logger = logging.getLogger(__name__)


class ReceiptReader:
    """Turns a message on the receipt topic into what may be forgotten.

    Args:
        gateway: ours.
        ingest_key: the one key that signs receipts.
        boots: those of which frames may be in the spool, this one included.
        highest: the highest number of a boot (by its counter) that may have been sent; 0 for none.
    """

    def __init__(
        self, *, gateway: GatewayId, ingest_key: PublicKey, boots: Iterable[Boot], highest: Callable[[int], int]
    ) -> None:
        self._gateway = gateway
        self._key = ingest_key
        self._boots: dict[str, int] = {boot.id: boot.counter for boot in boots}
        self._highest = highest
        self.ignored: Counter[str] = Counter()
        """How many receipts were ignored, by reason."""

    def read(self, message: bytes) -> FrameNumber | None:
        """The last frame that may be forgotten, or None when the message allows nothing."""
        try:
            receipt = decode_receipt(verify1(message, self._key))
        except ContractError as error:
            self._ignore("not signed by ingest", error)
            return None
        counter = self._boots.get(receipt.boot)
        highest = 0 if counter is None else self._highest(counter)
        if receipt.gateway != self._gateway:
            self._ignore("for another gateway", receipt.gateway)
        elif counter is None:
            self._ignore("for a boot of which nothing is here", receipt.boot)
        elif highest == 0 or receipt.contiguous_upto == 0:
            # A repeated receipt for a boot that is forgotten already, or for a beginning: true, and nothing to do.
            pass
        elif receipt.contiguous_upto > highest:
            self._ignore("for more than was sent", f"{receipt.contiguous_upto}, sent {highest}")
        else:
            return FrameNumber(boot=counter, seq=receipt.contiguous_upto)
        return None

    def _ignore(self, reason: str, evidence: object) -> None:
        self.ignored[reason] += 1
        count = self.ignored[reason]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th: a flood of them must not flood the log
            logger.warning("receipt ignored, %s (%s), %d times", reason, evidence, count)
