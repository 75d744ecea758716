"""Which enterprises an institute serves; and the assessment of an instrument that was stored last, found at once."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0002"
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
