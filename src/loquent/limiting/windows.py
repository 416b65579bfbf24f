"""Counts by the minute over a storage of `limits`; knows neither where that is nor any seat.

The strategy is the sliding window counter: two counters, one of the minute that runs and one of
the minute before, which counts the less the more of it has slid out of sight, as if all in it had
come evenly. So of an account that stays busy

- no minute of the storage has more than the limit, and nothing comes at once beyond it;
- sixty seconds that lie across two such minutes may have more, where what came in the first did
  not come evenly: never more than twice the limit.

Source: the documentation of `limits`, "Rate limiting strategies", Sliding Window Counter. It rounds
what is weighted down, so that a burst across the border of two minutes has one more than the limit;
here nothing is rounded. Its keys hold the limit, so that a new limit would forget all that was
taken; ours do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import Final

from limits.aio.storage import SlidingWindowCounterSupport

from loquent.domain.limits import Allowance, Demand

MINUTE_S: Final = 60

# Counts fall all the time, and clocks round: a moment later it is certain.
_MARGIN_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Window:
    """What was taken of late.

    Attributes:
        previous: in the minute before the one that runs.
        current: in that one.
        left_s: until it ends.
    """

    previous: int
    current: int
    left_s: float

    @property
    def weight(self) -> float:
        return self.previous * self.left_s / MINUTE_S + self.current

    def after(self, amount: int) -> Window:
        """Return the same once `amount` is taken."""
        return Window(self.previous, self.current + amount, self.left_s)

    def remaining(self, limit: int) -> int:
        """Return what is left of a limit."""
        return max(0, floor(limit - self.weight))

    def fits(self, demand: Demand) -> bool:
        """Tell whether there is room; nothing always fits."""
        return demand.amount == 0 or self.weight + demand.amount <= demand.limit

    def falls_to_s(self, weight: int) -> float:
        """Return after how many seconds no more than `weight` counts, if nothing is taken."""
        if weight < 0:
            return inf
        if self.weight <= weight:
            return 0.0
        if self.current <= weight:
            return self.left_s - (weight - self.current) * MINUTE_S / self.previous + _MARGIN_S
        return self.left_s + MINUTE_S * (1 - weight / self.current) + _MARGIN_S


class Windows:
    """Counts every quantity of every account in `storage`, whose failures pass through."""

    def __init__(self, storage: SlidingWindowCounterSupport) -> None:
        self._storage = storage

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        """Take all that is demanded, or nothing.

        Where another process takes at the same time, what is left of one account may go to it in
        the last moment; then what was taken of others stays taken. The tightest comes first, so
        that this is rare.
        """
        windows = {key: await self._window(key) for key in {_key(demand) for demand in demands}}
        seen: list[Window] = []
        for demand in demands:
            window = windows[_key(demand)]
            seen.append(window)
            windows[_key(demand)] = window.after(demand.amount)
        pairs = list(zip(demands, seen, strict=True))
        if not all(window.fits(demand) for demand, window in pairs):
            return [_allowance(one, window, is_granted=window.fits(one)) for one, window in pairs]
        missed = await self._hit(
            sorted(demands, key=lambda one: windows[_key(one)].remaining(one.limit))
        )
        if missed is not None:
            return await self._after_race(missed, pairs)
        return [_allowance(one, windows[_key(one)], is_granted=True) for one in demands]

    async def _window(self, key: str) -> Window:
        previous, _, current, ends_s = await self._storage.get_sliding_window(key, MINUTE_S)
        # A counter outlives its minute by another one; there is none before the first is taken.
        left_s = ends_s - MINUTE_S if ends_s else float(MINUTE_S)
        return Window(previous, current, left_s)

    async def _hit(self, demands: Sequence[Demand]) -> Demand | None:
        """Take in order; return what was refused, if anything."""
        for demand in demands:
            if demand.amount and not await self._storage.acquire_sliding_window_entry(
                _key(demand), demand.limit, MINUTE_S, demand.amount
            ):
                return demand
        return None

    async def _after_race(
        self, missed: Demand, pairs: Sequence[tuple[Demand, Window]]
    ) -> Sequence[Allowance]:
        now = await self._window(_key(missed))
        return [
            _allowance(one, now, is_granted=False)
            if one is missed
            else _allowance(one, window, is_granted=True)
            for one, window in pairs
        ]


def _allowance(demand: Demand, window: Window, *, is_granted: bool) -> Allowance:
    if is_granted:
        reset_s = window.falls_to_s(0)
    else:
        reset_s = max(window.falls_to_s(demand.limit - demand.amount), _MARGIN_S)
    return Allowance(demand, is_granted, window.remaining(demand.limit), reset_s)


def _key(demand: Demand) -> str:
    return f"{demand.account_id}/{demand.quantity}"
