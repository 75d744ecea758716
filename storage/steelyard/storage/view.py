"""The readings store is a view of the ledger: it can be dropped, written anew, and compared with what it must be.

Promise R9: after a rebuild every series has the same digest as before; a value changed in the store is found.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from steelyard.contracts.cose import parse_sign1
from steelyard.contracts.frame import LATEST_NS, decode_frame
from steelyard.storage.readings.port import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steelyard.contracts.frame import Frame
    from steelyard.contracts.identifiers import ChannelId, InstrumentId
    from steelyard.storage.ledger import LedgerFrame, LedgerReader
    from steelyard.storage.readings.port import ReadingsStore

PORTION = 500
"""Frames read from the ledger and written at once."""

SeriesName = tuple["InstrumentId", "ChannelId"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A series of the store that is not what the ledger says. Digests as `series_digest` makes them."""

    instrument: InstrumentId
    channel: ChannelId
    expected: str
    found: str


def frame_of(entry: LedgerFrame) -> Frame:
    """Return the frame in an entry. Its signature was verified before it was stored; the chain binds it since."""
    return decode_frame(parse_sign1(entry.message).payload)


def frames_from(ledger: LedgerReader, from_index: int = 0, portion: int = PORTION) -> Iterator[list[Frame]]:
    """Yield all frames of the ledger from `from_index` on, in order, at most `portion` at once."""
    while entries := ledger.frames(from_index, portion):
        yield [frame_of(entry) for entry in entries]
        from_index += len(entries)


def rebuild(ledger: LedgerReader, store: ReadingsStore) -> int:
    """Write every frame of the ledger into `store`, from the first; returns how many. What is there is overwritten."""
    written = 0
    for frames in frames_from(ledger):
        store.write(frames)
        written += len(frames)
    return written


def series_digest(series: Series) -> str:
    """Return the SHA-256 of a series in hexadecimal: times, values (every nan alike) and statuses, little endian."""
    value = np.where(np.isnan(series.value), np.nan, series.value)
    digest = sha256(len(series).to_bytes(8, "little"))
    for column, kind in ((series.t, "<i8"), (value, "<f8"), (series.status, "<i2")):
        digest.update(np.ascontiguousarray(column, kind).tobytes())
    return digest.hexdigest()


def digests(store: ReadingsStore, names: Iterable[SeriesName]) -> dict[SeriesName, str]:
    """Return the digest of each whole series."""
    return {name: series_digest(store.series(*name, 0, LATEST_NS)) for name in names}


def compare(ledger: LedgerReader, store: ReadingsStore) -> list[Difference]:
    """Return every series in which `store` differs from what the ledger says.

    Reads all of both; memory grows with the readings of the ledger (about 100 bytes each).
    """
    expected: defaultdict[SeriesName, dict[int, tuple[float, int]]] = defaultdict(dict)
    for frames in frames_from(ledger):
        for frame in frames:
            for block in frame.blocks:
                for channel, values, statuses in zip(block.channels, block.values, block.status, strict=True):
                    readings = expected[block.instrument, channel]
                    for t, value, status in zip(block.t, values, statuses, strict=True):
                        readings[t] = (np.nan if value is None else value, status)
    found = digests(store, expected)
    return [
        Difference(instrument=name[0], channel=name[1], expected=digest, found=found[name])
        for name, readings in expected.items()
        if (digest := series_digest(_in_order(readings))) != found[name]
    ]


def _in_order(readings: dict[int, tuple[float, int]]) -> Series:
    times = sorted(readings)
    return Series(
        t=np.array(times, np.int64),
        value=np.array([readings[t][0] for t in times], np.float64),
        status=np.array([readings[t][1] for t in times], np.int16),
    )
