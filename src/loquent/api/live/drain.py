"""Knows every live socket, so that none is cut off when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Drainable(Protocol):
    """A socket that can be asked to end."""

    async def drain(self) -> None:
        """Complete what was heard and close."""
        ...


class LiveSockets:
    """The sockets that are open."""

    def __init__(self) -> None:
        self._open: set[Drainable] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()
        self._is_draining = False

    @contextmanager
    def open(self, socket: Drainable) -> Iterator[None]:
        """Count a socket as open while the context is."""
        self._open.add(socket)
        self._none_left.clear()
        try:
            yield
        finally:
            self._open.discard(socket)
            if not self._open:
                self._none_left.set()

    async def drain(self) -> None:
        """Ask every socket to end, and wait until all have."""
        await asyncio.gather(*(socket.drain() for socket in set(self._open)))
        await self._none_left.wait()
