"""One database that several stores share: brought to its present shape, opened, closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from loquent.storage.database import Address, Engines, address_of, engines_of, translated
from loquent.storage.migrating import upgrade

LIMIT_S: Final = 1.0

T = TypeVar("T")


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="loquent-writer")


@dataclass(frozen=True, slots=True)
class Database:
    """A database, and the two ways to it; `open` it before use.

    All writing is done by one thread, a whole transaction at a time: that takes a third of the time
    of one whose every statement goes through the event loop, and none of it while the loop is busy.
    """

    url: str
    address: Address
    engines: Engines
    writer: ThreadPoolExecutor = field(default_factory=_one_thread, repr=False)

    @classmethod
    def at(cls, url: str, *, limit_s: float = LIMIT_S) -> Self:
        """Return the database at `url`, not open yet.

        Args:
            url: sqlite+aiosqlite:///path/to/usage.db, or
                postgresql+psycopg://user:password@host/name.
            limit_s: how long a write may wait for somebody else's.

        Raises: StorageError: if the URL cannot be used, or its driver is not installed.
        """
        address = address_of(url)
        return cls(url, address, engines_of(address, limit_s))

    async def open(self) -> None:
        """Make the folder and the tables where they are missing.

        Raises:
            LedgerUnavailableError: if the database cannot be reached or written.
            StorageError: if its tables are of a newer Loquent.
        """
        await asyncio.to_thread(upgrade, self.url)

    async def close(self) -> None:
        """Leave the database, once what is being written is written; the next use opens it anew."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.writer, self.engines.writing.dispose)
        await self.engines.reading.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading.

        Raises: LedgerUnavailableError: whatever goes wrong in the context, too.
        """
        with translated():
            connection = await self._connected()
            try:
                yield connection
            finally:
                await connection.close()

    async def _connected(self) -> AsyncConnection:
        # To the end in any case: the driver opens in a thread, and what is opened for somebody who
        # has left meanwhile would be closed by nobody.
        opening = asyncio.create_task(self.engines.reading.connect().start())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                await opening.result().close()
            raise

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Have `work` done in a transaction; when this returns it is on the disk.

        Who is cancelled meanwhile does not stop it.

        Raises: LedgerUnavailableError; what `work` raises that does not come of the database.
        """
        with translated():
            return await self.transact(work)

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Do as `write` does, but raise what the database does."""

        def transaction() -> T:
            with self.engines.writing.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self.writer, transaction)
