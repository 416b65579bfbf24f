"""Runs pulls of models in threads of their own, one at a time for each model; fetches nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from loquent.domain.errors import ConflictError, ModelLoadError
from loquent.domain.stock import Phase, PullEvent
from loquent.models.store import InstalledModel, ModelStore

_MAX_AT_ONCE: Final = 4
"""Pulls side by side; those beyond wait for their turn."""


class Pulls:
    """The pulls that this process has going on.

    They have threads of their own, since each takes one for minutes.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_MAX_AT_ONCE, thread_name_prefix="pull")
        self._running: dict[str, _Pull] = {}

    def are_running(self, model_id: str) -> bool:
        """Tell whether a model is being pulled, or a pull of it has not quite stopped."""
        return self._unfinished(model_id) is not None

    async def pull(self, name: str) -> AsyncGenerator[PullEvent]:
        """Install a model and tell how it goes, as `ModelStock.pull` has it."""
        model_id = await asyncio.to_thread(self._store.id_of, name)
        while before := self._unfinished(model_id):
            if not before.is_given_up:
                raise ConflictError(
                    f"The model '{model_id}' is being pulled already. Ask again when that is over."
                )
            await asyncio.wait([before.work])
        pull = self._running[model_id] = _Pull(self._store, name, self._threads)
        pull.work.add_done_callback(lambda _: self._forget(model_id, pull))
        try:
            async for event in pull.events():
                yield event
        finally:
            pull.give_up()

    def _unfinished(self, model_id: str) -> _Pull | None:
        # Callbacks of a future run after whoever polled it saw it done, so it is asked itself.
        pull = self._running.get(model_id)
        return None if pull is None or pull.work.done() else pull

    def _forget(self, model_id: str, pull: _Pull) -> None:
        if self._running.get(model_id) is pull:
            del self._running[model_id]


class _Pull:
    """One pull in its thread, and what it has told so far."""

    def __init__(self, store: ModelStore, name: str, threads: ThreadPoolExecutor) -> None:
        self._loop = asyncio.get_running_loop()
        self._told: deque[PullEvent] = deque()
        self._news = asyncio.Event()
        self._given_up = threading.Event()
        self._thread: Future[InstalledModel] = threads.submit(store.pull, name, self._tell)
        self.work = asyncio.wrap_future(self._thread)
        self.work.add_done_callback(self._end)

    @property
    def is_given_up(self) -> bool:
        return self._given_up.is_set()

    def give_up(self) -> None:
        """Stop it at its next step, if it runs; it is resumed by the next pull."""
        self._given_up.set()
        self._thread.cancel()

    async def events(self) -> AsyncGenerator[PullEvent]:
        """Yield what is told, then the end.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        while not self.work.done():
            await self._news.wait()
            self._news.clear()
            while self._told:
                event = self._told.popleft()
                if event.phase is not Phase.DONE:
                    yield event
        try:
            model = self.work.result()
        except OSError as exc:
            raise ModelLoadError(
                "The folder of models cannot be written here. Its operator finds out why with"
                " `loquent models pull`.",
                code="model_pull_failed",
            ) from exc
        yield PullEvent(model.id, Phase.DONE, model.source, model.n_bytes, model.n_bytes)

    def _tell(self, event: PullEvent) -> None:
        """Pass an event on from the thread, and end that where nobody listens any more."""
        if self.is_given_up:
            raise _GivenUpError
        self._loop.call_soon_threadsafe(self._note, event)

    def _note(self, event: PullEvent) -> None:
        # A reader who is slower than the bytes wants to know the latest count alone.
        if self._told and event.phase is self._told[-1].phase is Phase.DOWNLOADING:
            self._told.pop()
        self._told.append(event)
        self._news.set()

    def _end(self, work: asyncio.Future[InstalledModel]) -> None:
        if not work.cancelled():
            work.exception()  # it may be that nobody waits for it any more
        self._news.set()


class _GivenUpError(Exception):
    """Whoever watched the pull has gone."""
