"""Builds what sends each request to the endpoint that serves it best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability, ModelCard
from loquent.domain.speech import SpeechRequest
from loquent.pipeline.completing import CompletedTranscriber
from loquent.pipeline.measuring import counted_length_s
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.routing.attempts import AttemptLimits, Attempts
from loquent.routing.board import EndpointBoard
from loquent.routing.book import EndpointBook
from loquent.routing.estimates import Estimates
from loquent.routing.fitting import Rules
from loquent.routing.live import LiveRouter
from loquent.routing.local import local_endpoints
from loquent.routing.names import ModelNames
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate, Policy
from loquent.routing.router import Router, SpeechRouter
from loquent.routing.speakers import DiarizationRouter
from loquent.settings import Settings
from loquent.wiring.listening import Listening
from loquent.wiring.providing import Providing
from loquent.wiring.speaking import Speaking


@dataclass(frozen=True)
class Routing:
    """All endpoints, and who chooses among them.

    Attributes:
        has_providers: whether there could be any, so that callers are told how.
    """

    settings: Settings
    names: Callable[[], ModelNames]
    listening: Listening
    speaking: Speaking
    providing: Providing
    has_providers: bool = True

    @cached_property
    def book(self) -> EndpointBook:
        return EndpointBook(
            names=self.names,
            local=self._local,
            remote=self.providing.endpoints,
            pools={name: tuple(ids) for name, ids in self.settings.pools.items()},
            unconfigured=self.providing.catalog.known() if self.has_providers else {},
        )

    @cached_property
    def planner(self) -> Planner:
        board = EndpointBoard(self._queue_wait_s)
        return Planner(self.book, board, self._policy)

    @cached_property
    def estimates(self) -> Estimates:
        return Estimates(self.planner, partial(counted_length_s, self.listening.decoder))

    @cached_property
    def attempts(self) -> Attempts:
        limits = AttemptLimits(deadline_s=self.settings.upstream_timeout_s)
        return Attempts(self.planner.board, limits)

    @cached_property
    def transcriber(self) -> Router:
        return Router(self.planner, self.attempts, self._transcriber)

    @cached_property
    def diarizer(self) -> DiarizationRouter:
        return DiarizationRouter(self.planner, self.listening.diarization)

    @cached_property
    def speaker(self) -> SpeechRouter:
        return SpeechRouter(self.planner, self.attempts, self._speaker)

    @cached_property
    def live(self) -> LiveRouter:
        return LiveRouter(self.planner, self._live)

    def _local(self, card: ModelCard) -> tuple[Endpoint, ...]:
        return local_endpoints(card, self.providing.local_terms, self.settings.compute_type)

    @cached_property
    def _policy(self) -> Policy:
        settings = self.settings
        return Policy(
            Rules(settings.require_gdpr, tells_speakers=self._tells_speakers()),
            settings.local_first,
            settings.local_max_wait_s,
        )

    def _tells_speakers(self) -> bool:
        try:
            card = self.names().find(self.settings.diarization_model)
        except ModelNotFoundError:
            return False
        return Capability.DIARIZATION in card.capabilities

    def _queue_wait_s(self, endpoint: Endpoint) -> float:
        if Capability.SPEECH in endpoint.capabilities:
            return self.speaking.wait_s(endpoint.upstream_model)
        return self.listening.wait_s(endpoint.upstream_model)

    def _transcriber(self, candidate: Candidate) -> Transcriber:
        endpoint = candidate.endpoint
        if endpoint.is_local:
            return self.listening.deployment(endpoint.upstream_model)
        return CompletedTranscriber(
            self.providing.provider(endpoint.provider).transcriber(endpoint),
            frozenset(candidate.fit.derived),
            decoder=self.listening.decoder,
            diarizer=self.diarizer,
            diarization_model=self.settings.diarization_model,
        )

    def _speaker(self, candidate: Candidate, request: SpeechRequest) -> Speaker:
        endpoint = candidate.endpoint
        if endpoint.is_local:
            return self.speaking.casting.speaker(request)
        return self.providing.provider(endpoint.provider).speaker(endpoint)

    def _live(self, candidate: Candidate) -> LiveTranscriber:
        endpoint = candidate.endpoint
        if endpoint.is_local:
            return self.listening.live_deployment(endpoint.upstream_model)
        return self.providing.provider(endpoint.provider).live(endpoint)
