"""Records an answer on its way out and keeps its end back; knows neither keys nor stores."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

from loquent.accounting.sealing import KeptAnswer

REPLAYED_HEADER: Final = (b"idempotent-replayed", b"true")

_UNKEPT_HEADERS: Final = frozenset(
    {
        *(b"x-request-id", b"date", b"server"),  # each answer has its own
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    }
)


class Recording:
    """An answer as it passes by.

    Its head is held until there is something of its body to send, and the last byte of the body
    until there is more: whoever has all of an answer has been told that it ended.

    Args:
        max_bytes: nothing is recorded of a larger body.

    Attributes:
        has_begun: the application has begun to answer.
        has_left: something of the answer was sent.
    """

    def __init__(self, send: Send, max_bytes: int) -> None:
        self._send = send
        self._max_bytes = max_bytes
        self._head: Message | None = None
        self._head_is_held = False
        self._held = b""
        self._chunks: list[bytes] = []
        self._n_bytes = 0
        self.has_begun = False
        self.has_left = False

    async def take(self, message: Message) -> None:
        """Record what is not the end, and send of it what need not be held."""
        if message["type"] == "http.response.start":
            self._head, self._head_is_held, self.has_begun = message, True, True
            return
        chunk = message.get("body", b"")
        self._record(chunk)
        ready = self._held + chunk
        self._held = ready[-1:]
        if len(ready) > 1:
            await self._release_head()
            await self._send({**message, "body": ready[:-1]})

    def whole(self, last: Message) -> KeptAnswer | None:
        """Return the answer that ends with `last`, None if it is too large."""
        assert self._head is not None, "a head comes before the body"
        self._record(last.get("body", b""))
        if self._n_bytes > self._max_bytes:
            return None
        headers = tuple(
            (bytes(name), bytes(value))
            for name, value in self._head.get("headers", ())
            if name.lower() not in _UNKEPT_HEADERS
        )
        return KeptAnswer(self._head["status"], headers, b"".join(self._chunks))

    async def pass_on(self, message: Message) -> None:
        """Send whatever is held, and then this."""
        self.has_begun = True
        await self._release_head()
        if self._held:
            message = {**message, "body": self._held + message.get("body", b"")}
            self._held = b""
        self.has_left = True
        await self._send(message)

    def _record(self, chunk: bytes) -> None:
        self._n_bytes += len(chunk)
        if self._n_bytes > self._max_bytes:
            self._chunks.clear()
        elif chunk:
            self._chunks.append(chunk)

    async def _release_head(self) -> None:
        if self._head is not None and self._head_is_held:
            self._head_is_held = False
            self.has_left = True
            await self._send(self._head)


async def replay(answer: KeptAnswer, send: Send) -> None:
    """Send an answer that was kept, marked as such."""
    headers = [*answer.headers, REPLAYED_HEADER]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
