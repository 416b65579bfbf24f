"""A process that holds a seat until it is killed: `python holding_child.py URL`."""

from __future__ import annotations

import asyncio
import sys

from loquent.limiting.fallback import FallbackLimiter
from loquent.limiting.memory import MemoryLimiter
from loquent.limiting.redis import RedisLimiter
from tests.unit.limiting.places import PATIENT_S, seat


async def hold(url: str) -> None:
    limiter = FallbackLimiter(RedisLimiter(url, patience_s=PATIENT_S), MemoryLimiter())
    async with limiter.watching():
        refused = await limiter.enter("child", [seat(limit=1)])
        sys.stdout.write("refused\n" if refused else "seated\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


asyncio.run(hold(sys.argv[1]))
