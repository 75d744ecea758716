"""What certificates say beside date and decision: the instant, to what they limit, what they replace."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Events of before know none of it."""
    op.add_column("verification_event", sa.Column("completed_at_ns", sa.BigInteger(), nullable=True))
    op.add_column("verification_event", sa.Column("limited_to", sa.Text(), nullable=True))
    op.add_column("verification_event", sa.Column("supersedes", sa.Text(), nullable=True))
