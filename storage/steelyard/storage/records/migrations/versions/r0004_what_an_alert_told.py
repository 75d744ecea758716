"""What each alert told of its order, so that a moved date or a new cause is told again."""

import json

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An alert of before told the causes and the date that its order has today; that the date has passed it did not."""
    op.add_column("alert", sa.Column("news", sa.Text(), nullable=True))
    connection = op.get_bind()
    order = sa.table("work_order", *(sa.column(name) for name in ("id", "cause", "due_date", "evidence")))
    alert = sa.table("alert", sa.column("work_order"), sa.column("news"))
    for name, cause, due_date, evidence in connection.execute(sa.select(*order.c)).all():
        causes = {cause, *(one.get("cause", "") for one in json.loads(evidence))} - {""}
        news = f"{len(causes)} by {due_date or 'no date'}"
        connection.execute(sa.update(alert).where(alert.c.work_order == name).values(news=news))
