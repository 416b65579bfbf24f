"""How texts and times stand in every table, alike in SQLite and PostgreSQL; knows no table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Text

# PostgreSQL sorts by the language of its host unless told to; SQLite sorts by code point.
TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def us_of(moment: datetime) -> int:
    """Return whole microseconds since 1970, UTC: they sort alike everywhere.

    Raises: TypeError: if the moment has no zone.
    """
    return (moment - _EPOCH) // _MICROSECOND


def us_or_none(moment: datetime | None) -> int | None:
    """Return what `us_of` does, None for none."""
    return None if moment is None else us_of(moment)


def moment_of(us: int) -> datetime:
    """Return the moment, in UTC."""
    return _EPOCH + us * _MICROSECOND


def moment_or_none(us: int | None) -> datetime | None:
    """Return what `moment_of` does, None for none."""
    return None if us is None else moment_of(us)


def storable(text: str) -> str:
    """Return a text without what PostgreSQL, or any database, cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
