"""Builds what tells voices apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

from loquent.domain.activity import ModelActivity
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.engines.analysing.shelf import VoiceShelf
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.models.store import ModelStore
from loquent.ports import VoiceAnalystSource
from loquent.settings import Settings, engine_environment
from loquent.wiring.shelves import activities, shelf_options

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
    """

    settings: Settings
    store: ModelStore
    preload: tuple[str, ...] = ()

    @cached_property
    def shelf(self) -> VoiceShelf:
        options = shelf_options(self.settings, self.preload)
        make = partial(WindowScheduler, max_wait_s=self.settings.max_queue_s or math.inf)
        return VoiceShelf(self.engine_spec, start_engine, make, options)

    @property
    def analysts(self) -> VoiceAnalystSource:
        return self.shelf

    def engine_spec(self, model_id: str) -> EngineSpec:
        """Return what it takes to load a model that tells voices apart.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        folder = self.store.locate(model_id)
        options = {"n_threads": N_THREADS}
        return EngineSpec(model_id, VOICES_ENGINE, folder, options, engine_environment())

    def activity(self) -> list[ModelActivity]:
        """Return what the models in memory are doing."""
        return activities(self.shelf, lane="voices")
