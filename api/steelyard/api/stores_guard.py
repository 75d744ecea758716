"""Turning what the stores and the domain refuse into what a caller is told."""

from __future__ import annotations

from steelyard.api.errors import Conflict, Forbidden, Invalid, Refused, Unavailable
from steelyard.calibration.errors import CalibrationError, OrderChanged, TransitionRefused, WorkOrderError
from steelyard.contracts.errors import ContractError
from steelyard.storage.errors import RecordNotFound, RecordRefused, StorageError

_PEOPLE = frozenset({"role", "who"})
_GIVEN = frozenset({"why", "assign_to"})


def as_refused(error: StorageError | CalibrationError | ContractError) -> Refused:
    """Return the answer for an error of a lower room.

    A store that cannot be reached is not named: its address is the operator's business and stands in the log.
    """
    if isinstance(error, OrderChanged):
        return Conflict(
            "Somebody else changed it a moment ago.", field="revision", remedy="Read it again, then decide anew."
        )
    if isinstance(error, WorkOrderError):
        kind: type[Refused] = Conflict
        if isinstance(error, TransitionRefused) and error.field in _PEOPLE:
            kind = Forbidden
        elif isinstance(error, TransitionRefused) and error.field in _GIVEN:
            kind = Invalid
        return kind(str(error), field=error.field, value=str(error.value), remedy=_sentence(error.remedy))
    if isinstance(error, CalibrationError | ContractError):
        return Invalid(str(error), field=error.field, value=str(error.value), remedy=_sentence(error.remedy))
    if isinstance(error, RecordRefused) and error.field is not None:
        return Conflict(str(error), field=error.field, value=str(error.value), remedy=_sentence(error.remedy))
    if isinstance(error, RecordRefused | RecordNotFound):
        return Conflict(str(error), value=str(error.key), remedy="Read it again, then decide anew.")
    return Unavailable(
        "A store cannot be reached at the moment.", remedy="Try again in a minute; the log of the server says more."
    )


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}."
