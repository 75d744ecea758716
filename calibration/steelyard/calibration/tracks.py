"""From an instrument's record to the engine's units: which observations count, and how large they are in MPE.

The engine works in units of the MPE at verification, centred where the limits are asymmetric. One test point stands
for the instrument: the working point for a reference pair, else the point of its newest certificate where the error
comes nearest to its limit; of every certificate the point nearest to it is used. All points of one certificate together
are not more evidence than one: they share the standard and the day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steelyard.calibration.engine.tracking.drift import ErrorRecord
from steelyard.calibration.engine.tracking.forecast import DAYS_PER_YEAR
from steelyard.calibration.errors import CalibrationError, ObservationError
from steelyard.calibration.mpe import Limits, MaximumPermissibleError, Phase, limits_at
from steelyard.calibration.verification.events import EventKind, VerificationEvent
from steelyard.calibration.verification.observations import (
    ErrorObservation,
    ObservationSource,
    ObservationStage,
    ReferencePair,
)
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.contracts.units import convert

YEAR_NS = DAYS_PER_YEAR * 86_400e9

_LARGEST_LAWFUL_U = 1.0 / 6.0
"""MPE: in a verification the expanded uncertainty (k = 2) is at most a third of the MPE. Taken where a certificate is
silent about its own."""
_IDENTICAL_DAYS = 1e-3
"""MPE: the noise of a pair observation whose readings showed no scatter at all; the engine has its own floor."""
_LEAST_NOISE = 1e-6
"""MPE: no certificate is better than this; a smaller uncertainty, squared, would be lost to rounding."""
_NO_MEASUREMENT = 1e6
"""MPE: a larger error or uncertainty is a slip of the pen, and its square more than the engine can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRecord:
    """Everything that is on record about one instrument's error."""

    legal: LegalStatus
    kind: str
    pair: ReferencePair | None
    events: tuple[VerificationEvent, ...]
    observations: tuple[ErrorObservation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How errors at one test point become MPE: (error - `centre`) / `half_width`."""

    centre: float
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A record in the engine's units, in order of time; all tuples have one length, at least 1.

    `t` years since 1970; `error`, `noise` in MPE; `pair`, `adjusted` as in `engine.tracking.drift.ErrorRecord`. `last`
    is the newest observation, whose test point and unit the estimate is stated for; `reference` the standard
    uncertainty of the reference pair and `expected` where an unknown error is expected, both in MPE; `kind`
    as registered. `refused` says why observations were left out, a clause for each cause.
    """

    t: tuple[float, ...]
    error: tuple[float, ...]
    noise: tuple[float, ...]
    pair: tuple[bool, ...]
    adjusted: tuple[bool, ...]
    last: ErrorObservation
    reference: float
    expected: float
    kind: str
    refused: tuple[str, ...] = ()


def build_track(record: InstrumentRecord) -> Track | None:
    """The record in the engine's units; None when nothing was ever observed.

    An observation that the MPE does not speak of (the zero point of a relative MPE) is left out: the others still say
    what they say. Raises its MpeError or ObservationError when no other is left.
    """
    record, refused = _usable(record)
    chosen = _chosen(record)
    if not chosen:
        if refused:
            raise refused[0]
        return None
    scales = [scale_of(record.legal.mpe, one) for one in chosen]
    widths = [scale.half_width for one, scale in zip(chosen, scales, strict=True) if _is_pair(one)]
    reference = 0.0
    if record.pair is not None and widths:
        reference = record.pair.standard_uncertainty / float(np.median(widths))
    return Track(
        t=tuple(one.t_ns / YEAR_NS for one in chosen),
        error=tuple((one.error - scale.centre) / scale.half_width for one, scale in zip(chosen, scales, strict=True)),
        noise=tuple(_noise(one, scale) for one, scale in zip(chosen, scales, strict=True)),
        pair=tuple(_is_pair(one) for one in chosen),
        adjusted=_adjusted_before(chosen, record.events),
        last=chosen[-1],
        reference=reference,
        expected=_expected(scales[-1]),
        kind=record.kind,
        refused=tuple(dict.fromkeys(str(error) for error in refused)),
    )


def padded(tracks: Sequence[Track]) -> ErrorRecord:
    """The tracks as arrays, side by side."""
    n, k = len(tracks), max(len(track.t) for track in tracks)
    t, error, noise = np.zeros((n, k)), np.zeros((n, k)), np.ones((n, k))
    pair, adjusted = np.zeros((n, k), np.bool_), np.zeros((n, k), np.bool_)
    for row, track in enumerate(tracks):
        used = slice(0, len(track.t))
        t[row, used], error[row, used], noise[row, used] = track.t, track.error, track.noise
        pair[row, used], adjusted[row, used] = track.pair, track.adjusted
    count = np.array([len(track.t) for track in tracks], dtype=np.intp)
    return ErrorRecord(t=t, error=error, noise=noise, pair=pair, adjusted=adjusted, count=count)


def limits_of(
    mpe: MaximumPermissibleError, observation: ErrorObservation, *, phase: Phase = Phase.SUBSEQUENT
) -> Limits:
    """The MPE at an observation's test point, in the observation's unit.

    Raises ObservationError for a unit in which no error of the instrument is stated, MpeError where the MPE says
    nothing.
    """
    limits = limits_at(mpe, observation.test_point, phase=phase)
    unit, magnitude = observation.unit, abs(observation.test_point)
    if unit == mpe.limit_unit:
        return limits
    if unit not in mpe.error_units or (magnitude == 0.0 and "%" in {unit, mpe.limit_unit}):
        remedy = f"{observation.instrument}: give errors in {mpe.error_units_text}, which must not be zero for %"
        raise ObservationError("unit", unit, remedy)
    if mpe.limit_unit == "%":
        factor = magnitude / 100.0
    else:
        factor = convert(1.0, mpe.limit_unit, mpe.unit, difference=True)
        if unit == "%":
            factor *= 100.0 / magnitude
    return Limits(limits.lower * factor, limits.upper * factor)


def scale_of(mpe: MaximumPermissibleError, observation: ErrorObservation) -> Scale:
    """The scale that makes the MPE at verification, at the observation's test point, the interval from -1 to 1."""
    limits = limits_of(mpe, observation)
    return Scale(centre=(limits.upper + limits.lower) / 2.0, half_width=(limits.upper - limits.lower) / 2.0)


def _expected(scale: Scale) -> float:
    """Where an unknown error is expected, in MPE: at zero; where zero is a limit, between the limits."""
    at_zero = -scale.centre / scale.half_width
    return at_zero if abs(at_zero) < 1.0 else 0.0


def _usable(record: InstrumentRecord) -> tuple[InstrumentRecord, list[CalibrationError]]:
    """The record with the observations that count in MPE, and why the others of its channel do not."""
    kept: list[ErrorObservation] = []
    refused: list[CalibrationError] = []
    for one in record.observations:
        if one.channel != record.legal.channel:
            continue
        try:
            _require_measurement(record.legal.mpe, one)
        except CalibrationError as error:
            refused.append(error)
        else:
            kept.append(one)
    return replace(record, observations=tuple(kept)), refused


def _require_measurement(mpe: MaximumPermissibleError, observation: ErrorObservation) -> None:
    scale = scale_of(mpe, observation)
    if not (math.isfinite(scale.centre) and math.isfinite(scale.half_width)):
        raise ObservationError("test_point", observation.test_point, "the MPE cannot be told here; check the value")
    for name, value in (
        ("error", observation.error - scale.centre),
        ("standard_uncertainty", observation.standard_uncertainty or 0.0),
    ):
        if abs(value) > _NO_MEASUREMENT * scale.half_width:
            remedy = f"more than {_NO_MEASUREMENT:g} times the MPE is no measurement; check it"
            raise ObservationError(name, getattr(observation, name), remedy)


def _chosen(record: InstrumentRecord) -> list[ErrorObservation]:
    """Pair observations, except on days of an adjustment, and one observation of each event and stage."""
    pairs = [one for one in record.observations if _is_pair(one) and record.pair is not None]
    groups: dict[tuple[str | None, int, ObservationStage], list[ErrorObservation]] = {}
    for one in record.observations:
        if not _is_pair(one):
            groups.setdefault((one.event, one.t_ns, one.stage), []).append(one)
    governing = _governing_point(record.legal.mpe, list(groups.values()))
    chosen = []
    for group in groups.values():
        point = _working_point(pairs, group[0].t_ns) if pairs else governing
        chosen.append(min(group, key=lambda one: abs(one.test_point - point)))
    adjusted_days = {one.t_ns for one in chosen if one.stage is ObservationStage.AS_LEFT}
    half_day_ns = 43_200 * 1_000_000_000
    mixed = [one for one in pairs if any(abs(one.t_ns - t_ns) < half_day_ns for t_ns in adjusted_days)]
    excluded = {id(one) for one in mixed}
    chosen += [one for one in pairs if id(one) not in excluded]
    return sorted(chosen, key=lambda one: (one.t_ns, one.stage is ObservationStage.AS_LEFT))


def _governing_point(mpe: MaximumPermissibleError, groups: Sequence[Sequence[ErrorObservation]]) -> float:
    """The test point of the newest group where the error comes nearest to its limit."""
    if not groups:
        return 0.0
    newest = max(groups, key=lambda group: (group[0].t_ns, group[0].stage is ObservationStage.AS_LEFT))

    def nearness(one: ErrorObservation) -> float:
        scale = scale_of(mpe, one)
        return abs(one.error - scale.centre) / scale.half_width

    return max(newest, key=nearness).test_point


def _working_point(pairs: Sequence[ErrorObservation], t_ns: int) -> float:
    """Where the instrument worked at that time."""
    return min(pairs, key=lambda one: abs(one.t_ns - t_ns)).test_point


def _adjusted_before(chosen: Sequence[ErrorObservation], events: Sequence[VerificationEvent]) -> tuple[bool, ...]:
    """Which observations are the first after their instrument was adjusted or repaired."""
    touched = {event.id for event in events if event.adjusted or event.kind is EventKind.AFTER_REPAIR}
    left = {one.event for one in chosen if one.stage is ObservationStage.AS_LEFT}
    flags = []
    for one in chosen:
        # A repair that is followed by one measurement only: found after it is left by it.
        fresh = one.event in touched and (one.stage is ObservationStage.AS_LEFT or one.event not in left)
        if fresh and one.event is not None:
            touched.discard(one.event)
        flags.append(fresh)
    return tuple(flags)


def _noise(observation: ErrorObservation, scale: Scale) -> float:
    u = observation.standard_uncertainty
    if u is not None:
        return max(u / scale.half_width, _LEAST_NOISE)
    return _IDENTICAL_DAYS if _is_pair(observation) else _LARGEST_LAWFUL_U


def _is_pair(observation: ErrorObservation) -> bool:
    return observation.source is ObservationSource.REFERENCE_PAIR
