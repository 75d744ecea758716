"""Reading the ledger: any number of processes may, while one writes."""

from __future__ import annotations

from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.storage.errors import StoreUnavailable
from steelyard.storage.ledger.chain import EMPTY
from steelyard.storage.ledger.entries import Gap, Head, Incident, LedgerFrame, Refused, Stream
from steelyard.storage.ledger.schema import OWNER
from steelyard.storage.ledger.sequence import Arrived
from steelyard.storage.sqlite import connect_read_only, unavailable

if TYPE_CHECKING:
    import sqlite3
    from types import TracebackType

_FRAME = """
SELECT idx, gateway, boot, seq, received_ns, message, root FROM entry JOIN stream ON stream.id = entry.stream
"""


class LedgerReader:
    """The ledger at `path`, opened for reading: the writer may go on.

    Raises:
        StoreUnavailable: if there is no ledger at `path`, or it cannot be read; also from every method.
        StoreForeign: if the file is something else.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._lock = RLock()
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise StoreUnavailable(
                f"sqlite:///{self._path}",
                "there is no ledger",
                "start ingest once, which makes it, or correct stores.ledger",
            )
        return connect_read_only(self._path, owner=OWNER)

    @property
    def path(self) -> Path:
        """Where the ledger is."""
        return self._path

    def head(self) -> Head:
        """How many entries there are, and their root, of one instant."""
        last = self._one("SELECT idx, root FROM entry ORDER BY idx DESC LIMIT 1")
        return Head(size=0, root=EMPTY["entry"].hex()) if last is None else Head(size=last[0] + 1, root=last[1].hex())

    @property
    def size(self) -> int:
        """How many frames are in the ledger."""
        return self.head().size

    @property
    def root(self) -> str:
        """The chained SHA-256 of all entries, in hexadecimal."""
        return self.head().root

    def frames(self, from_index: int = 0, limit: int = 1000) -> list[LedgerFrame]:
        """Return at most `limit` entries in order, from `from_index` (0 is the first)."""
        query = f"{_FRAME} WHERE idx >= ? ORDER BY idx LIMIT ?"
        return [_frame(row) for row in self._all(query, from_index, limit)]

    def find(self, gateway: GatewayId, boot: BootId, seq: int) -> LedgerFrame | None:
        """Return the frame with this number, or None if it has not arrived."""
        row = self._one(f"{_FRAME} WHERE gateway = ? AND boot = ? AND seq = ?", gateway, boot, seq)
        return None if row is None else _frame(row)

    def contiguous_upto(self, gateway: GatewayId, boot: BootId) -> int:
        """Return the number up to which every frame of this boot is in the ledger; 0 if the first is missing."""
        query = "SELECT contiguous_upto FROM progress JOIN stream ON stream.id = stream WHERE gateway = ? AND boot = ?"
        row = self._one(query, gateway, boot)
        return 0 if row is None else int(row[0])

    def beyond(self, gateway: GatewayId, boot: BootId, most: int) -> list[tuple[int, int]]:
        """Return the last `most` runs of numbers that are there although one before them is missing."""
        row = self._one("SELECT id FROM stream WHERE gateway = ? AND boot = ?", gateway, boot)
        return [] if row is None else self._arrived(row[0]).runs(most)

    def streams(self) -> list[Stream]:
        """Return every boot of every gateway, in order of first arrival."""
        query = """
            SELECT gateway, boot, contiguous_upto, max(seq), count(*)
            FROM stream JOIN progress ON progress.stream = stream.id JOIN entry ON entry.stream = stream.id
            GROUP BY stream.id ORDER BY stream.id
        """
        return [
            Stream(gateway=GatewayId(gateway), boot=BootId(boot), contiguous_upto=upto, highest=highest, frames=frames)
            for gateway, boot, upto, highest, frames in self._all(query)
        ]

    def gaps(self) -> list[Gap]:
        """Return what is missing below the highest number of each boot."""
        query = "SELECT id, gateway, boot FROM stream ORDER BY id"
        return [
            Gap(gateway=GatewayId(gateway), boot=BootId(boot), first=first, last=last)
            for stream, gateway, boot in self._all(query)
            for first, last in self._arrived(stream).missing()
        ]

    def incidents(self, from_index: int = 0, limit: int = 1000) -> list[Incident]:
        """Return at most `limit` incidents in order, from `from_index`."""
        query = """
            SELECT idx, gateway, boot, seq, received_ns, message
            FROM incident JOIN stream ON stream.id = incident.stream
            WHERE idx >= ? ORDER BY idx LIMIT ?
        """
        return [
            Incident(
                index=index,
                gateway=GatewayId(gateway),
                boot=BootId(boot),
                seq=seq,
                received_ns=received_ns,
                message=message,
            )
            for index, gateway, boot, seq, received_ns, message in self._all(query, from_index, limit)
        ]

    def quarantined(self, from_index: int = 0, limit: int = 1000) -> list[Refused]:
        """Return at most `limit` refused messages in order, from `from_index`."""
        query = """
            SELECT idx, gateway, topic, reason, size, message, received_ns FROM quarantine
            WHERE idx >= ? ORDER BY idx LIMIT ?
        """
        return [
            Refused(
                index=index,
                gateway=gateway,
                topic=topic,
                reason=reason,
                size=size,
                message=message,
                received_ns=received_ns,
            )
            for index, gateway, topic, reason, size, message, received_ns in self._all(query, from_index, limit)
        ]

    def quarantine_size(self) -> int:
        """How many refused messages are kept."""
        return int(self._one("SELECT coalesce(max(idx) + 1, 0) FROM quarantine")[0])

    def incident_count(self) -> int:
        """How many incidents are kept."""
        return int(self._one("SELECT coalesce(max(idx) + 1, 0) FROM incident")[0])

    def overflow(self) -> dict[str, int]:
        """Refused messages that were counted but not kept, because quarantine was full: reason to number."""
        return dict(self._all("SELECT reason, messages FROM overflow ORDER BY reason"))

    def view_position(self, view: str) -> int:
        """Return how many entries the view of this name (a readings store's URL) holds already; 0 for a new one."""
        row = self._one("SELECT position FROM view WHERE name = ?", view)
        return 0 if row is None else int(row[0])

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _arrived(self, stream: int) -> Arrived:
        """Build what has arrived of a stream from the table: the contiguous part is remembered, the rest is short."""
        row = self._one("SELECT contiguous_upto FROM progress WHERE stream = ?", stream)
        contiguous_upto = 0 if row is None else int(row[0])
        query = """
            SELECT min(seq), max(seq)
            FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM entry WHERE stream = ? AND seq > ?)
            GROUP BY run ORDER BY 1
        """
        return Arrived(contiguous_upto, self._all(query, stream, contiguous_upto))

    def _one(self, query: str, *values: object) -> Any:
        with self._lock, unavailable(self._path):
            return self._connection.execute(query, values).fetchone()

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._lock, unavailable(self._path):
            return self._connection.execute(query, values).fetchall()


def _frame(row: tuple[int, str, str, int, int, bytes, bytes]) -> LedgerFrame:
    index, gateway, boot, seq, received_ns, message, root = row
    return LedgerFrame(
        index=index,
        gateway=GatewayId(gateway),
        boot=BootId(boot),
        seq=seq,
        received_ns=received_ns,
        message=message,
        root=root,
    )
