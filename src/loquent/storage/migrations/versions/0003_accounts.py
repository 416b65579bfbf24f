"""Organisations, projects, keys, what was done to them; and answers for those who ask twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_THE_BOOK = 1


def upgrade() -> None:
    """Make the tables, empty, and the book's first version."""
    _make_book()
    _make_accounts()
    _make_audit()
    _make_answers()


def downgrade() -> None:
    """Drop the tables with all that is in them; no key opens anything after that."""
    for table in ("answers", "audit", "keys", "projects", "organisations", "account_version"):
        op.drop_table(table)


def _make_book() -> None:
    book = op.create_table(
        "account_version",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("pepper_fingerprint", _TEXT),
        sa.CheckConstraint(sa.column("id") == _THE_BOOK, name="ck_account_version_id"),
    )
    op.execute(book.insert().values(id=_THE_BOOK, version=0))


def _make_accounts() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("terms", _TEXT, nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_us", sa.BigInteger()),
    )
    op.create_table(
        "projects",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("organisation_id", _TEXT, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("terms", _TEXT, nullable=False),
        sa.Column("retention_days", sa.BigInteger()),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_us", sa.BigInteger()),
        sa.CheckConstraint(sa.column("retention_days") >= 0, name="ck_projects_retention_days"),
    )
    op.create_table(
        "keys",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("project_id", _TEXT, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column(
            "parent_id", _TEXT, sa.ForeignKey("keys.id", deferrable=True, initially="DEFERRED")
        ),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("scopes", _TEXT, nullable=False),
        sa.Column("reach", _TEXT, nullable=False),
        sa.Column("terms", _TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("old_digest", sa.LargeBinary(), nullable=False),
        sa.Column("old_until_us", sa.BigInteger()),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger()),
        sa.Column("revoked_at_us", sa.BigInteger()),
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("version", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("details", _TEXT, nullable=False),
    )
    op.create_index("ix_audit_at_us", "audit", ["at_us", "version"])


def _make_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", _TEXT, nullable=False),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.Column("is_answered", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
    )
    op.create_index("ix_answers_expires_at_us", "answers", ["expires_at_us"])
