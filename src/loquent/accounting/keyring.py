"""Knows all keys as they were less than a second ago; keeps no secret and decides no rights."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from loquent.accounting.callers import KeyIndex, caller_of, identified
from loquent.accounting.keys import KeyHasher
from loquent.domain.accounts import AccountBook, Caller
from loquent.ports import AccountStore

FRESH_S: Final = 0.5
"""How old the book may be: a key that is revoked anywhere ends here so soon."""


def _now() -> datetime:
    return datetime.now(UTC)


class KeyRing:
    """The book of accounts, read again when it has changed.

    All keys are in memory, so that a request waits for no store.

    Args:
        store: where accounts are kept.
        clock: seconds that only grow.
        now: when keys expire by.
    """

    def __init__(
        self,
        store: AccountStore,
        hasher: KeyHasher,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._now = now
        self._index = KeyIndex.of(AccountBook(version=-1))
        self._read_at_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._n_changes = 0
        self._n_changes_read = 0
        self._had_keys = False

    async def book(self) -> AccountBook:
        """Return the book, half a second old at most, and with all that was changed here.

        Raises: LedgerUnavailableError.
        """
        oldest_s, n_changes = self._clock() - FRESH_S, self._n_changes
        # A reading that somebody else began long ago may show what is out of date by now.
        while self._read_at_s <= oldest_s or self._n_changes_read < n_changes:
            # One that is done is not forgotten at once, and to await it gives nobody else a turn.
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
                self._reading.add_done_callback(self._forget)
            await asyncio.shield(self._reading)
        return self._index.book

    async def caller(self, presented: Iterable[str]) -> Caller | None:
        """Return who presents these, None if none of them is a key that opens anything.

        Raises: LedgerUnavailableError: if it cannot be known.
        """
        await self.book()
        index, now = self._index, self._now()
        found = [identified(text, index, self._hasher, now) for text in presented]
        return next((caller for caller in found if caller), None)

    async def holder(self, key_id: str) -> Caller | None:
        """Return who holds a key, None if it opens nothing any more.

        Raises: LedgerUnavailableError: if it cannot be known.
        """
        book = await self.book()
        key = book.keys.get(key_id)
        return caller_of(key, book, self._now()) if key else None

    async def has_keys(self) -> bool:
        """Tell whether a key was ever made, also where the book has lost it since.

        Raises: LedgerUnavailableError.
        """
        await self.book()
        return self._had_keys

    def expire(self) -> None:
        """Have the book read again before it is used: it was changed here."""
        self._n_changes += 1

    async def _read(self) -> None:
        began_s, n_changes = self._clock(), self._n_changes
        if await self._store.version() != self._index.book.version:
            self._index = KeyIndex.of(await self._store.book())
            self._had_keys = self._had_keys or bool(self._index.book.keys)
        self._read_at_s, self._n_changes_read = began_s, n_changes

    def _forget(self, reading: asyncio.Task[None]) -> None:
        if self._reading is reading:
            self._reading = None
        if not reading.cancelled():
            reading.exception()  # whoever waits is told; nobody may be left waiting
