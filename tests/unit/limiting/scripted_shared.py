"""Counts of several servers that go away, come back or wait as a test tells them to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from loquent.domain.limits import Allowance, Demand, Seat
from loquent.limiting.errors import AwayError
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.seats import TakenSeat


class ScriptedShared:
    """Counts in memory, with what other servers may hold.

    Attributes:
        is_away: every call fails.
        gate: waited for by `enter` and `renew`, if there is one; `reached` once they do.
        calls: names of what was called.
        seats: the leases there are.
    """

    def __init__(self) -> None:
        self.counts = MemoryLimiter()
        self.is_away = False
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.calls: list[str] = []
        self.seats: set[TakenSeat] = set()
        self.is_closed = False

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        self._called("take")
        return await self.counts.take(demands)

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        self._called("enter")
        await self._pass()
        for seat in seats:
            others = [one for one in self.seats if one.account_id == seat.account_id]
            if len(others) >= seat.limit:
                return seat
        self.seats |= {TakenSeat(seat.account_id, seat.kind, holder) for seat in seats}
        return None

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        self._called("leave")
        self.seats -= {TakenSeat(seat.account_id, seat.kind, holder) for seat in seats}

    async def renew(self, seats: Collection[TakenSeat]) -> None:
        self._called("renew")
        await self._pass()
        self.seats |= set(seats)

    async def vacate(self, seats: Collection[TakenSeat]) -> None:
        self._called("vacate")
        self.seats -= set(seats)

    async def close(self) -> None:
        self.is_closed = True

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.is_away:
            raise AwayError("ConnectionError")

    async def _pass(self) -> None:
        if self.gate:
            self.reached.set()
            await self.gate.wait()
