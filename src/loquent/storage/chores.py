"""What is done again and again while a store is open; knows nothing of what that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loquent.domain.errors import LedgerUnavailableError

_FAREWELL_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Chore:
    """A thing to do.

    Attributes:
        do: where it raises LedgerUnavailableError, it is simply done again when its time comes.
        every_s: from its end to its next beginning.
        first_s: until it begins for the first time.
    """

    do: Callable[[], Awaitable[object]]
    every_s: float
    first_s: float


class Chores:
    """Does each of some things at its times."""

    def __init__(self, *chores: Chore) -> None:
        self._chores = chores
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._tasks = {asyncio.create_task(self._repeat(chore)) for chore in self._chores}

    async def close(self) -> None:
        """End; what is being done may take its time to, but no longer than 5 s."""
        self._ended.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_FAREWELL_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, chore: Chore) -> None:
        wait_s = chore.first_s
        while not await self._is_over_after(wait_s):
            with suppress(LedgerUnavailableError):
                await chore.do()
            wait_s = chore.every_s

    async def _is_over_after(self, wait_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._ended.wait()
        return self._ended.is_set()
