"""What the tests of the limits share: each limiter, and a Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from loquent.limiting.fallback import FallbackLimiter
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.redis import RedisLimiter
from tests.unit.limiting.places import PATIENT_S, Place, WallClock, standing_still
from tests.unit.limiting.servers import RedisServer, running_redis


@pytest.fixture(scope="session")
def only_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(only_redis: RedisServer) -> RedisServer:
    only_redis.forget()
    return only_redis


@pytest.fixture
def clock() -> Iterator[WallClock]:
    with standing_still() as clock:
        yield clock


@pytest.fixture(params=["memory", "redis", "with redis", "without redis"])
async def place(
    request: pytest.FixtureRequest, clock: WallClock, tmp_path: Path
) -> AsyncIterator[Place]:
    if request.param == "memory":
        yield Place(MemoryLimiter(), clock.advance)
        return
    async with AsyncExitStack() as closing:
        if request.param == "without redis":
            gone = RedisLimiter(f"unix://{tmp_path}/gone.sock")
            closing.push_async_callback(gone.close)
            yield Place(FallbackLimiter(gone, MemoryLimiter()), clock.advance)
            return
        server: RedisServer = request.getfixturevalue("redis_server")
        shared = RedisLimiter(server.url, patience_s=PATIENT_S)
        closing.push_async_callback(shared.close)

        def advance(seconds: float) -> None:
            clock.advance(seconds)
            server.age(seconds)

        if request.param == "redis":
            yield Place(shared, advance)
        else:
            yield Place(FallbackLimiter(shared, MemoryLimiter()), advance)
