"""What /api/v1 takes and gives, as JSON. Instants are RFC 3339 in UTC, dates ISO 8601, units UCUM codes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from steelyard.api.rest.values import Day, Finite, Line, Prose, Said
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.observations import ObservationSource, ObservationStage
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.registry import OrganizationKind


class Given(BaseModel):
    """What the interface gives."""

    model_config = ConfigDict(frozen=True)


class Taken(BaseModel):
    """What the interface takes: a misspelt field is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OrganizationShape(Given):
    """An enterprise, an institute or a supervisor."""

    id: str
    name: str
    kind: OrganizationKind
    region: str


class OrganizationList(Given):
    """The organizations that you may see."""

    items: list[OrganizationShape]


class InstrumentShape(Given):
    """An instrument with what is known of it now."""

    id: str
    name: str
    organization: str
    gateway: str | None = Field(description="Null for a device that nothing reads.")
    kind: str = Field(description="A name of the catalogue, such as `electricity_meter`.")
    profile: str | None
    serial: str
    location: str
    accuracy_class: str
    status: InstrumentStatus | None = Field(description="The gravest that holds; null before the first assessment.")
    reason: str = Field(description="Why, in words.")
    due_date: date | None = Field(
        description="The date that holds: the earlier of the statutory and the recommended; where good evidence may "
        "lengthen a voluntary interval, the recommended."
    )
    statutory_due: date | None
    valid_until: date | None = Field(description="As printed: the last day before `statutory_due`.")
    recommended_due: date | None
    probability_out_of_tolerance: float | None = Field(
        description="P(error outside the MPE in use) at `assessed_at`; null when no error was ever observed."
    )
    error: float | None
    expanded_uncertainty: float | None = Field(description="Of the error, coverage factor 2.")
    error_unit: str | None = Field(description="UCUM code: the channel's unit, or % of the test point.")
    mpe_lower: float | None = Field(description="Lower limit of the error in use, in `error_unit`.")
    mpe_upper: float | None
    assessed_at: str | None
    open_work_orders: list[str] = Field(description="Ids of the work orders that have not ended.")


class InstrumentList(Given):
    """The fleet, gravest first."""

    items: list[InstrumentShape]


class ChannelShape(Given):
    """One quantity of an instrument."""

    id: str
    quantity: str
    unit: str
    resolution: float


class ChannelList(Given):
    """An instrument's channels."""

    items: list[ChannelShape]


class LiveShape(Given):
    """The newest reading of a channel, as a number and as the console's words."""

    channel: str
    t: str
    value: float | None = Field(description="As indicated, in `unit`; null with the cause in `quality`.")
    unit: str
    quality: int = Field(description="0 good, else contracts.reading.Quality.")
    correction: float | None = Field(description="To be added to the indication (JCGM 200, 2.53); null when unknown.")
    expanded_uncertainty: float | None = Field(
        description="Of the corrected value, coverage factor 2; null if unknown."
    )
    status: InstrumentStatus | None = Field(description="The instrument's status.")
    text: str
    spread: str
    note: str


class LiveList(Given):
    """The newest reading of each channel."""

    items: list[LiveShape]


class ReadingsShape(Given):
    """Readings of one channel over time, as columns of one length.

    `kind` "series": every reading, with `value` (null where missing) and `status`. `kind` "buckets": equal spans, with
    `value` the mean, and `minimum`, `maximum`, `count`.
    """

    instrument: str
    channel: str
    unit: str
    kind: Literal["series", "buckets"]
    start: str
    end: str
    t: list[str]
    value: list[float | None]
    status: list[int] | None = None
    minimum: list[float] | None = None
    maximum: list[float] | None = None
    count: list[int] | None = None


class ErrorShape(Given):
    """One observed error, indication - reference, in `unit`."""

    t: str
    channel: str
    error: float
    standard_uncertainty: float | None
    test_point: float
    unit: str
    source: ObservationSource
    stage: ObservationStage
    event: str | None


class ErrorList(Given):
    """An instrument's error observations by time; `next` is where to go on (as `start`), null at the end."""

    items: list[ErrorShape]
    next: str | None


class JumpShape(Given):
    """A sudden change of the error."""

    t: str
    detected: str
    size: float
    standard_uncertainty: float


class AssumedShape(Given):
    """What was assumed of the instrument before anything was seen of it: standard deviations in `unit`.

    Learned from certificates of other instruments of its kind; 0 instruments: the table's.
    """

    error: float
    rate_per_year: float
    wander: float = Field(description="Of the error's random walk in a year.")
    instruments: int
    certificates: int


class ForecastShape(Given):
    """The error now and in the days to come, in `unit`, with the limits of the error in use."""

    instrument: str
    at: str
    channel: str
    test_point: float
    test_point_unit: str
    unit: str
    error: float
    standard_uncertainty: float
    mpe_lower: float
    mpe_upper: float
    rate_per_year: float
    rate_standard_uncertainty: float
    drift_significant: bool
    probability_out_of_tolerance: float
    observation_count: int
    last_observation: str
    jump: JumpShape | None
    assumed: AssumedShape | None
    days: list[float] = Field(description="Days after `at`; the other columns have the same length.")
    mean: list[float]
    lower: list[float]
    upper: list[float]
    probability: list[float]


