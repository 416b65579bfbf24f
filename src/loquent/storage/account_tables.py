"""The tables of accounts, of what was done to them, and of answers; knows no connection, no row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    column,
)

from loquent.storage.columns import TEXT
from loquent.storage.tables import METADATA

THE_BOOK: Final = 1
"""The id of the only row of `account_version`."""

ACCOUNT_VERSION: Final = Table(
    "account_version",
    METADATA,
    Column("id", BigInteger(), primary_key=True, autoincrement=False),
    Column("version", BigInteger(), nullable=False),
    Column("pepper_fingerprint", TEXT),
    CheckConstraint(column("id") == THE_BOOK, name="ck_account_version_id"),
)

ORGANISATIONS: Final = Table(
    "organisations",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("terms", TEXT, nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("closed_at_us", BigInteger()),
)

PROJECTS: Final = Table(
    "projects",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("organisation_id", TEXT, ForeignKey("organisations.id"), nullable=False),
    Column("name", TEXT, nullable=False),
    Column("terms", TEXT, nullable=False),
    Column("retention_days", BigInteger()),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("closed_at_us", BigInteger()),
    CheckConstraint(column("retention_days") >= 0, name="ck_projects_retention_days"),
)

DEPLOYMENTS: Final = Table(
    "deployments",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("project_id", TEXT, ForeignKey("projects.id")),
    Column("spec", TEXT, nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("closed_at_us", BigInteger()),
)

# No secret is here, and no pepper: who has only these rows can neither use a key nor guess one.
KEYS: Final = Table(
    "keys",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("project_id", TEXT, ForeignKey("projects.id"), nullable=False),
    Column("parent_id", TEXT, ForeignKey("keys.id", deferrable=True, initially="DEFERRED")),
    Column("name", TEXT, nullable=False),
    Column("scopes", TEXT, nullable=False),
    Column("reach", TEXT, nullable=False),
    Column("terms", TEXT, nullable=False),
    Column("digest", LargeBinary(), nullable=False),
    Column("old_digest", LargeBinary(), nullable=False),
    Column("old_until_us", BigInteger()),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger()),
    Column("revoked_at_us", BigInteger()),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    # Of the book that the act made: one act, one version.
    Column("version", BigInteger(), primary_key=True, autoincrement=False),
    Column("at_us", BigInteger(), nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("details", TEXT, nullable=False),
    Index("ix_audit_at_us", "at_us", "version"),
)

ANSWERS: Final = Table(
    "answers",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("digest", LargeBinary(), nullable=False),
    Column("request_id", TEXT, nullable=False),
    # Who works on it: the request of the latest try, which is not always the one of its usage.
    Column("holder", TEXT, nullable=False),
    Column("lease_until_us", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger(), nullable=False),
    Column("is_answered", Boolean(), nullable=False),
    Column("sealed", LargeBinary()),
    Index("ix_answers_expires_at_us", "expires_at_us"),
)
