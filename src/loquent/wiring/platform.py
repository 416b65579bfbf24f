"""Builds everything that this machine offers without a network in front of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from loquent.domain.activity import ModelActivity
from loquent.domain.deployments import Deployment
from loquent.domain.live import LiveActivity
from loquent.domain.model import Capability
from loquent.engines.ray.plans import SHARED
from loquent.engines.shelf import ModelShelf
from loquent.models.store import ModelStore
from loquent.ports import Diarizer, LiveTranscriber, RoutedTranscriber, Speaker
from loquent.routing.directory import ServedModels
from loquent.routing.local import UNQUANTISED_MARK
from loquent.routing.names import ModelNames
from loquent.routing.speakers import NamedAnalysts
from loquent.settings import Settings
from loquent.wiring.deployed import served_by
from loquent.wiring.listening import WHISPER_ENGINE, Listening
from loquent.wiring.providing import Providing
from loquent.wiring.routing import Routing
from loquent.wiring.speaking import PIECE_LIMITS, Speaking
from loquent.wiring.stock import LocalStock, named_by_settings
from loquent.wiring.store import build_store
from loquent.wiring.telling_apart import VOICES_ENGINE, TellingApart

_KINDS = (Capability.TRANSCRIPTION, Capability.SPEECH, Capability.DIARIZATION)
"""What models are kept apart by, each kind on a shelf of its own."""


@dataclass(frozen=True)
class LocalPlatform:
    """All local models, and the paths to them.

    Attributes:
        preload: ids of models that stay in memory from the start.
        deployment: whose models alone these are; None for all that are installed.
    """

    settings: Settings
    preload: tuple[str, ...] = ()
    deployment: Deployment | None = None

    @cached_property
    def store(self) -> ModelStore:
        return build_store(self.settings)

    @property
    def deployment_name(self) -> str:
        """Whose models these are, where others use the same cluster."""
        return self.deployment.id if self.deployment else SHARED

    @cached_property
    def listening(self) -> Listening:
        preload = self._preload_for(Capability.TRANSCRIPTION)
        analysts = NamedAnalysts(self.names, self.telling_apart.analysts)
        return Listening(
            self.settings, self.store, self.names, analysts, preload, self.deployment_name
        )

    @cached_property
    def speaking(self) -> Speaking:
        preload = self._preload_for(Capability.SPEECH)
        return Speaking(self.settings, self.store, self.names, preload, self.deployment_name)

    @cached_property
    def telling_apart(self) -> TellingApart:
        preload = self._preload_for(Capability.DIARIZATION)
        return TellingApart(self.settings, self.store, preload, self.deployment_name)

    @cached_property
    def providing(self) -> Providing:
        return Providing(self.settings)

    @cached_property
    def routing(self) -> Routing:
        return Routing(
            self.settings,
            self.names,
            self.listening,
            self.speaking,
            self.providing,
            has_providers=self.deployment is None,
        )

    @cached_property
    def directory(self) -> ServedModels:
        settings = self.settings
        book = self.routing.book
        return ServedModels(book, self.loaded, settings.default_model, settings.voices)

    @cached_property
    def stock(self) -> LocalStock:
        return LocalStock(
            self.store,
            self.names,
            self.unload,
            needs=named_by_settings(self.settings),
            preload=frozenset(self.preload),
        )

    @property
    def transcriber(self) -> RoutedTranscriber:
        return self.routing.transcriber

    @property
    def diarizer(self) -> Diarizer:
        return self.routing.diarizer

    @property
    def live(self) -> LiveTranscriber:
        return self.routing.live

    @property
    def speaker(self) -> Speaker:
        return self.routing.speaker

    @property
    def extensions(self) -> frozenset[str]:
        """Names of request fields that endpoints of providers have of their own."""
        endpoints = self.providing.endpoints.values()
        return frozenset().union(*(endpoint.extensions for endpoint in endpoints))

    async def load(self, model_id: str) -> None:
        """Bring a model into memory.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        await self._shelf_for(self._main_capability(model_id)).load(model_id)

    async def unload(self, model_id: str) -> None:
        """Free the memory of a model, in every precision in which it is loaded.

        Raises: ConflictError: if it is in use, or on its way into memory.
        """
        shelf = self._shelf_for(self._main_capability(model_id))
        for loaded_id in (model_id, f"{model_id}{UNQUANTISED_MARK}"):
            await shelf.unload(loaded_id)

    def loaded(self) -> AbstractSet[str]:
        """Return the ids of the models in memory."""
        return {model_id for kind in _KINDS for model_id in self._shelf_for(kind).loaded()}

    def activity(self) -> Sequence[ModelActivity]:
        """Return what the models in memory are doing, sorted by id."""
        parts = (self.listening, self.speaking, self.telling_apart)
        activities = (activity for part in parts for activity in part.activity())
        return sorted(activities, key=lambda activity: activity.model)

    def sessions(self) -> Sequence[LiveActivity]:
        """Return the live sessions that are open, the oldest first."""
        return sorted(self.listening.sessions(), key=lambda session: -session.age_s)

    def names(self) -> ModelNames:
        """Return what is installed now, as far as it is served here."""
        names = ModelNames(
            cards={
                model.id: model.card
                for model in self.store.installed()
                if model.engine in {WHISPER_ENGINE, VOICES_ENGINE, *PIECE_LIMITS}
            },
            aliases=self.settings.aliases,
            translation_model=self.settings.translation_model,
        )
        return served_by(self.deployment, names) if self.deployment else names

    def _shelf_for(self, kind: Capability) -> ModelShelf[Any, Any]:
        match kind:
            case Capability.SPEECH:
                return self.speaking.shelf
            case Capability.DIARIZATION:
                return self.telling_apart.shelf
            case _:
                return self.listening.shelf

    def _preload_for(self, kind: Capability) -> tuple[str, ...]:
        return tuple(m for m in self.preload if self._main_capability(m) is kind)

    def _main_capability(self, model_id: str) -> Capability:
        """Return the one of `_KINDS` by which a model's shelf is found."""
        capabilities = self.names().cards[model_id].capabilities
        return next(kind for kind in _KINDS if kind in capabilities)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep the child processes and models of this platform alive inside the block."""
        async with AsyncExitStack() as stack:
            stack.callback(self.listening.detector.close)
            for kind in _KINDS:
                stack.push_async_callback(self._shelf_for(kind).close)
            stack.push_async_callback(self.providing.close)
            await self.listening.decoder.start()
            stack.push_async_callback(self.listening.decoder.close)
            yield
