"""Run jobs at AssemblyAI and remove them there; knows nothing of what they tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from loquent.domain.audio import AudioSource
from loquent.domain.errors import (
    UpstreamError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.providers.assemblyai.reading import is_finished, read_job, read_upload
from loquent.providers.upstream import Call, Json, UpstreamClient

Pause: TypeAlias = Callable[[float], Awaitable[None]]

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 10.0
MAX_LOST_POLLS: Final = 3
"""So many polls in a row may fail: the job goes on, and has been paid for."""

_GROWTH: Final = 1.5
_REMOVAL_TIMEOUT_S: Final = 10.0
_TRANSIENT: Final = (UpstreamThrottledError, UpstreamTimeoutError, UpstreamUnavailableError)

_logger = logging.getLogger(__name__)


class Jobs:
    """Jobs of one account; what was begun there is removed, whatever becomes of who asked."""

    def __init__(self, client: UpstreamClient, pause: Pause) -> None:
        """Take the connections to AssemblyAI, and how to wait between two polls."""
        self._client = client
        self._pause = pause
        self._removals: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait until what is being removed is gone; a few seconds at most."""
        await asyncio.gather(*self._removals)

    async def upload(self, source: AudioSource) -> str:
        """Hand over a recording.

        Returns: where AssemblyAI keeps it.

        Raises: UpstreamError.
        """
        headers = {"content-type": "application/octet-stream"}
        answer = await self._client.answer(Call("/v2/upload", headers=headers, file=source))
        return read_upload(self._client.access, answer)

    @asynccontextmanager
    async def run(self, body: dict[str, Json], *, keep: bool) -> AsyncIterator[Json]:
        """Run a job to its end; the block reads what it tells.

        Args:
            keep: leave the transcript at AssemblyAI if all goes well.

        Raises: UpstreamError.
        """
        job = await self._submitted(body)
        is_read = False
        try:
            yield await self._finished(job)
            is_read = True
        finally:
            if not (keep and is_read):
                self._begin(self._remove(job))

    async def _submitted(self, body: dict[str, Json]) -> str:
        """Submit a job; one that is accepted after its caller went away is removed."""
        submitting = asyncio.create_task(self._submit(body))
        try:
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            self._begin(self._remove_late(submitting))
            raise

    async def _submit(self, body: dict[str, Json]) -> str:
        answer = await self._client.answer(Call("/v2/transcript", json=body))
        return read_job(self._client.access, answer)

    async def _finished(self, job: str) -> Json:
        n_lost = 0
        for wait_s in _waits():
            await self._pause(wait_s)
            try:
                told = await self._client.answer(Call(f"/v2/transcript/{job}", method="GET"))
            except _TRANSIENT:
                n_lost += 1
                if n_lost > MAX_LOST_POLLS:
                    raise
                continue
            n_lost = 0
            if is_finished(self._client.access, told):
                return told
        raise AssertionError("waits do not end")

    def _begin(self, removal: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(removal)
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _remove_late(self, submitting: asyncio.Task[str]) -> None:
        try:
            async with asyncio.timeout(_REMOVAL_TIMEOUT_S):
                job = await submitting
        except (UpstreamError, TimeoutError):
            return
        await self._remove(job)

    async def _remove(self, job: str) -> None:
        """Source: AssemblyAI's API reference, delete transcript."""
        call = Call(f"/v2/transcript/{job}", method="DELETE")
        try:
            async with asyncio.timeout(_REMOVAL_TIMEOUT_S):
                await self._client.text(call)
        except (UpstreamError, TimeoutError) as error:
            provider = self._client.access.id
            _logger.warning("a transcript stays at %s: %s", provider, type(error).__name__)


def _waits() -> Iterator[float]:
    """Yield ever longer waits: short recordings are done at once, long ones take minutes."""
    wait_s = FIRST_WAIT_S
    while True:
        yield wait_s
        wait_s = min(LONGEST_WAIT_S, _GROWTH * wait_s)
