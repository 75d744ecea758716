"""The tables of the records. The migrations make them; a test holds both equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from steelyard.calibration.verification.assessment import ErrorEstimate
from steelyard.calibration.verification.devices import DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint
from steelyard.calibration.verification.observations import ObservationSource, ObservationStage
from steelyard.calibration.verification.regime import CatalogueReference, Regime
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import TERMINAL, Evidence, OrderState
from steelyard.contracts.registry import OrganizationKind
from steelyard.storage.records.columns import Json, Key, Mpe, Word

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Text, nullable=optional)


def _refers(name: str, to: str, *, optional: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey(to), nullable=optional, primary_key=key)


def _key(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _number() -> Column[int]:
    """In order of entry. SQLite counts only a column whose type is exactly INTEGER."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column("number", kind, Identity(always=False), primary_key=True)


def _ns(name: str, *, optional: bool = False) -> Column[int]:
    """An instant, UTC nanoseconds since 1970."""
    return Column(name, BigInteger, nullable=optional)


def _real(name: str, *, optional: bool = False) -> Column[float]:
    return Column(name, Double, nullable=optional)


organization = Table(
    "organization",
    metadata,
    _key(),
    _text("name"),
    Column("kind", Word(OrganizationKind), nullable=False),
    _text("region"),
)

service_relation = Table(
    "service_relation",
    metadata,
    _number(),
    _refers("institute", "organization.id"),
    _refers("enterprise", "organization.id"),
    Column("since", Date, nullable=True),
    Column("until", Date, nullable=True),
    Index(None, "institute", "enterprise"),
)

gateway = Table(
    "gateway",
    metadata,
    _key(),
    _refers("organization", "organization.id"),
    Column("public_key", Key, nullable=False),
)

instrument = Table(
    "instrument",
    metadata,
    _key(),
    _refers("organization", "organization.id"),
    _refers("gateway", "gateway.id", optional=True),
    _text("name"),
    _text("kind"),
    _text("profile", optional=True),
    _text("serial"),
    _text("location"),
    _text("accuracy_class"),
    _text("maker", optional=True),
    _text("model", optional=True),
    _text("type_approval", optional=True),
    _text("batch", optional=True),
    _real("range_low", optional=True),
    _real("range_high", optional=True),
    _text("unit", optional=True),
    _real("scale_interval", optional=True),
    Column("parameters", Json(dict[str, float | str]), nullable=True),
    Column("use", Word(Use), nullable=True),
    Column("put_into_use", Date, nullable=True),
    Index(None, "organization"),
)

position = Table(
    "position",
    metadata,
    _key(),
    _refers("organization", "organization.id"),
    _text("name"),
    _text("region"),
    Column("use", Word(Use), nullable=False),
)


def _span(name: str, of: str) -> Table:
    """To which `of` a device belongs, from one day to another. Spans of one device do not overlap: `spans` sees to it.

    One of them at most is open, and that the database sees to itself.
    """
    table = Table(
        name,
        metadata,
        _refers("instrument", "instrument.id", key=True),
        _refers(of, f"{of}.id"),
        Column("since", Date, primary_key=True),
        Column("until", Date, nullable=True),
    )
    open_ended = table.c.until.is_(None)
    Index(f"uq_{name}_open", table.c.instrument, unique=True, sqlite_where=open_ended, postgresql_where=open_ended)
    return table


ownership = _span("ownership", "organization")
placement = _span("placement", "position")

device_state = Table(
    "device_state",
    metadata,
    _number(),
    _refers("instrument", "instrument.id"),
    Column("state", Word(DeviceState), nullable=False),
    Column("since", Date, nullable=False),
    _text("why"),
    Index(None, "instrument", "since"),
)

channel = Table(
    "channel",
    metadata,
    _refers("instrument", "instrument.id", key=True),
    _key(),
    Column("place", Integer, nullable=False),  # the order in which the profile names them
    _text("quantity"),
    _text("unit"),
    _real("resolution"),
)

legal_status = Table(
    "legal_status",
    metadata,
    _refers("instrument", "instrument.id", key=True),
    Column("regime", Word(Regime), nullable=False),
    _text("channel"),
    Column("mpe", Mpe, nullable=False),
    Column("period_months", Integer, nullable=True),
    Column("catalogue", Json(CatalogueReference), nullable=False),
    Column("service_date", Date, nullable=True),
    _real("range_low", optional=True),
    _real("range_high", optional=True),
    Column("longest_period_months", Integer, nullable=True),
    ForeignKeyConstraint(["instrument", "channel"], ["channel.instrument", "channel.id"]),
)

reference_pair = Table(
    "reference_pair",
    metadata,
    _key("instrument"),
    _key("channel"),
    _key("reference_instrument"),
    _key("reference_channel"),
    _real("expanded_uncertainty"),
    _real("coverage_factor"),
    Column("relative", Boolean, nullable=False),
    ForeignKeyConstraint(["instrument", "channel"], ["channel.instrument", "channel.id"]),
    ForeignKeyConstraint(["reference_instrument", "reference_channel"], ["channel.instrument", "channel.id"]),
)

verification_event = Table(
    "verification_event",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True),
    _refers("instrument", "instrument.id"),
    Column("kind", Word(EventKind), nullable=False),
    Column("completed", Date, nullable=False),
    Column("decision", Word(Decision), nullable=False),
    _text("performed_by"),
    _text("certificate", optional=True),
    Column("points", Json(tuple[EventPoint, ...]), nullable=False),
    _ns("completed_at_ns", optional=True),
    _text("limited_to", optional=True),
    _text("supersedes", optional=True),
    _refers("work_order", "work_order.id", optional=True),
    _text("imported_from", optional=True),
    Index(None, "instrument", "completed"),
    Index(None, "performed_by", "certificate"),
)

