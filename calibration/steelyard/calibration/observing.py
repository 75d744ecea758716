"""New readings of reference pairs and seal counters, as error observations and seal openings.

A day is observed once both channels have readings beyond its end: completeness is told by the data, not by the clock,
so that history which arrives late or fast is read like any other. The cursor moves in the same transaction in which
the observations are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.tracking.pairs import (
    PairDifferences,
    matching_tolerance,
    pair_differences,
    robust_bucket_means,
)
from steelyard.calibration.errors import ObservationError
from steelyard.calibration.ports import Cursor, LatestReading, ReadingSeries, ReadingsSource
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.due_date import instant_of
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.observations import ErrorObservation, ObservationSource, ReferencePair
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.standing import FactKind, Standing, standing_of
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.reading import Quality
from steelyard.contracts.registry import Channel

DAY_NS = 86_400 * 1_000_000_000

_FIRST_CHUNK_DAYS = 8
_FEW_READINGS = 200_000
_MANY_READINGS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOpening:
    """A seal counter rose from `before` to `after`; `t_ns` is the reading that showed it."""

    instrument: InstrumentId
    t_ns: int
    before: int
    after: int


def pair_cursor(pair: ReferencePair) -> str:
    """The name of a pair's cursor."""
    return f"pair/{pair.instrument}/{pair.channel}"


def seal_cursor(instrument: InstrumentId) -> str:
    """The name of a seal counter's cursor."""
    return f"seal/{instrument}"


def usable_pairs(
    pairs: Iterable[ReferencePair], legal: dict[InstrumentId, LegalStatus]
) -> dict[InstrumentId, ReferencePair]:
    """The pair that each instrument is observed by: on the channel that the law controls, the least uncertain one.

    Pairs on other channels (an energy counter beside the power) are left out: the difference of two counters at one
    time is not the error at that time.
    """
    best: dict[InstrumentId, ReferencePair] = {}
    for pair in pairs:
        status = legal.get(pair.instrument)
        if status is None or pair.channel != status.channel:
            continue
        known = best.get(pair.instrument)
        if known is None or (pair.standard_uncertainty, pair.reference_instrument) < (
            known.standard_uncertainty,
            known.reference_instrument,
        ):
            best[pair.instrument] = pair
    return best


