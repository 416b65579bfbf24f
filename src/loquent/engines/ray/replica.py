"""One copy of a model on a node of a cluster: an engine's child and its queue; knows no cluster."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from loquent.domain.errors import EngineError, LoquentError, ModelLoadError, WorkerCrashedError
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.engines.host import protocol
from loquent.engines.host.messages import (
    Analyse,
    Analysed,
    Batch,
    Outcome,
    Result,
    Speak,
    Spoken,
    failure_of,
)
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import EngineProcess, start_engine
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray.frames import order_in
from loquent.engines.ray.plans import ModelPlan, Trade
from loquent.engines.ray.statuses import CopyStatus
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.engines.speaking.scheduler import SpeechScheduler
from loquent.engines.surviving import surviving
from loquent.engines.whisper.context import MAX_CONTEXT_S, tight_context_s

_logger = logging.getLogger(__name__)

_LANE: Final = "due"
"""The only lane of what is done in the order in which it is due."""

Queue: TypeAlias = Scheduler | SpeechScheduler | WindowScheduler


@dataclass(frozen=True, slots=True)
class Node:
    """What a node of the cluster tells of itself.

    Attributes:
        locate: from the id of a model to its verified files on that node; raises LoquentError.
        environment: variables by which libraries of engines find a GPU and each other there.
    """

    locate: Callable[[str], Path]
    environment: Mapping[str, str]


def node_of(address: str) -> Node:
    """Return what the function at `address` (module and name) tells of this node."""
    module, _, name = address.partition(":")
    node: Node = getattr(importlib.import_module(module), name)()
    return node


class ModelReplica:
    """A copy; belongs to one event loop. It loads its model again if the engine's child dies."""

    def __init__(self, plan: ModelPlan, node: Node) -> None:
        self._plan = plan
        self._node = node
        self._engine: EngineProcess | None = None
        self._queue: Queue | None = None
        self._loading: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Start the engine's child.

        Raises: ModelLoadError.
        """
        self._loading = asyncio.create_task(self._load())
        await self._loading

    def check(self) -> None:
        """Raise what keeps this copy from working, if anything does.

        Raises: ModelLoadError: and whatever else ended the last attempt to load the model.
        """
        if self._loading is None:
            raise ModelLoadError("The model has not been loaded.")
        if self._loading.done():
            self._loading.result()

    async def perform(self, frame: bytes, due_in_s: float) -> bytes:
        """Do the order in `frame`, and return the frame of the answer.

        A cancelled call leaves the queue at once.

        Raises: ProtocolError: if it is no order.
        """
        order = order_in(frame)
        try:
            await self._loaded()
            return protocol.encode(await self._done(order, time.monotonic() + due_in_s))
        except EngineError as error:
            return protocol.encode(failure_of(error, order.id))

    def status(self) -> CopyStatus:
        """Return what this copy is doing."""
        queue, engine = self._queue, self._engine
        if queue is None or engine is None:
            return CopyStatus()
        memory_bytes = engine.memory_bytes()
        if isinstance(queue, Scheduler):
            work = queue.status()
            return CopyStatus(
                n_workers=work.n_workers,
                n_running=work.n_running,
                n_waiting={lane.name.lower(): n for lane, n in work.n_waiting.items() if n},
                estimated_wait_s=work.estimated_wait_s,
                n_done=work.n_batches,
                n_utterances=work.n_utterances,
                n_repairs=work.n_repairs,
                n_live_streams=queue.n_live_streams,
                memory_bytes=memory_bytes,
            )
        due = queue.status()
        return CopyStatus(
            n_workers=due.n_workers,
            n_running=due.n_running,
            n_waiting={_LANE: due.n_waiting},
            estimated_wait_s=due.estimated_wait_s,
            n_done=due.n_done,
            sample_rate_hz=engine.sample_rate_hz,
            memory_bytes=memory_bytes,
        )

    async def close(self) -> None:
        """End the engine's child."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        engine, self._engine, self._queue = self._engine, None, None
        if engine is not None:
            await engine.close()

    async def _loaded(self) -> None:
        assert self._loading is not None
        try:
            await asyncio.shield(self._loading)
        except ModelLoadError as error:
            raise WorkerCrashedError("This copy of the model is about to be replaced.") from error

    async def _load(self) -> None:
        plan = self._plan
        folder = await asyncio.to_thread(self._folder)
        spec = EngineSpec(plan.model_id, plan.engine, folder, plan.options, self._node.environment)
        self._engine = await surviving(lambda: start_engine(spec, self._recover))
        self._queue = self._queue_of(self._engine)

    def _recover(self) -> None:
        """Load the model again; calls that come meanwhile wait for it."""
        _logger.warning("the process of model %s has died", self._plan.model_id)
        self._loading = asyncio.create_task(self._load())

    def _folder(self) -> Path:
        folder = Path(self._plan.folder)
        if folder.is_dir():
            return folder
        try:
            return self._node.locate(self._plan.model_id)
        except LoquentError as error:
            raise ModelLoadError(
                f"A node of the cluster has no files of {self._plan.model_id}: neither where the"
                " server has them, nor in LOQUENT_DATA_DIR of the node. Share the folder of the"
                " server with the nodes, or pull the model on each of them."
            ) from error

    def _queue_of(self, engine: EngineProcess) -> Queue:
        match self._plan.trade:
            case Trade.LISTENING:
                is_exact = bool(self._plan.options.get("is_exact"))
                limits = QueueLimits(max_batch=self._plan.max_batch)
                context_s = _longest_context_s if is_exact else tight_context_s
                return Scheduler(engine, context_s=context_s, limits=limits)
            case Trade.SPEAKING:
                return SpeechScheduler(engine)
            case Trade.ANALYSING:
                return WindowScheduler(engine)

    async def _done(self, order: Batch | Speak | Analyse, due_s: float) -> Outcome:
        began_s = time.monotonic()
        match order, self._queue:
            case Batch(identifier, _, (utterance,)), Scheduler() as queue:
                recognition = await queue.recognize(utterance.samples, utterance.options)
                return Result(identifier, (recognition,), time.monotonic() - began_s)
            case Speak(identifier, text, options), SpeechScheduler() as queue:
                piece = await queue.speak(text, options, due_s)
                return Spoken(identifier, piece, time.monotonic() - began_s)
            case Analyse(identifier, samples, wanted), WindowScheduler() as queue:
                voices = await queue.analyse(samples, wanted, due_s)
                return Analysed(identifier, voices, time.monotonic() - began_s)
        raise ProtocolError("an order for another kind of model")


def _longest_context_s(_speech_s: float) -> float:
    return MAX_CONTEXT_S
