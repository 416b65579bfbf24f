"""One WebSocket, from its acceptance to its close; knows no dialect and no session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from loquent.api.errors import reveal
from loquent.api.live.closing import ABNORMAL, DONE, IDLE, INVALID, Closing
from loquent.api.live.drain import DrainingError, LiveSockets
from loquent.api.live.metered import SessionUse
from loquent.api.request_id import REQUEST_ID_HEADER, choose_request_id
from loquent.domain.errors import LedgerUnavailableError, ShuttingDownError

SEND_TIMEOUT_S = 20.0
"""How long a caller may leave what it is told unread."""

N_AHEAD = 4
"""Messages taken from the socket before they are asked for."""

SUBPROTOCOL = "realtime"
"""What browsers offer beside a key, and expect to be chosen. Source: the OpenAI Realtime API."""

_RESTART = ShuttingDownError("The server restarts. Connect again.")

_log = structlog.get_logger("loquent.api")


class GoneError(Exception):
    """The caller has left."""


class _CloseError(Exception):
    """The socket is to be closed for a reason that is no error of the platform."""

    def __init__(self, closing: Closing) -> None:
        super().__init__()
        self.closing = closing


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """What the operator decides.

    Attributes:
        idle_s: how long a socket may go without any message; 0 for ever.
    """

    idle_s: float = 60.0


class LiveSocket:
    """A socket that is accepted, and closed with a reason whatever happens.

    Attributes:
        use: what its session uses, once there is one; settled before the socket is closed.
    """

    def __init__(self, socket: WebSocket, sockets: LiveSockets, options: SocketOptions) -> None:
        self._socket = socket
        self._sockets = sockets
        self._idle_s = options.idle_s or None
        self._messages: asyncio.Queue[str | bytes | Exception] = asyncio.Queue(N_AHEAD)
        self.is_draining = False
        self._left_with = ABNORMAL
        self.scope = socket.scope
        self.request_id = choose_request_id(socket.scope)
        self.model = ""
        self.use: SessionUse | None = None

    async def run(self, talk: Callable[[LiveSocket], Coroutine[Any, Any, None]]) -> None:
        """Accept, talk, close."""
        began_s = time.monotonic()
        await _accept(self._socket, self.request_id)
        closing: Closing | None = None
        pump = asyncio.create_task(self._pump())
        with self._sockets.open(self):  # until it is closed: what drains waits for the reason too
            try:
                closing = await self._outcome(talk)
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)
                closing = await self._settled(closing)
                await self._close(closing)
                self._record(closing, began_s)

    async def _outcome(
        self, talk: Callable[[LiveSocket], Coroutine[Any, Any, None]]
    ) -> Closing | None:
        """Talk; return how to close, None if the caller has left."""
        try:
            await talk(self)
        except GoneError:
            return None
        except DrainingError:
            return self._last_word() or Closing.of(_RESTART)
        except _CloseError as end:
            return end.closing
        except Exception as cause:  # noqa: BLE001 - the outermost edge of a session
            return Closing.of(reveal(cause, self.request_id))
        return self._last_word() or Closing(DONE)

    def _last_word(self) -> Closing | None:
        """Return why a session that was completed has ended, None if its caller wanted that."""
        if self.use is not None and self.use.refusal is not None:
            return Closing.of(self.use.refusal)
        return Closing.of(_RESTART) if self.is_draining else None

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises: GoneError, DrainingError.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                message = await self._messages.get()
        except TimeoutError as error:
            reason = f"idle: nothing was sent for {self._idle_s:g} s"
            raise _CloseError(Closing(IDLE, reason, "idle")) from error
        if isinstance(message, Exception):
            raise message
        return message

    async def gone(self) -> None:
        """Wait until the caller leaves; what it sends meanwhile is not read.

        Raises: GoneError.
        """
        while True:
            message = await self._messages.get()
            if isinstance(message, GoneError):
                raise message

    async def send(self, text: str) -> None:
        """Send a text frame.

        Raises: GoneError.
        """
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(text)
        except TimeoutError as error:
            reason = "too slow: what was sent to you stayed unread"
            raise _CloseError(Closing(INVALID, reason, "too_slow")) from error
        except (WebSocketDisconnect, RuntimeError) as error:
            raise GoneError from error

    async def drain(self) -> None:
        """Have what was heard completed, and the socket closed then."""
        self.is_draining = True
        await self._messages.put(DrainingError())

    async def _pump(self) -> None:
        """Take messages from the socket, so that its end is noticed whoever waits for what."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                # A line that was lost has a code as well, but nobody gave a reason, not even "".
                self._left_with = message["code"] if "reason" in message else ABNORMAL
                await self._messages.put(GoneError())
                return
            text = message.get("text")
            await self._messages.put(message.get("bytes") or b"" if text is None else text)

    async def _settled(self, closing: Closing | None) -> Closing | None:
        """Write down what the session used; return how to close after that."""
        try:
            if self.use is not None:
                await self.use.end(closing, self._left_with)
        except LedgerUnavailableError as error:
            _log.error("usage not written", request_id=self.request_id)
            return Closing.of(error) if closing else None
        return closing

    async def _close(self, closing: Closing | None) -> None:
        if closing is None:
            return
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.close(closing.code, closing.reason)

    def _record(self, closing: Closing | None, began_s: float) -> None:
        _log.info(
            "live session",
            request_id=self.request_id,
            route=getattr(self._socket.scope.get("route"), "path", "unmatched"),
            model=self.model,
            close_code=closing.code if closing else None,
            duration_s=round(time.monotonic() - began_s, 1),
        )


async def talk_until(speaking: Awaitable[None], listening: Awaitable[None]) -> None:
    """Await `speaking` to its end while `listening` goes on; a failure of either ends both."""
    tasks = [asyncio.ensure_future(speaking), asyncio.ensure_future(listening)]
    try:
        while not tasks[0].done():
            await asyncio.wait(
                [task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def refuse(socket: WebSocket, closing: Closing) -> None:
    """Accept and close at once: clients show code and reason, but not a refused handshake."""
    await _accept(socket, choose_request_id(socket.scope))
    await socket.close(closing.code, closing.reason)


async def _accept(socket: WebSocket, request_id: str) -> None:
    name = REQUEST_ID_HEADER.encode()
    await socket.accept(_subprotocol(socket), [(name, request_id.encode())])


def _subprotocol(socket: WebSocket) -> str | None:
    """Choose what was offered beside a key: browsers drop a socket that chooses nothing."""
    return SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None
