"""The outermost edge of a request: its id, its last-resort answer, its record; knows no route."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loquent.api.errors import CLIENT_GONE_STATUS, error_response, reveal
from loquent.api.request_id import REQUEST_ID_HEADER, choose_request_id
from loquent.domain.errors import ShuttingDownError

UNMATCHED_ROUTE = "unmatched"
PROBES = frozenset({"/healthz", "/readyz"})

_ENDING = ShuttingDownError(
    "The server is shutting down and did not finish this request. Send it again."
)

_log = structlog.get_logger("loquent.api")


@dataclass(frozen=True, slots=True)
class Began:
    """When the headers of a request were read; stands in its scope as `loquent.began`.

    Attributes:
        at: UTC.
        perf_s: the same by `time.perf_counter`.
    """

    at: datetime
    perf_s: float

    @classmethod
    def now(cls) -> Self:
        return cls(datetime.now(UTC), time.perf_counter())


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, in words that hold nothing private.

    Attributes:
        route: template such as "/v1/models/{id}", never the caller's own path.
        status: as sent, or 499 where the caller hung up before an answer.
        model: id of the model that served, "" where none did.
        deployment: that was asked, "" for what all share.
    """

    request_id: str
    method: str
    route: str
    status: int
    duration_s: float
    model: str = ""
    deployment: str = ""


def log_exchange(exchange: Exchange) -> None:
    """Write the one log line of a request; probes, which come every few seconds, are details."""
    write = _log.debug if exchange.route in PROBES else _log.info
    write(
        "request",
        request_id=exchange.request_id,
        method=exchange.method,
        route=exchange.route,
        status=exchange.status,
        duration_ms=round(exchange.duration_s * 1000, 1),
        **({"deployment": exchange.deployment} if exchange.deployment else {}),
    )


class RequestEdge:
    """Wrap the whole application.

    What is put into the dict `loquent.headers` of the scope before an answer begins goes with it.

    Args:
        observers: each is told of every exchange, when it is over.
    """

    def __init__(self, app: ASGIApp, observers: tuple[Callable[[Exchange], None], ...]) -> None:
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A copy, so that those further in may rewrite it while the server keeps its own.
        scope = {**scope, "loquent.began": (began := Began.now()), "loquent.headers": {}}
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        answer = _Answer(send, choose_request_id(scope), scope["loquent.headers"])
        scope["loquent.request_id"] = answer.request_id
        try:
            await self._answer(scope, receive, answer)
        finally:
            exchange = Exchange(
                request_id=answer.request_id,
                method=method,
                route=getattr(scope.get("route"), "path", UNMATCHED_ROUTE),
                status=answer.status,
                duration_s=time.perf_counter() - began.perf_s,
                model=scope.get("loquent.model", ""),
                deployment=scope.get("loquent.deployment", ""),
            )
            for observe in self._observers:
                observe(exchange)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server is told to end at once, and nothing awaits this task but the server.
            if not answer.has_started:
                await error_response(_ENDING)(scope, receive, answer.send)
        except Exception as cause:  # noqa: BLE001 - the outermost edge: nothing may escape it
            error = reveal(cause, answer.request_id)
            if not answer.has_started:
                await error_response(error)(scope, receive, answer.send)


class _Answer:
    """What has been sent so far, with the request id put on it.

    Args:
        headers: more of them, known by the time the answer begins.
    """

    def __init__(self, send: Send, request_id: str, headers: Mapping[str, str]) -> None:
        self.request_id = request_id
        self._headers = headers
        self.status = CLIENT_GONE_STATUS
        self.has_started = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            self.status = message["status"]
            added = {REQUEST_ID_HEADER: self.request_id, **self._headers}
            more = [(name.encode(), value.encode()) for name, value in added.items()]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)
