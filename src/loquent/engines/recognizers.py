"""Hands out recognizers, and refuses newcomers whom a model could not serve in time."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from loquent.domain.audio import Samples
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import E, Service
from loquent.ports import Lane, Recognition, RecognitionOptions, SpeechRecognizer


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


class AdmittingShelf(Generic[E]):
    """A `RecognizerSource` for recordings: once one has its recognizer, it is served to its end."""

    def __init__(self, shelf: RecognizerShelf[E, Scheduler]) -> None:
        self._shelf = shelf

    async def recognizer(self, model_id: str) -> SpeechRecognizer:
        """Return the model, loading it first where needed.

        Raises: OverloadedError: if the recording would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        async with self._shelf.in_use(model_id) as scheduler:
            scheduler.check_admission(Lane.SHORT)
        return await self._shelf.recognizer(model_id)


class _Handle(Generic[E, R]):
    """A `SpeechRecognizer` that keeps its model in memory while it has something to do."""

    def __init__(self, shelf: RecognizerShelf[E, R], model_id: str) -> None:
        self._shelf = shelf
        self._model_id = model_id

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        async with self._shelf.in_use(self._model_id) as recognizer:
            return await recognizer.recognize(samples, options)
