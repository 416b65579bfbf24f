"""Accept Wyoming connections and keep each one's errors to itself; knows no event's meaning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from wyoming.event import Eventable, async_write_event

from loquent.domain.errors import LoquentError
from loquent.wyoming.backend import Backend
from loquent.wyoming.conversation import Conversation, told
from loquent.wyoming.frames import MAX_HEADER_BYTES, read_event

GRACE_S = 5.0
"""How long a client may be silent after an error. Home Assistant knows no errors; it would wait for
its answer until it is hung up on."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How connections are answered.

    Attributes:
        name: by which this service is shown to people.
        grace_s: how long a client may be silent after an error.
    """

    backend: Backend
    name: str
    grace_s: float = GRACE_S


@asynccontextmanager
async def receiving(reception: Reception, host: str, port: int) -> AsyncGenerator[int]:
    """Answer connections inside the block; yield the port, which is another one if `port` is 0.

    Raises: OSError.
    """
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_converse(reception, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, host, port, limit=MAX_HEADER_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _converse(
    reception: Reception, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        await _answer_all(reception, reader, writer)
    except LoquentError as error:  # what came was no event
        with suppress(ConnectionError):
            await async_write_event(told(error).event(), writer)
    except (ConnectionError, TimeoutError):
        pass  # the client has gone, or only waits
    finally:
        writer.close()


async def _answer_all(
    reception: Reception, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async def tell(answer: Eventable) -> None:
        await async_write_event(answer.event(), writer)

    conversation = Conversation(reception.backend, tell, reception.name)
    grace_s: float | None = None
    while True:
        async with asyncio.timeout(grace_s):
            event = await read_event(reader)
        if event is None:
            return
        try:
            await conversation.take(event)
            grace_s = None
        except LoquentError as error:
            await async_write_event(told(error).event(), writer)
            grace_s = reception.grace_s
