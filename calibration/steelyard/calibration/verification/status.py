"""One word for an instrument."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class InstrumentStatus(StrEnum):
    """The most severe status that applies: those of the register first, then the law's, then what evidence says."""

    SCRAPPED = "scrapped"
    STORED = "stored"
    """Taken out of use and announced so: verified before it is used again."""
    UNDER_REPAIR = "under_repair"
    OUT_OF_SERVICE = "out_of_service"
    """The last verification failed, or its owner took it out of service."""
    UNVERIFIED = "unverified"
    """No passed verification is on record, or none since a repair: not to be used."""
    NOT_CONFIRMED = "not_confirmed"
    """The last attempt could not be carried out: whether it conforms is not known."""
    REPLACE = "replace"
    """Its limited period of use has ended, or it is inaccurate and not to be verified again."""
    OVERDUE = "overdue"
    SEAL_BROKEN = "seal_broken"
    JUMPED = "jumped"
    """The error changed suddenly since the last passed verification."""
    OUT_OF_TOLERANCE_SUSPECTED = "out_of_tolerance_suspected"
    """Evidence since the last passed verification, or its own values, lie outside the MPE."""
    DRIFTING = "drifting"
    """Evidence of drift that will carry the error out of the MPE in use within the lead."""
    DUE_SOON = "due_soon"
    """The statutory or agreed date is within the lead."""
    VALID = "valid"
    NOT_CONTROLLED = "not_controlled"
    """No legal data: nothing is known and nothing is demanded."""


_SEVERITY = {status: place for place, status in enumerate(InstrumentStatus)}


def most_severe(statuses: Iterable[InstrumentStatus]) -> InstrumentStatus:
    """The first in the order above; VALID without any."""
    return min(statuses, key=_SEVERITY.__getitem__, default=InstrumentStatus.VALID)
