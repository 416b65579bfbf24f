"""What callers of a model speak to that has several copies; starts and ends none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import OverloadedError
from loquent.engines.due_order import DueStatus
from loquent.engines.replicas.replica_set import ReplicaSet
from loquent.engines.scheduling.scheduler import SchedulerStatus
from loquent.engines.services import (
    AnalysingService,
    DueService,
    ListeningService,
    SpeakingService,
)
from loquent.ports import (
    Lane,
    PieceOptions,
    Recognition,
    RecognitionOptions,
    SpokenPiece,
    WindowVoices,
)

D = TypeVar("D", bound=DueService)


class ListeningReplicas:
    """A `ListeningService` over several copies."""

    def __init__(self, replicas: ReplicaSet[Any, ListeningService]) -> None:
        self._replicas = replicas
        self._cost = replicas.ready()[0].status().cost
        self._counted: Counter[str] = Counter()
        replicas.on_left = self._remember

    @property
    def n_live_streams(self) -> int:
        return max(1, sum(service.n_live_streams for service in self._replicas.ready()))

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s; a cancelled call leaves the queue at once.

        Raises: EngineError; WorkerCrashedError: if the copy dies that took the call.
        """
        is_patient = options.lane is Lane.LONG
        async with await self._replicas.copy(is_patient=is_patient) as service:
            return await service.recognize(samples, options)

    def check_admission(self, lane: Lane, *, max_wait_s: float = math.inf) -> None:
        """Refuse a newcomer whom every copy would refuse.

        Raises: OverloadedError.
        """
        ready = self._replicas.ready()
        _admit(partial(one.check_admission, lane, max_wait_s=max_wait_s) for one in ready)

    def status(self) -> SchedulerStatus:
        """Return what all copies are doing, and what they and those before them have done."""
        ready = [service.status() for service in self._replicas.ready()]
        all_now = [*ready, *(service.status() for service in self._replicas.leaving())]
        if ready:
            self._cost = ready[0].cost
        done = sum(map(_done, all_now), self._counted)
        return SchedulerStatus(
            n_workers=sum(status.n_workers for status in ready),
            n_waiting={lane: sum(status.n_waiting[lane] for status in all_now) for lane in Lane},
            n_running=sum(status.n_running for status in all_now),
            estimated_wait_s=min((status.estimated_wait_s for status in ready), default=0.0),
            n_batches=done["batches"],
            n_utterances=done["utterances"],
            n_repairs=done["repairs"],
            cost=self._cost,
        )

    async def close(self) -> None:
        """Take no more calls; those that wait are served."""
        await self._replicas.drain()

    def _remember(self, service: ListeningService) -> None:
        self._counted += _done(service.status())


class _DueReplicas(Generic[D]):
    """What services have in common whose work is done in the order in which it is due."""

    def __init__(self, replicas: ReplicaSet[Any, D]) -> None:
        self._replicas = replicas
        self._n_counted = 0
        replicas.on_left = self._remember

    def check_admission(self) -> None:
        """Refuse a newcomer whom every copy would refuse.

        Raises: OverloadedError.
        """
        _admit(service.check_admission for service in self._replicas.ready())

    def status(self) -> DueStatus:
        """Return what all copies are doing, and what they and those before them have done."""
        ready = [service.status() for service in self._replicas.ready()]
        all_now = [*ready, *(service.status() for service in self._replicas.leaving())]
        return DueStatus(
            n_workers=sum(status.n_workers for status in ready),
            n_running=sum(status.n_running for status in all_now),
            n_waiting=sum(status.n_waiting for status in all_now),
            n_done=self._n_counted + sum(status.n_done for status in all_now),
            estimated_wait_s=min((status.estimated_wait_s for status in ready), default=0.0),
        )

    async def close(self) -> None:
        """Take no more calls; those that wait are served."""
        await self._replicas.drain()

    def _remember(self, service: D) -> None:
        self._n_counted += service.status().n_done


class SpeakingReplicas(_DueReplicas[SpeakingService]):
    """A `SpeakingService` over several copies."""

    def __init__(self, replicas: ReplicaSet[Any, SpeakingService]) -> None:
        super().__init__(replicas)
        self._sample_rate_hz = replicas.ready()[0].sample_rate_hz

    @property
    def n_workers(self) -> int:
        return max(1, self.status().n_workers)

    @property
    def sample_rate_hz(self) -> int:
        return self._sample_rate_hz

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        """Speak `text`; a cancelled call leaves the queue at once.

        Raises: EngineError; WorkerCrashedError: if the copy dies that took the call.
        """
        async with await self._replicas.copy() as service:
            return await service.speak(text, options, due_s)


class AnalysingReplicas(_DueReplicas[AnalysingService]):
    """An `AnalysingService` over several copies."""

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        """Tell who speaks in `samples`; a cancelled call leaves the queue at once.

        Raises: EngineError; WorkerCrashedError: if the copy dies that took the call.
        """
        async with await self._replicas.copy() as service:
            return await service.analyse(samples, wanted, due_s)


def _admit(checks: Iterable[Callable[[], None]]) -> None:
    """Pass if one of the checks does; otherwise raise what the first has said."""
    refusals: list[OverloadedError] = []
    for check in checks:
        try:
            check()
        except OverloadedError as refusal:
            refusals.append(refusal)
        else:
            return
    if refusals:
        raise refusals[0]


def _done(status: SchedulerStatus) -> Counter[str]:
    return Counter(
        batches=status.n_batches, utterances=status.n_utterances, repairs=status.n_repairs
    )
