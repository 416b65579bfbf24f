"""Counts in the memory of one process, exactly as long as one event loop uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from limits.aio.storage import MemoryStorage

from loquent.domain.limits import Allowance, Demand, Seat
from loquent.limiting.seats import SeatBook, TakenSeat
from loquent.limiting.windows import Windows


class MemoryLimiter:
    """A RateLimiter; minutes are those of the clock on the wall.

    What went quiet is dropped when anybody takes anything, two minutes later or after.
    """

    def __init__(self) -> None:
        self._windows = Windows(MemoryStorage())
        self._seats = SeatBook()
        self._turn = asyncio.Lock()

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        async with self._turn:
            return await self._windows.take(demands)

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        return self._seats.enter(holder, seats)

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        self._seats.leave(holder, seats)

    def taken_seats(self) -> frozenset[TakenSeat]:
        """Return every seat that is held now."""
        return self._seats.taken()
