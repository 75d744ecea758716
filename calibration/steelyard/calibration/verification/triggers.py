"""Why work orders are raised: one table. Adding a trigger is adding its word, its row, and who finds it.

What a row says is all that the rest of the project knows of a trigger: findings give it a status, `reconcile` asks when
its cause is settled, the table of transitions who may end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steelyard.calibration.verification.status import InstrumentStatus as _Status


class Trigger(StrEnum):
    """Why an order was raised."""

    DUE = "due"
    REPLACE = "replace"
    """The end of a limited period of use: replaced, not verified again."""
    DRIFT = "drift"
    JUMP = "jump"
    FAILED_CHECK = "failed_check"
    SEAL_BROKEN = "seal_broken"
    REPAIR = "repair"
    """Repaired and not verified since."""
    COMPLAINT = "complaint"
    REQUEST = "request"
    LOT = "lot"
    """Too many of one batch have failed."""
    REVIEW = "review"
    """What an order or a conclusion rested on no longer stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRule:
    """One row.

    `status` is what its cause makes of an instrument (None: nothing). `of_service` says that the service raises it, and
    withdraws it while nobody has approved it. `binding` orders end, under mandatory control, by a verification or with
    the device's state, never by a person's word. A closed order has settled its cause if `settled_by_closing`; a
    cancelled one always has. `until_verified`: the cause stays until a verification has passed since, whatever newer
    observations say.
    """

    status: _Status | None = None
    of_service: bool = True
    binding: bool = False
    settled_by_closing: bool = True
    until_verified: bool = False


TRIGGERS: dict[Trigger, TriggerRule] = {
    Trigger.DUE: TriggerRule(status=_Status.DUE_SOON, binding=True, settled_by_closing=False),
    Trigger.REPLACE: TriggerRule(status=_Status.DUE_SOON, binding=True, settled_by_closing=False),
    Trigger.DRIFT: TriggerRule(status=_Status.DRIFTING),
    Trigger.JUMP: TriggerRule(status=_Status.JUMPED, binding=True, until_verified=True),
    Trigger.FAILED_CHECK: TriggerRule(status=_Status.OUT_OF_TOLERANCE_SUSPECTED, binding=True, until_verified=True),
    Trigger.SEAL_BROKEN: TriggerRule(status=_Status.SEAL_BROKEN, binding=True, until_verified=True),
    Trigger.REPAIR: TriggerRule(status=_Status.UNVERIFIED, binding=True, until_verified=True),
    Trigger.COMPLAINT: TriggerRule(of_service=False),
    Trigger.REQUEST: TriggerRule(of_service=False),
    Trigger.LOT: TriggerRule(binding=True),
    Trigger.REVIEW: TriggerRule(),
}
