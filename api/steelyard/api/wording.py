"""The words of the console: every code that people see, in plain language.

Many readers rate their digital skill at two of five, so a status comes with its sign, its colour, its word and one
sentence of what it means. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.calibration.verification.assessment import InstrumentStatus
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import OrderState, Trigger
from steelyard.contracts.reading import Quality
from steelyard.contracts.registry import InstrumentKind


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
        tone="overdue", sign="stop", label="Out of service", meaning="Its last verification failed. Do not use it."
    ),
}

NOT_ASSESSED = "not_assessed"
"""The key of the group of those that nobody has judged yet: not in order, only unknown."""

GROUPS: tuple[Group, ...] = (
    Group(
        key="overdue",
        label="Overdue or out of service",
        tone="overdue",
        sign="overdue",
        statuses=frozenset({_S.OVERDUE, _S.UNVERIFIED, _S.OUT_OF_SERVICE}),
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

KINDS: dict[InstrumentKind, str] = {
    InstrumentKind.ELECTRICITY_METER: "Electricity meter",
    InstrumentKind.RESISTANCE_THERMOMETER: "Resistance thermometer",
    InstrumentKind.WEIGHING_INSTRUMENT: "Weighing instrument",
    InstrumentKind.PRESSURE_TRANSMITTER: "Pressure transmitter",
    InstrumentKind.PRESSURE_GAUGE: "Pressure gauge",
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


def channel_name(channel: str) -> str:
    """Return a channel's id as words: ``voltage_l1`` becomes ``Voltage L1``."""
    words = channel.replace("-", "_").split("_")
    return " ".join(
        word.upper() if len(word) == 2 and word[1].isdigit() else (word.capitalize() if place == 0 else word)
        for place, word in enumerate(words)
    )
