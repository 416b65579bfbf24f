"""Builds everything that this machine offers without a network in front of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from loquent.domain.activity import ModelActivity
from loquent.domain.live import LiveActivity
from loquent.domain.model import Capability
from loquent.models.store import ModelStore
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.routing.directory import LocalDirectory
from loquent.routing.names import ModelNames
from loquent.settings import Settings
from loquent.wiring.listening import WHISPER_ENGINE, Listening
from loquent.wiring.speaking import PIECE_LIMITS, Speaking
from loquent.wiring.store import build_store


@dataclass(frozen=True)
class LocalPlatform:
    """All local models, and the paths to them.

    Attributes:
        preload: ids of models that stay in memory from the start.
    """

    settings: Settings
    preload: tuple[str, ...] = ()

    @cached_property
    def store(self) -> ModelStore:
        return build_store(self.settings)

    @cached_property
    def listening(self) -> Listening:
        return Listening(self.settings, self.store, self.names, self._preload_for(listens=True))

    @cached_property
    def speaking(self) -> Speaking:
        return Speaking(self.settings, self.store, self.names, self._preload_for(listens=False))

    @cached_property
    def directory(self) -> LocalDirectory:
        settings = self.settings
        return LocalDirectory(self.names, self.loaded, settings.default_model, settings.voices)

    @property
    def transcriber(self) -> Transcriber:
        return self.listening.transcriber

    @property
    def live(self) -> LiveTranscriber:
        return self.listening.live

    @property
    def speaker(self) -> Speaker:
        return self.speaking.speaker

    async def load(self, model_id: str) -> None:
        """Bring a model into memory.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        shelf = self.speaking.shelf if self._speaks(model_id) else self.listening.shelf
        await shelf.load(model_id)

    def loaded(self) -> AbstractSet[str]:
        """Return the ids of the models in memory."""
        return {*self.listening.shelf.loaded(), *self.speaking.shelf.loaded()}

    def activity(self) -> Sequence[ModelActivity]:
        """Return what the models in memory are doing, sorted by id."""
        activities = [*self.listening.activity(), *self.speaking.activity()]
        return sorted(activities, key=lambda activity: activity.model)

    def sessions(self) -> Sequence[LiveActivity]:
        """Return the live sessions that are open, the oldest first."""
        return sorted(self.listening.sessions(), key=lambda session: -session.age_s)

    def names(self) -> ModelNames:
        """Return what is installed now."""
        return ModelNames(
            cards={
                model.id: model.card
                for model in self.store.installed()
                if model.engine == WHISPER_ENGINE or model.engine in PIECE_LIMITS
            },
            aliases=self.settings.aliases,
            translation_model=self.settings.translation_model,
        )

    def _preload_for(self, *, listens: bool) -> tuple[str, ...]:
        return tuple(model_id for model_id in self.preload if self._speaks(model_id) != listens)

    def _speaks(self, model_id: str) -> bool:
        return Capability.SPEECH in self.names().cards[model_id].capabilities

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep the child processes and models of this platform alive inside the block."""
        async with AsyncExitStack() as stack:
            stack.callback(self.listening.detector.close)
            stack.push_async_callback(self.listening.shelf.close)
            stack.push_async_callback(self.speaking.shelf.close)
            await self.listening.decoder.start()
            stack.push_async_callback(self.listening.decoder.close)
            yield
