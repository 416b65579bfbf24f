"""Send a transcript as it grows, as server-sent events; knows no form and no engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

from loquent.api.errors import encoded_error, reveal
from loquent.api.recognition import Recognition
from loquent.api.streamed import StreamedAnswer
from loquent.api.waiting import LOADING_S, Loading
from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Transcript
from loquent.render import TranscriptEvents

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
    on_failure: Callable[[LoquentError], Awaitable[None]],
    request_id: str,
    loading: Loading,
) -> AsyncGenerator[bytes, None]:
    """Frame one event per segment, then who said what, then the end; a failure ends it instead.

    Args:
        on_transcript: told of the transcript, before it is sent; what it raises is the end.
        on_failure: told what ends the stream, before the caller is.
        loading: tells in comments what keeps the first event back.
    """
    try:
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
    except Exception as cause:  # noqa: BLE001 - the edge of a request that has begun to answer
        error = reveal(cause, request_id)
        await on_failure(error)
        yield frame(encoded_error(error))


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
