"""Knows every live socket, so that none is cut off when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class DrainingError(Exception):
    """The session ends; what was heard so far is to be completed."""


class Drainable(Protocol):
    """A socket that can be asked to end."""

    async def drain(self) -> None:
        """Complete what was heard and close."""
        ...


class LiveSockets:
    """The sockets that are open."""

    def __init__(self) -> None:
        self._open: set[Drainable] = set()
        self._change = asyncio.Event()

    @contextmanager
    def open(self, socket: Drainable) -> Iterator[None]:
        """Count a socket as open while the context is."""
        self._open.add(socket)
        self._change.set()
        try:
            yield
        finally:
            self._open.discard(socket)
            self._change.set()

    async def drain(self) -> None:
        """Ask every socket to end, those that open meanwhile too, and wait until all have."""
        asked: set[Drainable] = set()
        while self._open:
            self._change.clear()
            newcomers = self._open - asked
            asked |= newcomers
            await asyncio.gather(*(socket.drain() for socket in newcomers))
            if self._open:
                await self._change.wait()
