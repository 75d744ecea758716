"""The words of the console: every code that people see, in plain language.

Many readers rate their digital skill at two of five, so a status comes with its sign, its colour, its word and one
sentence of what it means. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.devices import Use
from steelyard.contracts.reading import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a status is shown: `tone` its colour's name, `sign` its sign's, `label` its word, `meaning` a sentence."""

    tone: str
    sign: str
    label: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One of the counts above the fleet: which statuses it holds, and how it is shown. Listed gravest first."""

    key: str
    label: str
    tone: str
    sign: str
    statuses: frozenset[InstrumentStatus | None]


_S = InstrumentStatus

STANDINGS: dict[InstrumentStatus | None, Standing] = {
    None: Standing(tone="idle", sign="idle", label="Not assessed", meaning="It has not been assessed yet."),
    _S.NOT_CONTROLLED: Standing(
        tone="idle", sign="idle", label="Not controlled", meaning="It is not under metrological control."
    ),
    _S.VALID: Standing(tone="valid", sign="valid", label="Valid", meaning="In order. Nothing has to be done."),
    _S.DUE_SOON: Standing(
        tone="due", sign="due", label="Due soon", meaning="It must be verified soon, as its period is ending."
    ),
    _S.DRIFTING: Standing(
        tone="drift",
        sign="drift",
        label="Drifting",
        meaning="Its error is growing slowly. Verify it before the error leaves the permitted range.",
    ),
    _S.JUMPED: Standing(
        tone="jump",
        sign="jump",
        label="Sudden change",
        meaning="Its error changed suddenly. Have it checked before you rely on it.",
    ),
    _S.OUT_OF_TOLERANCE_SUSPECTED: Standing(
        tone="jump",
        sign="jump",
        label="Error too large",
        meaning="Its error is probably outside the permitted range now. Have it checked before you rely on it.",
    ),
    _S.SEAL_BROKEN: Standing(
        tone="jump", sign="stop", label="Seal opened", meaning="Its seal was opened. It must be verified before use."
    ),
    _S.UNVERIFIED: Standing(
        tone="overdue", sign="stop", label="Not verified", meaning="No valid verification is on record."
    ),
    _S.OVERDUE: Standing(
        tone="overdue",
        sign="overdue",
        label="Overdue",
        meaning="Its verification has lapsed. Do not use it for trade, safety, medical or environmental purposes.",
    ),
    _S.OUT_OF_SERVICE: Standing(
        tone="overdue",
        sign="stop",
        label="Out of service",
        meaning="Its last verification failed, or its owner took it out of service. Do not use it.",
    ),
    _S.REPLACE: Standing(
        tone="overdue",
        sign="stop",
        label="To be replaced",
        meaning="Its period of use has ended, or it is inaccurate: replace it. It is not verified again.",
    ),
    _S.NOT_CONFIRMED: Standing(
        tone="overdue",
        sign="stop",
        label="Not confirmed",
        meaning="Its last verification could not be carried out: whether it conforms is not known.",
    ),
    _S.UNDER_REPAIR: Standing(
        tone="idle", sign="idle", label="Under repair", meaning="It is verified before it is used again."
    ),
    _S.STORED: Standing(
        tone="idle", sign="idle", label="Stored", meaning="It is not in use. It is verified before it is used again."
    ),
    _S.SCRAPPED: Standing(tone="idle", sign="idle", label="Scrapped", meaning="It no longer exists as an instrument."),
}

NOT_ASSESSED = "not_assessed"
"""The key of the group of those that nobody has judged yet: not in order, only unknown."""
NOT_IN_USE = "not_in_use"
"""The key of the group of those that are stored, under repair or scrapped."""

GROUPS: tuple[Group, ...] = (
    Group(
        key="overdue",
        label="Overdue or out of service",
        tone="overdue",
        sign="overdue",
        statuses=frozenset({_S.OVERDUE, _S.UNVERIFIED, _S.OUT_OF_SERVICE, _S.REPLACE, _S.NOT_CONFIRMED}),
    ),
    Group(
        key="changed",
        label="Sudden change",
        tone="jump",
        sign="jump",
        statuses=frozenset({_S.JUMPED, _S.OUT_OF_TOLERANCE_SUSPECTED, _S.SEAL_BROKEN}),
    ),
    Group(key="drifting", label="Drifting", tone="drift", sign="drift", statuses=frozenset({_S.DRIFTING})),
    Group(key="due_soon", label="Due soon", tone="due", sign="due", statuses=frozenset({_S.DUE_SOON})),
    Group(key=NOT_ASSESSED, label="Not assessed", tone="idle", sign="idle", statuses=frozenset({None})),
    Group(
        key=NOT_IN_USE,
        label="Not in use",
        tone="idle",
        sign="idle",
        statuses=frozenset({_S.STORED, _S.UNDER_REPAIR, _S.SCRAPPED}),
    ),
    Group(
        key="valid",
        label="In order",
        tone="valid",
        sign="valid",
        statuses=frozenset({_S.VALID, _S.NOT_CONTROLLED}),
    ),
)

GROUP_OF: dict[InstrumentStatus | None, int] = {
    status: rank for rank, group in enumerate(GROUPS) for status in group.statuses
}
"""The rank of a status's group: 0 is the gravest."""

