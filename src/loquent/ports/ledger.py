"""Where usage is written down: what any store of it promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum


class Ledger(Protocol):
    """Keeps what callers used; rows are only ever added."""

    async def record(self, row: UsageRow) -> None:
        """Write a row; when this returns it is on the disk, whatever becomes of the process.

        A second row of the same request changes nothing. Rows that come at the same time share one
        write.

        Raises: LedgerUnavailableError: if it cannot be written within a second.
        """
        ...

    async def check(self) -> None:
        """Raises: LedgerUnavailableError: if no row could be written now."""
        ...

    async def sums(self, query: UsageQuery, groups: Sequence[UsageGroup]) -> Sequence[UsageSum]:
        """Return sums over the rows of `query`, sorted by their groups; days are those of UTC.

        Raises: LedgerUnavailableError.
        """
        ...

    def rows(self, query: UsageQuery) -> AsyncIterator[UsageRow]:
        """Yield the rows of `query`, the oldest first.

        Raises: LedgerUnavailableError.
        """
        ...
