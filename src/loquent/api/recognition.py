"""Run recognition in one task of its own, and stop it when nobody waits; knows no HTTP answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from enum import Enum, auto
from typing import Any, Self, TypeAlias, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from loquent.domain.endpoints import Served
from loquent.domain.transcript import Segment, Transcript

T = TypeVar("T")
Item: TypeAlias = Segment | Transcript
Items: TypeAlias = AsyncGenerator[Served | Item, None]


class _End(Enum):
    END = auto()


class Recognition:
    """The segments of one recording as they become known, then its transcript.

    One task drives the transcriber from its first step to its last, because what it opens in a
    task must be closed in the same one; readers may come from any task.

    Attributes:
        served: which endpoint answers; known before the first item, if there was a choice.
        reached_s: how much of the recording has been recognised.
    """

    def __init__(self, items: Items) -> None:
        self._queue: asyncio.Queue[Item | _End] = asyncio.Queue()
        self._head: Item | _End | None = None
        self.served: Served | None = None
        self.reached_s = 0.0
        self._task = asyncio.create_task(self._fill(items))
        self._task.add_done_callback(lambda _: self._queue.put_nowait(_End.END))

    async def _fill(self, items: Items) -> None:
        async with aclosing(items):
            async for item in items:
                if isinstance(item, Served):
                    self.served = item
                    continue
                if isinstance(item, Segment):
                    self.reached_s = max(self.reached_s, item.end_s)
                self._queue.put_nowait(item)

    @property
    def has_next(self) -> bool:
        """Whether an item or the end has been waited for and is there."""
        return self._head is not None

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for the next item or the end; tell whether there is one.

        Raises: whatever ended the work, where nothing is left to read before it.
        """
        if self._head is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    self._head = await self._queue.get()
        if self._head is _End.END:
            self._task.result()
        return self._head is not None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        await self.wait(None)
        if self._head is None or isinstance(self._head, _End):
            raise StopAsyncIteration
        item, self._head = self._head, None
        return item

    async def transcript(self) -> Transcript:
        """Read to the end and return the transcript, the last item."""
        last: Item | None = None
        async for item in self:
            last = item
        assert isinstance(last, Transcript), "a transcriber ends with a transcript"
        return last

    async def stop(self) -> None:
        """Stop the work, wherever it is, and wait until it has let go of everything."""
        await _stop(self._task)


@asynccontextmanager
async def recognising(items: Items) -> AsyncIterator[Recognition]:
    """Start the work; leaving the context stops it."""
    recognition = Recognition(items)
    try:
        yield recognition
    finally:
        await recognition.stop()


async def until_disconnect(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, and cancel it as soon as the caller hangs up.

    Args:
        receive: the ASGI channel, after the request's body has been read.

    Raises: ClientDisconnect.
    """
    working = asyncio.create_task(work)
    hanging_up = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({working, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await _stop(working, hanging_up)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
