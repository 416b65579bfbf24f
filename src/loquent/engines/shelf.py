"""The speech-to-text models in memory; each is loaded once, when first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from loquent.engines.whisper.network import NetworkOptions
from loquent.engines.whisper.reader import BatchReader
from loquent.engines.whisper.recognizer import WhisperRecognizer


class WhisperShelf:
    """A `RecognizerSource` over model folders."""

    def __init__(self, locate: Callable[[str], Path], options: NetworkOptions) -> None:
        """Take a function from model id to a verified folder; it may block and raise."""
        self._locate = locate
        self._options = options
        self._loads: dict[str, asyncio.Task[WhisperRecognizer]] = {}

    async def recognizer(self, model_id: str) -> WhisperRecognizer:
        """Return the model, loading it first where needed; callers share one load."""
        load = self._loads.get(model_id)
        if load is None or _has_failed(load):
            load = asyncio.create_task(asyncio.to_thread(self._load, model_id))
            self._loads[model_id] = load
        return await asyncio.shield(load)

    def loaded(self) -> AbstractSet[str]:
        """Return the ids of the models that can serve at once."""
        return {
            model_id
            for model_id, load in self._loads.items()
            if load.done() and not _has_failed(load)
        }

    async def close(self) -> None:
        """Let running work end and free the models."""
        for load in self._loads.values():
            if not load.done():
                load.cancel()
            elif not _has_failed(load):
                await asyncio.to_thread(load.result().close)
        self._loads.clear()

    def _load(self, model_id: str) -> WhisperRecognizer:
        return WhisperRecognizer(BatchReader(self._locate(model_id), self._options))


def _has_failed(load: asyncio.Task[WhisperRecognizer]) -> bool:
    return load.done() and (load.cancelled() or load.exception() is not None)
