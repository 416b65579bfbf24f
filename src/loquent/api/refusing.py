"""Refuse a request or a socket before anything of it is read."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from loquent.api.errors import error_response
from loquent.api.live.closing import Closing
from loquent.api.live.socket import refuse
from loquent.domain.errors import LoquentError


async def refuse_with(error: LoquentError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with `error`, in words that the client of either kind shows."""
    if scope["type"] == "websocket":
        await refuse(WebSocket(scope, receive, send), Closing.of(error))
    else:
        await error_response(error)(scope, receive, send)
