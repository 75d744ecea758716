"""What is asked of InfluxDB, as text, and what its answers say, as arrays: pure functions, no connection.

Series and buckets are asked for in InfluxQL and come in MessagePack, which was measured on 100,000 readings: 0.5 µs a
reading, against 1.0 in CSV and 1.4 in JSON; Flux takes 0.5 with times as text and 9 when it turns them into numbers.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from steelyard.contracts.identifiers import ChannelId
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.storage.readings.lines import ASIDE, MEASUREMENT, STEP, VALUE, mark, status_of
from steelyard.storage.readings.port import COUNTED, Buckets, Sample, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.contracts.identifiers import InstrumentId

STORE = "steelyard_store"
"""The measurement that holds the store's mark, and nothing else."""
_LAST_NS = 2**63 - 2  # InfluxDB's own last instant, 2262-04-11


class Rows(msgspec.Struct, frozen=True):
    """One table of an answer."""

    columns: list[str]
    values: list[list[int | float | str | None]]


class Result(msgspec.Struct, frozen=True):
    """What one statement brought."""

    series: list[Rows] = []
    error: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What InfluxQL answers: a result for each statement, or an error for all."""

    results: list[Result] = []
    error: str = ""


decoder = msgspec.msgpack.Decoder(Answer)


def series_query(instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> str:
    """Ask for the readings of a channel with `start_ns` <= t < `end_ns`: rows of time, value or mark, value aside."""
    value, aside = _fields(channel)
    return _select(f"{value}, {aside}", _where(instrument, start_ns, end_ns))


def bucket_queries(
    instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int, width_ns: int
) -> tuple[str, str]:
    """Ask for summaries of plainly good values, and of good ones that stand aside."""
    value, aside = _fields(channel)
    where = _where(instrument, start_ns, end_ns)
    spans = f"GROUP BY time({width_ns}ns, {start_ns % width_ns}ns) fill(none)"
    counted = " OR ".join(f"{value} = {mark(status):.1f}" for status in sorted(COUNTED))
    return (
        _select(_summary(value), f"{where} AND {value} > {-STEP:.1f} {spans}"),
        _select(_summary(aside), f"{where} AND ({counted}) {spans}"),
    )


def latest_query(bucket: str, instrument: InstrumentId) -> str:
    """Ask for each field's youngest point. In Flux: InfluxQL's last() of several fields does not say when each was."""
    return f"""
        from(bucket: {_flux_text(bucket)})
          |> range(start: 1970-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)
          |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r.instrument == {_flux_text(instrument)})
          |> last()
          |> keep(columns: ["_field", "_time", "_value"])
    """


def mark_query() -> str:
    """Ask for the store's mark."""
    return f"SELECT mark FROM {STORE} WHERE time >= 0 AND time < 1"  # noqa: S608 - a name of ours


def mark_line(made: str) -> bytes:
    """Build the line that keeps the store's mark `made`, a word of hexadecimal digits."""
    return f'{STORE} mark="{made}" 0'.encode()


def check_query() -> str:
    """Ask for as good as nothing; the bucket must be there and the token must be right."""
    return _select("*", "time >= 0 AND time < 1")


def _select(what: str, where: str) -> str:
    return f"SELECT {what} FROM {MEASUREMENT} WHERE {where}"  # noqa: S608 - names are quoted, numbers are numbers


def _where(instrument: InstrumentId, start_ns: int, end_ns: int) -> str:
    start, end = (max(0, min(instant, _LAST_NS)) for instant in (start_ns, end_ns))
    return f"instrument = {_quoted(instrument, chr(39))} AND time >= {start} AND time < {end}"


def _fields(channel: ChannelId) -> tuple[str, str]:
    return _quoted(channel + VALUE, '"'), _quoted(channel + ASIDE, '"')


def _quoted(name: str, mark_: str) -> str:
    """Quote a name for InfluxQL: ``'`` for a tag's value, ``"`` for a field."""
    escaped = name.replace("\\", "\\\\").replace(mark_, f"\\{mark_}").replace("\n", "\\n")
    return f"{mark_}{escaped}{mark_}"


def _flux_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${").replace("\n", "\\n")
    return f'"{escaped}"'


def _summary(field: str) -> str:
    return f"mean({field}), min({field}), max({field}), count({field})"


def read_series(rows: Sequence[Sequence[Any]]) -> Series:
    """Read the marks: `rows` of time, value or mark, value that stands aside (or None)."""
    if not rows:
        return Series.empty()
    t, values, asides = zip(*rows, strict=True)
    value = np.array(values, np.float64)
    status = np.zeros(len(value), np.int16)
    marked = value <= -STEP
    if marked.any():
        status[marked] = np.rint(-value[marked] / STEP) - 1
        without = marked & np.isin(status, [int(quality) for quality in WITHOUT_VALUE])
        value[marked] = np.array([np.nan if aside is None else aside for aside in asides])[marked]
        value[without] = np.nan  # what stands aside is older than the mark
    return Series(t=np.array(t, np.int64), value=value, status=status)


def read_buckets(good: Sequence[Sequence[Any]], aside: Sequence[Sequence[Any]]) -> Buckets:
    """Join two sets of summaries (start, mean, minimum, maximum, count) by their start."""
    rows = [*good, *aside]
    if not rows:
        return Buckets.empty()
    table = np.array([row[1:4] for row in rows], np.float64)
    counts = np.array([row[4] for row in rows], np.int64)
    start, place = np.unique(np.array([row[0] for row in rows], np.int64), return_inverse=True)
    count = np.bincount(place, counts, len(start)).astype(np.int64)
    minimum, maximum = np.full(len(start), np.inf), np.full(len(start), -np.inf)
    np.minimum.at(minimum, place, table[:, 1])
    np.maximum.at(maximum, place, table[:, 2])
    mean = np.bincount(place, table[:, 0] * (counts / count[place]), len(start)).astype(np.float64)
    return Buckets(start=start, mean=mean, minimum=minimum, maximum=maximum, count=count)


def read_latest(text: str) -> dict[ChannelId, Sample]:
    """Read Flux's CSV: columns by their heading, which comes again before each table."""
    found: dict[str, tuple[int, float]] = {}
    heading: list[str] = []
    for row in csv.reader(text.splitlines()):
        if not row or row[0].startswith("#"):
            continue
        if "_field" in row and "_time" in row:
            heading = row
            continue
        cells = dict(zip(heading, row, strict=True))
        found[cells["_field"]] = (_instant(cells["_time"]), float(cells["_value"]))
    return {
        ChannelId(field.removesuffix(VALUE)): _sample(t, value, found.get(field.removesuffix(VALUE) + ASIDE))
        for field, (t, value) in found.items()
        if field.endswith(VALUE)
    }


def _sample(t: int, value: float, aside: tuple[int, float] | None) -> Sample:
    if value > -STEP:
        return Sample(t=t, value=value, status=Quality.GOOD)
    status = Quality(status_of(value))
    beside = aside is not None and aside[0] == t and status not in WITHOUT_VALUE
    return Sample(t=t, value=aside[1] if beside and aside is not None else None, status=status)


def _instant(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))
