"""Which enterprises an institute serves; by which order, or from which file, an event came; two indexes."""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now every institute saw every enterprise: it goes on seeing those that are there."""
    op.create_table(
        "service_relation",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("institute", sa.Text(), nullable=False),
        sa.Column("enterprise", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["institute"], ["organization.id"], name="fk_service_relation_institute"),
        sa.ForeignKeyConstraint(["enterprise"], ["organization.id"], name="fk_service_relation_enterprise"),
        sa.PrimaryKeyConstraint("number", name="pk_service_relation"),
    )
    op.create_index(
        "ix_service_relation_institute_enterprise", "service_relation", ["institute", "enterprise"], unique=False
    )
    op.execute(
        "INSERT INTO service_relation (institute, enterprise) SELECT institute.id, enterprise.id"
        " FROM organization AS institute, organization AS enterprise"
        " WHERE institute.kind = 'institute' AND enterprise.kind = 'enterprise' ORDER BY institute.id, enterprise.id"
    )
    op.create_index("ix_assessment_last", "assessment", ["instrument", "number"], unique=False)
    # Written out, since Alembic would add the reference in a second statement, which SQLite does not have.
    op.execute(
        "ALTER TABLE verification_event ADD COLUMN work_order TEXT"
        " CONSTRAINT fk_verification_event_work_order REFERENCES work_order (id)"
    )
    op.add_column("verification_event", sa.Column("imported_from", sa.Text(), nullable=True))
    op.create_index(
        "ix_verification_event_performed_by_certificate",
        "verification_event",
        ["performed_by", "certificate"],
        unique=False,
    )
