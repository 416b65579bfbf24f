"""Hands out speakers, and refuses newcomers whom a model could not serve in time."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic

from loquent.engines.services import SpeakingService
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import E
from loquent.engines.surviving import surviving
from loquent.ports import PieceOptions, PieceSpeaker, SpokenPiece


class SpeakerShelf(ModelShelf[E, SpeakingService], Generic[E]):
    """A `PieceSpeakerSource` over models in memory."""

    async def speaker(self, model_id: str) -> PieceSpeaker:
        """Return the model, loading it first where needed.

        What is returned stays good: where the model has been unloaded since, or its process died,
        the next call loads it again.

        Raises: OverloadedError: if a text would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        async with self.in_use(model_id) as service:
            service.check_admission()
            return _Handle(self, model_id, service)


class _Handle:
    """A `PieceSpeaker` that keeps its model in memory while it has something to do."""

    def __init__(self, shelf: SpeakerShelf[Any], model_id: str, first: SpeakingService) -> None:
        self._shelf = shelf
        self._model_id = model_id
        self.n_workers = first.n_workers
        self.sample_rate_hz = first.sample_rate_hz

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        return await surviving(partial(self._once, text, options, due_s))

    async def _once(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        async with self._shelf.in_use(self._model_id) as service:
            return await service.speak(text, options, due_s)
