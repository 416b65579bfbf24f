"""Refuses newcomers whom a model could not serve in time; keeps no model and no queue."""

from __future__ import annotations

from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.shelf import ModelShelf
from loquent.ports import Lane, SpeechRecognizer


class AdmittingShelf:
    """A `RecognizerSource` for recordings: once one has its recognizer, it is served to its end."""

    def __init__(self, shelf: ModelShelf[Scheduler]) -> None:
        self._shelf = shelf

    async def recognizer(self, model_id: str) -> SpeechRecognizer:
        """Return the model, loading it first where needed.

        Raises: OverloadedError: if the recording would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        async with self._shelf.in_use(model_id) as scheduler:
            scheduler.check_admission(Lane.SHORT)
        return await self._shelf.recognizer(model_id)