class PointShape(Taken):
    """One test point of a verification: errors and their expanded uncertainty in `unit`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["as_found"], "properties": {"as_found": {"type": "number"}}},
                {"required": ["as_left"], "properties": {"as_left": {"type": "number"}}},
            ]
        }
    )

    test_point: Finite
    unit: Annotated[str, StringConstraints(min_length=1, max_length=20)]
    as_found: Finite | None = None
    as_left: Finite | None = None
    expanded_uncertainty: Finite | None = Field(default=None, gt=0, description="Null when the certificate is silent.")
    coverage_factor: Finite = Field(default=2.0, gt=0)


class EventShape(Given):
    """A completed verification, calibration or check."""

    id: str
    instrument: str
    kind: EventKind
    completed: date
    decision: Decision
    performed_by: str
    certificate: str | None
    points: list[PointShape]
    limited_to: str | None = Field(description="The class that a limited decision leaves.")
    supersedes: str | None = Field(description="The event in whose place this one stands.")
    work_order: str | None = Field(description="The order that it ended.")
    imported_from: str | None = Field(description="The file that it was taken over from; null for one recorded here.")


class EventList(Given):
    """An instrument's verification events by date."""

    items: list[EventShape]


class Imported(Taken):
    """Where an event was taken over from."""

    file: Annotated[Line, StringConstraints(min_length=1, max_length=200)] = Field(
        description="The file's name, with the line or sheet if it has several."
    )


class NewEvent(Taken):
    """A completed verification to be recorded. The due date follows from it; it is never typed."""

    kind: EventKind
    completed: Day
    decision: Decision
    performed_by: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    certificate: Annotated[Line, StringConstraints(min_length=1, max_length=100)] | None = None
    points: Annotated[list[PointShape], Field(max_length=200)] = []
    limited_to: Annotated[Line, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="With the decision limited: the class that it leaves."
    )
    supersedes: Annotated[Line, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="The id of the event in whose place this one stands: a corrected certificate."
    )
    items: Annotated[list[Annotated[str, StringConstraints(max_length=63)]], Field(max_length=1000)] = Field(
        default=[], description="All instruments of one certificate for many, this one too; else left out."
    )
    work_order: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="The order that the event ends; what an institute did for others needs one."
    )
    imported: Imported | None = Field(
        default=None, description="For the administrator: the event is taken over from elsewhere."
    )
    why: Annotated[Prose, StringConstraints(max_length=1000)] = ""


class DueShape(Given):
    """When an instrument must be verified, and why."""

    instrument: str
    name: str
    organization: str
    due_date: date | None
    statutory_due: date | None
    valid_until: date | None = Field(description="As printed: the last day before `statutory_due`.")
    recommended_due: date | None
    status: InstrumentStatus | None
    reason: str


class DueList(Given):
    """Due dates, the earliest first; instruments without a date come last."""

    items: list[DueShape]


class EvidenceShape(Given):
    """The numbers behind an order, as they were then."""

    trigger: Trigger
    at: str
    sentence: str
    unit: str | None
    test_point: float | None
    error: float | None
    standard_uncertainty: float | None
    mpe_lower: float | None
    mpe_upper: float | None
    rate_per_year: float | None
    probability_out_of_tolerance: float | None


class AuditShape(Given):
    """One change: who, in which role, what, from what to what, why."""

    at: str
    who: str
    role: str
    action: str
    old: str | None
    new: str | None
    why: str


class OrderShape(Given):
    """A demand for verification or calibration of one instrument."""

    id: str
    instrument: str
    organization: str
    trigger: Trigger
    state: OrderState
    due_date: date | None
    reason: str
    mandatory: bool
    raised: str
    updated: str
    acknowledged: str | None
    acknowledged_by: str | None
    assigned_to: str | None
    revision: int


class OrderList(Given):
    """Work orders, open ones first, then by due date."""

    items: list[OrderShape]


class OrderDetail(OrderShape):
    """A work order with its evidence, its history and the states to which you may move it."""

    evidence: list[EvidenceShape]
    audit: list[AuditShape]
    allowed: list[OrderState]


class NewOrder(Taken):
    """A work order that people ask for."""

    instrument: Annotated[str, StringConstraints(max_length=63)]
    trigger: Literal["request", "repair", "complaint"]
    why: Annotated[Said, StringConstraints(min_length=1, max_length=1000)] = Field(
        description="What is the matter: the order's reason."
    )


class NewTransition(Taken):
    """One step of a work order."""

    to: OrderState
    why: Annotated[Prose, StringConstraints(max_length=1000)] = Field(
        default="", description="Required for side exits, failed outcomes and steps back; kept in the history."
    )
    assign_to: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        default=None, description="The institute, when `to` is assigned; your own if left out."
    )


class GatewayShape(Given):
    """A gateway and its health; the health is null before its first frame."""

    id: str
    organization: str
    key: str = Field(description="The id of its public key.")
    instruments: int
    state: str | None
    boot: str | None
    last_frame: str | None
    contiguous_upto: int | None = Field(description="Every frame of this boot up to this number has arrived.")
    received_frames: int | None
    received_readings: int | None
    missed_polls: int | None
    spooled_frames: int | None
    clock_state: str | None
    clock_error_ms: float | None
    updated: str | None


class GatewayList(Given):
    """The gateways that you may see."""

    items: list[GatewayShape]


class AlertShape(Given):
    """One message about one work order to one recipient, and what became of it."""

    id: str
    work_order: str
    instrument: str
    organization: str
    medium: str
    recipient: str
    subject: str
    body: str
    created: str
    sent: str | None
    attempts: int
    outcome: str | None


class AlertList(Given):
    """The log of alerts, the newest first."""

    items: list[AlertShape]


class QuarantineShape(Given):
    """A message that was not taken as measurement, and why."""

    id: int
    at: str
    gateway: str
    topic: str
    reason: str
    size: int


class QuarantineList(Given):
    """Refused messages, the newest first."""

    items: list[QuarantineShape]


class Me(Given):
    """Who you are to this interface."""

    who: str
    name: str
    role: Role
    organization: OrganizationShape


class Health(Given):
    """Whether this process can do its work."""

    status: Literal["ok"]
    records: Literal["ok"]
    readings: Literal["ok", "unavailable"]
