"""Ledgers to test with, on any database, at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loquent.storage.ledger import SqlLedger
from loquent.storage.opening import Database
from tests.unit.storage.usage_rows import NOON, PATIENCE_S


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def real_time() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened_ledger(
    url: str, *, limit_s: float = PATIENCE_S, now: Callable[[], datetime] = real_time
) -> AsyncIterator[SqlLedger]:
    database = Database.at(url, limit_s=limit_s)
    ledger = SqlLedger(database, limit_s=limit_s, now=now)
    try:
        await database.open()
        await ledger.open()
        yield ledger
    finally:
        await ledger.close()
        await database.close()
