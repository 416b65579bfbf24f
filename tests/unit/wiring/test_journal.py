"""What happened to a deployment is remembered, and told to who follows it."""

from __future__ import annotations

import asyncio

from loquent.wiring.journal import N_REMEMBERED, Journal


async def numbers(journal: Journal, *, after: int = 0, follows: bool = False) -> list[int]:
    return [event.number async for event in journal.events(after=after, follows=follows)]


async def test_what_happened_is_told_once_and_in_order() -> None:
    journal = Journal()
    journal.note("is opened")
    journal.note("does not load", "error")
    told = [event async for event in journal.events()]
    assert [(event.number, event.level) for event in told] == [(1, "info"), (2, "error")]
    assert await numbers(journal, after=1) == [2]
    assert await numbers(journal, after=9) == []


async def test_only_the_latest_is_remembered() -> None:
    journal = Journal()
    for _ in range(N_REMEMBERED + 10):
        journal.note("again")
    told = await numbers(journal)
    assert (told[0], told[-1], len(told)) == (11, N_REMEMBERED + 10, N_REMEMBERED)


async def test_who_follows_hears_of_all_that_comes_until_the_end() -> None:
    journal = Journal()
    journal.note("first")
    following = [asyncio.create_task(numbers(journal, follows=True)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
        journal.note("next")
    await asyncio.sleep(0)
    journal.note("last")
    journal.close()
    assert await asyncio.gather(*following) == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]


async def test_who_follows_what_has_ended_hears_what_is_remembered() -> None:
    journal = Journal()
    journal.note("first")
    journal.close()
    assert await numbers(journal, follows=True) == [1]
