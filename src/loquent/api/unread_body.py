"""Swallow what a caller still sends after a refusal; knows neither routes nor forms.

A client that is still writing when its connection closes reports a broken connection and never
sees the status, so the rest of the body is read and thrown away before the answer is completed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loquent.api.uploads import drain

_KEEP_ALIVE_BODY_BYTES = 64 * 1024
"""A body up to this size is swallowed at once, so its connection may serve again."""


class SwallowUnreadBody:
    """Complete an answer only after the request's body has been read or has grown too long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or not _announces_body(headers):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        await self._app(scope, body.receive, _swallowing(send, body, headers))


class _Body:
    """The request's body on its way in, and whether its end has been seen."""

    def __init__(self, receive: Receive) -> None:
        self.has_begun = False
        self.has_ended = False
        self._receive = receive

    async def receive(self) -> Message:
        self.has_begun = True
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.has_ended = True
        return message

    async def rest(self) -> AsyncIterator[bytes]:
        while not self.has_ended:
            yield (await self.receive()).get("body", b"")


def _swallowing(send: Send, body: _Body, headers: Headers) -> Send:
    async def send_after_body(message: Message) -> None:
        if body.has_ended:
            await send(message)
        elif message["type"] == "http.response.start":
            await send(message if _is_short(headers) else _closing(message))
        elif message.get("more_body", False):
            await send(message)
        else:
            await send({**message, "more_body": True})
            if body.has_begun or not _waits_for_permission(headers):
                await drain(body.rest())
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_after_body


def _closing(message: Message) -> Message:
    return {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}


def _announces_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_short(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return length.isdecimal() and int(length) <= _KEEP_ALIVE_BODY_BYTES


def _waits_for_permission(headers: Headers) -> bool:
    return headers.get("expect", "").lower() == "100-continue"
