"""Projects in the table of usage, what accounts spent by day, and what is reserved for requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and the tables; rows that are there belong to no project."""
    for name in ("project", "organisation"):
        op.add_column("usage", sa.Column(name, _TEXT, nullable=False, server_default=""))
    op.create_index("ix_usage_project", "usage", ["project", "began_at_us", "key", "request_id"])
    op.create_table(
        "spending",
        sa.Column("account_id", _TEXT, primary_key=True),
        sa.Column("day", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(sa.column("micros") >= 0, name="ck_spending_micros"),
    )
    op.create_table(
        "reservations",
        sa.Column("request_id", _TEXT, primary_key=True),
        sa.Column("account_id", _TEXT, primary_key=True),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(sa.column("micros") >= 0, name="ck_reservations_micros"),
    )
    op.create_index("ix_reservations_account_id", "reservations", ["account_id"])


def downgrade() -> None:
    """Drop what `upgrade` added, with all that is in it."""
    op.drop_index("ix_reservations_account_id", "reservations")
    op.drop_table("reservations")
    op.drop_table("spending")
    op.drop_index("ix_usage_project", "usage")
    for name in ("organisation", "project"):
        op.drop_column("usage", name)
