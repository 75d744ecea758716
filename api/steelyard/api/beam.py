"""An error against its limits as a small drawing: the numbers that a template needs, nothing else.

The beam is 136 units wide. The limits stand at fixed places, so that a column of beams can be read at a glance; an
error beyond one and a half limits is drawn at the end of the rail.
"""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.api.figures import MINUS, fixed, significant, value_with_uncertainty, with_unit
from steelyard.calibration.verification.assessment import ErrorEstimate

LEFT, RIGHT = 2.0, 134.0
REACH = 1.6
"""How far the rail goes, in units of the wider limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """Places along the rail (0..136), and the same in words."""

    lower: float
    upper: float
    width: float
    zero: float
    mark: float
    spread_from: float | None
    spread_to: float | None
    text: str


def limits_text(lower: float, upper: float, unit: str) -> str:
    """Return the permitted error as people write it: ``± 0.60 kPa`` or ``-0.15 to +0.10 °C``."""
    if abs(upper + lower) <= 1e-9 * upper:
        return with_unit(f"± {significant(upper, 3)}", unit)
    return with_unit(f"{significant(lower, 3, sign=True)} to {significant(upper, 3, sign=True)}", unit)


def error_text(estimate: ErrorEstimate) -> str:
    """Return the estimated error with its expanded uncertainty (k = 2)."""
    return value_with_uncertainty(estimate.error, estimate.expanded_uncertainty, estimate.unit, sign=True)


def draw(estimate: ErrorEstimate) -> Beam:
    """Return the beam of an estimated error."""
    span = REACH * max(estimate.mpe_upper, -estimate.mpe_lower)

    def place(error: float) -> float:
        x = LEFT + (RIGHT - LEFT) * (error + span) / (2 * span)
        return round(min(max(x, LEFT), RIGHT), 1)

    lower, upper = place(estimate.mpe_lower), place(estimate.mpe_upper)
    expanded = estimate.expanded_uncertainty
    return Beam(
        lower=lower,
        upper=upper,
        width=round(upper - lower, 1),
        zero=place(0.0),
        mark=min(max(place(estimate.error), LEFT + 3), RIGHT - 3),
        spread_from=place(estimate.error - expanded),
        spread_to=place(estimate.error + expanded),
        text=f"error {error_text(estimate)}, permitted "
        f"{limits_text(estimate.mpe_lower, estimate.mpe_upper, estimate.unit)}",
    )


def share_of_limit(estimate: ErrorEstimate) -> str:
    """Return the error as a share of the limit on its side, in per cent; where one is zero, from the middle of both."""
    limit, error = estimate.mpe_upper if estimate.error >= 0 else -estimate.mpe_lower, estimate.error
    if 0.0 in {estimate.mpe_lower, estimate.mpe_upper}:
        limit = (estimate.mpe_upper - estimate.mpe_lower) / 2
        error -= (estimate.mpe_upper + estimate.mpe_lower) / 2
    return f"{fixed(100 * abs(error) / limit, 0)} %".replace("-", MINUS)
