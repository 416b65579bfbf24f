"""Keeps a few models in memory, each in a process of its own; knows nothing of how they work.

A model is loaded when it is first asked for. To make room, or after a while without use, the
process of one that nobody uses is ended.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, Generic, TypeAlias

from loquent.domain.errors import ConflictError, LoquentError, ModelNotReadyError
from loquent.engines.clock import Clock, MonotonicClock
from loquent.engines.host.performers import EngineSpec
from loquent.engines.slots import E, ModelState, S, ShelfOptions, Slot
from loquent.engines.surviving import surviving

_logger = logging.getLogger(__name__)

_RETRY_AFTER_S: Final = 5.0
"""When to ask again for a model that is being loaded; small ones take less."""

_RESTART_PAUSE_S: Final = 10.0
"""A model that has to be loaded again sooner than this waits for somebody to ask for it."""


StartEngine: TypeAlias = Callable[[EngineSpec, Callable[[], None]], Awaitable[E]]
"""Loads a model; the callback is to be called once if its process ends though nobody closed it."""


class ModelShelf(Generic[E, S]):
    """Models in memory by id; belongs to one event loop."""

    def __init__(
        self,
        spec_of: Callable[[str], EngineSpec],
        start_engine: StartEngine[E],
        make_service: Callable[[E], S],
        options: ShelfOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take what loads a model.

        Args:
            spec_of: from model id; may block, and raise a `LoquentError`.
            make_service: what callers speak to, made anew whenever a model is loaded.
        """
        self._spec_of = spec_of
        self._start_engine = start_engine
        self._make_service = make_service
        self._options = options or ShelfOptions()
        self._clock = clock or MonotonicClock()
        self._slots: dict[str, Slot[E, S]] = {}
        self._in_memory: set[Slot[E, S]] = set()
        self._restarts_s: dict[str, float] = {}
        self._making_room = asyncio.Lock()
        self._something_changed = asyncio.Event()
        self._chores: set[asyncio.Task[None]] = set()
        self._is_closing = False

    @asynccontextmanager
    async def in_use(self, model_id: str) -> AsyncGenerator[S]:
        """Keep the model in memory inside the block, loading it first where needed.

        Callers share one load.

        Raises: ModelNotFoundError, ModelLoadError; ModelNotReadyError: after `cold_wait_s`.
        """
        slot = self._slots.get(model_id) or self._begin(model_id)
        slot.n_users += 1
        try:
            if not await self._is_done_within(self._options.cold_wait_s, slot.load):
                raise self._not_ready(slot)
            service = self._loaded(slot)
            if self._slots.get(model_id) is slot:
                yield service
                return
        finally:
            slot.n_users -= 1
            slot.used_s = self._clock.now_s()
            self._something_changed.set()
        async with self.in_use(model_id) as service:  # it died as soon as it was loaded
            yield service

    async def load(self, model_id: str) -> None:
        """Bring a model into memory, however long it takes.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        slot = self._slots.get(model_id) or self._begin(model_id)
        await asyncio.wait([slot.load])
        self._loaded(slot)

    async def unload(self, model_id: str) -> None:
        """End the process of a model, if it is in memory, and wait until that is free.

        Raises: ConflictError: if somebody uses it, or it is on its way into memory.
        """
        slot = self._slots.get(model_id)
        if slot is None:
            return
        if slot.n_users or slot.service is None:
            state = "is in use" if slot.service else "is being loaded"
            raise ConflictError(f"The model '{model_id}' {state}. Ask again when that is over.")
        await asyncio.wait([self._unload(slot)])

    def loaded(self) -> AbstractSet[str]:
        """Return the ids of the models that can serve at once."""
        return self.services().keys()

    def services(self) -> Mapping[str, S]:
        """Return what serves the models in memory now, by id; to look at, not to keep."""
        return {
            slot.model_id: slot.service for slot in self._slots.values() if slot.service is not None
        }

    def status(self) -> tuple[ModelState, ...]:
        """Return every model in memory or on its way there, sorted by id."""
        now_s = self._clock.now_s()
        return tuple(self._slots[model_id].state(now_s) for model_id in sorted(self._slots))

    async def close(self) -> None:
        """Give up what is being loaded, end every process and wait until all are gone."""
        self._is_closing = True
        loads = [slot.load for slot in self._slots.values()]
        for load in loads:
            load.cancel()
        if loads:
            await asyncio.wait(loads)
        for slot in list(self._slots.values()):
            self._unload(slot)
        while self._chores:
            await asyncio.wait(self._chores)

    def _begin(self, model_id: str) -> Slot[E, S]:
        if self._is_closing:
            raise ModelNotReadyError("The server is shutting down.")
        now_s = self._clock.now_s()
        slot: Slot[E, S] = Slot(model_id, since_s=now_s, used_s=now_s)
        slot.load = asyncio.create_task(self._load(slot))
        slot.load.add_done_callback(partial(_report, model_id))
        self._slots[model_id] = slot
        return slot

    async def _load(self, slot: Slot[E, S]) -> None:
        try:
            spec = await asyncio.to_thread(self._spec_of, slot.model_id)
            await self._make_room(slot)
            start = partial(self._start_engine, spec, partial(self._recover, slot))
            slot.engine = await surviving(start)
        finally:
            if slot.engine is None:
                self._forget(slot)
        slot.service = self._make_service(slot.engine)
        slot.since_s = slot.used_s = self._clock.now_s()
        if self._options.idle_unload_s > 0 and slot.model_id not in self._options.preload:
            slot.idle_watch = asyncio.create_task(self._unload_when_idle(slot))

    async def _make_room(self, slot: Slot[E, S]) -> None:
        """Wait, in the order of asking, until one more model may be in memory."""
        slot.waits_for_room = True
        async with self._making_room:
            while len(self._in_memory) >= self._capacity:
                self._something_changed.clear()
                idle = self._unused_slots()
                leavable = [s for s in idle if self._left_s(s, self._options.linger_s) <= 0]
                if leavable:
                    await asyncio.wait([self._unload(min(leavable, key=self._worth))])
                else:
                    await self._change_within(
                        min((self._left_s(s, self._options.linger_s) for s in idle), default=None)
                    )
            self._in_memory.add(slot)
        slot.waits_for_room = False

    @property
    def _capacity(self) -> int:
        return max(self._options.max_loaded, len(self._options.preload))

    def _unused_slots(self) -> list[Slot[E, S]]:
        return [s for s in self._slots.values() if s.service is not None and not s.n_users]

    def _worth(self, slot: Slot[E, S]) -> tuple[bool, float]:
        """Rank models by how long they should stay."""
        return slot.model_id in self._options.preload, slot.used_s

    def _left_s(self, slot: Slot[E, S], limit_s: float) -> float:
        """Return how much of `limit_s` without use is left."""
        return limit_s - slot.idle_s(self._clock.now_s())

    async def _unload_when_idle(self, slot: Slot[E, S]) -> None:
        while (left_s := self._left_s(slot, self._options.idle_unload_s)) > 0:
            await self._clock.sleep(left_s)
        _logger.info("model %s is unloaded: nobody used it", slot.model_id)
        self._unload(slot)

    def _unload(self, slot: Slot[E, S]) -> asyncio.Task[None]:
        """Take a model off the shelf at once; the task is done when its memory is free."""
        del self._slots[slot.model_id]
        if slot.idle_watch is not None:
            slot.idle_watch.cancel()
        ending = asyncio.create_task(self._end(slot))
        self._chores.add(ending)
        ending.add_done_callback(self._chores.discard)
        return ending

    async def _end(self, slot: Slot[E, S]) -> None:
        assert slot.service is not None
        assert slot.engine is not None
        try:
            await slot.service.close()
        finally:
            await slot.engine.close()
            self._forget(slot)

    def _forget(self, slot: Slot[E, S]) -> None:
        """Note that nothing of a model is in memory."""
        if self._slots.get(slot.model_id) is slot:
            del self._slots[slot.model_id]
        self._in_memory.discard(slot)
        self._something_changed.set()

    def _recover(self, slot: Slot[E, S]) -> None:
        """Clear up behind a process that ended by itself, and replace it, if there is room."""
        model_id = slot.model_id
        if self._slots.get(model_id) is not slot:
            return  # it was about to be unloaded
        _logger.warning("the process of model %s has died", model_id)
        self._unload(slot)
        now_s = self._clock.now_s()
        is_early = now_s - self._restarts_s.get(model_id, -math.inf) < _RESTART_PAUSE_S
        has_room = model_id in self._options.preload or not self._making_room.locked()
        if has_room and not is_early and not self._is_closing:
            self._restarts_s[model_id] = now_s
            self._begin(model_id)

    def _loaded(self, slot: Slot[E, S]) -> S:
        """Return what a load that is over came to."""
        if slot.load.cancelled():
            raise ModelNotReadyError("The server is shutting down.")
        slot.load.result()
        assert slot.service is not None
        return slot.service

    def _not_ready(self, slot: Slot[E, S]) -> ModelNotReadyError:
        waited_s = self._clock.now_s() - slot.since_s
        state = f"has been loading for {waited_s:.0f} s and cannot serve yet"
        if slot.waits_for_room:
            state = f"waits for room: all {self._capacity} models in memory are in use"
        message = f"The model '{slot.model_id}' {state}. Ask again in {_RETRY_AFTER_S:.0f} s."
        return ModelNotReadyError(message, retry_after_s=_RETRY_AFTER_S)

    async def _change_within(self, limit_s: float | None) -> None:
        """Wait until something changed, or `limit_s` have passed."""
        change = asyncio.create_task(self._something_changed.wait())
        try:
            await self._is_done_within(limit_s, change)
        finally:
            change.cancel()

    async def _is_done_within(self, limit_s: float | None, work: asyncio.Future[Any]) -> bool:
        """Wait for `work` at most `limit_s`; None is for ever. It goes on in any case."""
        if work.done():
            return True
        if limit_s is None:
            await asyncio.wait([work])
            return True
        alarm = asyncio.create_task(self._clock.sleep(limit_s))
        try:
            await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        return work.done()


def _report(model_id: str, load: asyncio.Task[None]) -> None:
    """Log a failed load, for it may be that nobody waits for it any more."""
    if not load.cancelled() and (error := load.exception()) is not None:
        message = error.message if isinstance(error, LoquentError) else repr(error)
        _logger.warning("model %s does not load: %s", model_id, message)
