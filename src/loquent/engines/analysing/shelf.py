"""Hands out analysts, and refuses newcomers whom a model could not serve in time."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic

from loquent.domain.audio import Samples, SpeechRegion
from loquent.engines.services import AnalysingService
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import E
from loquent.engines.surviving import surviving
from loquent.ports import VoiceAnalyst, WindowVoices


class VoiceShelf(ModelShelf[E, AnalysingService], Generic[E]):
    """A `VoiceAnalystSource` over models in memory."""

    async def analyst(self, model_id: str) -> VoiceAnalyst:
        """Return the model, loading it first where needed.

        What is returned stays good: where the model has been unloaded since, or its process died,
        the next call loads it again.

        Raises: OverloadedError: if a recording would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        async with self.in_use(model_id) as service:
            service.check_admission()
            return _Handle(self, model_id)


class _Handle:
    """A `VoiceAnalyst` that keeps its model in memory while it has something to do."""

    def __init__(self, shelf: VoiceShelf[Any], model_id: str) -> None:
        self._shelf = shelf
        self._model_id = model_id

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        return await surviving(partial(self._once, samples, wanted, due_s))

    async def _once(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        async with self._shelf.in_use(self._model_id) as service:
            return await service.analyse(samples, wanted, due_s)
