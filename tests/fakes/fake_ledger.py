"""A ledger in memory, which fails or waits as a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum
from tests.fakes.fake_transcriber import Gate

WAIT_S = 10.0


class FakeLedger:
    """Keeps rows as they are.

    Attributes:
        rows_written: by when they were written.
        accounts_charged: those that each of these rows counts against.
        erasures: projects, and before when what points to a person was to be erased from them.
        is_down: nothing can be written now.
        gate: passed before a row is written, if there is one.
        n_checks: how often it was asked whether it is back.
        n_tries: rows that were to be written.
    """

    def __init__(self, gate: Gate | None = None, *, is_down: bool = False) -> None:
        self.rows_written: list[UsageRow] = []
        self.accounts_charged: list[tuple[str, ...]] = []
        self.erasures: list[tuple[str, datetime]] = []
        self.is_down = is_down
        self.gate = gate
        self.n_checks = 0
        self.n_tries = 0
        self._written = threading.Condition()

    async def record(self, row: UsageRow, accounts: Sequence[str] = ()) -> None:
        self.n_tries += 1
        if self.gate:
            await self.gate.passage()
        self._refuse_if_down()
        with self._written:
            self.rows_written.append(row)
            self.accounts_charged.append(tuple(accounts))
            self._written.notify_all()

    async def check(self) -> None:
        self.n_checks += 1
        self._refuse_if_down()

    async def sums(self, query: UsageQuery, groups: Sequence[UsageGroup]) -> Sequence[UsageSum]:
        raise NotImplementedError

    async def rows(self, query: UsageQuery) -> AsyncIterator[UsageRow]:
        del query
        for row in self.rows_written:
            yield row

    async def erase(self, project_id: str, before: datetime) -> int:
        self._refuse_if_down()
        self.erasures.append((project_id, before))
        return sum(_is_hit(row, project_id, before) for row in self.rows_written)

    def release(self) -> None:
        """Let whoever waits at the gate go on, so that its server can end."""
        if self.gate and self.gate.reached.is_set():
            self.gate.open()

    def only(self) -> UsageRow:
        """Return the one row there is now."""
        (row,) = self.rows_written
        return row

    def awaited(self) -> UsageRow:
        """Return the one row that there is or soon will be; called by threads of tests."""
        with self._written:
            assert self._written.wait_for(lambda: self.rows_written, WAIT_S), "nothing was written"
        return self.only()

    def _refuse_if_down(self) -> None:
        if self.is_down:
            raise LedgerUnavailableError("Usage cannot be written down now. Try again.")


def _is_hit(row: UsageRow, project_id: str, before: datetime) -> bool:
    return row.project == project_id and row.began_at < before
