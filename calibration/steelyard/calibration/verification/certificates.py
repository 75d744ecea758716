"""Error observations from verification events: what a certificate says about the error, point by point."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from steelyard.calibration.errors import CalibrationError, LegalDataError
from steelyard.calibration.verification.due_date import instant_of
from steelyard.calibration.verification.events import EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation, ObservationSource, ObservationStage
from steelyard.calibration.verification.regime import LegalStatus

MINUTE_NS = 60 * 1_000_000_000
EARLIEST_YEAR, LATEST_YEAR = 1900, 2199
"""Of a completed event: what 64-bit nanoseconds can hold, with room for a period to be added."""


def certificate_observations(
    event: VerificationEvent, legal: LegalStatus, *, utc_offset_minutes: int, place: int = 0
) -> tuple[ErrorObservation, ...]:
    """One observation per point and stage, dated to noon of the day of completion.

    `place` counts an instrument's events of one day from 0: each is dated a minute after the one before, so that what
    was found before a repair and after it on the same day stay two measurements.

    A point that was not adjusted is one measurement and gives one observation, however often a certificate prints it.
    Raises LegalDataError for a point in a unit in which no error of the instrument is stated, and for a date that no
    certificate of a working instrument has.
    """
    require_plausible_date(event.completed)
    check = event.kind is EventKind.INTERMEDIATE_CHECK
    source = ObservationSource.INTERMEDIATE_CHECK if check else ObservationSource.CERTIFICATE
    found: list[ErrorObservation] = []
    for point in event.points:
        if point.unit not in legal.mpe.error_units:
            remedy = f"event {event.id}: give errors in {legal.mpe.error_units_text}"
            raise LegalDataError("unit", point.unit, remedy)
        for stage, error in _stages(point):
            found.append(
                ErrorObservation(
                    instrument=event.instrument,
                    channel=legal.channel,
                    t_ns=instant_of(event.completed, utc_offset_minutes) + place * MINUTE_NS,
                    error=error,
                    standard_uncertainty=(
                        None
                        if point.expanded_uncertainty is None
                        else point.expanded_uncertainty / point.coverage_factor
                    ),
                    test_point=point.test_point,
                    unit=point.unit,
                    source=source,
                    stage=stage,
                    event=event.id,
                )
            )
    return tuple(found)


def observations_of(
    events: Iterable[VerificationEvent], legal: LegalStatus, *, utc_offset_minutes: int
) -> tuple[list[ErrorObservation], list[str]]:
    """The observations of an instrument's events, and a sentence for each event that cannot give any.

    The same certificate entered twice gives its observations once.
    """
    found: list[ErrorObservation] = []
    problems: list[str] = []
    days: dict[date, list[tuple[EventKind, tuple[EventPoint, ...]]]] = {}
    for event in events:
        of_day = days.setdefault(event.completed, [])
        if (event.kind, event.points) in of_day:
            continue
        of_day.append((event.kind, event.points))
        try:
            found += certificate_observations(
                event, legal, utc_offset_minutes=utc_offset_minutes, place=len(of_day) - 1
            )
        except CalibrationError as error:
            problems.append(f"event {event.id}: {error}")
    return found, problems


def require_plausible_date(completed: date) -> None:
    """Refuse a date of completion that nanoseconds cannot hold; LegalDataError."""
    if not EARLIEST_YEAR <= completed.year <= LATEST_YEAR:
        raise LegalDataError("completed", completed.isoformat(), f"give a date from {EARLIEST_YEAR} to {LATEST_YEAR}")


def _stages(point: EventPoint) -> list[tuple[ObservationStage, float]]:
    stages = []
    if point.as_found is not None:
        stages.append((ObservationStage.AS_FOUND, point.as_found))
    if point.as_left is not None and point.as_left != point.as_found:
        stages.append((ObservationStage.AS_LEFT, point.as_left))
    return stages
