"""Time that passes, or stands still in a test; knows no date."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time as those see it who wait for it."""

    def now_s(self) -> float:
        """Return seconds since some point in the past."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Wait."""
        ...


class MonotonicClock:
    """The clock of the machine and of the running event loop."""

    def now_s(self) -> float:
        """Return seconds since some point in the past."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Wait."""
        await asyncio.sleep(duration_s)
