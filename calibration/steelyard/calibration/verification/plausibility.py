"""Values that no certificate of this instrument can mean: a factor of a thousand, another instrument's load, a wish.

At entry they are asked back; imported, they are flagged and kept out of what is concluded about the error. What makes a
value implausible is wide on purpose: an instrument may really be ten times too wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from steelyard.calibration.mpe import Phase
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.law import Law, in_half_widths

_BEYOND_RANGE = 0.1
"""Of the range: how far beyond its ends an instrument is sometimes tested."""
_LARGEST_ERROR = 100.0
"""Half widths of the MPE: a larger error is one in another unit."""
_LARGEST_PASSED_ERROR = 10.0
"""Half widths of the MPE: nobody passes an instrument with a larger one."""
_OTHER_SCALE = 300.0
"""Times the usual test points, all of them: typed in another unit."""
_LEAST_OF_RANGE = 0.01
"""Of the range: where a certificate's largest test point is no smaller it is as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Implausible:
    """One value that is asked back: `field` and `value` of a test point, what is `usual` for this instrument."""

    event: VerificationEvent
    point: EventPoint
    field: str
    value: float
    usual: str


def implausible(
    event: VerificationEvent, law: Law, accuracy_class: str | None, others: Sequence[VerificationEvent]
) -> list[Implausible]:
    """What in `event` cannot be meant, at most one value a test point; `others` are the instrument's other events."""
    found = []
    scale = _other_scale(event, law, others)
    for point in event.points:
        wrong = _wrong(event, point, law, accuracy_class, scale)
        if wrong is not None:
            field, value, usual = wrong
            found.append(Implausible(event=event, point=point, field=field, value=value, usual=usual))
    return found


def _wrong(
    event: VerificationEvent, point: EventPoint, law: Law, accuracy_class: str | None, scale: float | None
) -> tuple[str, float, str] | None:
    if law.range_low is not None and law.range_high is not None:
        room = _BEYOND_RANGE * (law.range_high - law.range_low)
        if not law.range_low - room <= point.test_point <= law.range_high + room:
            return "test_point", point.test_point, f"the range is {law.range_low:g} to {law.range_high:g}"
    if scale is not None:
        return "test_point", point.test_point, f"its other certificates have test points about {scale:g} times as large"
    limits = law.limits(point, day=event.completed, accuracy_class=accuracy_class, phase=Phase.SUBSEQUENT)
    if limits is None:
        return None
    largest = _LARGEST_PASSED_ERROR if event.decision is Decision.PASSED else _LARGEST_ERROR
    for field in ("as_found", "as_left"):
        error = getattr(point, field)
        # What was found before an adjustment may be anything; what was passed may not.
        most = largest if field == "as_left" or point.as_left is None else _LARGEST_ERROR
        if error is not None and in_half_widths(error, limits) > most:
            return field, error, f"the MPE here is {limits.lower:g} to {limits.upper:+g} {point.unit}"
    if point.expanded_uncertainty is not None:
        half = (limits.upper - limits.lower) / 2.0
        low, high = law.least_uncertainty * half, law.largest_uncertainty * half
        if not low <= point.expanded_uncertainty <= high:
            return "expanded_uncertainty", point.expanded_uncertainty, f"{low:.2g} to {high:.2g} {point.unit} is usual"
    return None


def _other_scale(event: VerificationEvent, law: Law, others: Sequence[VerificationEvent]) -> float | None:
    """By which factor the test points of all other certificates differ from this one's; None where they do not.

    Only of quantities that begin at zero, and of certificates: a check at one point tells nothing about a unit.
    """
    mine = _extent(event, law)
    usual = [extent for extent in (_extent(other, law) for other in others) if extent is not None]
    if mine is None or not usual:
        return None
    if law.range_high is not None and mine >= _LEAST_OF_RANGE * law.range_high:
        return None
    ratio = median(usual) / mine
    return ratio if not 1.0 / _OTHER_SCALE < ratio < _OTHER_SCALE and math.isfinite(ratio) else None


def _extent(event: VerificationEvent, law: Law) -> float | None:
    """The largest test point of a certificate; None where it has only one, or points that the instrument has not."""
    if event.kind in {EventKind.INTERMEDIATE_CHECK, EventKind.INTERIM} or (law.range_low or 0.0) < 0.0:
        return None
    sizes = [point.test_point for point in event.points if point.test_point != 0.0]
    if len(sizes) < 2 or min(sizes) < 0.0:
        return None
    beyond = law.range_high is not None and max(sizes) > (1.0 + _BEYOND_RANGE) * law.range_high
    return None if beyond else max(sizes)
