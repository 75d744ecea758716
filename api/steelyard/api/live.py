"""The newest readings of an instrument, each with what is known of its uncertainty at this moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.api.desk import Desk, FleetItem
from steelyard.api.figures import COVERAGE_FACTOR, fixed, value_with_uncertainty, with_unit
from steelyard.api.instants import ago
from steelyard.api.wording import QUALITIES, STANDINGS, channel_name
from steelyard.calibration.verification.assessment import Assessment, ErrorEstimate
from steelyard.contracts.identifiers import ChannelId
from steelyard.contracts.reading import Quality
from steelyard.contracts.registry import Channel
from steelyard.storage.readings.port import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReading:
    """One channel now: numbers in the channel's unit, and the console's words for them.

    `correction` is to be added to the indication; with `expanded_uncertainty` (k = 2) it is None where nothing is known
    of the channel's error. `main` marks the quantity under legal control.
    """

    channel: ChannelId
    name: str
    unit: str
    t_ns: int
    value: float | None
    quality: Quality
    correction: float | None
    expanded_uncertainty: float | None
    main: bool
    text: str
    spread: str
    note: str


def read_live(desk: Desk, item: FleetItem, channels: Sequence[Channel]) -> list[LiveReading]:
    """Return the newest reading of each channel that has one; the controlled quantity first.

    Raises:
        StoreUnavailable: the readings store cannot be reached.
    """
    latest = desk.readings.latest(item.instrument.id)
    now_ns = desk.clock.now_ns()
    main = main_channel(item.assessment, channels)
    live = [
        _reading(channel, latest[channel.id], item, now_ns, main=channel.id == main)
        for channel in channels
        if channel.id in latest and latest[channel.id].t >= item.since_ns
    ]
    return sorted(live, key=lambda reading: not reading.main)


def main_channel(assessment: Assessment | None, channels: Sequence[Channel]) -> ChannelId | None:
    """Return the quantity under control: the one whose error is estimated, else the first."""
    if assessment is not None and assessment.estimate is not None:
        return assessment.estimate.channel
    return channels[0].id if channels else None


def corrected(value: float, resolution: float, estimate: ErrorEstimate) -> tuple[float, float]:
    """Return the correction of an indication and the expanded uncertainty of the corrected value.

    The error's uncertainty and that of the indication's resolution (a rectangle of one step, JCGM 100:2008, F.2.2.1)
    are independent, so their variances add.

    Args:
        value: indication, in the channel's unit.
        resolution: step of the indication, same unit.
        estimate: the channel's error; in its unit, or in % of the value.

    Returns:
        Correction and expanded uncertainty (k = 2), in the channel's unit.
    """
    if estimate.unit == "%":
        error, standard = value * estimate.error / 100.0, abs(value) * estimate.standard_uncertainty / 100.0
    else:
        error, standard = estimate.error, estimate.standard_uncertainty
    return -error, COVERAGE_FACTOR * math.hypot(standard, resolution / math.sqrt(12.0))


def places_of(resolution: float) -> int:
    """Return the decimal places of an indication with this step (0.05 has two)."""
    if not (math.isfinite(resolution) and resolution > 0):
        return 3
    places = max(0, -math.floor(math.log10(resolution) + 1e-9))
    while places < 9 and abs(round(resolution, places) - resolution) > 1e-6 * resolution:
        places += 1
    return places


def _reading(channel: Channel, sample: Sample, item: FleetItem, now_ns: int, *, main: bool) -> LiveReading:
    value = sample.value if sample.value is not None and math.isfinite(sample.value) else None
    assessment = item.assessment
    estimate = assessment.estimate if assessment is not None else None
    correction = expanded = None
    if value is not None and estimate is not None and estimate.channel == channel.id:
        correction, expanded = corrected(value, channel.resolution, estimate)
    spread = ""
    if value is not None and correction is not None:
        spread = f"Corrected: {value_with_uncertainty(value + correction, expanded, channel.unit)} (k = 2)"
    elif main:
        spread = "Uncertainty not known: its error has not been estimated"
    words = QUALITIES[Quality(sample.status)]
    age = ago(sample.t, now_ns)
    status = assessment.status if assessment is not None else None
    note = " · ".join(part for part in (STANDINGS[status].label if main else "", words, age) if part)
    return LiveReading(
        channel=channel.id,
        name=channel_name(channel.id),
        unit=channel.unit,
        t_ns=sample.t,
        value=value,
        quality=Quality(sample.status),
        correction=correction,
        expanded_uncertainty=expanded,
        main=main,
        text=with_unit(fixed(value, places_of(channel.resolution)), channel.unit) if value is not None else "No value",
        spread=spread,
        note=note,
    )
