"""Notice when a stream of events is silent, so that a proxy need not; knows no event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

EventT = TypeVar("EventT")


async def with_silences(
    events: AsyncGenerator[EventT], silence_s: float
) -> AsyncGenerator[EventT | None]:
    """Yield the events, and None whenever there was none for so long."""
    async with aclosing(events):
        step = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait([step], timeout=silence_s)
                if not step.done():
                    yield None
                    continue
                event = step.result()
                if event is None:
                    return
                yield event
                step = asyncio.ensure_future(anext(events, None))
        finally:
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
