"""Send a transcript as it grows, as server-sent events; knows no form and no engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from loquent.api.errors import encoded_error, reveal
from loquent.api.recognition import Recognition, until_disconnect
from loquent.domain.transcript import Transcript
from loquent.render import TranscriptEvents

KEEP_ALIVE_S = 15.0
"""Proxies close connections that are silent for 30 to 60 s."""

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"[DONE]"


class EventStream(Response):
    """Answer with events until the recording ends or the caller hangs up.

    Args:
        chunks: the body, already framed.
        owned: what the stream holds open; closed after the last event, whatever happens.
    """

    media_type = "text/event-stream"

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], owned: AsyncExitStack, headers: Mapping[str, str]
    ) -> None:
        self._chunks = chunks
        self._owned = owned
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no", **headers})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async with self._owned:
            await until_disconnect(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def event_chunks(
    recognition: Recognition,
    events: TranscriptEvents,
    *,
    on_transcript: Callable[[Transcript], None],
    request_id: str,
    keep_alive_s: float = KEEP_ALIVE_S,
) -> AsyncGenerator[bytes, None]:
    """Frame one event per segment, then the end; a failure becomes the last event.

    Args:
        on_transcript: told of the transcript, before it is sent.
        keep_alive_s: a comment is sent after so long a silence.
    """
    try:
        while True:
            if not await recognition.wait(keep_alive_s):
                yield KEEP_ALIVE
                continue
            item = await anext(recognition, None)
            if item is None:
                break
            if isinstance(item, Transcript):
                on_transcript(item)
                yield _frame(events.done(item))
            else:
                delta = events.delta(item)
                yield _frame(delta) if delta else KEEP_ALIVE
        yield _frame(DONE)
    except Exception as cause:  # noqa: BLE001 - the edge of a request that has begun to answer
        yield _frame(encoded_error(reveal(cause, request_id)))


def _frame(line: bytes) -> bytes:
    return b"data: " + line + b"\n\n"
