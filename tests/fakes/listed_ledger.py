"""A ledger of rows that were written down already, summed up by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.model import Capability
from loquent.domain.usage import OK, UsageGroup, UsageQuery, UsageRow, UsageSum


class ListedLedger:
    """Answers from a list.

    Attributes:
        n_open: readings of rows that somebody holds open.
        queries: what was asked.
        breaks_after: how many rows can be read before the disk fails; None for all.
    """

    def __init__(self, *rows: UsageRow, breaks_after: int | None = None) -> None:
        self.listed = list(rows)
        self.n_open = 0
        self.queries: list[UsageQuery] = []
        self.breaks_after = breaks_after

    async def record(self, row: UsageRow, accounts: Sequence[str] = ()) -> None:
        self.listed.append(row)

    async def check(self) -> None:
        if self.breaks_after is not None:
            raise LedgerUnavailableError("The disk is gone.")

    async def sums(self, query: UsageQuery, groups: Sequence[UsageGroup]) -> Sequence[UsageSum]:
        await self.check()
        self.queries.append(query)
        alike: dict[tuple[tuple[str, ...], str], list[UsageRow]] = defaultdict(list)
        for row in self._found(query):
            alike[tuple(_value(row, group) for group in groups), row.currency].append(row)
        return [_summed(values, rows) for (values, _), rows in sorted(alike.items())]

    async def rows(self, query: UsageQuery) -> AsyncGenerator[UsageRow, None]:
        self.queries.append(query)
        self.n_open += 1
        try:
            for place, row in enumerate(self._found(query)):
                if place == self.breaks_after:
                    await self.check()
                yield row
        finally:
            self.n_open -= 1

    async def erase(self, project_id: str, before: datetime) -> int:
        raise NotImplementedError

    def _found(self, query: UsageQuery) -> list[UsageRow]:
        found = [row for row in self.listed if _fits(row, query)]
        return sorted(found, key=lambda row: (row.began_at, row.request_id))


def _fits(row: UsageRow, query: UsageQuery) -> bool:
    is_in_time = (query.since or date.min) <= _day(row) <= (query.until or date.max)
    names = ("key", "project", "organisation", "model", "provider", "capability", "deployment")
    wanted = {name: getattr(query, name) for name in names}
    return is_in_time and all(value in (None, getattr(row, name)) for name, value in wanted.items())


def _day(row: UsageRow) -> date:
    return row.began_at.astimezone(UTC).date()


def _value(row: UsageRow, group: UsageGroup) -> str:
    return _day(row).isoformat() if group is UsageGroup.DAY else str(getattr(row, group))


def _summed(values: tuple[str, ...], rows: list[UsageRow]) -> UsageSum:
    return UsageSum(
        groups=values,
        n_requests=len(rows),
        n_failed=sum(row.outcome != OK for row in rows),
        audio_ms=sum(row.audio_ms for row in rows),
        n_characters=sum(row.n_characters for row in rows),
        n_text_tokens=sum(row.n_text_tokens for row in rows),
        n_audio_tokens=sum(row.n_audio_tokens for row in rows),
        n_output_tokens=sum(row.n_output_tokens for row in rows),
        price_micros=sum(row.price_micros for row in rows),
        currency=rows[0].currency,
    )


ROW = UsageRow(
    request_id="req-1",
    began_at=datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC),
    key="team",
    capability=Capability.TRANSCRIPTION,
    asked_model="whisper-1",
    endpoint="local/whisper-base",
    provider="local",
    model="whisper-base",
    n_attempts=1,
    audio_ms=10_500,
    price_micros=175,
    took_ms=800,
)
"""Ten and a half seconds that were heard here."""
