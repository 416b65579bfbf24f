"""Remembers what happened to one deployment, for those who watch it; decides nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Final

from loquent.domain.deployments import DeploymentEvent

N_REMEMBERED: Final = 500


def _now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """What happened lately, numbered from 1."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._events: deque[DeploymentEvent] = deque(maxlen=N_REMEMBERED)
        self._n_noted = 0
        self._is_closed = False
        self._news = asyncio.Event()

    def note(self, message: str, level: str = "info") -> None:
        """Write down what has just happened; nothing that callers sent may be in it."""
        self._n_noted += 1
        self._events.append(DeploymentEvent(self._now(), self._n_noted, level, message))
        self._tell()

    def close(self) -> None:
        """Let those go who wait for more."""
        self._is_closed = True
        self._tell()

    async def events(
        self, *, after: int = 0, follows: bool = False
    ) -> AsyncGenerator[DeploymentEvent]:
        """Yield what is remembered, the oldest first, then what comes if it `follows`."""
        while True:
            news = self._news
            for event in tuple(self._events):
                if event.number > after:
                    after = event.number
                    yield event
            if after < self._n_noted:
                continue
            if self._is_closed or not follows:
                return
            await news.wait()

    def _tell(self) -> None:
        """Wake all who wait; those who come later wait for the next time."""
        self._news.set()
        self._news = asyncio.Event()