TRIGGERS: dict[Trigger, Standing] = {
    Trigger.DUE: Standing(
        tone="due", sign="due", label="Due", meaning="Verification is due: the period is about to end"
    ),
    Trigger.DRIFT: Standing(
        tone="drift", sign="drift", label="Drift", meaning="Verify early: the error is drifting towards its limit"
    ),
    Trigger.JUMP: Standing(
        tone="jump", sign="jump", label="Sudden change", meaning="Check now: the error changed suddenly"
    ),
    Trigger.SEAL_BROKEN: Standing(
        tone="jump", sign="stop", label="Seal opened", meaning="Verify before use: the seal was opened"
    ),
    Trigger.FAILED_CHECK: Standing(
        tone="jump", sign="stop", label="Failed check", meaning="Verify: a check in service was failed"
    ),
    Trigger.REPAIR: Standing(
        tone="idle", sign="order", label="Repair", meaning="Verify after repair, before it is used again"
    ),
    Trigger.REPLACE: Standing(
        tone="due", sign="due", label="Replace", meaning="Replace it: its period of use ends, or it is inaccurate"
    ),
    Trigger.LOT: Standing(
        tone="jump", sign="stop", label="Batch failed", meaning="Decide about a batch: too many of it have failed"
    ),
    Trigger.REVIEW: Standing(
        tone="idle", sign="order", label="Review", meaning="Look again: what a conclusion rested on no longer stands"
    ),
    Trigger.COMPLAINT: Standing(tone="idle", sign="order", label="Complaint", meaning="Check after a complaint"),
    Trigger.REQUEST: Standing(tone="idle", sign="order", label="Request", meaning="Verification was asked for"),
}

STATES: dict[OrderState, tuple[str, str]] = {
    OrderState.PROPOSED: ("Proposed", "Waits for the owner or the institute to approve it."),
    OrderState.APPROVED: ("Approved", "Waits to be assigned to an institute."),
    OrderState.ASSIGNED: ("Assigned", "Waits for the institute to accept it."),
    OrderState.ACCEPTED: ("Accepted", "Waits for a date."),
    OrderState.DECLINED: ("Declined", "The institute cannot do it; it must be assigned again."),
    OrderState.SCHEDULED: ("Scheduled", "A date is set."),
    OrderState.RECEIVED: ("Received", "The instrument is at hand."),
    OrderState.IN_PROGRESS: ("In progress", "It is being measured."),
    OrderState.MEASURED: ("Measured", "Waits for a second person to check the record."),
    OrderState.REVIEWED: ("Reviewed", "Waits for the decision."),
    OrderState.PASSED: ("Passed", "It conforms; the certificate is being prepared."),
    OrderState.FAILED: ("Failed", "It does not conform; a result notice is being prepared."),
    OrderState.LIMITED: ("Passed with limits", "It conforms for a lower class or part of its range."),
    OrderState.NOT_TESTABLE: ("Not testable", "It could not be tested."),
    OrderState.CERTIFICATE_ISSUED: ("Certificate issued", "The paper is done; the record of the event ends the order."),
    OrderState.CLOSED: ("Closed", "Done."),
    OrderState.CANCELLED: ("Cancelled", "It was called off."),
    OrderState.WITHDRAWN: ("Withdrawn", "Its reason no longer holds."),
    OrderState.RETURNED_NO_WORK: ("Returned, no work done", "The instrument went back unverified."),
}

ACTIONS: dict[OrderState, str] = {
    OrderState.APPROVED: "Approve",
    OrderState.ASSIGNED: "Assign to this institute",
    OrderState.ACCEPTED: "Accept",
    OrderState.DECLINED: "Decline",
    OrderState.SCHEDULED: "Date is set",
    OrderState.RECEIVED: "Instrument received",
    OrderState.IN_PROGRESS: "Start measuring",
    OrderState.MEASURED: "Measuring is done",
    OrderState.REVIEWED: "Record is checked",
    OrderState.PASSED: "Decide: passed",
    OrderState.FAILED: "Decide: failed",
    OrderState.LIMITED: "Decide: passed with limits",
    OrderState.NOT_TESTABLE: "Decide: not testable",
    OrderState.CERTIFICATE_ISSUED: "Certificate is issued",
    OrderState.CLOSED: "Close",
    OrderState.CANCELLED: "Cancel the order",
    OrderState.WITHDRAWN: "Withdraw",
    OrderState.RETURNED_NO_WORK: "Return without work",
}

