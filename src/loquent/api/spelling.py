"""Bring each request to one spelling before it is routed; knows no route and no host."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class OneSpelling:
    """Drop trailing slashes and answer HEAD as GET without a body.

    A redirect would do for browsers, but clients lose the body of a redirected POST.
    The scope is rewritten in place: whoever is further out reads the matched route from it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["path"].rstrip("/") or "/"
            if scope["method"] == "HEAD":
                scope["method"] = "GET"
                send = _without_body(send)
        await self._app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
