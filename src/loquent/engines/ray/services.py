"""What callers of a model on a cluster speak to; knows neither the cluster nor who stands in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import OverloadedError
from loquent.engines.batch import Utterance, Width
from loquent.engines.due_order import MIN_RETRY_AFTER_S, DueStatus
from loquent.engines.host.messages import Analyse, Analysed, Batch, Result, Speak, Spoken
from loquent.engines.ray.model import RayModel
from loquent.engines.ray.presence import Place
from loquent.engines.ray.statuses import as_due_order, as_scheduler, wait_s
from loquent.engines.scheduling.scheduler import SchedulerStatus
from loquent.engines.services import AnalysingService, ListeningService, SpeakingService
from loquent.ports import (
    Lane,
    PieceOptions,
    Recognition,
    RecognitionOptions,
    SpokenPiece,
    WindowVoices,
)

_ONLY: Final = 0
"""The number of an order that is alone in its frame."""


class RayListening:
    """A `ListeningService` over a model on a cluster."""

    def __init__(self, model: RayModel[ListeningService], *, max_wait_s: float = math.inf) -> None:
        """Take the model, and how long a newcomer may have to wait before it is refused."""
        self._model = model
        self._max_wait_s = max_wait_s

    @property
    def n_live_streams(self) -> int:
        local = self._model.local
        if self._model.place is not Place.CLUSTER and local is not None:
            return local.n_live_streams
        return max(1, sum(copy.n_live_streams for copy in self._model.copies))

    def check_admission(self, lane: Lane, *, max_wait_s: float = math.inf) -> None:
        """Refuse a newcomer who would wait too long.

        Raises: OverloadedError, ModelNotReadyError.
        """
        self._model.refuse_if_away()
        local = self._model.local
        if self._model.place is Place.CLUSTER:
            _refuse_beyond(min(max_wait_s, self._max_wait_s), wait_s(self._model.copies))
        elif local is not None:
            local.check_admission(lane, max_wait_s=max_wait_s)

    def status(self) -> SchedulerStatus:
        """Return what the copies do together, or who stands in."""
        local = self._model.local
        if self._model.place is not Place.CLUSTER and local is not None:
            return local.status()
        return as_scheduler(self._model.copies)

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s; a cancelled call is cancelled where it is served.

        Raises: EngineError.
        """

        async def there() -> Recognition:
            order = Batch(_ONLY, Width.NARROW, (Utterance(samples, options),))
            result = await self._model.ask(order)
            assert isinstance(result, Result)
            return result.recognitions[0]

        return await self._model.serve(there, lambda local: local.recognize(samples, options))

    async def close(self) -> None:
        """Take no more calls, and return when none is left."""
        await self._model.drain()


class _RayDueService:
    """The part that speaking and analysing have in common."""

    def __init__(
        self,
        model: RayModel[SpeakingService] | RayModel[AnalysingService],
        *,
        max_wait_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the model, and how long a newcomer may have to wait before it is refused."""
        self._due_model = model
        self._max_wait_s = max_wait_s
        self._clock = clock

    def check_admission(self) -> None:
        """Refuse a newcomer who would wait too long.

        Raises: OverloadedError, ModelNotReadyError.
        """
        model = self._due_model
        model.refuse_if_away()
        if model.place is Place.CLUSTER:
            _refuse_beyond(self._max_wait_s, wait_s(model.copies))
        elif (local := model.local) is not None:
            local.check_admission()

    def status(self) -> DueStatus:
        """Return what the copies do together, or who stands in."""
        model = self._due_model
        if model.place is not Place.CLUSTER and (local := model.local) is not None:
            return local.status()
        return as_due_order(model.copies)

    async def close(self) -> None:
        """Take no more calls, and return when none is left."""
        await self._due_model.drain()

    def _due_in_s(self, due_s: float) -> float:
        """Return what is left until a moment of our own clock."""
        return due_s - self._clock()


class RaySpeaking(_RayDueService):
    """A `SpeakingService` over a model on a cluster."""

    def __init__(self, model: RayModel[SpeakingService], *, max_wait_s: float = math.inf) -> None:
        super().__init__(model, max_wait_s=max_wait_s)
        self._model = model

    @property
    def n_workers(self) -> int:
        local = self._model.local
        if self._model.place is not Place.CLUSTER and local is not None:
            return local.n_workers
        return max(1, sum(copy.n_workers for copy in self._model.copies))

    @property
    def sample_rate_hz(self) -> int:
        local = self._model.local
        return local.sample_rate_hz if local is not None else self._model.first.sample_rate_hz

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        """Speak `text`; a cancelled call is cancelled where it is served.

        Raises: EngineError.
        """

        async def there() -> SpokenPiece:
            order = Speak(_ONLY, text, options)
            spoken = await self._model.ask(order, self._due_in_s(due_s))
            assert isinstance(spoken, Spoken)
            return spoken.piece

        return await self._model.serve(there, lambda local: local.speak(text, options, due_s))


class RayAnalysing(_RayDueService):
    """An `AnalysingService` over a model on a cluster."""

    def __init__(self, model: RayModel[AnalysingService], *, max_wait_s: float = math.inf) -> None:
        super().__init__(model, max_wait_s=max_wait_s)
        self._model = model

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        """Tell who speaks in `samples`; a cancelled call is cancelled where it is served.

        Raises: EngineError.
        """

        async def there() -> WindowVoices:
            order = Analyse(_ONLY, samples, wanted)
            analysed = await self._model.ask(order, self._due_in_s(due_s))
            assert isinstance(analysed, Analysed)
            return analysed.voices

        return await self._model.serve(there, lambda local: local.analyse(samples, wanted, due_s))


def _refuse_beyond(max_wait_s: float, expected_s: float) -> None:
    if expected_s > max_wait_s:
        raise OverloadedError(
            "The cluster has more work than it can do in time. Try again later.",
            retry_after_s=max(MIN_RETRY_AFTER_S, expected_s),
        )
