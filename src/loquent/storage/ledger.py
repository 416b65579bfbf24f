"""The ledger on a database: rows and reservations in, rows and sums out; leaves SQL to others."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError

from loquent.domain.errors import BudgetExceededError, LedgerUnavailableError
from loquent.domain.limits import Balance, Reservation
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.storage.chores import Chore, Chores
from loquent.storage.columns import storable, us_of
from loquent.storage.database import FILE, cause_of, translated, unavailable
from loquent.storage.group_commit import GroupCommit, RowRefusedError
from loquent.storage.opening import LIMIT_S, Database
from loquent.storage.retention import erase_outdated, erase_personal
from loquent.storage.spending import Entry, write_entries
from loquent.storage.statements import (
    Place,
    insert_nothing,
    place_of,
    row_of,
    select_rows,
    select_sums,
    sums_of,
)
from loquent.storage.treasury import (
    Grant,
    delete_expired,
    keep_money,
    lock_accounts,
    look_up,
    renew,
)

_N_ROWS_A_PAGE: Final = 500

_RENEW_S: Final = 10.0
_EXPIRE_S: Final = 30.0
_RETAIN_S: Final = 3600.0
_RETAIN_FIRST_S: Final = 60.0
"""Later than a command that only reads takes."""

_Item: TypeAlias = Entry | Reservation
_Answer: TypeAlias = Grant | BudgetExceededError
_NOTHING_LEFT: Final[Grant] = ()

_logger = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlLedger:
    """Keeps usage, and money for requests, in SQLite or PostgreSQL; `open` it before use.

    Both go the same way, so that a request that ends and one that begins may share a write.

    Args:
        database: opened by whoever owns it.
        limit_s: how long a row may take to be written.
        now: the time, UTC; servers that share a database must agree on it within some seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        limit_s: float = LIMIT_S,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database = database
        self._now = now
        self._commits = GroupCommit[_Item, _Answer](self._write, unavailable, limit_s)
        self._chores = Chores(
            Chore(self._renew, _RENEW_S, _RENEW_S),
            Chore(self._expire, _EXPIRE_S, _EXPIRE_S),
            Chore(self._retain, _RETAIN_S, _RETAIN_FIRST_S),
        )
        self._held: set[str] = set()
        self._is_away = False

    async def open(self) -> None:
        """See that a row can be written, and begin to renew reservations and to clear up.

        Raises: LedgerUnavailableError: if the database cannot be written.
        """
        self._commits.start()
        try:
            await self._commits.check()
        except LedgerUnavailableError:
            await self.close()
            raise
        self._chores.start()

    async def close(self) -> None:
        """Write what waits; what is still reserved expires half a minute later."""
        await self._chores.close()
        await self._commits.close()

    async def record(self, row: UsageRow, accounts: Sequence[str] = ()) -> None:
        """Write a row; when this returns it is on the disk, whatever becomes of the process.

        The row is written even if the caller is cancelled, or is told that it took too long. What
        was reserved for the request is free again in the same moment.

        Raises: LedgerUnavailableError: if it cannot be written within the limit.
        """
        entry = Entry.of(row, accounts)
        try:
            await self._commits.write(entry)
        finally:
            self._held.discard(entry.request_id)

    async def reserve(self, reservation: Reservation) -> Sequence[Balance]:
        """Keep the money, if every budget has it; return what is then left of each, in order.

        Where the row of the request is written already, nothing is kept. A caller who is cancelled
        here may have kept it; that ends with the row, or half a minute later.

        Raises: BudgetExceededError, LedgerUnavailableError.
        """
        reservation = replace(reservation, request_id=storable(reservation.request_id))
        answer = await self._commits.write(reservation, is_kept=False)
        if isinstance(answer, BudgetExceededError):
            raise answer
        self._held.add(reservation.request_id)
        return answer

    async def balances(self, reservation: Reservation) -> Sequence[Balance]:
        """Return what is left of each budget now; keep nothing, and count nothing for it.

        Raises: LedgerUnavailableError.
        """
        async with self._database.reading() as connection:
            return await connection.run_sync(look_up, reservation, self._now())

    async def check(self) -> None:
        """Raises: LedgerUnavailableError: if no row could be written now."""
        await self._commits.check()

    async def sums(self, query: UsageQuery, groups: Sequence[UsageGroup]) -> Sequence[UsageSum]:
        """Return sums over the rows of `query`, sorted by their groups; days are those of UTC.

        What is paid in two currencies makes two sums of the same groups.

        Raises: LedgerUnavailableError.
        """
        async with self._database.reading() as connection:
            found = await connection.execute(select_sums(query, groups))
            return sums_of(found.all(), groups)

    async def rows(self, query: UsageQuery) -> AsyncIterator[UsageRow]:
        """Yield the rows of `query`, the oldest first; what comes meanwhile may be missing.

        Raises: LedgerUnavailableError.
        """
        after: Place | None = None
        while True:
            # Between pages no connection is held: whoever reads slowly holds up nobody.
            async with self._database.reading() as connection:
                selected = await connection.execute(select_rows(query, after, _N_ROWS_A_PAGE))
                page = selected.all()
            for found in page:
                yield row_of(found)
            if len(page) < _N_ROWS_A_PAGE:
                return
            after = place_of(page[-1])

    async def erase(self, project_id: str, before: datetime) -> int:
        """Erase what points to a person from the rows of a project that began before; keep sums.

        Returns: of how many rows.

        Raises: LedgerUnavailableError: then some rows may be erased already.
        """
        return await erase_personal(self._database, project_id, us_of(before))

    async def _write(self, items: Sequence[_Item]) -> Sequence[_Answer]:
        try:
            with translated():
                answers = await self._commit(items)
        except LedgerUnavailableError as error:
            if not self._is_away:
                _logger.warning("Usage cannot be written (%s); trying on.", cause_of(error))
            self._is_away = True
            raise
        if self._is_away:
            _logger.warning("Usage can be written again.")
        self._is_away = False
        return answers

    async def _commit(self, items: Sequence[_Item]) -> Sequence[_Answer]:
        def settle(connection: Connection) -> tuple[object, Sequence[_Answer]]:
            return connection.info.get(FILE), self._settle(connection, items)

        try:
            opened, answers = await self._database.transact(settle)
        except (IntegrityError, DataError, OverflowError) as error:
            if len(items) == 1:
                _logger.warning("Usage of a request was refused (%s).", cause_of(error))
            raise RowRefusedError from error
        # SQLite goes on writing to a file that was removed or replaced. What begins after that
        # gets another connection; this is for what had begun.
        if opened != self._database.address.identity():
            raise FileNotFoundError
        return answers

    def _settle(self, connection: Connection, items: Sequence[_Item]) -> Sequence[_Answer]:
        """Write rows first, so that what they give back is there for who reserves."""
        entries = [item for item in items if isinstance(item, Entry)]
        reservations = [item for item in items if isinstance(item, Reservation)]
        charged = {account for each in entries if each.is_charged for account in each.accounts}
        reserving = {expense.account_id for each in reservations for expense in each.expenses}
        lock_accounts(connection, charged | reserving)
        if entries:
            write_entries(connection, entries)
        else:
            connection.execute(insert_nothing())
        if not reservations:
            return [_NOTHING_LEFT] * len(items)
        kept = iter(keep_money(connection, reservations, self._now()))
        return [next(kept) if isinstance(item, Reservation) else _NOTHING_LEFT for item in items]

    async def _renew(self) -> None:
        """Keep for longer what is reserved here for requests that run."""
        held = frozenset(self._held)
        if held:
            now = self._now()
            found = await self._database.write(lambda connection: renew(connection, held, now))
            self._held -= held - found

    async def _expire(self) -> None:
        now = self._now()
        await self._database.write(lambda connection: delete_expired(connection, now))

    async def _retain(self) -> None:
        await erase_outdated(self._database, self._now())
