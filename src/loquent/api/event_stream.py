"""Send what comes over time as server-sent events; knows no form and no engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from pydantic import BaseModel

from loquent.api.errors import encoded_error, reveal
from loquent.api.recognition import Recognition
from loquent.api.silences import with_silences
from loquent.api.streamed import StreamedAnswer
from loquent.api.waiting import LOADING_S, Loading
from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Transcript
from loquent.render import TranscriptEvents

EventT = TypeVar("EventT")

KEEP_ALIVE_S = 15.0
"""Proxies close connections that are silent for 30 to 60 s."""

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"[DONE]"


class EventStream(StreamedAnswer):
    """Answer with events until the work ends or the caller hangs up."""

    media_type = "text/event-stream"


async def event_chunks(
    recognition: Recognition,
    events: TranscriptEvents,
    *,
    on_transcript: Callable[[Transcript], Awaitable[None]],
    loading: Loading,
) -> AsyncGenerator[bytes]:
    """Frame one event per segment, then who said what, then the end.

    Args:
        on_transcript: told of the transcript, before it is sent; what it raises is the end.
        loading: tells in comments what keeps the first event back.

    Raises: whatever ends the recognition.
    """
    async for comment in _waiting(recognition, loading):
        yield comment
    while True:
        if not await recognition.wait(KEEP_ALIVE_S):
            yield KEEP_ALIVE
            continue
        item = await anext(recognition, None)
        if item is None:
            break
        if isinstance(item, Transcript):
            await on_transcript(item)
            for segment in events.segments(item):
                yield frame(segment)
            yield frame(events.done(item))
        else:
            delta = events.delta(item)
            yield frame(delta) if delta else KEEP_ALIVE
    yield frame(DONE)


async def whole(
    chunks: AsyncGenerator[bytes],
    request_id: str,
    on_failure: Callable[[LoquentError], Awaitable[None]] | None = None,
) -> AsyncGenerator[bytes]:
    """Yield the frames of a stream; a failure becomes the last of them.

    Args:
        on_failure: told what ends the stream, before the caller is.
    """
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield chunk
        except Exception as cause:  # noqa: BLE001 - the edge of a request that has begun to answer
            error = reveal(cause, request_id)
            if on_failure is not None:
                await on_failure(error)
            yield frame(encoded_error(error))


async def reports(
    events: AsyncGenerator[EventT], write: Callable[[EventT], BaseModel]
) -> AsyncGenerator[bytes]:
    """Frame each event of something that goes on by itself, then the end."""
    async with aclosing(with_silences(events, KEEP_ALIVE_S)) as told:
        async for event in told:
            yield KEEP_ALIVE if event is None else frame(write(event).model_dump_json().encode())
    yield frame(DONE)


async def _waiting(recognition: Recognition, loading: Loading) -> AsyncGenerator[bytes, None]:
    """Yield comments until there is an event, or no model is on its way any more."""
    waited_s = LOADING_S
    while not recognition.has_next and (reason := loading()):
        yield f": {reason}, {waited_s:.0f} s so far\n\n".encode()
        await recognition.wait(LOADING_S)
        waited_s += LOADING_S


def frame(line: bytes) -> bytes:
    """Return the event whose data is `line`."""
    return b"data: " + line + b"\n\n"
