"""Counts in Redis, for several servers together; what to do while it is away is not known here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from limits.aio.storage import RedisStorage
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from loquent.domain.limits import Allowance, Demand, Seat, SeatKind
from loquent.limiting.errors import AwayError, LimitingError
from loquent.limiting.seats import TakenSeat
from loquent.limiting.windows import Windows

PREFIX: Final = "loquent"
LEASE_S: Final = 30.0
PATIENCE_S: Final = 0.1
_N_CONNECTIONS: Final = 16

# A seat is a member of a sorted set, scored by when its lease ends on the clock of Redis.
_NOW_MS: Final = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_ENTER: Final = (
    _NOW_MS
    + """
local lease_ms, holder = tonumber(ARGV[1]), ARGV[2]
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms)
    local is_in = redis.call('ZSCORE', key, holder)
    if not is_in and redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then
        return i
    end
end
for _, key in ipairs(KEYS) do
    redis.call('ZADD', key, now_ms + lease_ms, holder)
    redis.call('PEXPIRE', key, lease_ms)
end
return 0
"""
)

_RENEW: Final = (
    _NOW_MS
    + """
local lease_ms = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now_ms + lease_ms, ARGV[i + 1])
    redis.call('PEXPIRE', key, lease_ms)
end
"""
)

_VACATE: Final = """
for i, key in ipairs(KEYS) do
    redis.call('ZREM', key, ARGV[i])
end
"""


class RedisLimiter:
    """A RateLimiter, but for this: whatever it is asked, it raises AwayError where Redis is away.

    A seat is lost `lease_s` after it was taken or renewed last. Keys hold ids of accounts and begin
    with `loquent:`.
    """

    def __init__(
        self, url: str, *, lease_s: float = LEASE_S, patience_s: float = PATIENCE_S
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: redis://, rediss:// or unix://.
            patience_s: how long any call may take.

        Raises: LimitingError: if the URL cannot be read; never quotes it.
        """
        self._lease_ms = round(1000 * lease_s)
        self._patience_s = patience_s
        pool = _pool(url, patience_s)
        self._client = Redis.from_pool(pool)
        self._windows = Windows(_storage(pool))
        self._enter = self._client.register_script(_ENTER)
        self._renew = self._client.register_script(_RENEW)
        self._vacate = self._client.register_script(_VACATE)

    async def take(self, demands: Sequence[Demand]) -> Sequence[Allowance]:
        """Take all, or nothing.

        Raises: AwayError: then some of it may be taken.
        """
        async with self._in_time():
            return await self._windows.take(demands)

    async def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        """Take every seat, or none.

        Raises: AwayError: then they may be taken until their leases end.
        """
        keys = [_key(seat.account_id, seat.kind) for seat in seats]
        limits = [seat.limit for seat in seats]
        async with self._in_time():
            refused = await self._enter(keys, [self._lease_ms, holder, *limits])
        return seats[refused - 1] if refused else None

    async def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        """Give up seats.

        Raises: AwayError: then they may be held until their leases end.
        """
        await self.vacate([TakenSeat(seat.account_id, seat.kind, holder) for seat in seats])

    async def renew(self, seats: Collection[TakenSeat]) -> None:
        """Begin the leases of seats anew; those that were lost are taken again, full or not.

        Raises: AwayError.
        """
        ordered = list(seats)
        holders = [seat.holder for seat in ordered]
        async with self._in_time():
            await self._renew(_keys(ordered), [self._lease_ms, *holders])

    async def vacate(self, seats: Collection[TakenSeat]) -> None:
        """End leases.

        Raises: AwayError.
        """
        ordered = list(seats)
        async with self._in_time():
            await self._vacate(_keys(ordered), [seat.holder for seat in ordered])

    async def close(self) -> None:
        """Leave Redis; what is held lapses."""
        with contextlib.suppress(AwayError):
            async with self._in_time():
                await self._client.aclose()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience_s):
                yield
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            raise AwayError(_kind(error)) from error


def _pool(url: str, patience_s: float) -> BlockingConnectionPool:
    try:
        # Whatever is asked has a limit as a whole (`_in_time`); one more for each command costs a
        # task. With RESP 3 the client awaits notices of maintenance, and then does not see that
        # Redis has closed a connection before it is used.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_N_CONNECTIONS,
            timeout=patience_s,
            socket_timeout=None,
            socket_connect_timeout=patience_s,
            protocol=2,
        )
        # What else the URL says is read only here.
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError):
        message = "Redis needs a URL such as redis://:password@host:6379/0 or unix:///path/to.sock."
        raise LimitingError(message) from None
    return pool


def _storage(pool: BlockingConnectionPool) -> RedisStorage:
    # Only the pool knows the URL: `limits` demands a port in it, and quotes it in its errors. That
    # it takes a pool is in its documentation, but not in its types.
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX, **options)


def _kind(error: Exception) -> str:
    """Return what failed; the words of an error may hold the address."""
    # A refused password comes as the cause of a connection that could not be made.
    is_wrapped = isinstance(error, RedisError) and error.__cause__ is not None
    return type(error.__cause__ if is_wrapped else error).__name__


def _keys(seats: Sequence[TakenSeat]) -> list[str]:
    return [_key(seat.account_id, seat.kind) for seat in seats]


def _key(account_id: str, kind: SeatKind) -> str:
    return f"{PREFIX}:seats/{account_id}/{kind}"
