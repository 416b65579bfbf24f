"""Hands out recognizers, and refuses newcomers whom a model could not serve in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from loquent.domain.audio import Samples
from loquent.domain.errors import OverloadedError
from loquent.engines.services import ListeningService
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import E, Service
from loquent.engines.surviving import N_ATTEMPTS, surviving
from loquent.ports import Lane, Recognition, RecognitionOptions, SpeechRecognizer
from loquent.realtime.ladder import RETRY_AFTER_S

MAX_LIVE_WAIT_S = 3.0
"""Nobody new is followed live while finals wait for longer than this."""


class _RecognizingService(Service, SpeechRecognizer, Protocol):
    """A recognizer over one engine, such as a scheduler."""


R = TypeVar("R", bound=_RecognizingService)


class RecognizerShelf(ModelShelf[E, R], Generic[E, R]):
    """A `RecognizerSource` over models in memory."""

    async def recognizer(self, model_id: str) -> SpeechRecognizer:
        """Return the model, loading it first where needed.

        What is returned stays good: where the model has been unloaded since, or its process died,
        the next call loads it again.

        Raises: ModelNotFoundError, ModelLoadError; ModelNotReadyError: after `cold_wait_s`.
        """
        async with self.in_use(model_id):
            return _Handle(self, model_id)


class AdmittingShelf:
    """A `RecognizerSource` for recordings: once one has its recognizer, it is served to its end."""

    def __init__(self, shelf: RecognizerShelf[Any, ListeningService]) -> None:
        self._shelf = shelf

    async def recognizer(self, model_id: str) -> SpeechRecognizer:
        """Return the model, loading it first where needed.

        Raises: OverloadedError: if the recording would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        async with self._shelf.in_use(model_id) as service:
            service.check_admission(Lane.SHORT)
        return await self._shelf.recognizer(model_id)


class LiveShelf:
    """A `LiveRecognizerSource`: as many sessions at a time as a model can follow.

    Args:
        max_sessions: of one model; 0 for as many as its measured speed allows.
    """

    def __init__(
        self, shelf: RecognizerShelf[Any, ListeningService], max_sessions: int = 0
    ) -> None:
        self._shelf = shelf
        self._max_sessions = max_sessions
        self._n_sessions: Counter[str] = Counter()

    @asynccontextmanager
    async def live_recognizer(self, model_id: str) -> AsyncIterator[SpeechRecognizer]:
        """Return the model for as long as the context is open, loading it first where needed.

        Raises: OverloadedError: if one more session would make all of them late;
            ModelNotFoundError, ModelLoadError, ModelNotReadyError.
        """
        async with self._shelf.in_use(model_id) as service:
            service.check_admission(Lane.LIVE_FINAL, max_wait_s=MAX_LIVE_WAIT_S)
            n_most = self._max_sessions or service.n_live_streams
        if self._n_sessions[model_id] >= n_most:
            raise OverloadedError(
                f"The server already follows {n_most} live sessions. Try again later.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._n_sessions[model_id] += 1
        try:
            yield await self._shelf.recognizer(model_id)
        finally:
            self._n_sessions[model_id] -= 1


class _Handle(Generic[E, R]):
    """A `SpeechRecognizer` that keeps its model in memory while it has something to do."""

    def __init__(self, shelf: RecognizerShelf[E, R], model_id: str) -> None:
        self._shelf = shelf
        self._model_id = model_id

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        # The stretch of a draft is heard again anyway.
        n_attempts = 1 if options.is_draft else N_ATTEMPTS
        return await surviving(partial(self._once, samples, options), n_attempts=n_attempts)

    async def _once(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        async with self._shelf.in_use(self._model_id) as recognizer:
            return await recognizer.recognize(samples, options)
