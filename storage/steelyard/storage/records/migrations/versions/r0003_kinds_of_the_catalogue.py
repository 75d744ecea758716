"""Kinds of instruments are names of the catalogue: what was a weighing instrument is a digital indicating scale."""

from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The other kinds have the names that they had."""
    op.execute("UPDATE instrument SET kind = 'digital_indicating_scale' WHERE kind = 'weighing_instrument'")
