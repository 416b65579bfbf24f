"""Where usage is written down: what any store of it promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum


class Ledger(Protocol):
    """Keeps what callers used; rows are only ever added, what points to a person can be erased."""

    async def record(self, row: UsageRow, accounts: Sequence[str] = ()) -> None:
        """Write a row; when this returns it is on the disk, whatever becomes of the process.

        A second row of the same request changes nothing. Rows that come at the same time share one
        write.

        Args:
            accounts: ids of those whose budgets the price counts against.

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

    async def erase(self, project_id: str, before: datetime) -> int:
        """Erase what points to a person from the rows of a project that began before; keep sums.

        Request ids become new ones that say nothing, keys and asked models become "".

        Returns: of how many rows.

        Raises: LedgerUnavailableError: then some rows may be erased already.
        """
        ...
