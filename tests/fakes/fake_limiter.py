"""A limiter in memory whose minute never ends, and which refuses what a test tells it to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from loquent.domain.limits import Allowance, Demand, Quantity, Seat, SeatKind


class FakeLimiter:
    """Counts up to the limits; nothing that was taken comes back.

    Attributes:
        refused: quantities, and kinds of seats, that nobody gets, whatever the limit.
        reset_s: what every allowance says.
        asked: every demand, granted or not.
        taken: what was granted, amounts of 0 too.
        entered: every seat that was taken, with its holder.
        left: every seat that was given up, with its holder.
        seated: who sits where now.
    """

    def __init__(self, *refused: Quantity | SeatKind, reset_s: float = 20.0) -> None:
        self.refused = set(refused)
        self.reset_s = reset_s
        self.asked: list[Demand] = []
        self.taken: list[Demand] = []
        self.entered: list[tuple[str, Seat]] = []
        self.left: list[tuple[str, Seat]] = []
        self.seated: defaultdict[tuple[str, SeatKind], set[str]] = defaultdict(set)
        self._counts: Counter[tuple[str, Quantity]] = Counter()

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        self.asked += demands
        grants = [self._grants(demand) for demand in demands]
        if all(grants):
            self.taken += demands
            for demand in demands:
                self._counts[demand.account_id, demand.quantity] += demand.amount
        return [
            Allowance(demand, is_granted, max(0, self._room(demand)), self.reset_s)
            for demand, is_granted in zip(demands, grants, strict=True)
        ]

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        for seat in seats:
            others = self.seated[seat.account_id, seat.kind] - {holder}
            if seat.kind in self.refused or len(others) >= seat.limit:
                return seat
        for seat in seats:
            self.entered.append((holder, seat))
            self.seated[seat.account_id, seat.kind].add(holder)
        return None

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        for seat in seats:
            self.left.append((holder, seat))
            self.seated[seat.account_id, seat.kind].discard(holder)

    def n_seated(self) -> int:
        """Return how many seats are taken now, of all accounts."""
        return sum(map(len, self.seated.values()))

    def _room(self, demand: Demand) -> int:
        return demand.limit - self._counts[demand.account_id, demand.quantity]

    def _grants(self, demand: Demand) -> bool:
        if demand.amount == 0:
            return True
        return demand.quantity not in self.refused and demand.amount <= self._room(demand)
