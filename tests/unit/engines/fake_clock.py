"""A `Clock` that passes when it is told to."""

from __future__ import annotations

import asyncio


async def settle() -> None:
    """Let the event loop run until nobody has anything to do."""
    for _ in range(20):
        await asyncio.sleep(0)


class FakeClock:
    """Time that stands still in between."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._alarms: list[tuple[float, asyncio.Event]] = []

    def now_s(self) -> float:
        return self._now_s

    async def sleep(self, duration_s: float) -> None:
        alarm = asyncio.Event()
        self._alarms.append((self._now_s + duration_s, alarm))
        await alarm.wait()

    async def advance(self, duration_s: float) -> None:
        await settle()
        self._now_s += duration_s
        for due_s, alarm in self._alarms:
            if due_s <= self._now_s:
                alarm.set()
        await settle()
