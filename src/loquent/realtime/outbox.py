"""What a caller has yet to be told; a newer partial takes the place of an older one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from loquent.domain.live import LiveUpdate, Partial

MAX_WAITING = 256
"""Beyond so many untold updates no more sound is taken in."""


class Outbox:
    """A queue of updates with one reader."""

    def __init__(self) -> None:
        self._updates: deque[LiveUpdate] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._has_ended = False
        self._failure: BaseException | None = None

    async def wait_for_room(self) -> None:
        """Wait until the reader has come close enough."""
        await self._room.wait()

    def put(self, update: LiveUpdate) -> None:
        """Add an update; after the end it is dropped."""
        if self._has_ended:
            return
        if isinstance(update, Partial) and self._updates:
            last = self._updates[-1]
            if isinstance(last, Partial) and last.utterance == update.utterance:
                self._updates.pop()
        self._updates.append(update)
        self._news.set()
        if len(self._updates) >= MAX_WAITING:
            self._room.clear()

    def end(self, failure: BaseException | None = None) -> None:
        """Add no more; the reader gets what is left, then `failure` if there is one."""
        if not self._has_ended:
            self._has_ended, self._failure = True, failure
            self._news.set()
            self._room.set()

    async def read(self) -> AsyncGenerator[LiveUpdate]:
        """Yield updates until the end.

        Raises: the failure that ended them.
        """
        while True:
            while self._updates:
                update = self._updates.popleft()
                self._room.set()
                yield update
            if self._has_ended:
                break
            self._news.clear()
            await self._news.wait()
        if self._failure is not None:
            raise self._failure
