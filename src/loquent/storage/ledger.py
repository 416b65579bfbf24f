"""The ledger on a database: rows in, rows and sums out; leaves SQL and grouping to others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.storage.database import (
    FILE,
    address_of,
    cause_of,
    engines_of,
    translated,
    unavailable,
)
from loquent.storage.group_commit import GroupCommit, RowRefusedError
from loquent.storage.migrating import upgrade
from loquent.storage.statements import (
    Place,
    Values,
    insert_new,
    insert_nothing,
    place_of,
    row_of,
    select_rows,
    select_sums,
    sums_of,
    values_of,
)

_N_ROWS_A_PAGE: Final = 500

_logger = logging.getLogger(__name__)


class SqlLedger:
    """Keeps usage in SQLite or PostgreSQL; `open` it before use.

    Args:
        database_url: sqlite+aiosqlite:///path/to/usage.db, or
            postgresql+psycopg://user:password@host/name.
        limit_s: how long a row may take to be written.

    Raises: StorageError: if the URL cannot be used, or its driver is not installed.
    """

    def __init__(self, database_url: str, *, limit_s: float = 1.0) -> None:
        self._database_url = database_url
        self._address = address_of(database_url)
        self._engines = engines_of(self._address, limit_s)
        self._commits = GroupCommit(self._write, unavailable, limit_s)
        self._is_away = False

    async def open(self) -> None:
        """Make the folder and the tables where they are missing, and see that a row can be written.

        Raises:
            LedgerUnavailableError: if the database cannot be reached or written.
            StorageError: if its tables are of a newer Loquent.
        """
        await asyncio.to_thread(upgrade, self._database_url)
        self._commits.start()
        try:
            await self._commits.check()
        except LedgerUnavailableError:
            await self.close()
            raise

    async def close(self) -> None:
        """Write what waits, and leave the database."""
        try:
            await self._commits.close()
        finally:
            await self._engines.dispose()

    async def record(self, row: UsageRow) -> None:
        """Write a row; when this returns it is on the disk, whatever becomes of the process.

        The row is written even if the caller is cancelled, or is told that it took too long.

        Raises: LedgerUnavailableError: if it cannot be written within the limit.
        """
        await self._commits.write(values_of(row))

    async def check(self) -> None:
        """Raises: LedgerUnavailableError: if no row could be written now."""
        await self._commits.check()

    async def sums(self, query: UsageQuery, groups: Sequence[UsageGroup]) -> Sequence[UsageSum]:
        """Return sums over the rows of `query`, sorted by their groups; days are those of UTC.

        What is paid in two currencies makes two sums of the same groups.

        Raises: LedgerUnavailableError.
        """
        with translated():
            async with self._engines.reading.connect() as connection:
                found = await connection.execute(select_sums(query, groups))
                return sums_of(found.all(), groups)

    async def rows(self, query: UsageQuery) -> AsyncIterator[UsageRow]:
        """Yield the rows of `query`, the oldest first; what comes meanwhile may be missing.

        Raises: LedgerUnavailableError.
        """
        after: Place | None = None
        while True:
            # Between pages no connection is held: whoever reads slowly holds up nobody.
            with translated():
                async with self._engines.reading.connect() as connection:
                    page = (
                        await connection.execute(select_rows(query, after, _N_ROWS_A_PAGE))
                    ).all()
            for found in page:
                yield row_of(found)
            if len(page) < _N_ROWS_A_PAGE:
                return
            after = place_of(page[-1])

    async def _write(self, rows: Sequence[Values]) -> None:
        try:
            with translated():
                await self._commit(rows)
        except LedgerUnavailableError as error:
            if not self._is_away:
                _logger.warning("Usage cannot be written (%s); trying on.", cause_of(error))
            self._is_away = True
            raise
        if self._is_away:
            _logger.warning("Usage can be written again.")
        self._is_away = False

    async def _commit(self, rows: Sequence[Values]) -> None:
        try:
            async with self._engines.writing.begin() as connection:
                opened = connection.info.get(FILE)
                if rows:
                    await connection.execute(insert_new(connection.dialect.name), rows)
                else:
                    await connection.execute(insert_nothing())
        except (IntegrityError, DataError, OverflowError) as error:
            if len(rows) == 1:
                _logger.warning("Usage of a request was refused (%s).", cause_of(error))
            raise RowRefusedError from error
        # SQLite goes on writing to a file that was removed or replaced. What begins after that
        # gets another connection; this is for what had begun.
        if opened != self._address.identity():
            raise FileNotFoundError
