"""Answer with bytes that come over time, until they end or the caller hangs up; knows no format."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from loquent.api.recognition import until_disconnect


class StreamedAnswer(Response):
    """Answer with chunks as they are made.

    Args:
        chunks: the body.
        owned: what the stream holds open; closed after the last chunk, whatever happens.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        owned: AsyncExitStack,
        headers: Mapping[str, str],
        media_type: str | None = None,
    ) -> None:
        self._chunks = chunks
        self._owned = owned
        self.status_code = 200
        self.background = None
        self.media_type = media_type or self.media_type
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