error_observation = Table(
    "error_observation",
    metadata,
    _number(),
    _text("instrument"),
    _text("channel"),
    _ns("t_ns"),
    _real("error"),
    _real("standard_uncertainty", optional=True),
    _real("test_point"),
    _text("unit"),
    Column("source", Word(ObservationSource), nullable=False),
    Column("stage", Word(ObservationStage), nullable=False),
    _refers("event", "verification_event.id", optional=True),
    ForeignKeyConstraint(["instrument", "channel"], ["channel.instrument", "channel.id"]),
    # PostgreSQL cuts names at 63 characters, so this one is given.
    UniqueConstraint(
        "instrument", "channel", "t_ns", "source", "stage", "test_point", name="uq_error_observation_same"
    ),
)

cursor = Table("cursor", metadata, _key("name"), _ns("position_ns"), _real("value", optional=True))

assessment = Table(
    "assessment",
    metadata,
    _number(),
    _refers("instrument", "instrument.id"),
    _ns("at_ns"),
    Column("status", Word(InstrumentStatus), nullable=False),
    _text("reason"),
    Column("statutory_due", Date, nullable=True),
    Column("recommended_due", Date, nullable=True),
    Column("due_date", Date, nullable=True),
    Column("estimate", Json(ErrorEstimate), nullable=True),
    Index(None, "instrument", "at_ns", "number"),
    Index("ix_assessment_last", "instrument", "number"),
)

work_order = Table(
    "work_order",
    metadata,
    _key(),
    _refers("instrument", "instrument.id"),
    _refers("organization", "organization.id"),
    Column("trigger", Word(Trigger), nullable=False),
    _text("cause"),
    Column("state", Word(OrderState), nullable=False),
    Column("due_date", Date, nullable=True),
    _text("reason"),
    Column("mandatory", Boolean, nullable=False),
    _ns("raised_ns"),
    _ns("updated_ns"),
    Column("evidence", Json(tuple[Evidence, ...]), nullable=False),
    _ns("acknowledged_ns", optional=True),
    _text("acknowledged_by", optional=True),
    _refers("assigned_to", "organization.id", optional=True),
    _text("verified_by", optional=True),
    _text("checked_by", optional=True),
    _text("approved_by", optional=True),
    Column("revision", Integer, nullable=False),
    Index(None, "instrument", "raised_ns"),
)

ENDED = ", ".join(f"'{state.value}'" for state in sorted(TERMINAL))
OPEN_ORDER = "uq_work_order_open"
"""An instrument has one open order for each trigger: the database says so, not only the code."""
_open = text(f"state NOT IN ({ENDED})")
Index(
    OPEN_ORDER,
    work_order.c.instrument,
    work_order.c.trigger,
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)

audit = Table(
    "audit",
    metadata,
    _number(),
    _ns("at_ns"),
    _text("who"),
    _text("role"),
    _text("action"),
    _text("object_kind"),
    _text("object_id"),
    _text("old", optional=True),
    _text("new", optional=True),
    _text("why"),
    Index(None, "object_kind", "object_id"),
)

account = Table(
    "account",
    metadata,
    _key(),
    _refers("organization", "organization.id"),
    _text("name"),
    Column("email", Text, nullable=False, unique=True),
    Column("role", Word(Role), nullable=False),
    _text("password_hash"),
    _ns("created_ns"),
    _ns("disabled_ns", optional=True),
)

api_key = Table(
    "api_key",
    metadata,
    _key(),
    _refers("organization", "organization.id"),
    Column("role", Word(Role), nullable=False),
    _text("name"),
    Column("sha256", Text, nullable=False, unique=True),
    _ns("created_ns"),
    _ns("revoked_ns", optional=True),
)

session = Table(
    "session",
    metadata,
    _key("token_sha256"),
    _refers("account", "account.id"),
    _text("csrf"),
    _ns("created_ns"),
    _ns("expires_ns"),
    _refers("acting_organization", "organization.id", optional=True),
    Index(None, "account"),
)

alert = Table(
    "alert",
    metadata,
    _key(),
    _refers("work_order", "work_order.id"),
    _refers("instrument", "instrument.id"),
    _refers("organization", "organization.id"),
    _text("medium"),
    _text("recipient"),
    _text("subject"),
    _text("body"),
    _ns("created_ns"),
    _ns("sent_ns", optional=True),
    Column("attempts", Integer, nullable=False),
    _ns("next_attempt_ns", optional=True),
    _text("outcome", optional=True),
    _text("news", optional=True),
    Index(None, "next_attempt_ns"),
    Index(None, "work_order"),
)

gateway_health = Table(
    "gateway_health",
    metadata,
    _refers("gateway", "gateway.id", key=True),
    _text("boot"),
    _text("state"),
    Column("contiguous_upto", BigInteger, nullable=False),
    _ns("last_frame_ns", optional=True),
    Column("received_frames", BigInteger, nullable=False),
    Column("received_readings", BigInteger, nullable=False),
    Column("missed_polls", BigInteger, nullable=False),
    Column("spooled_frames", BigInteger, nullable=False),
    _text("clock_state"),
    _real("clock_error_ms", optional=True),
    _ns("updated_ns"),
)