def observe_pair(
    pair: ReferencePair,
    legal: LegalStatus,
    channel: Channel,
    readings: ReadingsSource,
    cursor: Cursor | None,
    *,
    now_ns: int,
    settings: CalibrationSettings,
) -> Iterator[tuple[tuple[ErrorObservation, ...], Cursor]]:
    """The days of a pair not observed yet, chunk by chunk, each with the cursor to store with it.

    `channel` is the instrument's. Raises ObservationError for a relative pair whose measuring range is not known.
    """
    lowest = _lowest_reference(pair, legal, settings)
    last = (
        _newest(readings, pair.instrument, pair.channel),
        _newest(readings, pair.reference_instrument, pair.reference_channel),
    )
    if last[0] is None or last[1] is None:
        return
    end = min(last[0].t, last[1].t, now_ns) // DAY_NS * DAY_NS
    start = (now_ns // DAY_NS - settings.backlog_days) * DAY_NS if cursor is None else cursor.position_ns
    days = _FIRST_CHUNK_DAYS
    while start < end:
        until = min(start + days * DAY_NS, end)
        t, value = _good(readings.series(pair.instrument, pair.channel, start, until))
        reference_t, reference = _good(readings.series(pair.reference_instrument, pair.reference_channel, start, until))
        loaded = np.abs(reference) >= lowest
        found = pair_differences(
            t,
            value,
            reference_t[loaded],
            reference[loaded],
            tolerance_ns=matching_tolerance(t, DAY_NS),
            relative=pair.relative,
        )
        yield (
            _observations(pair, channel, found, settings),
            Cursor(name=pair_cursor(pair), position_ns=until),
        )
        start = until
        if t.size < _FEW_READINGS:
            days *= 2
        elif t.size > _MANY_READINGS:
            days = max(1, days // 2)


def reference_standing(legal: LegalStatus | None, events: Sequence[VerificationEvent], today: date) -> Standing | None:
    """What a reference's own record says of it; None where none is kept, so that nothing ends its validity."""
    if legal is None:
        return None
    standing = standing_of(law_of(legal), events, today)
    return standing if standing.verdict is not None else None


def evidence_ends_ns(standing: Standing | None, utc_offset_minutes: int) -> int | None:
    """From which instant on a reference proves nothing: it failed, or its period ended; None while it is valid."""
    if standing is None or standing.verdict is None:
        return None
    failed = standing.fact(FactKind.FAILED_CHECK)
    days = [] if standing.statutory is None else [standing.statutory]
    days += [standing.verdict.event.completed] if standing.failed else []
    days += [failed.event.completed] if failed is not None else []
    return instant_of(min(days), utc_offset_minutes) - DAY_NS // 2 if days else None


def observe_seal(
    instrument: InstrumentId, channel: ChannelId, readings: ReadingsSource, cursor: Cursor | None
) -> tuple[SealOpening | None, Cursor] | None:
    """What the seal counter says now: an opening, if it rose, and the cursor to store once that is dealt with.

    None when there is nothing new. The first value ever seen is where counting begins: seals are opened in production.
    A counter that fell was exchanged or ran over; counting begins again.
    """
    latest = _newest(readings, instrument, channel)
    if latest is None or latest.status != Quality.GOOD or latest.value is None or not np.isfinite(latest.value):
        return None
    count = round(latest.value)
    if cursor is not None and cursor.value is not None:
        if count == round(cursor.value):
            return None
        if count > round(cursor.value):
            opening = SealOpening(instrument=instrument, t_ns=latest.t, before=round(cursor.value), after=count)
            return opening, Cursor(name=seal_cursor(instrument), position_ns=latest.t, value=float(count))
    return None, Cursor(name=seal_cursor(instrument), position_ns=latest.t, value=float(count))


def _observations(
    pair: ReferencePair,
    channel: Channel,
    found: PairDifferences,
    settings: CalibrationSettings,
) -> tuple[ErrorObservation, ...]:
    if found.t.size == 0:
        return ()
    resolution = np.full(found.t.size, channel.resolution)
    if pair.relative:
        resolution *= 100.0 / np.abs(found.reference)
    means = robust_bucket_means(found, bucket_ns=DAY_NS, resolution=resolution, minimum_count=settings.minimum_readings)
    return tuple(
        ErrorObservation(
            instrument=pair.instrument,
            channel=pair.channel,
            t_ns=int(means.t[i]),
            error=float(means.error[i]),
            # Identical readings of unlimited resolution say nothing about their scatter.
            standard_uncertainty=float(means.standard_uncertainty[i]) or None,
            test_point=float(means.reference[i]),
            unit="%" if pair.relative else channel.unit,
            source=ObservationSource.REFERENCE_PAIR,
        )
        for i in range(means.t.size)
    )


def _lowest_reference(pair: ReferencePair, legal: LegalStatus, settings: CalibrationSettings) -> float:
    if not pair.relative:
        return 0.0
    if legal.range_low is None or legal.range_high is None:
        raise ObservationError(
            "range_high",
            None,
            f"{pair.instrument}: relative errors need the measuring range; add range_low, range_high",
        )
    return settings.minimum_load * max(abs(legal.range_low), abs(legal.range_high))


def _newest(readings: ReadingsSource, instrument: InstrumentId, channel: ChannelId) -> LatestReading | None:
    return readings.latest(instrument).get(channel)


def _good(series: ReadingSeries) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    keep = (series.status == Quality.GOOD) & np.isfinite(series.value)
    return series.t[keep], series.value[keep]
