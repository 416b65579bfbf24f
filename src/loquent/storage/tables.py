"""The tables as they are now, alike in SQLite and PostgreSQL; knows no connection and no row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, Table, column

from loquent.storage.columns import TEXT

METADATA: Final = MetaData()

_TEXTS: Final = ("key", "capability", "asked_model", "endpoint", "provider", "model", "outcome")
_NUMBERS: Final = (
    "began_at_us",  # since 1970, UTC: whole numbers sort and divide alike everywhere
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

USAGE: Final = Table(
    "usage",
    METADATA,
    Column("request_id", TEXT, primary_key=True),
    *(Column(name, TEXT, nullable=False) for name in _TEXTS),
    *(Column(name, BigInteger(), nullable=False) for name in _NUMBERS),
    Column("currency", TEXT, nullable=False),
    *(
        Column(name, TEXT, nullable=False, server_default="")
        for name in ("project", "organisation", "deployment")
    ),
    *(CheckConstraint(column(name) >= 0, name=f"ck_usage_{name}") for name in _NUMBERS),
    # Pages are read in this order, from where the last one ended.
    Index("ix_usage_began_at_us", "began_at_us", "request_id"),
    # What is to be erased is found without looking at the rows that were erased already.
    Index("ix_usage_project", "project", "began_at_us", "key", "request_id"),
)

SPENDING: Final = Table(
    "spending",
    METADATA,
    Column("account_id", TEXT, primary_key=True),
    Column("day", BigInteger(), primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("micros", BigInteger(), nullable=False),
    CheckConstraint(column("micros") >= 0, name="ck_spending_micros"),
)

RESERVATIONS: Final = Table(
    "reservations",
    METADATA,
    Column("request_id", TEXT, primary_key=True),
    Column("account_id", TEXT, primary_key=True),
    Column("micros", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger(), nullable=False),
    CheckConstraint(column("micros") >= 0, name="ck_reservations_micros"),
    Index("ix_reservations_account_id", "account_id"),
)
