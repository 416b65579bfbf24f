"""Counting alone while what is shared is away, and together again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from loquent.limiting.fallback import FallbackLimiter
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.seats import TakenSeat
from tests.unit.limiting.places import PATIENT_S, WallClock, asked, left_of, requests, seat
from tests.unit.limiting.scripted_shared import ScriptedShared

ALONE = "limits are counted in this process alone"
TOGETHER = "limits are counted together with other servers again"


@dataclass
class Watch:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def shared(clock: WallClock) -> ScriptedShared:
    return ScriptedShared()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limiter(shared: ScriptedShared, watch: Watch) -> FallbackLimiter:
    return FallbackLimiter(shared, MemoryLimiter(), renew_s=10.0, clock=watch)


async def test_what_others_took_counts_while_it_can_be_seen(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await shared.take([requests(limit=3, amount=3)])

    assert not (await asked(limiter, requests(limit=3))).is_granted


async def test_what_was_taken_together_counts_alone_too(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await asked(limiter, requests(limit=3, amount=2))
    assert not (await asked(limiter, requests(limit=3, amount=2))).is_granted
    shared.is_away = True

    assert await left_of(limiter, requests(limit=3)) == 1


async def test_nobody_asks_again_for_what_is_away(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    shared.is_away = True
    for n in range(5):
        assert (await asked(limiter, requests())).is_granted
        assert await limiter.enter(f"r{n}", [seat(limit=9)]) is None
        await limiter.leave(f"r{n}", [seat(limit=9)])

    assert shared.calls == ["take"]


async def test_going_and_coming_back_are_told_once(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    with capture_logs() as logs:
        await limiter.look()
        shared.is_away = True
        for _ in range(3):
            await asked(limiter, requests())
            await limiter.look()
        shared.is_away = False
        await limiter.look()
        await limiter.look()

    assert [(one["event"], one["log_level"]) for one in logs] == [
        (ALONE, "warning"),
        (TOGETHER, "warning"),
    ]
    assert logs[0]["reason"] == "ConnectionError"


async def test_seats_are_counted_alone_while_nobody_else_can_be_asked(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await limiter.enter("r1", [seat()])
    shared.is_away = True

    assert await limiter.enter("r2", [seat()]) is None
    assert await limiter.enter("r3", [seat()]) == seat()
    await limiter.leave("r1", [seat()])
    assert await limiter.enter("r3", [seat()]) is None


async def test_seats_of_others_count_and_those_refused_are_not_held_here(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    other = TakenSeat("proj_p", seat().kind, "elsewhere")
    shared.seats.add(other)
    wanted = [seat("key_a", limit=1), seat("proj_p", limit=1)]

    assert await limiter.enter("r1", wanted) == wanted[1]
    shared.seats.discard(other)
    assert await limiter.enter("r2", wanted) is None


async def test_what_is_full_here_is_asked_of_nobody(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await limiter.enter("r1", [seat(limit=1)])

    assert await limiter.enter("r2", [seat(limit=1)]) == seat(limit=1)
    assert shared.calls == ["enter"]


async def test_seats_are_renewed_when_it_is_time(
    limiter: FallbackLimiter, shared: ScriptedShared, watch: Watch
) -> None:
    await limiter.enter("r1", [seat()])
    await limiter.look()
    shared.calls.clear()
    shared.seats.clear()

    watch.now_s += 9
    await limiter.look()
    assert shared.calls == []
    watch.now_s += 1
    await limiter.look()
    assert shared.seats == {TakenSeat("key_a", seat().kind, "r1")}


async def test_what_began_alone_is_known_to_all_once_they_are_back(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    shared.is_away = True
    await limiter.enter("r1", [seat()])
    shared.is_away = False
    shared.gate = asyncio.Event()
    look = asyncio.create_task(limiter.look())
    await shared.reached.wait()
    await limiter.enter("r2", [seat()])
    shared.gate.set()
    await look
    await limiter.look()

    assert {one.holder for one in shared.seats} == {"r1", "r2"}


async def test_who_leaves_while_seats_are_renewed_has_left(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await limiter.enter("r1", [seat()])
    shared.gate = asyncio.Event()
    look = asyncio.create_task(limiter.look())
    await shared.reached.wait()
    await limiter.leave("r1", [seat()])
    shared.gate.set()
    await look

    assert shared.seats == set()


async def test_who_gives_up_while_waiting_for_a_seat_holds_none(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    shared.gate = asyncio.Event()
    wanting = asyncio.create_task(limiter.enter("r1", [seat(limit=1)]))
    await shared.reached.wait()
    wanting.cancel()
    await asyncio.gather(wanting, return_exceptions=True)
    shared.gate.set()

    assert await limiter.enter("r2", [seat(limit=1)]) is None


async def test_a_seat_that_cannot_be_given_up_elsewhere_is_given_up_here(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    await limiter.enter("r1", [seat(limit=1)])
    shared.is_away = True
    await limiter.leave("r1", [seat(limit=1)])

    assert await limiter.enter("r2", [seat(limit=1)]) is None
    assert shared.calls == ["enter", "leave"]


async def test_a_crowd_takes_turns_and_asks_no_more_once_it_is_away(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    shared.gate = asyncio.Event()
    crowd = [asyncio.create_task(limiter.enter(f"r{n}", [seat(limit=99)])) for n in range(30)]
    await shared.reached.wait()
    n_asked = len(shared.calls)
    shared.is_away = True
    shared.gate.set()

    assert n_asked < 30
    assert await asyncio.gather(*crowd) == [None] * 30
    assert len(shared.calls) == n_asked + 1


async def test_it_is_looked_after_until_it_is_closed(
    limiter: FallbackLimiter, shared: ScriptedShared
) -> None:
    shared.gate = asyncio.Event()
    async with asyncio.timeout(PATIENT_S), limiter.watching():
        await shared.reached.wait()
        calls = list(shared.calls)

    assert shared.is_closed
    assert calls == shared.calls == ["renew"]
