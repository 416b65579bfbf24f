"""A caller who may send a request twice, and an application that counts what it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loquent.accounting.sealing import AnswerSealer
from loquent.api.idempotency import SHORT_BODY_BYTES, Idempotency
from loquent.domain.accounts import Caller
from tests.fakes.fake_answers import FakeAnswers

SEALER = AnswerSealer(bytes(range(32)))
ANNA = Caller("anna")
WAIT_S = 10.0
NUMBERS = count()
MAX_KEPT_BYTES = 1_000

GONE: Message = {"type": "http.disconnect"}


def chunk(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": not is_last}


@dataclass
class Told:
    """What a caller receives."""

    messages: list[Message] = field(default_factory=list)
    scope: Scope = field(default_factory=dict)

    @property
    def status(self) -> int:
        (start,) = (one for one in self.messages if one["type"] == "http.response.start")
        return int(start["status"])

    @property
    def headers(self) -> dict[str, str]:
        start = self.messages[0]
        return {name.decode(): value.decode() for name, value in start["headers"]}

    @property
    def chunks(self) -> list[bytes]:
        return [one["body"] for one in self.messages[1:]]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def is_whole(self) -> bool:
        ends = [not one.get("more_body", False) for one in self.messages[1:]]
        assert not any(ends[:-1]), "nothing follows the end"
        return bool(ends) and ends[-1]

    @property
    def is_replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def error(self) -> dict[str, Any]:
        assert self.is_whole
        return dict(json.loads(self.body)["error"])


@dataclass
class Asked:
    """A request."""

    key: str | None = "key"
    body: Sequence[Message] = (chunk(b"{}", is_last=True),)
    path: str = "/v1/audio/speech"
    method: str = "POST"
    caller: Caller = ANNA
    headers: Sequence[tuple[bytes, bytes]] = ()
    credential: str = "lq_anna"
    is_long: bool = False
    told: Told = field(default_factory=Told)
    request_id: str = field(default_factory=lambda: f"req_{next(NUMBERS)}")

    async def of(self, app: ASGIApp) -> Told:
        """Send it, and hang up once its answer is whole."""
        coming = [*self.body]

        async def receive() -> Message:
            if not coming:
                await asyncio.Event().wait()
            return coming.pop(0)

        async def send(message: Message) -> None:
            self.told.messages.append(message)

        self.told.scope = self._scope()
        async with asyncio.timeout(WAIT_S):
            await app(self.told.scope, receive, send)
        return self.told

    def _scope(self) -> Scope:
        length = SHORT_BODY_BYTES + 1 if self.is_long else SHORT_BODY_BYTES
        headers = [
            (b"authorization", f"Bearer {self.credential}".encode()),
            (b"content-length", str(length).encode()),
            *self.headers,
        ]
        if self.key is not None:
            headers.append((b"idempotency-key", self.key.encode("latin-1")))
        return {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "query_string": b"",
            "headers": headers,
            "loquent.caller": self.caller,
            "loquent.request_id": self.request_id,
        }


Script = Callable[[Scope, Receive, Send], Awaitable[None]]


class Work:
    """An application that reads its request, and then does what a test says.

    Attributes:
        rows: ids for rows of usage, one for each time that something was done.
        begun: set when something is.
    """

    def __init__(self, script: Script, *, reads: bool = True) -> None:
        self._script = script
        self._reads = reads
        self.rows: list[str | None] = []
        self.bodies: list[bytes] = []
        self.begun = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._reads:
            self.bodies.append(await Request(scope, receive).body())
        self.rows.append(scope.get("loquent.claimed_id"))
        self.begun.set()
        await self._script(scope, receive, send)


def answering(*chunks: bytes, status: int = 200, **more: Any) -> Script:
    """Answer in pieces, the last of which is the end."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(more)
        headers = [
            (b"content-type", b"text/plain"),
            (b"X-Request-Id", b"mine"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in chunks[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": chunks[-1]})

    return answer


def around(work: ASGIApp, answers: FakeAnswers | None) -> Idempotency:
    return Idempotency(work, answers, SEALER, MAX_KEPT_BYTES)
