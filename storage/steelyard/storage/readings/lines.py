r"""InfluxDB's line protocol for frames: pure functions of values and bytes.

    readings,instrument=em-0031 voltage_l1.v=230.1,current_l1.v=4.87 1790000000123456789

One line for each instrument and instant, one field for each channel: `<channel>.v`. InfluxDB keeps no null, drops no
field, and a reading that is written again must win, so what is not plainly good is a mark in the same field:

    voltage_l1.v = -(1 + status) · 2^100                          no value, `status` says why
    voltage_l1.v = -(1 + status) · 2^100, voltage_l1.f = 612.5    a value with a status: it stands aside

Whatever is written last into `.v` decides, `.f` counts only beside a mark. Good readings cost one field and no second
look. A good value of -2^100 or below, which no measurand has, stands aside too, so every finite number comes back as it
was.

Identifiers contain no dot, so no channel can take another's field, a tag's name or the word `time`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from steelyard.contracts.reading import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from steelyard.contracts.frame import Block, Frame
    from steelyard.contracts.identifiers import ChannelId, InstrumentId

MEASUREMENT = "readings"
VALUE, ASIDE = ".v", ".f"
STEP = 2.0**100
"""The unit of marks. All its multiples are exact, and below it no measurand reaches."""

_encode = msgspec.json.Encoder().encode
_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def mark(status: int) -> float:
    """Return the number that stands in `.v` for a reading with `status` that is not plainly good."""
    return -(1 + status) * STEP


def status_of(marked: float) -> int:
    """Return the status that a mark stands for; the inverse of `mark`."""
    return round(-marked / STEP) - 1


def frames_to_lines(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield one line, without its end, for each instrument and instant of `frames`, in order."""
    return chain.from_iterable(_block_lines(block) for frame in frames for block in frame.blocks)


def _block_lines(block: Block) -> Iterator[bytes]:
    template, names = _layout(block.instrument, block.channels)
    all_good = not any(map(any, block.status))
    if len(block.t) == 1:  # a live round: no need to turn columns into rows
        rows: Iterable[Sequence[float | None]] = ([column[0] for column in block.values],)
        statuses: Iterable[Sequence[int]] = ([column[0] for column in block.status],)
    else:
        rows, statuses = zip(*block.values, strict=True), zip(*block.status, strict=True)
    for t, values, row_statuses in zip(block.t, rows, statuses, strict=True):
        if all_good and min(values) > -STEP:  # type: ignore[type-var, operator]  # a good reading has a value
            # The JSON encoder writes floats five times as fast as repr does, and as exactly.
            yield template % (*_encode(values)[1:-1].split(b","), t)
        else:
            fields = b",".join(_fields(names, values, row_statuses))
            yield b"%b%b %d" % (_head(block.instrument), fields, t)


def _fields(names: Sequence[bytes], values: Sequence[float | None], statuses: Sequence[int]) -> Iterator[bytes]:
    for name, value, status in zip(names, values, statuses, strict=True):
        if value is None:
            yield b"%b.v=%b" % (name, _encode(mark(status)))
        elif status == Quality.GOOD and value > -STEP:
            yield b"%b.v=%b" % (name, _encode(value))
        else:
            yield b"%b.v=%b,%b.f=%b" % (name, _encode(mark(status)), name, _encode(value))


@lru_cache(maxsize=65_536)
def _layout(instrument: InstrumentId, channels: tuple[ChannelId, ...]) -> tuple[bytes, tuple[bytes, ...]]:
    names = tuple(_escape(channel) for channel in channels)
    fields = b",".join(name.replace(b"%", b"%%") + b".v=%b" for name in names)
    return _head(instrument).replace(b"%", b"%%") + fields + b" %d", names


@lru_cache(maxsize=65_536)
def _head(instrument: InstrumentId) -> bytes:
    return b"%b,instrument=%b " % (MEASUREMENT.encode(), _escape(instrument))


def _escape(name: str) -> bytes:
    """Escape a tag value or field key. The grammar of identifiers has no need of it, but a store trusts no parser."""
    if "\n" in name or "\\" in name or not name:
        raise ValueError(f"{name!r}: the line protocol cannot hold this name: use the grammar of identifiers")
    return name.translate(_TAG).encode()
