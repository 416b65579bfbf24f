"""An HTTP server that ends in stages, so that nobody it serves is cut off; knows no request."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from loquent.api.draining import Departure

FORCE_POLL_S = 0.1
"""How soon a second Ctrl-C is noticed while the server ends."""

LINES_POLL_S = 0.01
"""How often is looked whether lines have done what is waited for."""

FIRST_WORD_S = 1.0
"""How long a caller who has just connected may take to ask, and is served still."""

GOODBYE_S = 2.0
"""How long a caller may take to confirm that a socket is closed; what it still sends meanwhile is
read, else the line would break and take our last words along."""


@dataclass(frozen=True, slots=True)
class Farewells:
    """How a server ends.

    Attributes:
        departure: is told of each stage.
        close_sockets: gives every live session its final text, and waits until all have it.
        delay_s: how long it goes on serving while it says that it is not ready.
        limit_s: how long what runs may take to end after that.
    """

    departure: Departure
    close_sockets: Callable[[], Coroutine[Any, Any, None]]
    delay_s: float
    limit_s: float


class DepartingServer(uvicorn.Server):
    """Serves until SIGTERM or Ctrl-C; a second Ctrl-C ends it at once.

    Args:
        greet: is told the port once the server listens.
    """

    def __init__(
        self, config: uvicorn.Config, farewells: Farewells, greet: Callable[[int], None]
    ) -> None:
        super().__init__(config)
        self._farewells = farewells
        self._greet = greet

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._greet(self.servers[0].sockets[0].getsockname()[1])

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take signals as wishes: a server that ends as it is told to has not failed."""
        wishes = (signal.SIGINT, signal.SIGTERM)
        former = {wish: signal.signal(wish, self._on_signal) for wish in wishes}
        try:
            yield
        finally:
            for wish, handler in former.items():
                signal.signal(wish, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._farewells.departure.leave()
        self.handle_exit(number, None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in stages; uvicorn alone would cut live sockets and newcomers off."""
        departure = self._farewells.departure
        departure.leave()
        await self._unless_forced(asyncio.sleep(self._farewells.delay_s), math.inf)
        await self._stop_listening(sockets or [])
        await self._unless_forced(self._all_asked(), time.monotonic() + FIRST_WORD_S)
        departure.refuse()
        deadline_s = time.monotonic() + self._farewells.limit_s
        await self._unless_forced(self._all_served(), deadline_s)
        await self._unless_forced(self._all_left(), min(deadline_s, time.monotonic() + GOODBYE_S))
        left_s = max(0.0, deadline_s - time.monotonic())
        self.config.timeout_graceful_shutdown = math.ceil(left_s)
        await super().shutdown(sockets)

    async def _stop_listening(self, listening: list[socket.socket]) -> None:
        """Take no more connections; those that wait to be accepted are, else they would break.

        From now on who connects is refused, so a proxy can send anything elsewhere: it has sent
        nothing yet.
        """
        for opened in listening:
            with opened.dup() as spare:
                for server in self.servers:
                    server.close()
                opened.close()
                await self._accept_rest(spare)

    async def _accept_rest(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        protocol = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        waiting = list(_waiting(listening))
        listening.close()
        for line in waiting:
            await loop.connect_accepted_socket(
                lambda: protocol(
                    config=self.config,
                    server_state=self.server_state,
                    app_state=self.lifespan.state,
                ),
                line,
                ssl=self.config.ssl,
            )

    async def _all_asked(self) -> None:
        """Wait until everybody who has connected has asked something."""
        while self._n_silent():  # noqa: ASYNC110 - uvicorn tells nobody who has asked
            await asyncio.sleep(LINES_POLL_S)

    def _n_silent(self) -> int:
        lines = self.server_state.connections
        return sum(isinstance(line, HttpToolsProtocol) and line.cycle is None for line in lines)

    async def _all_served(self) -> None:
        """Wait until nothing runs; sockets that were being opened are told as soon as they are."""
        quiet = asyncio.create_task(self._farewells.departure.quiet())
        try:
            while not quiet.done():
                await self._farewells.close_sockets()
                await asyncio.wait([quiet], timeout=FORCE_POLL_S)
        finally:
            quiet.cancel()

    async def _all_left(self) -> None:
        """Wait until callers have confirmed the ends of their sockets."""
        while self._n_sockets():  # noqa: ASYNC110 - uvicorn tells nobody who has left
            await asyncio.sleep(LINES_POLL_S)

    def _n_sockets(self) -> int:
        lines = self.server_state.connections
        return sum(isinstance(line, WebSocketsSansIOProtocol) for line in lines)

    async def _unless_forced(self, work: Coroutine[Any, Any, None], deadline_s: float) -> None:
        """Await `work`, but not beyond the deadline or a second Ctrl-C."""
        task = asyncio.create_task(work)
        while not (task.done() or self.force_exit or time.monotonic() >= deadline_s):
            left_s = max(0.0, deadline_s - time.monotonic())
            await asyncio.wait([task], timeout=min(FORCE_POLL_S, left_s))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """Accept what waits to be accepted."""
    listening.settimeout(0)
    while True:
        try:
            line, _ = listening.accept()
        except BlockingIOError:
            return
        line.settimeout(0)
        yield line
