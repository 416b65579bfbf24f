"""Who counts what callers take, and keeps room and money for them: what any such one promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from loquent.domain.limits import Allowance, Balance, Demand, Reservation, Seat


class RateLimiter(Protocol):
    """Counts by the minute, and counts what goes on; never fails: it counts less well instead."""

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        """Take what is demanded, all of it or, where anything is refused, nothing.

        Returns: one allowance for each demand, in order.
        """
        ...

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        """Take every seat for `holder`, or none; return one that is not to be had, if any."""
        ...

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        """Give up seats; those that are not held do not matter."""
        ...


class Treasury(Protocol):
    """Keeps money for requests that run; what they cost in the end comes with their row of usage.

    A reservation ends with that row, or half a minute after the process that made it.
    """

    async def reserve(self, reservation: Reservation) -> Sequence[Balance]:
        """Keep the money, if every budget has it; return what is then left of each, in order.

        Raises:
            BudgetExceededError: if one has not; then nothing is kept, and what was kept for the
                same request before still is.
            LedgerUnavailableError.
        """
        ...

    async def balances(self, reservation: Reservation) -> Sequence[Balance]:
        """Return what is left of each budget now; keep nothing.

        Raises: LedgerUnavailableError.
        """
        ...
