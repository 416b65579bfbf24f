"""How far a server is on its way out, and what callers are told meanwhile; ends nothing itself.

First it serves as ever while /readyz says no, so that proxies send requests elsewhere; then what
runs may end, and what comes is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loquent.api.edge import PROBES
from loquent.api.refusing import refuse_with
from loquent.api.unread_body import SwallowUnreadBody
from loquent.domain.errors import ShuttingDownError

SCOPE_KEY: Final = "loquent.departure"

AGAIN_S: Final = 5.0
"""How soon a server that is alone may be back."""

_LEAVING: Final = ShuttingDownError(
    "This server is about to end and takes nothing new. Send it again, to another server or later.",
    retry_after_s=AGAIN_S,
)

_GOODBYE: Final = (b"connection", b"close")


class Stage(Enum):
    """How far a server is on its way out."""

    SERVING = auto()
    LEAVING = auto()
    """It serves as ever, but says that it is not ready, and closes each connection after use."""
    REFUSING = auto()
    """What runs may end; nothing is begun."""


class Departure:
    """One server's way out; it is not turned back on.

    Attributes:
        n_running: requests and sockets that were let in and have not ended.
    """

    def __init__(self) -> None:
        self.stage = Stage.SERVING
        self.n_running = 0
        self._ended = asyncio.Event()

    @property
    def is_leaving(self) -> bool:
        """Whether it will end, also while it still serves."""
        return self.stage is not Stage.SERVING

    def leave(self) -> None:
        """Say farewell from now on; safe in a handler of signals."""
        if self.stage is Stage.SERVING:
            self.stage = Stage.LEAVING

    def refuse(self) -> None:
        """Let nothing in from now on."""
        self.stage = Stage.REFUSING

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a request or a socket while the context is."""
        self.n_running += 1
        try:
            yield
        finally:
            self.n_running -= 1
            self._ended.set()

    async def quiet(self) -> None:
        """Wait until nothing runs."""
        while self.n_running:
            self._ended.clear()
            await self._ended.wait()


def is_leaving(scope: Scope) -> bool:
    """Tell whether the server that got a request is about to end."""
    departure: Departure | None = scope.get(SCOPE_KEY)
    return departure is not None and departure.is_leaving


class Farewell:
    """Tell callers that the server is about to end, once it is.

    Probes pass at every stage: a server that refuses is alive.
    """

    def __init__(self, app: ASGIApp, departure: Departure) -> None:
        self._app = app
        self._departure = departure
        self._refuse = SwallowUnreadBody(_refuse)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope.setdefault(SCOPE_KEY, self._departure)
        is_probe = scope["type"] == "http" and scope["path"] in PROBES
        if self._departure.stage is Stage.REFUSING and not is_probe:
            await self._refuse(scope, receive, self._with_farewell(send))
            return
        with self._departure.running():
            await self._app(scope, receive, self._with_farewell(send))

    def _with_farewell(self, send: Send) -> Send:
        async def send_closing(message: Message) -> None:
            # Else a caller would use the connection once more just when it is closed.
            if message["type"] == "http.response.start" and self._departure.is_leaving:
                headers = list(message.get("headers", ()))
                if _GOODBYE not in headers:
                    message = {**message, "headers": [*headers, _GOODBYE]}
            await send(message)

        return send_closing


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse_with(_LEAVING, scope, receive, send)
