"""The tables as they are now, alike in SQLite and PostgreSQL; knows no connection and no row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, Table, Text, column

METADATA: Final = MetaData()

# PostgreSQL sorts by the language of its host unless told to; SQLite sorts by code point.
_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")

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
    Column("request_id", _TEXT, primary_key=True),
    *(Column(name, _TEXT, nullable=False) for name in _TEXTS),
    *(Column(name, BigInteger(), nullable=False) for name in _NUMBERS),
    Column("currency", _TEXT, nullable=False),
    *(CheckConstraint(column(name) >= 0, name=f"ck_usage_{name}") for name in _NUMBERS),
    # Pages are read in this order, from where the last one ended.
    Index("ix_usage_began_at_us", "began_at_us", "request_id"),
)
