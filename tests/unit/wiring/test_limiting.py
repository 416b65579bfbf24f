"""Which limiter serves, and what a setting that cannot be kept is answered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loquent.domain.limits import Demand, Quantity
from loquent.limiting.fallback import FallbackLimiter
from loquent.limiting.memory import MemoryLimiter
from loquent.settings import SettingsError
from loquent.wiring.limiting import build_limiter, counting

DEMAND = Demand("key_a", Quantity.REQUESTS, 10, 1)


async def test_without_an_address_it_is_counted_in_memory() -> None:
    limiter = build_limiter("")

    assert isinstance(limiter, MemoryLimiter)
    async with counting(limiter):
        assert (await limiter.take([DEMAND]))[0].remaining == 9


async def test_with_an_address_it_is_counted_whether_redis_answers_or_not(tmp_path: Path) -> None:
    limiter = build_limiter(f"unix://{tmp_path}/nobody.sock")

    assert isinstance(limiter, FallbackLimiter)
    async with counting(limiter):
        assert (await limiter.take([DEMAND]))[0].remaining == 9


def test_an_address_that_is_none_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="redis_url: Redis needs a URL such as"):
        build_limiter("hush")


def test_a_missing_client_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "loquent.limiting.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)

    with pytest.raises(SettingsError, match=r"pip install 'loquent\[redis\]'"):
        build_limiter("redis://localhost")
