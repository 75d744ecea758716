"""How the embedded store packs one instrument's readings of one instant: pure functions of values and bytes.

    row = n float64, little endian (nan where there is no value) [+ n status bytes, left out when all are GOOD]

One row for all channels of an instrument, because it was measured: a row for each reading costs 0.7 µs and touches a
page for each channel in every round; a row for each round costs a tenth of it and touches one.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from steelyard.storage.readings.port import COUNTED, Buckets, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from steelyard.contracts.frame import Block

VALUE_BYTES = 8
_COUNTED = np.array(sorted(COUNTED), np.int16)


@lru_cache(maxsize=512)
def _packer(channels: int) -> Callable[..., bytes]:
    return struct.Struct(f"<{channels}d").pack


def pack_block(block: Block) -> Iterator[tuple[int, bytes]]:
    """Yield (t, row) for each instant of `block`."""
    pack = _packer(len(block.channels))
    if any(map(any, block.status)):
        for t, values, statuses in zip(
            block.t, zip(*block.values, strict=True), zip(*block.status, strict=True), strict=True
        ):
            yield t, pack_row(values, statuses)
    elif len(block.t) == 1:  # a live round: no need to turn columns into rows
        yield block.t[0], pack(*[column[0] for column in block.values])
    else:
        for t, values in zip(block.t, zip(*block.values, strict=True), strict=True):
            yield t, pack(*values)


def pack_row(values: Sequence[float | None], statuses: Sequence[int]) -> bytes:
    """Pack one instant: `values` and `statuses` in the order of the layout's channels."""
    row = _packer(len(values))(*[nan if value is None else value for value in values])
    return row + bytes(statuses) if any(statuses) else row


def unpack_row(row: bytes, channels: int) -> tuple[list[float], list[int]]:
    """Return values (nan where there is none) and statuses of one instant."""
    values = np.frombuffer(row, "<f8", channels).tolist()
    statuses = list(row[VALUE_BYTES * channels :]) or [0] * channels
    return values, statuses


def merge(parts: Sequence[Series]) -> Series:
    """Put together what several layouts say of one channel; where they speak of one instant they agree."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Series.empty()
    t, first = np.unique(np.concatenate([part.t for part in parts]), return_index=True)
    value = np.concatenate([part.value for part in parts])[first]
    status = np.concatenate([part.status for part in parts])[first]
    return Series(t=t, value=value, status=status)


class BucketSums:
    """Adds up a channel's readings span by span, a piece of the series at a time, so that memory stays bounded.

    `start_ns` and `width_ns` in nanoseconds, `count` spans.
    """

    def __init__(self, *, start_ns: int, width_ns: int, count: int) -> None:
        self._start_ns = start_ns
        self._width_ns = width_ns
        self._sum = np.zeros(count)
        self._count = np.zeros(count, np.int64)
        self._minimum = np.full(count, np.inf)
        self._maximum = np.full(count, -np.inf)

    def add(self, piece: Series) -> None:
        """Add readings, ordered by time, none before `start_ns`."""
        counted = np.isin(piece.status, _COUNTED)
        value: NDArray[np.float64] = piece.value[counted]
        if not len(value):
            return
        span = (piece.t[counted] - self._start_ns) // self._width_ns
        first = np.flatnonzero(np.diff(span, prepend=-1))
        at = span[first]
        with np.errstate(over="ignore"):  # a sum beyond the float range is inf, not a reason to fail
            self._sum[at] += np.add.reduceat(value, first)
        self._count[at] += np.diff(first, append=len(value))
        self._minimum[at] = np.minimum(self._minimum[at], np.minimum.reduceat(value, first))
        self._maximum[at] = np.maximum(self._maximum[at], np.maximum.reduceat(value, first))

    def buckets(self) -> Buckets:
        """The spans that hold anything."""
        at = np.flatnonzero(self._count)
        count = self._count[at]
        return Buckets(
            start=self._start_ns + at * self._width_ns,
            mean=self._sum[at] / count,
            minimum=self._minimum[at],
            maximum=self._maximum[at],
            count=count,
        )
