"""Builds the path from recordings to text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from loquent.codec.limits import DecodeLimits
from loquent.codec.pool import DecoderPool
from loquent.domain.activity import ModelActivity
from loquent.domain.live import LiveActivity
from loquent.engines.host.performers import EngineSpec, Scalar
from loquent.engines.ray.plans import SHARED
from loquent.engines.recognizers import AdmittingShelf, LiveShelf, RecognizerShelf
from loquent.engines.replicas.services import ListeningReplicas
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.engines.services import ListeningService
from loquent.engines.silero_vad import SileroVad
from loquent.engines.slots import ModelState
from loquent.engines.whisper.context import MAX_CONTEXT_S, tight_context_s
from loquent.models.store import ModelStore
from loquent.pipeline.diarization.following import SpeakerFollowing
from loquent.pipeline.diarization.local import LocalDiarizer
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import VoiceAnalystSource
from loquent.realtime.transcriber import LocalLiveTranscriber
from loquent.routing.local import UNQUANTISED_MARK, without_mark
from loquent.routing.names import ModelNames
from loquent.settings import Settings, engine_environment
from loquent.wiring.ray import listening_on_ray
from loquent.wiring.shelves import Running, in_children, not_loaded, shelf_options, threads_of_copy

WHISPER_ENGINE = "whisper_ct2"
"""The catalog's name for models that the Whisper engine runs."""


@dataclass(frozen=True)
class Listening:
    """Models that recognise, and what they need.

    Attributes:
        analysts: models that tell voices apart, by all of their names.
        preload: ids of models that stay in memory from the start.
        deployment_name: whose models these are, where others use the same cluster.
    """

    settings: Settings
    store: ModelStore
    names: Callable[[], ModelNames]
    analysts: VoiceAnalystSource
    preload: tuple[str, ...] = ()
    deployment_name: str = SHARED

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
    def shelf(self) -> RecognizerShelf[Any, ListeningService]:
        settings = self.settings
        options = shelf_options(settings, self.preload)
        limits = QueueLimits(
            max_batch=settings.max_batch, max_wait_s=settings.max_queue_s or math.inf
        )
        make = partial(Scheduler, context_s=self.context_s, limits=limits)
        running: Running[ListeningService] = in_children(settings, make, ListeningReplicas)
        if settings.engine == "ray":
            running = listening_on_ray(settings, running, self.deployment_name)
        return RecognizerShelf(self.engine_spec, *running, options)

    @cached_property
    def live_shelf(self) -> LiveShelf:
        return LiveShelf(self.shelf, self.settings.max_live_sessions)

    @cached_property
    def _followers(self) -> dict[str, LocalLiveTranscriber]:
        return {}

    def context_s(self, speech_s: float) -> float:
        """Return how long a context the encoder gets for so much speech."""
        return MAX_CONTEXT_S if self.settings.exact else tight_context_s(speech_s)

    def engine_spec(self, model_id: str) -> EngineSpec:
        """Return what it takes to load a model.

        Raises: ModelNotFoundError, ModelLoadError.
        """
        folder = self.store.locate(without_mark(model_id))
        is_exact = model_id.endswith(UNQUANTISED_MARK)
        options: dict[str, Scalar] = {
            "device": self.settings.device,
            "compute_type": "float32" if is_exact else self.settings.compute_type,
            "n_threads": threads_of_copy(self.settings),
            "beam_size": self.settings.beam_size,
            "best_of": self.settings.best_of,
            "is_exact": self.settings.exact,
        }
        return EngineSpec(model_id, WHISPER_ENGINE, folder, options, engine_environment())

    def activity(self) -> list[ModelActivity]:
        """Return what the models in memory are doing."""
        services = self.shelf.services()
        return [_activity(state, services.get(state.id)) for state in self.shelf.status()]

    def wait_s(self, model_id: str) -> float:
        """Return how long a short recording would wait for a model now."""
        service = self.shelf.services().get(model_id)
        return service.status().estimated_wait_s if service else 0.0

    def deployment(self, model_id: str) -> LocalTranscriber:
        """Return the path that runs one model."""
        return LocalTranscriber(
            model_id,
            decoder=self.decoder,
            detector=self.detector,
            recognizers=AdmittingShelf(self.shelf),
            following=self.following(self.settings.diarization_model),
        )

    def diarization(self, model_id: str) -> LocalDiarizer:
        """Return the path that tells speakers apart with one model."""
        return LocalDiarizer(
            model_id,
            decoder=self.decoder,
            detector=self.detector,
            following=self.following(model_id),
        )

    def following(self, model_id: str) -> SpeakerFollowing:
        """Return what follows the speakers of recordings with one model."""
        return SpeakerFollowing(model_id, decoder=self.decoder, analysts=self.analysts)

    def live_deployment(self, model_id: str) -> LocalLiveTranscriber:
        """Return the path that follows streams with one model; the same for equal ids."""
        if model_id not in self._followers:
            self._followers[model_id] = LocalLiveTranscriber(
                model_id,
                detector=self.detector,
                recognizers=self.live_shelf,
                analysts=self.analysts,
                diarization_model=self.settings.diarization_model,
            )
        return self._followers[model_id]

    def sessions(self) -> list[LiveActivity]:
        """Return the live sessions that are open."""
        return [session for f in self._followers.values() for session in f.sessions()]


def _activity(state: ModelState, service: ListeningService | None) -> ModelActivity:
    if service is None:
        return not_loaded(state)
    work = service.status()
    return ModelActivity(
        state.id,
        is_loaded=True,
        memory_bytes=state.memory_bytes,
        n_replicas=state.n_copies,
        n_workers=work.n_workers,
        n_running=work.n_running,
        n_waiting={lane.name.lower(): n for lane, n in work.n_waiting.items()},
        estimated_wait_s=round(work.estimated_wait_s, 3),
        n_batches=work.n_batches,
        n_utterances=work.n_utterances,
        n_repairs=work.n_repairs,
    )
