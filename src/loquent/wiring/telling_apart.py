"""Builds what tells voices apart."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from loquent.domain.activity import ModelActivity
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.engines.analysing.shelf import VoiceShelf
from loquent.engines.host.performers import EngineSpec, Scalar
from loquent.engines.ray.plans import SHARED
from loquent.engines.replicas.services import AnalysingReplicas
from loquent.engines.services import AnalysingService
from loquent.models.store import ModelStore
from loquent.ports import VoiceAnalystSource
from loquent.settings import Settings, engine_environment
from loquent.wiring.ray import analysing_on_ray
from loquent.wiring.shelves import Running, activities, in_children, shelf_options

VOICES_ENGINE: Final = "voices"
"""The catalog's name for models that tell voices apart."""

N_THREADS: Final = 1
"""Of one window. The networks are small, and most of one is recurrent: windows side by side use
cores better than threads in one of them."""


@dataclass(frozen=True)
class TellingApart:
    """Models that tell voices apart.

    Attributes:
        preload: ids of models that stay in memory from the start.
        deployment_name: whose models these are, where others use the same cluster.
    """

    settings: Settings
    store: ModelStore
    preload: tuple[str, ...] = ()
    deployment_name: str = SHARED

    @cached_property
    def shelf(self) -> VoiceShelf[Any]:
        options = shelf_options(self.settings, self.preload)
        make = partial(WindowScheduler, max_wait_s=self.settings.max_queue_s or math.inf)
        running: Running[AnalysingService] = in_children(self.settings, make, AnalysingReplicas)
        if self.settings.engine == "ray":
            running = analysing_on_ray(self.settings, running, self.deployment_name)
        return VoiceShelf(self.engine_spec, *running, options)

    @property
    def analysts(self) -> VoiceAnalystSource:
        return self.shelf

    def engine_spec(self, model_id: str) -> EngineSpec:
        """Return what it takes to load a model that tells voices apart.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        folder = self.store.locate(model_id)
        options: dict[str, Scalar] = {"n_threads": N_THREADS}
        if self.settings.max_replicas > 1:
            n_for_voices = (os.cpu_count() or 1) // 2  # the others recognise what is said
            options["n_workers"] = max(1, n_for_voices // self.settings.max_replicas)
        return EngineSpec(model_id, VOICES_ENGINE, folder, options, engine_environment())

    def activity(self) -> list[ModelActivity]:
        """Return what the models in memory are doing."""
        return activities(self.shelf, lane="voices")
