"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "audit",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_object_kind_object_id", "audit", ["object_kind", "object_id"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position_ns", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_cursor"),
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organization"),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_account_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("email", name="uq_account_email"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_api_key_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("sha256", name="uq_api_key_sha256"),
    )
    op.create_table(
        "gateway",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_gateway_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_gateway"),
    )
    op.create_table(
        "gateway_health",
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("contiguous_upto", sa.BigInteger(), nullable=False),
        sa.Column("last_frame_ns", sa.BigInteger(), nullable=True),
        sa.Column("received_frames", sa.BigInteger(), nullable=False),
        sa.Column("received_readings", sa.BigInteger(), nullable=False),
        sa.Column("missed_polls", sa.BigInteger(), nullable=False),
        sa.Column("spooled_frames", sa.BigInteger(), nullable=False),
        sa.Column("clock_state", sa.Text(), nullable=False),
        sa.Column("clock_error_ms", sa.Double(), nullable=True),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name="fk_gateway_health_gateway"),
        sa.PrimaryKeyConstraint("gateway", name="pk_gateway_health"),
    )
    op.create_table(
        "instrument",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("accuracy_class", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name="fk_instrument_gateway"),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_instrument_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_instrument"),
    )
    op.create_index("ix_instrument_organization", "instrument", ["organization"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("acting_organization", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_session_account"),
        sa.ForeignKeyConstraint(["acting_organization"], ["organization.id"], name="fk_session_acting_organization"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_session"),
    )
    op.create_index("ix_session_account", "session", ["account"], unique=False)
    op.create_table(
        "assessment",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("statutory_due", sa.Date(), nullable=True),
        sa.Column("recommended_due", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("estimate", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_assessment_instrument"),
        sa.PrimaryKeyConstraint("number", name="pk_assessment"),
    )
    op.create_index(
        "ix_assessment_instrument_at_ns_number", "assessment", ["instrument", "at_ns", "number"], unique=False
    )
    op.create_table(
        "channel",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_channel_instrument"),
        sa.PrimaryKeyConstraint("instrument", "id", name="pk_channel"),
    )
    op.create_table(
        "verification_event",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("completed", sa.Date(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("performed_by", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("points", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_verification_event_instrument"),
        sa.PrimaryKeyConstraint("number", name="pk_verification_event"),
        sa.UniqueConstraint("id", name="uq_verification_event_id"),
    )
    op.create_index(
        "ix_verification_event_instrument_completed", "verification_event", ["instrument", "completed"], unique=False
    )
    op.create_table(
        "work_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("raised_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("acknowledged_ns", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("verified_by", sa.Text(), nullable=True),
        sa.Column("checked_by", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["assigned_to"], ["organization.id"], name="fk_work_order_assigned_to"),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_work_order_instrument"),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_work_order_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_work_order"),
    )
    op.create_index("ix_work_order_instrument_raised_ns", "work_order", ["instrument", "raised_ns"], unique=False)
    op.create_index(
        "uq_work_order_open",
        "work_order",
        ["instrument", "trigger"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('cancelled', 'closed', 'returned_no_work', 'withdrawn')"),
        postgresql_where=sa.text("state NOT IN ('cancelled', 'closed', 'returned_no_work', 'withdrawn')"),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("sent_ns", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_ns", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_alert_instrument"),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_alert_organization"),
        sa.ForeignKeyConstraint(["work_order"], ["work_order.id"], name="fk_alert_work_order"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index("ix_alert_next_attempt_ns", "alert", ["next_attempt_ns"], unique=False)
    op.create_index("ix_alert_work_order", "alert", ["work_order"], unique=False)
    op.create_table(
        "error_observation",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("t_ns", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Double(), nullable=False),
        sa.Column("standard_uncertainty", sa.Double(), nullable=True),
        sa.Column("test_point", sa.Double(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event"], ["verification_event.id"], name="fk_error_observation_event"),
        sa.ForeignKeyConstraint(
            ["instrument", "channel"],
            ["channel.instrument", "channel.id"],
            name="fk_error_observation_instrument_channel",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_error_observation"),
        sa.UniqueConstraint(
            "instrument", "channel", "t_ns", "source", "stage", "test_point", name="uq_error_observation_same"
        ),
    )
    op.create_table(
        "legal_status",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("regime", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("mpe", sa.Text(), nullable=False),
        sa.Column("period_months", sa.Integer(), nullable=True),
        sa.Column("catalogue", sa.Text(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=True),
        sa.Column("range_low", sa.Double(), nullable=True),
        sa.Column("range_high", sa.Double(), nullable=True),
        sa.Column("longest_period_months", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instrument", "channel"], ["channel.instrument", "channel.id"], name="fk_legal_status_instrument_channel"
        ),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_legal_status_instrument"),
        sa.PrimaryKeyConstraint("instrument", name="pk_legal_status"),
    )
    op.create_table(
        "reference_pair",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reference_instrument", sa.Text(), nullable=False),
        sa.Column("reference_channel", sa.Text(), nullable=False),
        sa.Column("expanded_uncertainty", sa.Double(), nullable=False),
        sa.Column("coverage_factor", sa.Double(), nullable=False),
        sa.Column("relative", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument", "channel"], ["channel.instrument", "channel.id"], name="fk_reference_pair_instrument_channel"
        ),
        sa.ForeignKeyConstraint(
            ["reference_instrument", "reference_channel"],
            ["channel.instrument", "channel.id"],
            name="fk_reference_pair_reference_instrument_reference_channel",
        ),
        sa.PrimaryKeyConstraint(
            "instrument", "channel", "reference_instrument", "reference_channel", name="pk_reference_pair"
        ),
    )
    for statement in _append_only(op.get_bind().dialect.name):
        op.execute(statement)


def _append_only(dialect: str) -> list[str]:
    """The audit trail can only grow: the database itself refuses everything else."""
    refusal = "the audit trail is append-only"
    if dialect == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        return [f"CREATE TRIGGER audit_refuses_{act} BEFORE {act} ON audit {refuse}" for act in ("update", "delete")]
    raises = f"RAISE EXCEPTION '{refusal}' USING ERRCODE = 'integrity_constraint_violation'"
    row, statement = ("FOR EACH ROW", "FOR EACH STATEMENT")
    return [
        f"CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raises}; END $$",
        f"CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON audit {row} EXECUTE FUNCTION audit_refuses()",
        f"CREATE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON audit {statement} EXECUTE FUNCTION audit_refuses()",
    ]
