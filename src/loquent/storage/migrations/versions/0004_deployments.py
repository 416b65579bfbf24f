"""Deployments, and through which of them a request came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table, empty, and the column; rows that are there came through no deployment."""
    op.create_table(
        "deployments",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("project_id", _TEXT, sa.ForeignKey("projects.id")),
        sa.Column("spec", _TEXT, nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_us", sa.BigInteger()),
    )
    op.add_column("usage", sa.Column("deployment", _TEXT, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop what `upgrade` added, with all that is in it; rows of usage stay."""
    op.drop_column("usage", "deployment")
    op.drop_table("deployments")
