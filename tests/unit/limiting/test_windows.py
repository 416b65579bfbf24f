"""The counting of minutes against a plain model, and where another process comes between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from limits.aio.storage import MemoryStorage

from loquent.domain.limits import Demand, Quantity
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.windows import MINUTE_S, Window, Windows
from tests.unit.limiting.places import (
    A_MINUTE_BEGINS_S,
    WallClock,
    asked,
    characters,
    requests,
    standing_still,
)

HAIR = 1e-3
LIMITS = {"key_a": 5, "org_o": 9}

pauses_s = st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 130), st.just(59.99))
amounts = st.fixed_dictionaries({account_id: st.integers(0, 6) for account_id in LIMITS})
days = st.lists(st.tuples(pauses_s, amounts), max_size=40)


@dataclass
class Model:
    """Remembers all that was taken, and when."""

    taken: list[tuple[float, int]] = field(default_factory=list)

    def weight(self, now_s: float) -> float:
        minute = now_s // MINUTE_S
        current = sum(n for at_s, n in self.taken if at_s // MINUTE_S == minute)
        previous = sum(n for at_s, n in self.taken if at_s // MINUTE_S == minute - 1)
        return current + previous * (1 - now_s % MINUTE_S / MINUTE_S)

    def most_in_a_minute_of_the_clock(self) -> int:
        minutes = {at_s // MINUTE_S for at_s, _ in self.taken}
        return max(
            (sum(n for at_s, n in self.taken if at_s // MINUTE_S == one) for one in minutes),
            default=0,
        )

    def most_in_any_sixty_seconds(self) -> int:
        return max(
            (
                sum(n for at_s, n in self.taken if from_s <= at_s < from_s + MINUTE_S)
                for from_s, _ in self.taken
            ),
            default=0,
        )


def demands_of(amount_of: dict[str, int]) -> list[Demand]:
    return [
        Demand(account_id, Quantity.CHARACTERS, LIMITS[account_id], amount)
        for account_id, amount in amount_of.items()
    ]


@settings(deadline=None, max_examples=150)
@given(days)
def test_memory_counts_as_a_plain_model_does(day: list[tuple[float, dict[str, int]]]) -> None:
    models = {account_id: Model() for account_id in LIMITS}

    async def live(clock: WallClock) -> None:
        limiter = MemoryLimiter()
        for pause_s, amount_of in day:
            clock.advance(pause_s)
            allowances = await limiter.take(demands_of(amount_of))
            weights = {one: model.weight(clock.now_s) for one, model in models.items()}
            for allowance in allowances:
                demand = allowance.demand
                room = demand.limit - weights[demand.account_id] - demand.amount
                if demand.amount == 0 or abs(room) > HAIR:
                    assert allowance.is_granted == (demand.amount == 0 or room > 0)
            if all(allowance.is_granted for allowance in allowances):
                for account_id, amount in amount_of.items():
                    models[account_id].taken.append((clock.now_s, amount))
            for allowance in allowances:
                model = models[allowance.demand.account_id]
                left = max(0, allowance.demand.limit - model.weight(clock.now_s))
                assert -HAIR <= left - allowance.remaining < 1 + HAIR

    with standing_still() as clock:
        asyncio.run(live(clock))

    for account_id, model in models.items():
        assert model.most_in_a_minute_of_the_clock() <= LIMITS[account_id]
        assert model.most_in_any_sixty_seconds() <= 2 * LIMITS[account_id]


@settings(deadline=None, max_examples=150)
@given(days, st.integers(1, 5))
def test_who_waits_alone_as_told_is_granted(
    day: list[tuple[float, dict[str, int]]], amount: int
) -> None:
    async def live(clock: WallClock) -> None:
        limiter = MemoryLimiter()
        for pause_s, amount_of in day:
            clock.advance(pause_s)
            await limiter.take(demands_of(amount_of))
        last = demands_of({"key_a": amount})[0]
        first = await asked(limiter, last)
        if not first.is_granted:
            clock.advance(first.reset_s)
            assert (await asked(limiter, last)).is_granted
        clock.advance((await asked(limiter, demands_of({"key_a": 0})[0])).reset_s)
        assert (await asked(limiter, demands_of({"key_a": 5})[0])).remaining == 0

    with standing_still() as clock:
        asyncio.run(live(clock))


async def test_a_burst_across_the_border_of_two_minutes_has_no_more_than_the_limit(
    clock: WallClock,
) -> None:
    for limit in (1, 3):
        limiter = MemoryLimiter()
        clock.advance(MINUTE_S - clock.now_s % MINUTE_S - 0.01)
        grants = [await asked(limiter, requests(limit=limit))]
        clock.advance(0.02)
        grants += [await asked(limiter, requests(limit=limit)) for _ in range(limit)]

        assert sum(one.is_granted for one in grants) == limit


async def test_what_went_quiet_is_dropped(clock: WallClock) -> None:
    storage = MemoryStorage()
    windows = Windows(storage)
    for n in range(500):
        await windows.take([requests(f"key_{n}"), characters(f"key_{n}")])
    await asyncio.sleep(0)
    assert len(storage.storage) == 1000

    clock.advance(2 * MINUTE_S + 1)
    await windows.take([requests("key_0")])
    await asyncio.sleep(0)

    assert len(storage.storage) == len(storage.expirations) == len(storage.locks) == 1


class ContestedStorage(MemoryStorage):
    """Another process takes all of one account between the look and the grip."""

    def __init__(self, contested: str) -> None:
        super().__init__()
        self._contested = contested

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        if self._contested in key:
            await super().acquire_sliding_window_entry(key, limit, expiry, limit)
        return await super().acquire_sliding_window_entry(key, limit, expiry, amount)


async def test_what_another_process_took_in_the_last_moment_is_refused(clock: WallClock) -> None:
    windows = Windows(ContestedStorage("org_o"))
    demands = [requests("key_a", limit=50), requests("org_o", limit=10)]

    allowances = await windows.take(demands)

    assert [one.is_granted for one in allowances] == [True, False]
    assert [one.remaining for one in allowances] == [50, 0]
    assert allowances[1].reset_s > 60
    # The tightest was tried first, so nothing was taken of the other.
    assert (await asked_of(windows, "key_a", 50)) == 50


async def asked_of(windows: Windows, account_id: str, limit: int) -> int:
    return (await windows.take([requests(account_id, limit=limit, amount=0)]))[0].remaining


@given(st.integers(0, 99), st.integers(0, 99), st.floats(0, 60), st.integers(0, 99))
def test_a_weight_is_reached_when_it_is_said_to_be(
    previous: int, current: int, left_s: float, weight: int
) -> None:
    window = Window(previous, current, left_s)
    wait_s = window.falls_to_s(weight)

    assert later(window, wait_s).weight <= weight
    if wait_s > 0.1:
        assert later(window, wait_s - 0.1).weight > weight - HAIR
    waits_s = [window.falls_to_s(n) for n in range(current + previous + 2)]
    assert all(first >= second for first, second in pairwise(waits_s))


def later(window: Window, seconds: float) -> Window:
    if seconds <= window.left_s:
        return Window(window.previous, window.current, window.left_s - seconds)
    over_s = seconds - window.left_s
    if over_s <= MINUTE_S:
        return Window(window.current, 0, MINUTE_S - over_s)
    return Window(0, 0, MINUTE_S)


def test_the_clock_of_these_tests_begins_with_a_minute() -> None:
    assert A_MINUTE_BEGINS_S % MINUTE_S == 0
