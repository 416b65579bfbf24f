"""Counts that several servers share, and what becomes of them when one of all is gone."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from loquent.domain.limits import SeatKind
from loquent.limiting.errors import AwayError, LimitingError
from loquent.limiting.fallback import FallbackLimiter
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.redis import RedisLimiter
from loquent.limiting.seats import TakenSeat
from tests.unit.limiting.places import PATIENT_S, WallClock, asked, characters, requests, seat
from tests.unit.limiting.servers import PASSWORD, SOON_S, RedisServer, free_port, running_redis

CHILD = Path(__file__).with_name("holding_child.py")
AT_ONCE_S = 2.0
"""Far below the five seconds that the client of Redis would wait by itself, ten times."""


@pytest.fixture
async def two(redis_server: RedisServer) -> AsyncIterator[tuple[RedisLimiter, RedisLimiter]]:
    """Two servers."""
    one = RedisLimiter(redis_server.url, patience_s=PATIENT_S)
    other = RedisLimiter(redis_server.url, patience_s=PATIENT_S)
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
def mortal() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def limiter(mortal: RedisServer, clock: WallClock) -> AsyncIterator[FallbackLimiter]:
    shared = RedisLimiter(mortal.url)
    yield FallbackLimiter(shared, MemoryLimiter())
    await shared.close()


async def turns() -> None:
    """Let the event loop see what became of its connections."""
    for _ in range(3):
        await asyncio.sleep(0)


async def until_together(limiter: FallbackLimiter) -> None:
    with capture_logs() as logs:
        async with asyncio.timeout(SOON_S):
            while not logs:
                await limiter.look()
                await asyncio.sleep(0.01)
    assert [one["event"] for one in logs] == [
        "limits are counted together with other servers again"
    ]


async def test_two_servers_grant_no_more_than_one_would(
    two: tuple[RedisLimiter, RedisLimiter],
) -> None:
    demands = [requests("key_a", limit=30), requests("org_o", limit=21)]
    crowd = await asyncio.gather(*(two[n % 2].take(demands) for n in range(80)))

    assert sum(all(one.is_granted for one in allowances) for allowances in crowd) == 21


async def test_two_servers_seat_no_more_than_one_would(
    two: tuple[RedisLimiter, RedisLimiter],
) -> None:
    seats = [seat("key_a", limit=9), seat("org_o", limit=7)]
    crowd = await asyncio.gather(*(two[n % 2].enter(f"r{n}", seats) for n in range(40)))

    assert crowd.count(None) == 7


async def test_keys_name_the_house_and_accounts_alone(
    two: tuple[RedisLimiter, RedisLimiter], redis_server: RedisServer
) -> None:
    await two[0].take([requests("key_a"), characters("org_o")])
    redis_server.age(70)
    await two[0].take([requests("key_a")])
    await two[0].enter("req-1", [seat("key_a"), seat("org_o", kind=SeatKind.SESSIONS)])

    assert redis_server.keys() == [
        "loquent:seats/key_a/requests",
        "loquent:seats/org_o/sessions",
        "loquent:{key_a/requests}",
        "loquent:{key_a/requests}/-1",
        "loquent:{org_o/characters}",
    ]


async def test_redis_forgets_what_went_quiet(
    two: tuple[RedisLimiter, RedisLimiter], redis_server: RedisServer
) -> None:
    await two[0].take([requests("key_a"), characters("org_o")])
    await two[0].enter("req-1", [seat("key_a")])
    redis_server.age(121)

    assert redis_server.keys() == []


async def test_a_seat_is_held_as_long_as_it_is_renewed(
    two: tuple[RedisLimiter, RedisLimiter], redis_server: RedisServer
) -> None:
    one = seat(limit=1)
    await two[0].enter("r1", [one])
    for _ in range(3):
        redis_server.age(15)
        await two[0].renew([TakenSeat("key_a", one.kind, "r1")])

    assert await two[1].enter("r2", [one]) == one
    redis_server.age(31)
    assert await two[1].enter("r2", [one]) is None


async def test_one_who_lapsed_leaves_the_seats_of_others_alone(
    two: tuple[RedisLimiter, RedisLimiter], redis_server: RedisServer
) -> None:
    await two[0].enter("r1", [seat(limit=2)])
    redis_server.age(15)
    await two[1].enter("r2", [seat(limit=2)])
    redis_server.age(16)

    assert await two[1].enter("r3", [seat(limit=2)]) is None
    assert await two[1].enter("r4", [seat(limit=2)]) == seat(limit=2)


async def test_seats_of_a_killed_process_are_free_when_its_leases_end(
    two: tuple[RedisLimiter, RedisLimiter], redis_server: RedisServer
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        redis_server.url,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert child.stdout
    said = await child.stdout.readline()
    child.kill()
    await child.communicate()
    one = seat(limit=1)

    assert said == b"seated\n"
    assert await two[0].enter("r1", [one]) == one
    redis_server.age(30)
    assert await two[0].enter("r1", [one]) is None


async def test_redis_that_dies_is_done_without_and_found_again(
    limiter: FallbackLimiter, mortal: RedisServer
) -> None:
    with capture_logs() as logs:
        await limiter.enter("r1", [seat(limit=2)])
        await asked(limiter, requests(limit=3))
        mortal.die()
        alone = [(await asked(limiter, requests(limit=3))).is_granted for _ in range(3)]
        await limiter.enter("r2", [seat(limit=2)])
        refused = await limiter.enter("r3", [seat(limit=2)])
        await limiter.look()
    assert alone == [True, True, False]
    assert refused == seat(limit=2)
    assert [one["event"] for one in logs] == ["limits are counted in this process alone"]
    assert PASSWORD not in str(logs)
    assert "redis.sock" not in str(logs)

    mortal.start()
    await until_together(limiter)
    other = RedisLimiter(mortal.url, patience_s=PATIENT_S)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(other.close)
        assert await other.enter("elsewhere", [seat(limit=2)]) == seat(limit=2)


async def test_redis_that_hangs_holds_nobody_up_for_long(
    limiter: FallbackLimiter, mortal: RedisServer
) -> None:
    await asked(limiter, requests(limit=3))
    mortal.hang()
    began_s = time.monotonic()
    crowd = await asyncio.gather(*(limiter.take([requests(limit=3)]) for _ in range(50)))
    held_s = time.monotonic() - began_s
    await limiter.enter("r1", [seat()])
    await limiter.leave("r1", [seat()])

    assert sum(one.is_granted for (one,) in crowd) == 2
    assert held_s < AT_ONCE_S
    mortal.go_on()
    await until_together(limiter)
    assert (await asked(limiter, characters(limit=1000, amount=100))).remaining == 900


async def test_redis_that_begins_anew_is_told_who_sits(
    limiter: FallbackLimiter, mortal: RedisServer
) -> None:
    await limiter.enter("r1", [seat(limit=1)])
    mortal.die()
    mortal.start()
    await turns()
    await limiter.look()

    assert mortal.keys() == ["loquent:seats/key_a/requests"]


async def test_a_connection_that_redis_closed_is_no_failure() -> None:
    with running_redis(free_port()) as server:
        limiter = RedisLimiter(server.tcp_url, patience_s=PATIENT_S)
        await limiter.take([requests()])
        server.die()
        server.start()
        await turns()

        assert (await asked(limiter, requests())).remaining == 9
        await limiter.close()


async def test_a_wrong_password_is_away_and_is_not_told(mortal: RedisServer) -> None:
    limiter = RedisLimiter(mortal.url.replace(PASSWORD, "guess"), patience_s=PATIENT_S)

    with pytest.raises(AwayError, match=r"^AuthenticationError$"):
        await limiter.take([requests()])
    await limiter.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://hush-hush@here",
        "redis://here:hush-hush",
        "redis://:hush-hush@here?db=x",
        "redis://:hush-hush@here?what=x",
        "hush-hush",
    ],
)
def test_a_url_that_cannot_be_read_is_told_without_it(url: str) -> None:
    with pytest.raises(LimitingError) as caught:
        RedisLimiter(url)

    assert "redis://:password@host:6379/0" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__suppress_context__