MAIN_WAY: tuple[OrderState, ...] = (
    OrderState.PROPOSED,
    OrderState.APPROVED,
    OrderState.ASSIGNED,
    OrderState.ACCEPTED,
    OrderState.SCHEDULED,
    OrderState.RECEIVED,
    OrderState.IN_PROGRESS,
    OrderState.MEASURED,
    OrderState.REVIEWED,
    OrderState.PASSED,
    OrderState.CERTIFICATE_ISSUED,
    OrderState.CLOSED,
)
"""The stops that the page of an order shows; an order that left this way shows where it is instead."""

ROLES: dict[Role, str] = {
    Role.OWNER: "Metrology manager",
    Role.SITE_OPERATOR: "Operator",
    Role.PLANNER: "Planner",
    Role.RECEIVER: "Receiver",
    Role.VERIFIER: "Verifier",
    Role.CHECKER: "Checker",
    Role.APPROVER: "Approver",
    Role.STANDARDS_KEEPER: "Standards keeper",
    Role.SUPERVISOR: "Supervisor",
    Role.ADMINISTRATOR: "Administrator",
    Role.SYSTEM: "Steelyard",
}

EVENTS: dict[EventKind, str] = {
    EventKind.FIRST_VERIFICATION: "First verification",
    EventKind.SUBSEQUENT_VERIFICATION: "Verification",
    EventKind.AFTER_REPAIR: "Verification after repair",
    EventKind.ARBITRATION: "Arbitration",
    EventKind.INTERIM: "Interim verification",
    EventKind.CALIBRATION: "Calibration",
    EventKind.INTERMEDIATE_CHECK: "Intermediate check",
    EventKind.REPAIR: "Repair",
    EventKind.SEAL_OPENED: "Seal opened",
}

DECISIONS: dict[Decision, str] = {
    Decision.PASSED: "Passed",
    Decision.FAILED: "Failed",
    Decision.LIMITED: "Passed with limits",
    Decision.NOT_TESTABLE: "Not testable",
    Decision.NONE: "No statement",
}

REGIMES: dict[Regime, str] = {
    Regime.FIRST_SCRAP: "Mandatory: verified once, scrapped when inaccurate",
    Regime.FIRST_LIMITED: "Mandatory: verified once, limited period of use",
    Regime.PERIODIC: "Mandatory: verified periodically",
    Regime.VOLUNTARY: "Voluntary: calibrated by the owner's policy",
}

DEVICE_STATES: dict[DeviceState, str] = {
    DeviceState.IN_USE: "In use",
    DeviceState.STORED: "Stored",
    DeviceState.UNDER_REPAIR: "Under repair",
    DeviceState.OUT_OF_SERVICE: "Out of service",
    DeviceState.SCRAPPED: "Scrapped",
}

USES: dict[Use, str] = {
    Use.TRADE: "Trade settlement",
    Use.SAFETY: "Safety protection",
    Use.MEDICAL: "Medical care",
    Use.ENVIRONMENT: "Environmental monitoring",
    Use.NONE: "The owner's own purposes",
}

QUALITIES: dict[Quality, str] = {
    Quality.GOOD: "",
    Quality.NO_REPLY: "No answer from the instrument",
    Quality.MALFORMED_REPLY: "The answer could not be understood",
    Quality.DEVICE_EXCEPTION: "The instrument refused",
    Quality.NOT_A_NUMBER: "No value available",
    Quality.OUT_OF_RANGE: "Outside what it can indicate",
    Quality.NOT_CONNECTED: "Not connected",
    Quality.INSTRUMENT_FAULT: "The instrument reports a fault",
    Quality.CLOCK_UNSYNCED: "The gateway's clock is not checked",
}


def kind_name(kind: str) -> str:
    """What the catalogue calls a kind in English; of a kind that only an operator's file knows, its own name."""
    known = builtin_catalogue().kinds.get(kind)
    return kind.replace("_", " ").capitalize() if known is None else known.names.en


def channel_name(channel: str) -> str:
    """Return a channel's id as words: ``voltage_l1`` becomes ``Voltage L1``."""
    words = channel.replace("-", "_").split("_")
    return " ".join(
        word.upper() if len(word) == 2 and word[1].isdigit() else (word.capitalize() if place == 0 else word)
        for place, word in enumerate(words)
    )
