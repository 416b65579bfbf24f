"""Keeps as many copies of a model as its work needs, and replaces those that die.

Knows neither what they do nor how they are run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from typing import Any, Final, Generic, TypeAlias

from loquent.domain.deployments import Replicas
from loquent.domain.errors import LoquentError, ModelNotReadyError, WorkerCrashedError
from loquent.engines.clock import Clock, MonotonicClock
from loquent.engines.host.performers import EngineSpec
from loquent.engines.replicas.copies import Copy, R, for_patient_call, for_urgent_call, load_of
from loquent.engines.replicas.restarts import Restarts
from loquent.engines.replicas.scaling import Step, Trend
from loquent.engines.shelf import StartEngine
from loquent.engines.slots import E

_logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
"""How often it is asked whether there are too few copies or too many."""

_RETRY_AFTER_S: Final = 1.0

StartCopy: TypeAlias = Callable[[Callable[[], None]], Awaitable[E]]
"""Loads a model once; the callback is to be called if its process ends though nobody closed it."""


class ReplicaSet(Generic[E, R]):
    """A `HostedEngine` of several; belongs to one event loop. Made by `start_replicas`.

    Attributes:
        on_left: told of each copy that has ended, for whoever keeps what it counted.
    """

    def __init__(
        self,
        start: StartCopy[E],
        make_service: Callable[[E], R],
        bounds: Replicas,
        on_exit: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Take what loads the model.

        Args:
            make_service: what callers of one copy speak to.
            on_exit: called once if no copy is left, and none is being started.
        """
        self._start = start
        self._make_service = make_service
        self._bounds = bounds
        self._on_exit = on_exit
        self._clock = clock
        self._numbers = count()
        self._copies: dict[int, Copy[E, R]] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: dict[asyncio.Task[None], Copy[E, R]] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._has_news = asyncio.Event()
        self._n_wanted = max(1, bounds.least)
        self._restarts = Restarts()
        self._trend = Trend(clock.now_s())
        self._is_fill_due = False
        self._is_closing = False
        self._is_over = False
        self.on_left: Callable[[R], None] = lambda _service: None

    async def open(self) -> None:
        """Load the first copy; the others follow by themselves.

        Raises: ModelLoadError.
        """
        await self._start_one()
        self._fill()
        if self._n_wanted < self._bounds.most:
            self._do(self._watch())

    @property
    def n_copies(self) -> int:
        return len(self._copies)

    def memory_bytes(self) -> int:
        """Return the resident memory of all copies."""
        return sum(copy.engine.memory_bytes() for copy in self._alive())

    def ready(self) -> Sequence[R]:
        """Return what callers speak to, the copy with the shortest wait first."""
        return [copy.service for copy in sorted(self._copies.values(), key=for_urgent_call)]

    def leaving(self) -> Sequence[R]:
        """Return what speaks for copies that have still work to end."""
        return [copy.service for copy in self._ending.values()]

    async def copy(self, *, is_patient: bool = False) -> AbstractAsyncContextManager[R]:
        """Return the copy with the shortest wait; where there is none, the next one.

        Args:
            is_patient: the call that needs it lets others go first.

        Raises: WorkerCrashedError: no copy is left; ModelNotReadyError: the model is being
            unloaded.
        """
        while not self._copies:
            self._refuse_if_over()
            await self._has_news.wait()
        best = min(self._copies.values(), key=for_patient_call if is_patient else for_urgent_call)
        return best.in_use()

    async def drain(self) -> None:
        """Take no more calls; return when those that are here have ended."""
        self._stop()
        await asyncio.gather(*(copy.service.close() for copy in self._alive()))

    async def close(self) -> None:
        """End all copies, and give up those that are being loaded."""
        self._stop()
        while left := self._starting | self._chores:
            await asyncio.wait(left)
        for number in list(self._copies):
            self._end(number)
        while self._ending:
            await asyncio.wait(self._ending)

    def _stop(self) -> None:
        self._is_closing = True
        self._has_news.set()
        for task in self._starting | self._chores:
            task.cancel()

    def _refuse_if_over(self) -> None:
        if self._is_closing:
            message = "The model is being unloaded. Try again in a moment."
            raise ModelNotReadyError(message, retry_after_s=_RETRY_AFTER_S)
        if self._is_over:
            raise WorkerCrashedError("The model stopped while work waited for it. Try again.")

    def _alive(self) -> list[Copy[E, R]]:
        return [*self._copies.values(), *self._ending.values()]

    def _fill(self) -> None:
        """Start copies until there are, or will be, as many as are wanted."""
        if self._is_closing or self._is_over:
            return
        pause_s = self._restarts.may_start_s - self._clock.now_s()
        if pause_s > 0:
            if self._n_missing() and self._copies and not self._is_fill_due:
                self._is_fill_due = True
                self._do(self._fill_later(pause_s))
            return
        for _ in range(self._n_missing()):
            starting = asyncio.create_task(self._start_one())
            self._starting.add(starting)
            starting.add_done_callback(self._started)

    def _n_missing(self) -> int:
        n_coming = len(self._copies) + len(self._starting)
        n_retiring = sum(not copy.is_dead for copy in self._ending.values())
        n_free = self._bounds.most - n_coming - n_retiring
        return max(0, min(self._n_wanted - n_coming, n_free))

    async def _fill_later(self, pause_s: float) -> None:
        await self._clock.sleep(pause_s)
        self._is_fill_due = False
        self._fill()

    async def _start_one(self) -> None:
        number = next(self._numbers)
        engine = await self._start(partial(self._bury, number))
        now_s = self._clock.now_s()
        self._copies[number] = Copy(engine, self._make_service(engine), now_s)
        self._trend = Trend(now_s)
        self._has_news.set()

    def _started(self, starting: asyncio.Task[None]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled() and (error := starting.exception()) is not None:
            message = error.message if isinstance(error, LoquentError) else repr(error)
            _logger.warning("a copy does not load: %s", message)
            n_coming = len(self._copies) + len(self._starting)
            self._n_wanted = max(1, self._bounds.least, n_coming)
            self._restarts = self._restarts.after_death(0.0, self._clock.now_s())
        self._go_on()

    def _bury(self, number: int) -> None:
        """Clear up behind a copy that ended by itself, and replace it."""
        copy = self._copies.get(number)
        if copy is None:
            return  # it was about to be ended
        now_s = self._clock.now_s()
        self._restarts = self._restarts.after_death(now_s - copy.since_s, now_s)
        copy.is_dead = True
        self._end(number)
        _logger.warning("a copy has died, %d are left", len(self._copies))
        self._go_on()

    def _go_on(self) -> None:
        """Replace what is missing, or give up where nothing is left."""
        self._fill()
        if self._copies or self._is_closing or self._is_over:
            return
        if self._starting:
            self._has_news.clear()
            return
        self._is_over = True
        self._has_news.set()
        for chore in self._chores:
            chore.cancel()
        self._on_exit()

    def _end(self, number: int) -> None:
        """Give a copy no more calls; let those it has end, and then its process."""
        copy = self._copies.pop(number)
        ending = asyncio.create_task(self._finish(copy))
        self._ending[ending] = copy
        ending.add_done_callback(self._ended)

    async def _finish(self, copy: Copy[E, R]) -> None:
        try:
            await copy.service.close()
        finally:
            await copy.engine.close()
            self.on_left(copy.service)

    def _ended(self, ending: asyncio.Task[None]) -> None:
        del self._ending[ending]
        self._fill()

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            if len(self._copies) == self._n_wanted and not self._starting:
                self._look()

    def _look(self) -> None:
        """Take notice of how busy the copies are, and change their number where need be."""
        now_s = self._clock.now_s()
        self._trend = self._trend.seen(load_of(list(self._copies.values())), now_s)
        step = self._trend.step(len(self._copies), self._bounds, now_s)
        if step is Step.STAY:
            return
        self._trend = Trend(now_s)
        if step is Step.GROW:
            self._n_wanted += 1
            self._fill()
        else:
            self._n_wanted -= 1
            self._end(min(self._copies, key=lambda number: self._copies[number].n_calls))
        _logger.info("the number of copies goes to %d", self._n_wanted)

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def start_replicas(
    spec: EngineSpec,
    on_exit: Callable[[], None],
    *,
    start: StartEngine[E],
    make_service: Callable[[E], R],
    bounds: Replicas,
    clock: Clock | None = None,
) -> ReplicaSet[E, R]:
    """Load the first copy of a model; the others follow by themselves.

    Args:
        on_exit: called once if no copy is left, and none is being started.
        make_service: what callers of one copy speak to.

    Raises: ModelLoadError.
    """
    replicas = ReplicaSet(
        partial(start, spec), make_service, bounds, on_exit, clock or MonotonicClock()
    )
    await replicas.open()
    return replicas
