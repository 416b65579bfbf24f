"""The table of usage: one row for each request; later changes to it are files of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TEXTS = ("key", "capability", "asked_model", "endpoint", "provider", "model", "outcome")
_NUMBERS = (
    "began_at_us",
    "status",
    "n_attempts",
    "audio_ms",
    "n_characters",
    "n_text_tokens",
    "n_audio_tokens",
    "n_output_tokens",
    "price_micros",
    "took_ms",
)


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "usage",
        sa.Column("request_id", _TEXT, primary_key=True),
        *(sa.Column(name, _TEXT, nullable=False) for name in _TEXTS),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NUMBERS),
        sa.Column("currency", _TEXT, nullable=False),
        *(sa.CheckConstraint(sa.column(name) >= 0, name=f"ck_usage_{name}") for name in _NUMBERS),
    )
    op.create_index("ix_usage_began_at_us", "usage", ["began_at_us", "request_id"])


def downgrade() -> None:
    """Drop the table with all that is in it."""
    op.drop_index("ix_usage_began_at_us", "usage")
    op.drop_table("usage")
