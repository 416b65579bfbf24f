"""What every limiter promises about what is taken by the minute."""

from __future__ import annotations

import asyncio
import math

import pytest

from loquent.domain.limits import Demand
from tests.unit.limiting.places import Place, asked, characters, left_of, requests


async def test_as_much_is_granted_as_the_limit_says_and_no_more(place: Place) -> None:
    grants = [(await asked(place.limiter, requests(limit=3))).is_granted for _ in range(5)]

    assert grants == [True, True, True, False, False]


async def test_what_comes_at_once_gets_no_more_than_the_limit(place: Place) -> None:
    crowd = await asyncio.gather(
        *(place.limiter.take([requests(limit=7), requests("org_o", limit=50)]) for _ in range(40))
    )

    assert sum(all(one.is_granted for one in allowances) for allowances in crowd) == 7
    assert await left_of(place.limiter, requests("org_o", limit=50)) == 43


async def test_an_allowance_says_what_is_left_after_it(place: Place) -> None:
    first, second = await place.limiter.take([requests(limit=10), characters(amount=300)])

    assert (first.remaining, second.remaining) == (9, 700)
    assert first.demand == requests(limit=10)
    assert second.reset_s == pytest.approx(120, abs=5)


async def test_a_refusal_takes_nothing_of_what_had_room(place: Place) -> None:
    await asked(place.limiter, requests("proj_p", limit=1))

    demands = [requests("key_a", limit=5), requests("proj_p", limit=1), characters(amount=50)]
    allowances = await place.limiter.take(demands)

    assert [one.is_granted for one in allowances] == [True, False, True]
    assert [one.remaining for one in allowances] == [5, 0, 1000]
    assert await left_of(place.limiter, demands[0]) == 5
    assert await left_of(place.limiter, demands[2]) == 1000


async def test_quantities_and_accounts_are_counted_apart(place: Place) -> None:
    await asked(place.limiter, requests("key_a", limit=1))

    assert (await asked(place.limiter, requests("key_b", limit=1))).is_granted
    assert (await asked(place.limiter, characters("key_a", limit=1, amount=1))).is_granted


async def test_nothing_is_always_granted_and_says_what_is_left(place: Place) -> None:
    fresh = await asked(place.limiter, characters(amount=0))
    await asked(place.limiter, characters(amount=1000))
    full = await asked(place.limiter, characters(amount=0))

    assert (fresh.is_granted, fresh.remaining, fresh.reset_s) == (True, 1000, 0.0)
    assert (full.is_granted, full.remaining) == (True, 0)
    assert full.reset_s == pytest.approx(120, abs=5)


async def test_what_is_more_than_the_limit_is_never_granted(place: Place) -> None:
    refused = await asked(place.limiter, characters(limit=1000, amount=1001))

    assert (refused.is_granted, refused.remaining, refused.reset_s) == (False, 1000, math.inf)


async def test_a_limit_of_nothing_grants_nothing(place: Place) -> None:
    refused = await asked(place.limiter, requests(limit=0))

    assert (refused.is_granted, refused.remaining, refused.reset_s) == (False, 0, math.inf)


async def test_another_limit_forgets_nothing(place: Place) -> None:
    await asked(place.limiter, characters(limit=100, amount=100))

    raised = await asked(place.limiter, characters(limit=150, amount=20))
    lowered = await asked(place.limiter, characters(limit=50, amount=0))

    assert (raised.is_granted, raised.remaining) == (True, 30)
    assert (lowered.is_granted, lowered.remaining) == (True, 0)


async def test_one_account_twice_needs_room_for_both(place: Place) -> None:
    both = [characters(limit=100, amount=60), characters(limit=100, amount=50)]

    allowances = await place.limiter.take(both)

    assert [one.is_granted for one in allowances] == [True, False]
    assert await left_of(place.limiter, both[0]) == 100
    assert (await place.limiter.take([both[0], characters(limit=100, amount=40)]))[1].is_granted


async def test_no_demand_is_no_allowance(place: Place) -> None:
    assert list(await place.limiter.take([])) == []


async def test_what_was_taken_fades_over_the_next_minute(place: Place) -> None:
    await asked(place.limiter, characters(amount=600))
    place.advance(60)
    early = await left_of(place.limiter, characters())
    place.advance(30)
    late = await left_of(place.limiter, characters())
    place.advance(30)

    assert early == pytest.approx(400, abs=50)
    assert late == pytest.approx(700, abs=50)
    assert await left_of(place.limiter, characters()) == 1000


@pytest.mark.parametrize(
    ("taken_before", "demand"),
    [
        ([(0, 10)], requests(limit=10)),
        ([(0, 1)], requests(limit=1)),
        ([(0, 4), (50, 6)], requests(limit=10, amount=6)),
        ([(0, 8), (65, 2)], requests(limit=10, amount=3)),
        ([(0, 600), (70, 350)], characters(amount=400)),
        ([(0, 1000), (100, 900)], characters(amount=1000)),
    ],
)
async def test_who_waits_as_told_is_granted_and_who_comes_early_is_not(
    place: Place, taken_before: list[tuple[float, int]], demand: Demand
) -> None:
    now_s = 0.0
    for at_s, amount in taken_before:
        place.advance(at_s - now_s)
        now_s = at_s
        taken = Demand(demand.account_id, demand.quantity, demand.limit, amount)
        await asked(place.limiter, taken)

    refused = await asked(place.limiter, demand)
    assert not refused.is_granted
    place.advance(refused.reset_s * 0.6)
    assert not (await asked(place.limiter, demand)).is_granted
    place.advance(refused.reset_s * 0.4)

    assert (await asked(place.limiter, demand)).is_granted


async def test_all_is_there_again_when_an_allowance_says_so(place: Place) -> None:
    taken = await asked(place.limiter, characters(amount=700))
    place.advance(taken.reset_s / 2)
    meanwhile = await asked(place.limiter, characters(amount=0))
    assert meanwhile.remaining < 1000
    place.advance(meanwhile.reset_s)

    assert await left_of(place.limiter, characters()) == 1000
