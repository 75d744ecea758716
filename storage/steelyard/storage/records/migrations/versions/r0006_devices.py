"""Devices: what the name plate says, whose they are, where they hang and in which state, each from one day on.

Of what is there, today's organization is the owner from the beginning, and everything is in use.
"""

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None

_BEGINNING = date(1970, 1, 1)


def upgrade() -> None:
    """A device needs neither gateway nor profile any more: a paper ledger is a ledger."""
    with op.batch_alter_table("instrument") as table:  # SQLite makes the table anew for it
        table.alter_column("gateway", existing_type=sa.Text(), nullable=True)
        table.alter_column("profile", existing_type=sa.Text(), nullable=True)
        for name in ("maker", "model", "type_approval", "batch"):
            table.add_column(sa.Column(name, sa.Text(), nullable=True))
        for name in ("range_low", "range_high"):
            table.add_column(sa.Column(name, sa.Double(), nullable=True))
        table.add_column(sa.Column("unit", sa.Text(), nullable=True))
        table.add_column(sa.Column("scale_interval", sa.Double(), nullable=True))
        table.add_column(sa.Column("parameters", sa.Text(), nullable=True))
        table.add_column(sa.Column("use", sa.Text(), nullable=True))
        table.add_column(sa.Column("put_into_use", sa.Date(), nullable=True))
    op.create_table(
        "position",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organization.id"], name="fk_position_organization"),
        sa.PrimaryKeyConstraint("id", name="pk_position"),
    )
    for name, of in (("ownership", "organization"), ("placement", "position")):
        op.create_table(
            name,
            sa.Column("instrument", sa.Text(), nullable=False),
            sa.Column(of, sa.Text(), nullable=False),
            sa.Column("since", sa.Date(), nullable=False),
            sa.Column("until", sa.Date(), nullable=True),
            sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name=f"fk_{name}_instrument"),
            sa.ForeignKeyConstraint([of], [f"{of}.id"], name=f"fk_{name}_{of}"),
            sa.PrimaryKeyConstraint("instrument", "since", name=f"pk_{name}"),
        )
        open_ended = sa.text("until IS NULL")
        op.create_index(
            f"uq_{name}_open",
            name,
            ["instrument"],
            unique=True,
            sqlite_where=open_ended,
            postgresql_where=open_ended,
        )
    op.create_table(
        "device_state",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_device_state_instrument"),
        sa.PrimaryKeyConstraint("number", name="pk_device_state"),
    )
    op.create_index("ix_device_state_instrument_since", "device_state", ["instrument", "since"], unique=False)
    _fill()


def _fill() -> None:
    """Today's organization is the owner from the beginning, and everything is in use."""
    instrument = sa.table("instrument", sa.column("id"), sa.column("organization"))
    owners = sa.table("ownership", sa.column("instrument"), sa.column("organization"), sa.column("since", sa.Date()))
    states = sa.table(
        "device_state", sa.column("instrument"), sa.column("state"), sa.column("since", sa.Date()), sa.column("why")
    )
    beginning = sa.literal(_BEGINNING, sa.Date())
    owned = sa.select(instrument.c.id, instrument.c.organization, beginning)
    op.execute(sa.insert(owners).from_select(["instrument", "organization", "since"], owned))
    used = sa.select(instrument.c.id, sa.literal("in_use"), beginning, sa.literal("")).order_by(instrument.c.id)
    op.execute(sa.insert(states).from_select(["instrument", "state", "since", "why"], used))
