"""Builds the path from text to speech."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from loquent import __version__
from loquent.domain.activity import ModelActivity
from loquent.domain.speech import Casting
from loquent.engines.host.performers import EngineSpec, Scalar
from loquent.engines.ray.plans import SHARED
from loquent.engines.replicas.services import SpeakingReplicas
from loquent.engines.services import SpeakingService
from loquent.engines.speaking.scheduler import SpeechScheduler
from loquent.engines.speaking.shelf import SpeakerShelf
from loquent.models.store import ModelStore
from loquent.pipeline.script.pieces import PieceLimits
from loquent.pipeline.sound_cache import CachingSpeaker, SoundCache
from loquent.pipeline.speech import LocalSpeaker
from loquent.ports import Speaker
from loquent.routing.names import ModelNames
from loquent.routing.router import LocalCasting
from loquent.settings import Settings, engine_environment
from loquent.wiring.ray import speaking_on_ray
from loquent.wiring.shelves import Running, activities, in_children, shelf_options, threads_of_copy

PIECE_LIMITS: Mapping[str, PieceLimits] = {
    "kokoro": PieceLimits(clause=24, shortest_clause=8, longest=220, growth=1.7),
    "piper": PieceLimits(),
    "espeak": PieceLimits(longest=1_000),
}
"""By the catalog's name of an engine that speaks: the pieces that suit its pace."""

CACHE_FOLDER = "speech"

STAND_IN = "espeak"
"""Speaks what no other voice can."""


@dataclass(frozen=True)
class Speaking:
    """Models that speak, and what they need.

    Attributes:
        preload: ids of models that stay in memory from the start.
        deployment_name: whose models these are, where others use the same cluster.
    """

    settings: Settings
    store: ModelStore
    names: Callable[[], ModelNames]
    preload: tuple[str, ...] = ()
    deployment_name: str = SHARED

    @cached_property
    def shelf(self) -> SpeakerShelf[Any]:
        settings = self.settings
        options = shelf_options(settings, self.preload)
        make = partial(SpeechScheduler, max_wait_s=settings.max_queue_s or math.inf)
        running: Running[SpeakingService] = in_children(settings, make, SpeakingReplicas)
        if settings.engine == "ray":
            running = speaking_on_ray(settings, running, self.deployment_name)
        return SpeakerShelf(self.engine_spec, *running, options)

    @cached_property
    def casting(self) -> LocalCasting:
        return LocalCasting(
            self.names, self.performance, voice_names=self.settings.voices, stand_in=STAND_IN
        )

    def engine_spec(self, model_id: str) -> EngineSpec:
        """Return what it takes to load a model that speaks.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        folder = self.store.locate(model_id)
        engine = self.engine_of(model_id)
        options: dict[str, Scalar] = {}
        if engine != STAND_IN:
            options["n_threads"] = threads_of_copy(self.settings)
        return EngineSpec(model_id, engine, folder, options, engine_environment())

    def engine_of(self, model_id: str) -> str:
        """Return the engine of an installed model."""
        return next(model.engine for model in self.store.installed() if model.id == model_id)

    def activity(self) -> list[ModelActivity]:
        """Return what the models in memory are doing."""
        return activities(self.shelf, lane="speech")

    def wait_s(self, model_id: str) -> float:
        """Return how long a text would wait for a model now."""
        service = self.shelf.services().get(model_id)
        return service.status().estimated_wait_s if service else 0.0

    def performance(self, casting: Casting) -> Speaker:
        """Return the path that speaks what has been cast."""
        limits = PIECE_LIMITS[self.engine_of(casting.model)]
        local = LocalSpeaker(casting, speakers=self.shelf, limits=limits)
        max_bytes = self.settings.speech_cache_bytes
        if not max_bytes:
            return local
        cache = SoundCache(self.settings.data_dir / CACHE_FOLDER, max_bytes)
        return CachingSpeaker(local, casting, cache, edition=__version__)
