"""Verification events: what an authorized body or a laboratory did to an instrument, and found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from steelyard.calibration.errors import LegalDataError
from steelyard.contracts.identifiers import InstrumentId


class EventKind(StrEnum):
    """The occasion of an event."""

    FIRST_VERIFICATION = "first_verification"
    SUBSEQUENT_VERIFICATION = "subsequent_verification"
    AFTER_REPAIR = "after_repair"
    """Verification before an instrument goes back into use."""
    ARBITRATION = "arbitration"
    INTERIM = "interim"
    """Verification between two periodic ones; does not move the schedule."""
    CALIBRATION = "calibration"
    INTERMEDIATE_CHECK = "intermediate_check"
    """Check standard in the laboratory (ISO/IEC 17025, 6.4.10); decides nothing."""
    REPAIR = "repair"
    """Whoever repaired it; it is verified before it is used again."""
    SEAL_OPENED = "seal_opened"


class Decision(StrEnum):
    """What was decided."""

    PASSED = "passed"
    FAILED = "failed"
    LIMITED = "limited"
    """Passed for a lower class or part of the range."""
    NOT_TESTABLE = "not_testable"
    NONE = "none"
    """Values only, no statement of conformity (a calibration whose customer asked for none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPoint:
    """One test point of an event.

    `test_point` is the reference value, in the MPE's unit. `as_found` and `as_left` are errors (indication - reference)
    and `expanded_uncertainty` theirs, all in `unit`: the MPE's unit, that of its limits, or "%" of the test point.
    `as_found` is None where it does not apply (a first calibration); `as_left` is None where it equals `as_found`,
    nothing having been adjusted. `expanded_uncertainty` is None when the certificate does not tell it, never 0. `at` is
    the value of the second quantity on which the limits depend, in its unit of the catalogue: the flow at which a
    volume was measured.
    """

    test_point: float
    unit: str
    as_found: float | None
    as_left: float | None
    expanded_uncertainty: float | None
    coverage_factor: float = 2.0
    at: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that no certificate can hold."""
        for name in ("test_point", "as_found", "as_left", "at"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise LegalDataError(name, value, "give a finite number")
        if self.as_found is None and self.as_left is None:
            raise LegalDataError("as_left", None, "give the error as found, as left, or both")
        if self.expanded_uncertainty is not None and not (
            math.isfinite(self.expanded_uncertainty) and self.expanded_uncertainty > 0.0
        ):
            raise LegalDataError(
                "expanded_uncertainty", self.expanded_uncertainty, "give a positive number or leave it out"
            )
        if not (math.isfinite(self.coverage_factor) and self.coverage_factor > 0.0):
            raise LegalDataError("coverage_factor", self.coverage_factor, "give a positive number, usually 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationEvent:
    """One completed event.

    `completed` is the legal (local) date, `completed_at_ns` the instant (UTC ns) where it is known; `id` is unique
    within the installation, `performed_by` the body or laboratory, `certificate` its certificate's or notice's number,
    unique to that body. `limited_to` is the class that a LIMITED decision leaves. `supersedes` is the id of the event
    in whose place this one stands: a corrected certificate, or with the decision NONE a withdrawal. `work_order` is the
    id of the order that it closed, `imported_from` the file that it was taken over from instead.
    """

    id: str
    instrument: InstrumentId
    kind: EventKind
    completed: date
    decision: Decision
    performed_by: str
    certificate: str | None = None
    points: tuple[EventPoint, ...] = ()
    completed_at_ns: int | None = None
    limited_to: str | None = None
    supersedes: str | None = None
    work_order: str | None = None
    imported_from: str | None = None

    @property
    def limits_named(self) -> tuple[str, ...]:
        """`limited_to` as a whole and word by word: what may be the name of a class ("2", "class 2")."""
        return () if self.limited_to is None else (self.limited_to.strip(), *self.limited_to.replace(",", " ").split())

    @property
    def adjusted(self) -> bool:
        """Whether the instrument left with another error than it came with."""
        return any(p.as_found is not None and p.as_left is not None and p.as_left != p.as_found for p in self.points)
