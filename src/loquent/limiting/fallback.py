"""Counts together with other servers, and alone while that cannot be; knows no Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from typing import Final, Protocol, TypeVar

import structlog

from loquent.domain.limits import Allowance, Demand, Seat
from loquent.limiting.errors import AwayError
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.seats import TakenSeat
from loquent.ports import RateLimiter

RENEW_S: Final = 10.0
LOOK_S: Final = 1.0

# A crowd waits here, not for an answer: else its last would take `shared` for away.
_N_TURNS: Final = 8

_T = TypeVar("_T")

_log = structlog.get_logger("loquent.limiting")


class SharedLimiter(RateLimiter, Protocol):
    """Counts for several servers; every method but `close` may raise AwayError, and soon."""

    async def renew(self, seats: Collection[TakenSeat]) -> None:
        """Keep seats, which otherwise are lost after some time."""
        ...

    async def vacate(self, seats: Collection[TakenSeat]) -> None:
        """Give up seats."""
        ...

    async def close(self) -> None:
        """Let go of whatever is open."""
        ...


class FallbackLimiter:
    """A RateLimiter that asks `shared`, and where that is away, counts in this process alone.

    What is granted is counted here too, so that this process does not begin anew when `shared`
    goes. No request looks for it again: `watching` does.
    """

    def __init__(
        self,
        shared: SharedLimiter,
        alone: MemoryLimiter,
        *,
        renew_s: float = RENEW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._alone = alone
        self._renew_s = renew_s
        self._clock = clock
        self._turns = asyncio.Semaphore(_N_TURNS)
        self._is_away = False
        self._due_s = -inf

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        try:
            allowances = await self._asked(partial(self._shared.take, demands))
        except AwayError:
            return await self._alone.take(demands)
        if all(allowance.is_granted for allowance in allowances):
            await self._alone.take(demands)
        return allowances

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        full = await self._alone.enter(holder, seats)
        if full is not None:
            return full
        try:
            full = await self._asked(partial(self._shared.enter, holder, seats))
        except AwayError:
            return None
        except asyncio.CancelledError:
            await self._alone.leave(holder, seats)
            raise
        if full is not None:
            await self._alone.leave(holder, seats)
        return full

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        await self._alone.leave(holder, seats)
        with contextlib.suppress(AwayError):
            await self._asked(partial(self._shared.leave, holder, seats))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look after what is shared for as long as the context is, and close it then."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await self._shared.close()

    async def look(self) -> None:
        """Renew the seats of this process, if it is time to or `shared` was away."""
        now_s = self._clock()
        if not self._is_away and now_s < self._due_s:
            return
        seats = self._alone.taken_seats()
        try:
            await self._shared.renew(seats)
            # Whoever left meanwhile may have done so before the lease was renewed.
            await self._shared.vacate(seats - self._alone.taken_seats())
        except AwayError as error:
            self._went(error)
            return
        # Whoever came just before it was back is known here alone: renewed at the next look.
        self._due_s = now_s if self._is_away else now_s + self._renew_s
        self._came_back()

    async def _asked(self, question: Callable[[], Awaitable[_T]]) -> _T:
        """Raises: AwayError: at once where that is known already."""
        async with self._turns:
            if self._is_away:
                raise AwayError("away")
            try:
                return await question()
            except AwayError as error:
                self._went(error)
                raise

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    def _went(self, error: AwayError) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("limits are counted in this process alone", reason=str(error))

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            _log.warning("limits are counted together with other servers again")
