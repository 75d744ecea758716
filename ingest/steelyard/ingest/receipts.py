"""Receipts: which are owed, and what they say.

A receipt is cumulative, so what is owed is a set of (gateway, boot), not a queue: however long the broker is away, one
receipt for each is enough when it is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from steelyard.contracts.cose import sign1
from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.contracts.receipt import MAX_RUNS, Receipt, encode_receipt
from steelyard.contracts.topics import receipt_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.contracts.keys import SigningKey
    from steelyard.ingest.registry import RegistryView
    from steelyard.storage.ledger import Head

REMEMBERED_BOOTS = 4
"""Boots of a gateway whose receipts are repeated at its birth: its spool may hold frames of all of them."""


class LedgerState(Protocol):
    """What a receipt says about the ledger."""

    def head(self) -> Head:
        """Size and root."""
        ...

    def contiguous_upto(self, gateway: GatewayId, boot: BootId) -> int:
        """How far this boot has arrived without a gap."""
        ...

    def beyond(self, gateway: GatewayId, boot: BootId, most: int) -> list[tuple[int, int]]:
        """What has arrived after a gap: the last runs."""
        ...


class ReceiptDesk:
    """Owes receipts until they are published. Used by one thread.

    Args:
        key: ingest's own.
        ledger: what the receipts speak of; everything owed is committed there.
        publish: takes topic and message; None when it could not.
    """

    def __init__(self, key: SigningKey, ledger: LedgerState, publish: Callable[[str, bytes], int | None]) -> None:
        self._key, self._ledger, self._publish = key, ledger, publish
        self._owed: dict[tuple[GatewayId, BootId], None] = {}
        self._boots: dict[GatewayId, list[BootId]] = {}
        self.published = 0
        """Receipts handed to the broker since start."""

    @property
    def owed(self) -> int:
        """How many receipts wait."""
        return len(self._owed)

    def owe(self, gateway: GatewayId, boot: BootId) -> None:
        """Something of this boot is in the ledger: say so."""
        self._owed[gateway, boot] = None
        boots = self._boots.setdefault(gateway, [])
        if boot not in boots:
            boots.append(boot)
            del boots[:-REMEMBERED_BOOTS]

    def born(self, gateway: GatewayId, boot: BootId) -> None:
        """A gateway has (re)connected: what it heard before may be lost to it."""
        self.owe(gateway, boot)
        for earlier in self._boots[gateway]:
            self._owed[gateway, earlier] = None

    def pay(self, registry: RegistryView) -> list[Receipt]:
        """Publish what is owed, as far as the broker takes it; return what was published.

        Raises:
            StoreUnavailable: if the ledger cannot be asked; everything stays owed.
        """
        paid: list[Receipt] = []
        if not self._owed:
            return paid
        head = self._ledger.head()
        for gateway, boot in list(self._owed):
            registered = registry.gateways.get(gateway)
            if registered is None:  # it was taken out of the registry: nobody may hear of it
                del self._owed[gateway, boot]
                continue
            receipt = Receipt(
                gateway=gateway,
                boot=boot,
                contiguous_upto=self._ledger.contiguous_upto(gateway, boot),
                ledger_size=head.size,
                root=head.root,
                beyond=tuple(self._ledger.beyond(gateway, boot, MAX_RUNS)),
            )
            message = sign1(encode_receipt(receipt), self._key)
            if self._publish(receipt_topic(registered.organization, gateway), message) is None:
                break
            del self._owed[gateway, boot]
            paid.append(receipt)
        self.published += len(paid)
        return paid
