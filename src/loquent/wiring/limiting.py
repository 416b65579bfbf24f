"""Builds who counts what callers take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from loquent.limiting.errors import LimitingError
from loquent.settings import SettingsError

if TYPE_CHECKING:
    from loquent.limiting.fallback import FallbackLimiter
    from loquent.limiting.memory import MemoryLimiter
    from loquent.limiting.redis import RedisLimiter


def build_limiter(redis_url: str) -> MemoryLimiter | FallbackLimiter:
    """Build a limiter; keep it in `counting` while it is used.

    Args:
        redis_url: where several servers count together; "" to count in this process.

    Raises: SettingsError: if the URL is none, or the client of Redis is missing.
    """
    # `limits` takes long to import.
    from loquent.limiting.fallback import FallbackLimiter  # noqa: PLC0415 - as said
    from loquent.limiting.memory import MemoryLimiter  # noqa: PLC0415 - as said

    alone = MemoryLimiter()
    return FallbackLimiter(_redis_limiter(redis_url), alone) if redis_url else alone


@asynccontextmanager
async def counting(limiter: MemoryLimiter | FallbackLimiter) -> AsyncIterator[None]:
    """Have a limiter keep its seats for as long as the context is, and let go of all then."""
    from loquent.limiting.memory import MemoryLimiter  # noqa: PLC0415 - as above

    if isinstance(limiter, MemoryLimiter):
        yield
        return
    async with limiter.watching():
        yield


def _redis_limiter(url: str) -> RedisLimiter:
    try:
        from loquent.limiting.redis import RedisLimiter  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        message = "redis_url: Redis needs its client: pip install 'loquent[redis]'."
        raise SettingsError(message) from error
    try:
        return RedisLimiter(url)
    except LimitingError as error:
        raise SettingsError(f"redis_url: {error}") from None
