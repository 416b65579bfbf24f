"""A model on a cluster, and a stand-in here for while that is away; knows no kind of work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from loquent.domain.errors import (
    EngineError,
    LoquentError,
    ModelNotReadyError,
    WorkerCrashedError,
)
from loquent.engines.host import protocol
from loquent.engines.host.messages import Analyse, Batch, Failure, Outcome, Speak
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray.bridge_process import BridgeProcess
from loquent.engines.ray.cluster import RETRY_S, RayCluster
from loquent.engines.ray.failures import ForgottenError, to_error
from loquent.engines.ray.frames import answer_in
from loquent.engines.ray.plans import ModelPlan
from loquent.engines.ray.presence import News, Place, Presence, following, place_of
from loquent.engines.ray.statuses import CopyStatus
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import Service

_logger = logging.getLogger(__name__)

_RETRY_AFTER_S: Final = 5.0

A = TypeVar("A")
S = TypeVar("S", bound=Service)


class RayModel(Generic[S]):
    """A `HostedEngine` on a cluster; belongs to one event loop. Made by `RayBackend.start`."""

    def __init__(
        self, plan: ModelPlan, cluster: RayCluster, stand_in: ModelShelf[Any, S] | None
    ) -> None:
        """Take where the model runs.

        Args:
            stand_in: loads the same model here, by the same id; None to refuse calls instead.
        """
        self._plan = plan
        self._cluster = cluster
        self._stand_in = stand_in
        self._presence = Presence.AWAY
        self._bridge: BridgeProcess | None = None
        self._first = CopyStatus()
        self._n_calls = 0
        self._is_closing = False
        self._is_forgotten = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Have the cluster load the model, or where it does not answer, the stand-in.

        Raises: ModelLoadError.
        """
        try:
            await self._cluster.join()
            await self._cluster.hold(self._plan.name)
            if self._cluster.bridge is not None:
                await self._settle_first(self._cluster.bridge)
            if self._presence is not Presence.THERE and self._stand_in is not None:
                await self._stand_in.load(self._plan.model_id)
        except BaseException:
            await self.close()
            raise
        self._keeping = asyncio.create_task(self._keep())

    @property
    def model_id(self) -> str:
        return self._plan.model_id

    @property
    def first(self) -> CopyStatus:
        """What the first copy told of itself."""
        return self._first

    @property
    def place(self) -> Place:
        """Who serves a call that comes now."""
        if self._bridge is not None and self._bridge.is_over:
            self._leave(News.LOST)  # who tries again at once must not find it again
        return place_of(self._presence, has_stand_in=self._stand_in is not None)

    @property
    def copies(self) -> Sequence[CopyStatus]:
        """What the copies on the cluster told last, none while that is away."""
        if self._bridge is None:
            return ()
        return self._bridge.copies(self._plan.name) or (self._first,)

    @property
    def local(self) -> S | None:
        """What stands in here, if it is loaded."""
        shelf = self._stand_in
        return shelf.services().get(self.model_id) if shelf is not None else None

    @property
    def n_copies(self) -> int:
        return len(self.copies) or (1 if self.local is not None else 0)

    def memory_bytes(self) -> int:
        """Return the resident memory of all copies, there and here."""
        here = self._stand_in.status() if self._stand_in is not None else ()
        there = sum(copy.memory_bytes for copy in self.copies)
        return there + sum(state.memory_bytes for state in here)

    async def serve(
        self, there: Callable[[], Awaitable[A]], here: Callable[[S], Awaitable[A]]
    ) -> A:
        """Return what comes of a call, from the cluster or from the stand-in.

        Raises: ModelNotReadyError: nobody can serve now; WorkerCrashedError: whoever did was lost;
            EngineError.
        """
        self.refuse_if_away()
        self._n_calls += 1
        self._is_idle.clear()
        try:
            if self.place is Place.CLUSTER:
                return await there()
            assert self._stand_in is not None
            async with self._stand_in.in_use(self.model_id) as local:
                return await here(local)
        finally:
            self._n_calls -= 1
            if not self._n_calls:
                self._is_idle.set()

    def refuse_if_away(self) -> None:
        """Raise if nobody can serve.

        Raises: ModelNotReadyError.
        """
        if self._is_closing:
            message = "The model is being unloaded. Try again in a moment."
            raise ModelNotReadyError(message, retry_after_s=1.0)
        if self.place is Place.NOBODY:
            raise ModelNotReadyError(
                "The cluster that runs this model does not answer. Ask again in 5 s.",
                retry_after_s=_RETRY_AFTER_S,
            )

    async def ask(self, order: Batch | Speak | Analyse, due_in_s: float = 0.0) -> Outcome:
        """Have a copy on the cluster do an order.

        Raises: EngineError; WorkerCrashedError: whoever did it was lost.
        """
        bridge = self._bridge
        if bridge is None:
            raise WorkerCrashedError("The cluster was lost before this began. Try again.")
        try:
            frame = protocol.encode(order)
            answer = answer_in(await bridge.call(self._plan.name, frame, due_in_s))
        except ProtocolError as error:
            raise EngineError("What the model was asked or answered cannot be read.") from error
        except ForgottenError:
            self._is_forgotten.set()
            self._leave(News.FORGOTTEN)
            raise
        if isinstance(answer, Failure):
            raise to_error(answer.code, answer.message)
        return answer

    async def drain(self) -> None:
        """Take no more calls; return when those that are here have ended."""
        self._is_closing = True
        await self._is_idle.wait()

    async def close(self) -> None:
        """Let go of the model: the cluster unloads it once no gateway wants it."""
        self._is_closing = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._bridge = None
        await self._cluster.release(self._plan.name)
        await self._cluster.leave()
        if self._stand_in is not None:
            await self._stand_in.close()

    async def _settle_first(self, bridge: BridgeProcess) -> None:
        """Deploy for the first time; a cluster that is lost meanwhile is as one that was away."""
        self._note(News.ANSWERED)
        try:
            await self._settle(bridge)
        except WorkerCrashedError:
            self._note(News.LOST)

    async def _settle(self, bridge: BridgeProcess) -> None:
        self._first = await bridge.deploy(self._plan)
        self._bridge = bridge
        self._is_forgotten.clear()
        self._note(News.DEPLOYED)

    async def _keep(self) -> None:
        """Follow the cluster as it comes and goes."""
        while True:
            if (bridge := self._bridge) is not None:
                self._leave(await self._end_of(bridge))
            bridge = await self._cluster.next_bridge()
            self._note(News.ANSWERED)
            try:
                await self._settle(bridge)
            except WorkerCrashedError:
                self._note(News.LOST)
            except LoquentError as error:
                _logger.warning("%s is not on the cluster: %s", self.model_id, error.message)
                self._note(News.FAILED)
                await self._cluster.clock.sleep(RETRY_S)

    async def _end_of(self, bridge: BridgeProcess) -> News:
        """Wait until the model cannot be called there any more."""
        lost = asyncio.create_task(bridge.ended())
        forgotten = asyncio.create_task(self._is_forgotten.wait())
        try:
            await asyncio.wait([lost, forgotten], return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            forgotten.cancel()
        return News.LOST if lost.done() and not lost.cancelled() else News.FORGOTTEN

    def _leave(self, news: News) -> None:
        self._bridge = None
        self._note(news)

    def _note(self, news: News) -> None:
        before, self._presence = self._presence, following(self._presence, news)
        if self._presence is not before:
            _logger.info("%s on the cluster: %s", self.model_id, self._presence.name.lower())
